/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

PROGRAM("lsm/file_open", at_lsm)
