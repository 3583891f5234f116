# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon of which all threads wait for each other, as they may do for a moment when it is killed."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess

from conftest import eventually

# linux/ptrace.h, linux/wait.h
PTRACE_CONT = 7
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000


def ptrace(request, thread):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert libc.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())


def state(process, thread):
    return pathlib.Path(f"/proc/{process}/task/{thread}/stat").read_text().rpartition(")")[2].split()[0]


def follower(process):
    def found():
        return [task.name for task in pathlib.Path(f"/proc/{process}/task").iterdir()
                if (task / "comm").read_text() == "bpfmeta-follow\n"]

    eventually(found)
    return found()[0]


def waiting_reader(process, root):
    """A reader that waits for the daemon, which is stopped, in a lookup in the root: it holds that directory.
    If the kernel has to ask for the root's attributes first, it does not hold it, and another one tries."""
    while True:
        os.stat(root)
        ptrace(PTRACE_INTERRUPT, process)
        os.waitpid(process, WALL)
        reader = subprocess.Popen(["stat", root / "none"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True)
        stack = pathlib.Path(f"/proc/{reader.pid}/stack")
        eventually(lambda: "request_wait_answer" in stack.read_text())
        if "lookup_name" in stack.read_text():
            return reader
        ptrace(PTRACE_CONT, process)
        reader.communicate()


@contextlib.contextmanager
def reader_of_a_stuck_daemon(process, root, number, unload):
    """The thread that serves is stopped; a reader of the root of the tree waits for it; and the follower,
    which has to make the kernel forget the program that unload() unloads, waits for that reader."""
    thread = follower(process)
    # Nobody else makes the kernel forget it.
    known = os.open(root / str(number), os.O_PATH | os.O_DIRECTORY)
    ptrace(PTRACE_SEIZE, process)
    try:
        reader = waiting_reader(process, root)
        unload()
        eventually(lambda: state(process, thread) == "D")
        yield reader
    finally:
        os.close(known)
        os.kill(process, signal.SIGKILL)
