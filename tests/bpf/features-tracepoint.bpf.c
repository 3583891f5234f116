/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

PROGRAM("tracepoint/sched/sched_switch", at_tracepoint)
