# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/run runs, as parts. One more than there are CPUs run side by side, for most wait now and then;
what a part says is shown when it has ended, all of it at once."""

import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

TESTS = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS / "integration"))

import bpf  # noqa: E402

# Compilers and options of meson. With warnings as errors, all of them.
BUILDS = {
    "plain": ("gcc", []),
    "clang": ("clang", []),
    "sanitized": ("gcc", ["-Db_sanitize=address,undefined", "-Db_lundef=false"]),
    "threads": ("gcc", ["-Db_sanitize=thread", "-Db_lundef=false"]),
    "fuzz": ("clang", ["-Dfuzz=true", "-Dtests=false"]),
}
FUZZ_TARGETS = ["object", "options", "value"]

# Seconds of storms against the plain build, against each of the others, and of each fuzz target.
USUAL = 60, 30, 30
LONG = 600, 600, 600

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=66",
}
# The files of the integration tests that are not beside all others, by kind. Tests that load what nobody
# can read to its end are apart from those that read all of the tree, and so are storms. The daemons in
# which the soak has to see faults keep others' programs loaded. Where the crowd is, there is more to read.
FILES = {
    "storm": ["test_soak.py"],
    "hostile": ["test_hostile.py", "test_bounds.py"],
    "all": ["test_tree.py", "test_recipes.py"],
    "crowd": ["test_crowd.py"],
}
APART = {
    "storm": ("hostile", "all", "crowd", "tests"),
    "faults": ("storm", "hostile", "all", "crowd", "tests"),
    "hostile": ("all", "crowd"),
    "all": ("crowd",),
    "crowd": ("tests",),
}
STORMS = "test_soak.py::test_the_tree_survives_storms"
# What says nothing of another build than the plain one: figures and bounds of memory, for it is many times
# larger; and what is about the header, its compilers, the project's files and its other builds.
NOT_OF_A_BUILD = [*(f"--ignore=test_{name}.py" for name in ("bench", "bounds", "examples", "header")),
                  "-m", "not files", *(f"--deselect=test_recipes.py::test_{name}"
                                       for name in ("quickstart", "installing_by_hand"))]
# pytest's exit status if what it was told to select is in another part.
NOTHING_SELECTED = 5
# How long a part may take to end when it is told to.
PATIENCE = 60


@dataclasses.dataclass
class Part:
    """run(part) writes to part.log, and adds to part.counts: passed, failed, skipped. It is begun when
    those in after have ended, whatever came of them, and nothing runs of a kind from which it, or which
    from it, has to be apart; not at all if the one that it needs has failed."""

    name: str
    run: object
    after: tuple = ()
    needs: str = None
    kind: str = "any"
    apart: tuple = ()
    counts: list = dataclasses.field(default_factory=lambda: [0, 0, 0])
    log: object = None
    state: str = "waits"

    def say(self, text):
        self.log.write(f"{text}\n".encode())
        self.log.flush()

    def add(self, counts):
        self.counts = [a + b for a, b in zip(self.counts, counts)]

    def fail(self, what):
        self.say(f"FAILED: {what}")
        self.add((0, 1, 0))


class Runner:
    """Runs parts, in the order in which they are given where there is a choice."""

    def __init__(self, parts, work, jobs, out):
        self.parts, self.work, self.jobs, self.out = parts, work, jobs, out
        self.changed = threading.Condition()
        self.processes = set()
        self.is_ended = False

    def run(self):
        """Returns the sums of what the parts have counted."""
        workers = [threading.Thread(target=self.take_parts, daemon=True) for _ in range(self.jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return [sum(column) for column in zip(*(part.counts for part in self.parts))]

    def end(self):
        """No part is begun any more, and those that run are told to end, as a terminal would do it."""
        with self.changed:
            self.is_ended = True
            self.changed.notify_all()
        for process in list(self.processes):
            process.send_signal(signal.SIGINT)
        until = time.monotonic() + PATIENCE
        for process in list(self.processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, until - time.monotonic()))
            # It, or what it has started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def find(self):
        """The first part that may begin; None as long as there is none; False if none is left."""
        state = {part.name: part.state for part in self.parts}
        running = [part for part in self.parts if part.state == "runs"]
        waiting = [part for part in self.parts if part.state == "waits"]
        for part in waiting:
            if not any(state.get(name) in ("waits", "runs") for name in (*part.after, part.needs)) and \
                    not any(one.kind in part.apart or part.kind in one.apart for one in running):
                return part
        return None if waiting else False

    def take_parts(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.is_ended or self.find() is not None)
                part = None if self.is_ended else self.find()
                if not part:
                    self.changed.notify_all()
                    return
                needed = [one.state for one in self.parts if one.name == part.needs]
                part.state = "runs"
            if "failed" in needed:
                part.state = "failed"
            else:
                self.do(part)
            with self.changed:
                self.changed.notify_all()

    def do(self, part):
        began = time.monotonic()
        with open(self.work / f"{part.name}.log", "w+b") as part.log:
            try:
                part.run(part)
            except Exception as error:  # whatever it is, it is the part's failure
                part.fail(f"{part.name}: {type(error).__name__}: {error}")
            part.log.seek(0)
            text = part.log.read()
        with self.changed:
            if self.is_ended:
                return
            self.out.write(f"== {part.name}: {time.monotonic() - began:.0f} s\n".encode() + text)
            self.out.flush()
            part.state = "failed" if part.counts[1] else "ended"

    def call(self, part, *argv, log=None, **environment):
        """The exit status of a command. What it says goes to the part's log, or to another."""
        with self.changed:
            if self.is_ended:
                return 1
            process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                       stdout=log or part.log, stderr=subprocess.STDOUT,
                                       start_new_session=True, env={**os.environ, **environment})
            self.processes.add(process)
        status = process.wait()
        self.processes.discard(process)
        return status


def count(path):
    """Passed, failed and skipped of a JUnit file; None if there is none. A test that ended half-way is
    not in it: then only the runner's exit status tells."""
    total = bad = skipped = 0
    try:
        for suite in xml.etree.ElementTree.parse(path).iter("testsuite"):
            if suite.find("testsuite") is None:
                total += int(suite.get("tests", 0))
                bad += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
                skipped += int(suite.get("skipped") or 0)
    except (OSError, xml.etree.ElementTree.ParseError):
        return None
    return total - bad - skipped, bad, skipped


class Suite:
    def __init__(self, work, quick, long, arguments):
        self.work, self.arguments = work, arguments
        self.soak, self.other_soak, self.fuzz = LONG if long else USUAL
        self.own_kernel = subprocess.run([TESTS / "loads-programs"], check=False).returncode == 0
        self.runner = Runner(self.parts(quick), work, os.cpu_count() + 1, sys.stdout.buffer)

    def parts(self, quick):
        names = ["plain"] if quick else list(BUILDS)
        tested = [name for name in names if name != "fuzz"]
        parts = [Part(f"{name}: build", self.builder(name)) for name in names]
        # Those of the suite kernel look at what the whole machine does.
        parts += [Part(f"{name}: unit tests", self.units(name), needs=f"{name}: build", kind="units",
                       apart=("units", *APART, "tests"))
                  for name in tested]
        if not self.own_kernel:
            parts.append(Part("virtual machine: tests that ask a kernel", self.virtual_machine))
            parts += [Part(f"{name}: integration tests", self.no_kernel)
                      for name in tested if name not in ("plain", "clang")]
        else:
            parts += self.integration_parts(tested)
        if not quick:
            parts += [Part(f"fuzz: {name}, {self.fuzz} s", self.fuzzer(name), needs="fuzz: build")
                      for name in FUZZ_TARGETS]
        # Nothing else that asks the kernel may run beside the faults: they are for the time of the builds.
        return sorted(parts, key=lambda part: part.kind != "faults" and part.name != "plain: build")

    def integration_parts(self, tested):
        other = NOT_OF_A_BUILD
        # (build, what, kind, and what of its files)
        wanted = [
            ("plain", "soak", "storm", [STORMS]),
            ("plain", "does the soak see faults", "faults", [*FILES["storm"], f"--deselect={STORMS}"]),
            ("sanitized", "soak", "storm", [STORMS]),
            ("threads", "soak", "storm", [STORMS]),
            ("plain", "hostile programs", "hostile", FILES["hostile"]),
            ("sanitized", "hostile programs", "hostile", ["test_hostile.py", *other]),
            ("plain", "integration tests", "tests", []),
            ("sanitized", "integration tests", "tests", other),
            ("plain", "tree and recipes", "all", FILES["all"]),
            ("sanitized", "tree and recipes", "all", [*FILES["all"], *other]),
            # Without events there is one thread.
            ("threads", "tree", "all", ["test_tree.py", "-k", "not noevents"]),
            ("plain", "in a crowd", "crowd", FILES["crowd"]),
        ]
        seconds = dict.fromkeys(tested, self.other_soak) | {"plain": self.soak}
        return [Part(f"{build}: {what}", self.integration(build, what, words, seconds[build]),
                     needs=f"{build}: build", kind=kind, apart=APART.get(kind, ()))
                for build, what, kind, words in wanted if build in tested]

    def builder(self, name):
        compiler, options = BUILDS[name]

        def build(part):
            with open(self.work / f"{name}.build", "w+b") as log:
                for argv in (("meson", "setup", self.work / name, TESTS.parent, "--prefix=/usr",
                              "-Dwerror=true", *options), ("ninja", "-C", self.work / name)):
                    if self.runner.call(part, *argv, log=log, CC=compiler) != 0:
                        log.seek(0)
                        part.log.write(log.read())
                        part.fail(f"build {name}")
                        return

        return build

    def units(self, name):
        def run(part):
            words = [] if self.own_kernel else ["--no-suite", "kernel"]
            status = self.runner.call(part, "meson", "test", "-C", self.work / name, "--no-rebuild",
                                      "--print-errorlogs", *words, **SANITIZERS)
            self.judge(part, self.work / name / "meson-logs" / "testlog.junit.xml", status)

        return run

    def integration(self, build, what, words, seconds):
        """Installs the build over /usr where only these tests see it."""
        place = TESTS / "integration"
        chosen = [re.sub("^(--ignore=|)(?=test_)", rf"\1{place}/", word) for word in words]
        if not words or words[0].startswith("-"):
            chosen += [place, *(f"--ignore={place}/{file}" for files in FILES.values() for file in files)]

        def run(part):
            scratch = self.work / f"{build}-{what}".replace(" ", "-")
            scratch.mkdir()
            result = scratch / "result.xml"
            status = self.runner.call(
                part, "unshare", "--mount", "--propagation", "private", TESTS / "in-namespace",
                self.work / build, scratch, "/usr/bin/python3", "-B", "-m", "pytest",
                "-p", "no:cacheprovider", "-q", "-ra", f"--rootdir={place}", f"--basetemp={scratch}/tmp",
                f"--junit-xml={result}", *chosen, *self.arguments,
                BPFMETAFS_TEST_SOAK_SECONDS=str(seconds), **SANITIZERS)
            self.judge(part, result, 0 if status == NOTHING_SELECTED else status)

        return run

    def judge(self, part, result, status):
        counts = count(result)
        part.add(counts or (0, 0, 0))
        if not counts or (status != 0 and counts[1] == 0):
            part.fail("a test ended half-way")

    def fuzzer(self, name):
        """Each libFuzzer target, from its corpus."""
        def run(part):
            found = self.work / "found" / name
            found.mkdir(parents=True)
            corpus = TESTS / "fuzz" / f"corpus-{name}"
            with open(self.work / f"{name}.fuzz", "w+b") as log:
                status = self.runner.call(
                    part, self.work / "fuzz/tests/fuzz" / f"fuzz-{name}", f"-max_total_time={self.fuzz}",
                    "-timeout=30", "-rss_limit_mb=3000", "-print_final_stats=1",
                    f"-artifact_prefix={self.work}/found/", found, *[corpus] * corpus.is_dir(), log=log)
                log.seek(0)
                lines = log.read().decode(errors="replace").splitlines()
            if status == 0:
                part.add((1, 0, 0))
                lines = [line for line in lines if "cov:" in line or "number_of_executed" in line][-2:]
            part.say("\n".join(lines[-40:]))
            if status != 0:
                part.fail(f"fuzz-{name}")

        return run

    def virtual_machine(self, part):
        """The same, and the unit tests that ask a kernel, there."""
        status = self.runner.call(part, TESTS / "kernels" / "run", "6.12")
        part.log.seek(0)
        words = part.log.read().decode(errors="replace").rstrip().rsplit("\n", 1)[-1].split()
        counts = [int(word) for word in words[::2] if word.isdigit()]
        part.add(counts if len(counts) == 3 else (0, 0, 0))
        if status != 0 and part.counts[1] == 0:
            part.fail("a test ended half-way")

    def no_kernel(self, part):
        """Emulated machines are too slow for more than the plain build."""
        part.say("skipped: this machine's kernel does not load programs")
        part.add((0, 0, 1))


def main():
    arguments = sys.argv[1:]
    quick = arguments[:1] in (["-q"], ["--quick"])
    long = arguments[:1] in (["-l"], ["--long"])
    with tempfile.TemporaryDirectory(prefix="bpfmetafs-tests.") as work:
        suite = Suite(pathlib.Path(work), quick, long, arguments[quick or long:])
        if suite.own_kernel:
            # All that load and unload in numbers wait for the kernel to free what is more than this.
            os.environ["BPFMETAFS_TEST_UNFREED"] = str(bpf.unfreed())

        def end(number, _):
            suite.runner.end()
            sys.exit(f"tests/run: ended by {signal.Signals(number).name}")

        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, end)
        passed, failed, skipped = suite.runner.run()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
