/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

PROGRAM("fentry/vfs_unlink", at_fentry)
