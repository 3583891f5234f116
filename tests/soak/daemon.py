# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon under test."""

import os
import pathlib
import re
import subprocess

from roles import Failure, wait_for

KIB = 1 << 10


def run(*argv):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Failure(f"{argv[0]}: {done.stderr.strip()[:500]}")
    return done.stdout


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return any(line.split()[4] == str(path) for line in mounts)


def abort(tree):
    """Ends the daemon's connection. That the tree is busy, or is no mount any more, is no matter."""
    subprocess.run(["umount", "-f", tree], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   check=False)


class Daemon:
    """bpfmetafs in the foreground."""

    def __init__(self, command, options, tree, log):
        self.tree = tree
        words = ["-o", options] if options else []
        self.process = subprocess.Popen([command, "bpf", tree, "-f", *words],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or is_mounted(tree), "the mount")
        if self.process.poll() is not None:
            raise Failure("the daemon did not start")
        os.listdir(tree)
        self.proc = pathlib.Path(f"/proc/{self.process.pid}")

    @property
    def memory(self):
        """Resident bytes that are its own."""
        found = re.search(r"RssAnon:\s+(\d+)", (self.proc / "status").read_text())
        if not found:
            raise Failure("the daemon ended by itself")
        return KIB * int(found[1])

    @property
    def descriptors(self):
        return len(os.listdir(self.proc / "fd"))

    @property
    def is_sanitized(self):
        return re.search(r"lib(clang_rt\.)?[atm]san", (self.proc / "maps").read_text()) is not None

    def kill(self):
        self.process.kill()
        self.abort()

    def abort(self):
        """Takes the tree away from its users. Returns the exit status."""
        # A thread that the kernel keeps waiting for a reader, which waits for the daemon, can't end
        # before the connection is aborted.
        abort(self.tree)
        wait_for(lambda: self.process.poll() is not None, "the daemon's end")
        if is_mounted(self.tree):
            self.unmount("-l")
        return self.process.returncode

    def unmount(self, *words):
        """When the daemon has ended, its broker unmounts as well, and may come first."""
        try:
            run("umount", *words, self.tree)
        except Failure:
            if self.process.poll() is None or is_mounted(self.tree):
                raise

    def end(self):
        """As a user would. Returns its exit status."""
        self.unmount()
        wait_for(lambda: self.process.poll() is not None, "the daemon's end")
        return self.process.returncode
