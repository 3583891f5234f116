/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

PROGRAM("kprobe/vfs_unlink", at_kprobe)
