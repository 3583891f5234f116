# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of use and of input that went wrong in other tools: other compilers and linkers, other
namespaces, other ways to mount. Each is a small case of its own."""

import os
import pathlib
import subprocess

import pytest

import bpf
from conftest import Daemon, ok, run


# Other namespaces.

def need_time_namespaces():
    if run("unshare", "--time", "true").returncode != 0:
        pytest.skip("this kernel has no time namespaces")


@pytest.mark.parametrize("offset", [86400, -5])
def test_load_times_in_a_time_namespace(daemon, mountpoint, tmp_path, hand, offset):
    """A clock that is ahead or behind since boot does not move what the kernel noted down by its own."""
    need_time_namespaces()
    _, number = hand()
    daemon()
    inside = tmp_path / "inside"
    inside.mkdir()
    one = Daemon("bpf", inside, "", ["unshare", "--time", f"--boottime={offset}"])
    try:
        clocks = ok("nsenter", f"--time=/proc/{one.pid}/ns/time", "cat", "/proc/uptime"), \
            ok("cat", "/proc/uptime")
        ahead = float(clocks[0].split()[0]) - float(clocks[1].split()[0])
        assert abs(ahead - offset) < 1, "the daemon runs in the namespace"
        seen, wanted = ((top / str(number)).stat() for top in (inside, mountpoint))
        assert abs(seen.st_mtime - wanted.st_mtime) < 0.1
        assert abs(seen.st_ctime - wanted.st_ctime) < 0.1
        seen, wanted = (int((top / str(number) / "info/loaded_at").read_text())
                        for top in (inside, mountpoint))
        assert abs(seen - wanted) <= 1
        assert str(inside / str(number)) in ok("find", inside, "-maxdepth", "1", "-mmin", "-10")
    finally:
        one.stop()


def test_a_mount_in_a_time_namespace(daemon, mountpoint, tmp_path, hand):
    """The same for a daemon that mount(8) starts, which goes to the background."""
    need_time_namespaces()
    _, number = hand()
    daemon()
    inside = tmp_path / "inside"
    inside.mkdir()
    ok("unshare", "--time", "--boottime=86400", "mount", "-t", "bpfmetafs", "bpf", inside)
    try:
        seen, wanted = ((top / str(number)).stat().st_mtime for top in (inside, mountpoint))
        assert abs(seen - wanted) < 0.1
    finally:
        ok("umount", inside)
