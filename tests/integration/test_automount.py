# SPDX-License-Identifier: GPL-2.0-or-later
"""Mounted by the first who looks. The automounter here is the smallest that there can be: as systemd
does, it runs mount(8) in its own process group, by which the kernel knows who may pass."""

import fcntl
import os
import signal
import struct
import subprocess
import sys

import pytest

from conftest import ok, run

# linux/auto_fs.h
PACKET = struct.Struct("<iiI")
PACKET_SIZE = 304
IOC_READY, IOC_FAIL, IOC_CATATONIC = 0x9360, 0x9361, 0x9362


def automounter(directory):
    """Answers one request: mounts the tree, and tells the kernel how that went."""
    requests, other_end = os.pipe()
    ok("mount", "-t", "autofs", "-o",
       f"fd={other_end},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct", "test", directory,
       pass_fds=[other_end])
    os.close(other_end)
    root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    print("ready", flush=True)
    token = PACKET.unpack_from(os.read(requests, PACKET_SIZE))[2]
    try:
        mounting = run("mount", "-n", "-t", "bpfmetafs", "bpf", directory, timeout=30)
        fcntl.ioctl(root, IOC_FAIL if mounting.returncode else IOC_READY, token)
    except subprocess.TimeoutExpired:
        # Nobody waits any longer, the daemon that waits for itself least of all.
        fcntl.ioctl(root, IOC_CATATONIC, 0)


@pytest.fixture
def automounted(mountpoint):
    if "\tautofs\n" not in open("/proc/filesystems", encoding="utf-8").read():
        pytest.skip("autofs: this kernel has no such filesystem")
    # In a session of its own, so that this process is a stranger to it.
    with subprocess.Popen([sys.executable, __file__, mountpoint], start_new_session=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            yield mountpoint
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_first_look_mounts(automounted, program):
    looking = run("cat", automounted / str(program.id) / "oncall", timeout=60)
    assert looking.stdout == "net-team\n", looking.stderr
    assert ok("findmnt", "-n", "-o", "FSTYPE", automounted).split()[-1] == "fuse.bpfmetafs"
    ok("umount", automounted)


if __name__ == "__main__":
    automounter(sys.argv[1])
