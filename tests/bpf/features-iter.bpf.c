/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

PROGRAM("iter/task", at_iter)
