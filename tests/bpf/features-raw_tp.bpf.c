/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

PROGRAM("raw_tp/sched_switch", at_raw_tp)
