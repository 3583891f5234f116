/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

PROGRAM("tp_btf/sched_switch", at_tp_btf)
