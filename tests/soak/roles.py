# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes of the soak: what they share, and what they have in common."""

import collections
import contextlib
import errno
import json
import mmap
import os
import random
import struct
import time
import traceback

from vanished import is_going

# What has to come true, but in no particular time, is looked at so often before it is a fault, with
# the given pause between. Looks and not seconds: a machine that is slow or stopped looks less often.
LOOKS = 6000
PAUSE = 0.01
# The same for what may be on its way out.
MANY_LOOKS, SOME_LOOKS = 100, 10


class Failure(Exception):
    """The tree did what it must not."""


def comes_true(condition, looks=LOOKS):
    for _ in range(looks):
        if condition():
            return True
        time.sleep(PAUSE)
    return False


def wait_for(condition, what, looks=LOOKS):
    if not comes_true(condition, looks):
        raise Failure(f"{what} does not come")


# What is said of what has gone. The newest kernels say EIO, whatever the daemon says, if a page of a
# file could not be read.
GONE = (errno.ENOENT, errno.EIO)


class Shared:
    """Numbers in memory that all processes see. A phase is a count that is odd while it lasts."""

    STOP, DOWN, STOPPED = range(3)
    LEAVING = range(3, 5)  # for each loader, the program that it unloads next
    DAEMON = 5  # its process

    def __init__(self):
        self.memory = mmap.mmap(-1, mmap.PAGESIZE)

    def get(self, which):
        return struct.unpack_from("<Q", self.memory, 8 * which)[0]

    def set(self, which, number):
        struct.pack_into("<Q", self.memory, 8 * which, number)

    def step(self, which):
        self.set(which, self.get(which) + 1)

    @contextlib.contextmanager
    def phase(self, which):
        self.step(which)
        try:
            yield
        finally:
            self.step(which)

    @property
    def ending(self):
        return self.get(self.STOP) != 0


class Undisturbed:
    """True as long as a phase has not lasted at any time since this was made."""

    def __init__(self, shared, which):
        self.shared, self.which, self.before = shared, which, shared.get(which)

    def __bool__(self):
        return self.before % 2 == 0 and self.shared.get(self.which) == self.before


class Role:
    """What one process does over and over again until the end. Counts what it did, and notes what
    must not be; others read both from files."""

    def __init__(self, name, shared, work, tree):
        self.name, self.shared, self.work, self.tree = name, shared, work, tree
        self.counts = collections.Counter()
        self.samples = collections.defaultdict(list)
        self.process = None
        self.looks = MANY_LOOKS

    def start(self):
        self.process = os.fork()
        if self.process:
            return
        status = 1
        try:
            random.seed(f"{self.name} {time.time_ns()}")
            self.work_until_the_end()
            status = 0
        finally:
            os._exit(status)

    def work_until_the_end(self):
        try:
            while not self.shared.ending:
                self.turn()
            self.end()
        except Exception:
            self.complain(traceback.format_exc())
        result = {"counts": self.counts, "samples": self.samples}
        (self.work / f"{self.name}.json").write_text(json.dumps(result))

    def turn(self):
        raise NotImplementedError

    def end(self):
        pass

    def complain(self, what):
        with open(self.work / "errors", "a", encoding="utf-8") as errors:
            errors.write(f"{self.name}: {what}\n")

    def undisturbed(self):
        return Undisturbed(self.shared, Shared.DOWN)

    def may_be_missing(self, path):
        """Whether what the path is of has gone, or is on its way. Where one does not go, more will not:
        they are waited for less long."""
        if is_going(path, self.looks):
            self.counts["vanished"] += 1
            return True
        self.looks = SOME_LOOKS
        return False

    def attempt(self, path, function, *arguments):
        """What the function returns, which looks at the path, relative to the tree. None if that has
        vanished, or the daemon has died meanwhile. Any other error is noted."""
        up = self.undisturbed()
        try:
            return function(*arguments)
        except OSError as error:
            if not up and error.errno in (*GONE, errno.ENOTCONN, errno.ECONNABORTED):
                self.counts["while the daemon was dead"] += 1
            elif error.errno not in GONE or not self.may_be_missing(path):
                self.complain(f"{function.__name__} {path}: {os.strerror(error.errno)}")
        return None

    def stat(self, path):
        return self.attempt(path, os.lstat, self.tree / path)

    def list(self, path):
        """An empty list for what has vanished."""
        return self.attempt(path, os.listdir, self.tree / path) or []

    def read(self, path):
        return self.attempt(path, read, self.tree / path)


def read(path):
    with open(path, "rb", buffering=0) as file:
        return file.read()
