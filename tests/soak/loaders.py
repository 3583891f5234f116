# SPDX-License-Identifier: GPL-2.0-or-later
"""Who loads, binds and unloads, and knows what has to be in the tree and what must not."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import subprocess
import time

import bpf
from programs import Program
from roles import Role, Shared, Undisturbed
from vanished import exists

# Between two looks, a millisecond apart, lies no more time for who is not kept from running.
TICK = 0.01 * bpf.SLOWNESS
HOPELESS = 5


class Stopwatch:
    """Measures how long something takes, without the time in which this process did not run or the
    daemon was stopped: whoever stops the daemon may stop it while it has a program open."""

    def __init__(self, shared):
        self.shared, self.seconds, self.kept, self.last = shared, 0, 0, time.monotonic()

    def until(self, condition, limit, program):
        """Whether it comes true within so many seconds. Kept becomes for how many of them the daemon had
        the program open: others look at programs, too."""
        while True:
            running = Undisturbed(self.shared, Shared.STOPPED)
            if condition():
                return True
            is_kept = holds(self.shared.get(Shared.DAEMON), program)
            time.sleep(0.001)
            now = time.monotonic()
            passed = min(now - self.last, TICK) if running else 0
            self.seconds += passed
            self.kept += passed if is_kept else 0
            self.last = now
            if self.seconds > limit:
                return False


def holds(process, program):
    """Whether the process has a descriptor of the program."""
    for path in pathlib.Path(f"/proc/{process}/fdinfo").glob("*"):
        # It may be closed, and the process ended, meanwhile.
        with contextlib.suppress(OSError):
            if re.search(rf"^prog_id:\s+{program}$", path.read_text(), re.MULTILINE):
                return True
    return False


class Loader(Role):
    """Loads and unloads programs of every kind, by bpf(2)."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.programs = []
        self.serial = 0
        self.patience = HOPELESS
        self.leaving = Shared.LEAVING[int(self.name[-1])]

    def turn(self):
        self.serial += 1
        if self.serial % 20 == 0:
            bpf.let_free()
        name = f"{self.name[0]}{self.name[-1]}{self.serial % 100000}"
        kind = random.choice((self.fixed, self.fixed, self.changing, self.large, self.late))
        self.programs.append(kind(name))
        self.counts["loaded"] += 1
        while len(self.programs) > 10:
            self.unload(self.programs.pop(random.randrange(len(self.programs))))

    def end(self):
        for program in self.programs:
            self.unload(program)

    def fixed(self, name):
        program = Program(name)
        self.expect(program)
        return program

    def large(self, name):
        """Too large for its text to be kept."""
        program = Program(name, filler=random.choice((20000, 300000)))
        if random.random() < 0.3:
            self.expect(program)
        return program

    def changing(self, name):
        program = Program(name, frozen=False)
        for _ in range(3):
            self.expect(program)
            program.change()
        self.expect(program)
        if random.random() < 0.5:
            program.freeze()
            self.expect(program)
        return program

    def late(self, name):
        """Bound, or read-only, only after it has been seen without."""
        read_only = random.random() < 0.5
        program = Program(name, flags=bpf.F_RDONLY_PROG if read_only else 0, bound=not read_only,
                          frozen=read_only)
        if "oncall" in self.list(str(program.id)):
            self.complain(f"{program.id} has metadata before there is any")
        if read_only:
            program.bind()
        else:
            program.freeze()
        self.counts["late"] += 1
        self.expect(program)
        return program

    def expect(self, program):
        """The call that made it so has returned: whoever looks now has to see it."""
        up = self.undisturbed()
        text = self.read(f"{program.id}/oncall")
        self.counts["read at once"] += text is not None
        if text is not None and text != program.text + b"\n" and up:
            self.complain(f"{program.id}/oncall should be {program.text}: {text[:80]}")

    def unload(self, program):
        """Measures how long the program stays in the kernel after its owner has let it go, and how
        long in the tree."""
        if random.random() < 0.5:
            self.shared.set(self.leaving, program.id)
            time.sleep(random.random() / 50)
        program.close()
        stopwatch = Stopwatch(self.shared)
        for where, is_there in (("loaded", self.is_loaded), ("shown", self.is_shown)):
            if not stopwatch.until(lambda: not is_there(program), self.patience, program.id):
                self.complain(f"{program.id} is still {where}, long after it was unloaded")
                self.patience = 0
                return
            self.samples[where].append(stopwatch.seconds)
        self.samples["kept"].append(stopwatch.kept)
        self.counts["unloaded"] += 1

    def is_loaded(self, program):
        return exists(bpf.PROG_GET_NEXT_ID, program.id)

    def is_shown(self, program):
        return self.stat(str(program.id)) is not None


class Binder(Role):
    """Binds map after map to one program, each some time after it was loaded."""

    def turn(self):
        bpf.let_free()
        program = Program("many")
        maps = []
        for i in range(1, random.randrange(2, 30)):
            time.sleep(random.random() / 100)
            maps.append(bpf.metadata_map([(f"bpf_metadata_v{i}", f"value {i}")]))
            bpf.bind(program.fd, maps[-1])
            text = self.read(f"{program.id}/v{i}")
            if text not in (None, f"value {i}\n".encode()):
                self.complain(f"{program.id}/v{i}: {text}")
            self.counts["late"] += 1
        for fd in maps:
            os.close(fd)
        program.close()


class ObjectLoader(Role):
    """Loads an object by libbpf, and keeps its program by a pin."""

    def turn(self):
        bpf.let_free()
        pins = self.work / "bpffs" / self.name
        subprocess.run(["bpftool", "prog", "loadall", self.work / "hello.bpf.o", pins], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        fd = bpf.obj_get(pins / "hello")
        program = bpf.object_id(fd)
        os.close(fd)
        for name, value in ("oncall", b"net-team\n"), ("revision", b"42\n"):
            found = self.read(f"{program}/{name}")
            if found not in (None, value):
                self.complain(f"{program}/{name}: {found}")
        shutil.rmtree(pins)
        self.counts["objects loaded"] += 1
        time.sleep(random.random() / 5)
