# SPDX-License-Identifier: GPL-2.0-or-later
"""Storm after storm, and what has to hold after them."""

import collections
import contextlib
import itertools
import json
import math
import os
import pathlib
import random
import shutil
import signal
import sys
import time

import bpf
import views
from bpf import SLOWNESS
from daemon import KIB, Daemon, abort, run as run_command
from linkers import Linker
from loaders import Binder, Loader, ObjectLoader
from programs import Program
from readers import Chaser, Holder, Tools, Walker
from reporters import Reporter
from roles import Failure, Shared, comes_true, read, wait_for

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1 << 20
ROLES = {Loader: len(Shared.LEAVING), Binder: 1, ObjectLoader: 1, Linker: 1, Walker: 1, Chaser: 1,
         Holder: 1, Tools: 2, Reporter: 1}
RESIDENTS = 20  # programs that are there all the time
# Loads and unloads on one CPU: of its ring, 1536 records can be read at most.
STORM = 1500

# For so long the daemon may keep a program that its owner has closed. On a machine that is busy, it may
# lose the CPU between opening a program and closing it: one in so many may be late.
UNLOADED_WITHIN = 0.1 * SLOWNESS
ONE_MAY_BE_LATE_OF = 1000
# What the daemon's memory may grow by, apart from what the programs of others may cost.
GROWTH = 1.1
SLACK = 2 * MIB
A_PROGRAM = 20 * KIB
MOST_LINES = 300  # that are shown of what went wrong
# What libfuse says if a tree is unmounted by force while the daemon is being given a request.
ABORTED = "fuse: reading device: Software caused connection abort"


class Soak:
    def __init__(self, work, arguments):
        self.work, self.arguments = work, arguments
        self.tree = work / "mnt"
        self.shared = Shared()
        self.counts = collections.Counter()
        self.samples = collections.defaultdict(list)
        self.residents, self.roles = [], []
        self.memory = []  # pairs of the daemon's memory and how many programs there are, without caches
        self.large = []  # the large maps of others, at all times
        self.daemon = None
        self.log = open(work / "log", "wb")
        self.began = time.monotonic()

    def say(self, what):
        print(f"{time.monotonic() - self.began:6.1f} s  {what}", file=sys.stderr, flush=True)

    # The start

    def prepare(self):
        for name in "mnt", "other", "bpffs":
            (self.work / name).mkdir()
        run_command("mount", "-t", "bpf", "bpf", self.work / "bpffs")
        target = self.work / "hello.bpf.o"
        compiled = pathlib.Path(os.environ.get("BPFMETAFS_TEST_OBJECTS", self.work)) / target.name
        if compiled.exists():
            shutil.copy(compiled, target)
        else:
            multiarch = run_command("gcc", "-print-multiarch").strip()
            run_command("clang", "-g", "-O2", "-target", "bpf", f"-I/usr/include/{multiarch}", "-c",
                        HERE.parent / "bpf" / "hello.bpf.c", "-o", target)
        # Now it sees how many there are before the storms.
        bpf.let_free()

    def mount(self):
        self.daemon = Daemon(self.arguments.daemon, self.arguments.options, self.tree, self.log)
        self.shared.set(Shared.DAEMON, self.daemon.process.pid)
        self.memory, self.large = [], []

    def start(self):
        self.residents = [Program(f"stays{i}") for i in range(RESIDENTS)]
        for kind, n in ROLES.items():
            for i in range(n):
                name = f"{kind.__name__.lower()}{i}"
                self.roles.append(kind(name, self.shared, self.work, self.tree))
                self.roles[-1].start()

    # The storms

    def blow(self):
        """The daemon is ended only in the first third, so that there is a life long enough to see
        whether memory grows. On a slow machine that may take longer than was asked for."""
        seconds = self.arguments.seconds
        start = time.monotonic()
        early = itertools.cycle((self.kill, self.unmount))
        later = itertools.cycle((self.overflow, self.drop_caches, self.pause))
        while time.monotonic() < start + seconds or len(self.memory) < 2:
            self.be_calm(min(seconds / 20, 30))
            is_early = time.monotonic() < start + seconds / 3 or not self.counts["unmounted"]
            next(early if is_early else later)()

    def be_calm(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.large.append(views.large_maps_of_others(self.tree))
            time.sleep(0.25)

    def kill(self):
        with self.shared.phase(Shared.DOWN), self.shared.phase(Shared.STOPPED):
            self.daemon.kill()
            self.mount()
        self.counts["killed"] += 1
        self.say("killed and mounted again")

    def unmount(self):
        """By force, in the midst of requests: nobody takes the answers."""
        with self.shared.phase(Shared.DOWN), self.shared.phase(Shared.STOPPED):
            status = self.daemon.abort()
            self.mount()
        if status != 0:
            raise Failure(f"the daemon that was unmounted by force ended with status {status}")
        self.counts["unmounted"] += 1
        self.say("unmounted by force and mounted again")

    @contextlib.contextmanager
    def stopped(self):
        with self.shared.phase(Shared.STOPPED):
            os.kill(self.daemon.process.pid, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(self.daemon.process.pid, signal.SIGCONT)

    def pause(self):
        with self.stopped():
            time.sleep(random.random())
        self.counts["paused"] += 1
        self.say("stopped for a while")

    def overflow(self):
        """Events are lost: of programs that the tree knows, and of such as it has never seen."""
        leavers = [Program(f"leaves{i}") for i in range(20)]
        names = {str(program.id) for program in leavers}
        for name in names:
            (self.tree / name).exists()
        cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {random.choice(sorted(cpus))})
        try:
            with self.stopped():
                for i in range(STORM):
                    if i % 50 == 0:
                        bpf.let_free()
                    os.close(bpf.prog_load())
                for program in leavers:
                    program.close()
        finally:
            os.sched_setaffinity(0, cpus)
        wait_for(lambda: not any((self.tree / name).exists() for name in names),
                 "the end of programs whose unload was lost", looks=500)
        if names & set(os.listdir(self.tree)):
            raise Failure("a program whose unload was lost is still listed")
        self.counts["overflows"] += 1
        self.say("events were lost")

    def drop_caches(self):
        """What the kernel knows of programs costs the daemon memory, also if they have gone while a file
        of theirs was open. Here it forgets, and then the daemon's memory is judged."""
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
        programs, used = len(bpf.prog_ids()), []
        while len(used) < 10:
            used.append(self.daemon.memory)
            time.sleep(0.05)
        self.memory.append((min(used), programs))
        self.counts["caches dropped"] += 1
        self.say("caches dropped")

    def calm_down(self):
        self.shared.step(Shared.STOP)
        for role in self.roles:
            wait_for(lambda: os.waitpid(role.process, os.WNOHANG)[0], f"the end of {role.name}")
            path = self.work / f"{role.name}.json"
            if not path.exists():
                raise Failure(f"{role.name} ended before its time")
            result = json.loads(path.read_text())
            self.counts.update(result["counts"])
            for key, values in result["samples"].items():
                self.samples[key] += values
        self.say("all is quiet")

    # What has to hold. Each check raises Failure if it does not.

    def check_equality(self):
        """Several times, if need be: what others load while the tree is read may be in neither of
        bpftool's views."""
        found = []

        def equal():
            found.append(views.difference(self.tree))
            return found[-1] is None

        if not comes_true(equal, looks=5):
            raise Failure(f"the tree is not as bpftool sees it: {found[-1]}")

    def check_residents(self):
        for program in self.residents:
            if read(self.tree / str(program.id) / "oncall") != program.text + b"\n":
                raise Failure(f"{program.name} has the wrong value")

    def check_unloads(self):
        for where, what in (("loaded", "gone from the kernel"), ("kept", "let go by the daemon"),
                            ("shown", "gone from the tree")):
            values = sorted(self.samples[where])
            if not values:
                raise Failure("no unload could be measured")
            print(f"{what} after its owner's close, of {len(values)}, in ms: "
                  f"half {1000 * values[len(values) // 2]:.2f}, "
                  f"99 % {1000 * values[len(values) * 99 // 100]:.2f}, "
                  f"all {1000 * values[-1]:.2f}"
                  f"{'  not judged: sanitized' if self.daemon.is_sanitized else ''}")
        late = [value for value in self.samples["kept"] if value > UNLOADED_WITHIN]
        may_be_late = math.ceil(len(self.samples["kept"]) / ONE_MAY_BE_LATE_OF)
        # What never goes is a fault of its own, in any build.
        if not self.daemon.is_sanitized and len(late) > may_be_late:
            raise Failure(f"{len(late)} programs were kept for more than {UNLOADED_WITHIN} s")

    def check_memory(self):
        """Flat: each time that the caches have been dropped, about as much as the first time."""
        # A sanitizer keeps what is freed, and notes what is used.
        if self.daemon.is_sanitized:
            return
        self.drop_caches()
        # What comes later may be kept, and be more than all else.
        large = set().union(*self.large) - self.large[0]
        print("memory without caches, in MiB: " + " ".join(f"{used / MIB:.2f}" for used, _ in self.memory) +
              "  programs: " + " ".join(str(n) for _, n in self.memory) +
              ("  not judged: others have loaded large maps" if large else ""))
        (first, few), (last, many) = self.memory[0], self.memory[-1]
        allowed = GROWTH * first + SLACK + A_PROGRAM * max(0, many - few)
        if last > allowed and not large:
            raise Failure(f"memory has grown to more than {allowed / MIB:.1f} MiB")

    def check_descriptors(self):
        """As many as one that has just been started and has looked at a program: the file that tells of
        its descriptor is kept. While others load programs, it may have one of those open for a moment."""
        other = self.work / "other"
        fresh = Daemon(self.arguments.daemon, self.arguments.options, other, self.log)
        (other / str(self.residents[0].id) / "info/bytes_memlock").read_text()
        if not comes_true(lambda: self.daemon.descriptors == fresh.descriptors, looks=100):
            raise Failure(f"the daemon has {self.daemon.descriptors} descriptors open, a fresh one "
                          f"has {fresh.descriptors}")
        fresh.end()

    def check_end(self):
        status = self.daemon.end()
        if status != 0:
            raise Failure(f"the daemon ended with status {status}")

    CHECKS = (check_equality, check_residents, check_unloads, check_memory, check_descriptors,
              check_end)

    def errors(self):
        """What the roles have to complain of, and every word of the daemon."""
        path = self.work / "errors"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        found = [line if n == 1 else f"{line} ({n} times)"
                 for line, n in collections.Counter(lines).items()]
        said = [line for line in (self.work / "log").read_text(errors="replace").splitlines()
                if line != ABORTED]
        return found[:MOST_LINES] + [f"daemon: {line}" for line in said[:MOST_LINES]]


def run(work, arguments):
    """Returns what was wrong."""
    this = Soak(work, arguments)
    wrong = []
    try:
        this.prepare()
        this.mount()
        this.start()
        this.blow()
        this.calm_down()
        for check in this.CHECKS:
            try:
                check(this)
            except (Failure, OSError) as failure:
                wrong.append(str(failure))
        print("  ".join(f"{key} {n}" for key, n in sorted(this.counts.items())))
    except (Failure, OSError) as failure:
        wrong.append(str(failure))
    finally:
        # Or who waits for a dead daemon could never be ended.
        abort(this.tree)
    return wrong + this.errors()
