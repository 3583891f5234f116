// SPDX-License-Identifier: GPL-2.0-or-later

/* An object with one function, which is in no section of its own. */

int alone(void *ctx)
{
	return 0;
}
