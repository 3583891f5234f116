# SPDX-License-Identifier: GPL-2.0-or-later
"""Who reads the tree. An error is explained by what has vanished, and by nothing else."""

import collections
import ctypes
import itertools
import mmap
import os
import random
import re
import signal
import stat
import subprocess
import tempfile
import time

from programs import PREFIX
from roles import LOOKS, PAUSE, Role, Shared
from vanished import unexplained

PR_SET_PDEATHSIG = 1


class Walker(Role):
    """Reads all of a directory, and sees whether what is in a program's is of that program."""

    def turn(self):
        names = self.list("")
        if not names:
            time.sleep(PAUSE)
            return
        name = random.choice(names)
        self.walk(name)
        if name.isdigit():
            self.check(name)
        self.counts["directories"] += 1

    def walk(self, path):
        up = self.undisturbed()
        found = self.stat(path)
        if found is None:
            return
        if stat.S_ISDIR(found.st_mode):
            for name in self.list(path):
                if self.shared.ending:
                    return
                self.walk(f"{path}/{name}")
        elif stat.S_ISLNK(found.st_mode):
            self.attempt(path, os.readlink, self.tree / path)
        else:
            text = self.read(path)
            self.counts["files"] += 1
            if text is not None and len(text) != found.st_size and self.has_stayed(path, found) and up:
                self.complain(f"{path} has {len(text)} bytes, but a size of {found.st_size}")

    def has_stayed(self, path, found):
        """Where something changes, another file takes its place."""
        again = self.stat(path)
        return again is not None and again.st_ino == found.st_ino

    def check(self, path):
        up = self.undisturbed()
        name = self.read(f"{path}/info/name")
        if not name or not name.startswith(PREFIX.encode()):
            return
        # It may not be bound yet.
        oncall = self.read(f"{path}/oncall") if "oncall" in self.list(path) else None
        if oncall is not None and not re.fullmatch(name[:-1] + rb" [a-z]\n", oncall) and up:
            self.complain(f"{path}: name {name}, oncall {oncall}")


class Chaser(Walker):
    """Reads what is about to be unloaded, until it has gone."""

    def turn(self):
        program = self.shared.get(random.choice(Shared.LEAVING))
        if not program or self.stat(str(program)) is None:
            time.sleep(PAUSE)
            return
        self.walk(str(program))
        self.counts["chased"] += 1


class Holder(Role):
    """Keeps files open across unloads: a descriptor shows what was there when it was opened."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.held = collections.deque()

    def turn(self):
        for name in [name for name in self.list("") if name.isdigit()][-20:]:
            self.hold(f"{name}/info/id")
            for entry in set(self.list(name)) & {"oncall", "filler"}:
                self.hold(f"{name}/{entry}")
        while len(self.held) > 200:
            self.release()
        time.sleep(0.05)

    def hold(self, path):
        up = self.undisturbed()
        fd = self.attempt(path, os.open, self.tree / path, os.O_RDONLY)
        # Others' programs may have a structure of this name.
        if fd is not None and stat.S_ISDIR(os.fstat(fd).st_mode):
            os.close(fd)
        elif fd is not None:
            read_now = random.random() < 0.7
            text = self.attempt(path, os.pread, fd, 1 << 19, 0) if read_now else None
            self.held.append((path, fd, text, up))

    def release(self):
        path, fd, text, up = self.held.popleft()
        if up:
            again = self.attempt(path, os.pread, fd, 1 << 19, 0)
            if None not in (text, again) and not self.is_same(path, text, again) and up:
                self.complain(f"{path} was kept open and has changed: {len(text)} {text[:80]} "
                              f"{len(again)} {again[:80]}")
            self.counts["kept open"] += again is not None
        os.close(fd)

    def is_same(self, path, text, again):
        """Of a long file that has gone, one read may get less than another: some pages, for the
        kernel did not have the next one in its cache."""
        less, more = sorted((text, again), key=len)
        is_part = less and len(less) % mmap.PAGESIZE == 0 and more.startswith(less)
        return less == more or (is_part and self.may_be_missing(path))

    def end(self):
        while self.held:
            self.release()


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Tools(Role):
    """What people use, now and then killed half-way."""

    COMMANDS = {
        "grep": ("grep", "-r", "net-team", "."),
        "tar": ("tar", "cf", "-", "."),
        "find": ("find", ".", "-printf", "%p %s %T@ %l\\n"),
        "stat": ("find", ".", "-exec", "stat", "-c", "%n %s", "{}", "+"),
        "ls": ("ls", "-lR", "."),
        "du": ("du", "-s", "."),
    }

    def __init__(self, *arguments):
        super().__init__(*arguments)
        names = random.sample(list(self.COMMANDS), len(self.COMMANDS))
        self.names = itertools.cycle(names)

    def turn(self):
        name = next(self.names)
        command = self.COMMANDS[name]
        up = self.undisturbed()
        try:
            with open(self.work / self.name if name == "tar" else os.devnull, "wb") as out, \
                    tempfile.TemporaryFile(dir=self.work) as said:
                status = self.run(command, out, said)
                said.seek(0)
                lines = said.read().decode(errors="replace").split("\n")
        except OSError as error:
            if up:
                self.complain(f"cannot enter the tree: {error}")
            return
        self.counts[name] += 1
        if up and status == -signal.SIGKILL:
            lines.pop()  # cut off
        for line in lines if up else ():
            # Where one fault is, there are many of the same kind; each is waited for.
            if unexplained(line) and up:
                self.complain(line)
                break

    def run(self, command, out, said):
        """Returns how it ended: by itself, or killed half-way, or at the soak's end."""
        with subprocess.Popen(command, cwd=self.tree, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=said, env={**os.environ, "LC_ALL": "C"},
                              start_new_session=True, preexec_fn=die_with_parent) as process:
            kill_at = random.random() / 3 if random.random() < 0.5 else None
            if kill_at is not None:
                time.sleep(kill_at)
            for _ in range(LOOKS if kill_at is None else 0):
                if process.poll() is not None or self.shared.ending:
                    break
                time.sleep(PAUSE)
            else:
                if kill_at is None:
                    self.complain(f"{command} does not end")
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # find has children
                self.counts["killed half-way"] += 1
            return process.wait()
