/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

PROGRAM("fexit/vfs_unlink", at_fexit)
