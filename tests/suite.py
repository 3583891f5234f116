# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/run runs, as parts. Two more than there are CPUs run side by side, for most wait now and then;
what a part says is shown when it has ended, all of it at once.

One build is made after the other. Beside the builds runs what needs the kernel for itself: what keeps others'
programs loaded, the crowd, and the storms. Then come all other tests of the kernel, beside each other."""

import contextlib
import dataclasses
import json
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

# For meson, in all builds: warnings are errors.
OPTIONS = ["--prefix=/usr", "-Dwerror=true"]
# For a sanitizer: it sees the same in code that is optimized less, and lines are all that it tells. That takes
# half as long to compile.
SANITIZER = ["-Db_lundef=false", "-Doptimization=1", "-Dc_args=-g1"]
# Compilers, and more options. The fuzz targets are a part of clang's build, and say themselves how much of them is
# optimized; of the rest nothing is measured, and nothing is told by its lines.
BUILDS = {
    "plain": ("gcc", []),
    "sanitized": ("gcc", ["-Db_sanitize=address,undefined", *SANITIZER]),
    "threads": ("gcc", ["-Db_sanitize=thread", *SANITIZER]),
    "clang": ("clang", ["-Dfuzz=true", "-Doptimization=0", "-Ddebug=false"]),
}
FUZZ_TARGETS = ["object", "options", "rules", "value"]

# Seconds of storms against the plain build, against each of the others, and of each fuzz target.
USUAL = 30, 15, 10
LONG = 600, 600, 600

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=66",
}
# The files of the integration tests that are not among the rest. "maps" and the rest are halves of about the same
# length. What is "apart from the tree" asks for nothing that others load: builds and packages.
FILES = {
    "storm": ["test_soak.py"],
    "hostile": ["test_hostile.py", "test_bounds.py"],
    "all": ["test_tree.py", "test_recipes.py", "test_bench.py", "test_check_tree.py", "test_other_programs.py"],
    "crowd": ["test_crowd.py"],
    "apart from the tree": ["test_packages.py", "test_header.py", "test_examples.py", "test_check.py", "test_suite.py"],
    "maps": ["test_contents.py", "test_differential.py", "test_entries.py", "test_entries_differential.py",
             "test_hostile_entries.py", "test_let_go.py", "test_map_types.py", "test_values.py"],
}
# Kinds of parts that are not beside each other. Tests that load what nobody can read to its end are apart from
# those that read all of the tree, and so are storms. The daemons in which the soak has to see faults keep others'
# programs loaded. Where the crowd is, there is more to read. Unit tests that ask the kernel look at what the whole
# machine does.
APART = {
    "units": ("units", "storm", "faults", "crowd"),
    "storm": ("hostile", "all", "crowd", "tests"),
    "faults": ("storm", "hostile", "all", "crowd", "tests"),
    "hostile": ("all", "crowd"),
    "all": ("crowd",),
    "crowd": ("tests",),
}
# In files whose other tests read all of the tree.
BUILT_ANEW = [f"test_recipes.py::test_{name}" for name in ("installing_by_hand", "quickstart",
                                                          "quickstart_says_what_fails")]
STORMS = "test_soak.py::test_the_tree_survives_storms"
CONTENTS = "test_soak.py::test_it_survives_them_with_contents"
# Of the other tests of the soak, those that can't be beside another one.
FAULTS = ["test_soak.py::test_a_broken_daemon_is_seen", "test_soak.py::test_it_cleans_up_when_interrupted"]
# What says nothing of another build than the plain one: figures and bounds of memory, for it is many times
# larger; what is about the header, its compilers, the project's files and its other builds; and what other
# programs, shells and scripts make of the same tree.
NOT_OF_A_BUILD = ("authors", "bench", "bounds", "check", "completion", "examples", "header", "let_go", "other_programs",
                  "quickstart", "recipes")
# With a sanitizer, all that has to do with time and events is tried by test_tree in both ways; what else the
# tests do is the same code in both.
ONCE = ["-m", "not files", "-k", "not noevents"]
# pytest's exit status if what it was told to select is in another part.
NOTHING_SELECTED = 5
# How long a part may take to end when it is told to.
PATIENCE = 60
# How long a command of a part may run, in seconds: several times what the longest takes on a slow machine.
# What hangs is a failure, and does not hold up the rest.
LIMIT = 1200


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
    failures: list = dataclasses.field(default_factory=list)  # what each is of, in a line
    cpu: float = 0  # seconds that it has computed
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
        self.failures.append(what)


class Runner:
    """Runs parts, in the order in which they are given where there is a choice."""

    def __init__(self, parts, work, jobs, out, limit=LIMIT):
        self.parts, self.work, self.jobs, self.out, self.limit = parts, work, jobs, out, limit
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

    def failures(self):
        """A line for each failure: who sees only the end of what was printed sees them all."""
        return [f"FAILED: {part.name}: {what}" for part in self.parts for what in part.failures]

    def end(self):
        """No part is begun any more, and those that run are told to end."""
        with self.changed:
            self.is_ended = True
            self.changed.notify_all()
        self.stop(list(self.processes))

    @staticmethod
    def stop(processes):
        """As a terminal would do it."""
        for process in processes:
            process.send_signal(signal.SIGINT)
        until = time.monotonic() + PATIENCE
        for process in processes:
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
            head = f"== {part.name}: {time.monotonic() - began:.0f} s, {part.cpu:.0f} s of CPU\n"
            self.out.write(head.encode() + text)
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
        too_long = threading.Timer(self.limit, self.stop, [[process]])
        too_long.start()
        with contextlib.suppress(ChildProcessError):
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            part.cpu += used.ru_utime + used.ru_stime
        too_long.cancel()
        self.processes.discard(process)
        return process.wait()


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


def failing(path):
    """The tests that failed, by a JUnit file that count() can read, and the first line of what each said."""
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        for problem in (*case.findall("failure"), *case.findall("error")):
            said = (problem.get("message") or problem.text or "").strip().split("\n")[0]
            yield f"{case.get('classname')}: {case.get('name')}: {said}".removesuffix(": ")


def targets(name, directory):
    """What of a build is made, for ninja; nothing means all. ThreadSanitizer has something to see only where
    there are threads."""
    if name != "threads":
        return []

    def known(what):
        return json.loads(subprocess.run(["meson", "introspect", directory, what], check=True,
                                         stdout=subprocess.PIPE).stdout)

    paths = [path for one in known("--targets") if one["installed"] for path in one["filename"]]
    paths += [one["cmd"][0] for one in known("--tests") if any("-threads" in suite for suite in one["suite"])]
    return [os.path.relpath(path, directory) for path in paths]


class Suite:
    def __init__(self, work, quick, long, arguments):
        self.work, self.arguments = work, arguments
        self.soak, self.other_soak, self.fuzz = LONG if long else USUAL
        self.own_kernel = subprocess.run([TESTS / "loads-programs"], check=False).returncode == 0
        self.objects = work / "objects"
        self.objects.mkdir()
        self.runner = Runner(self.parts(quick), work, os.cpu_count() + 2, sys.stdout.buffer,
                             LIMIT + self.soak)

    def parts(self, quick):
        names = ["plain"] if quick else list(BUILDS)
        # Each takes all CPUs that it gets; what measures time beside it goes first.
        parts = [Part(f"{name}: build", self.builder(name), after=tuple(f"{one}: build" for one in names[:i]))
                 for i, name in enumerate(names)]
        if self.own_kernel:
            parts += self.integration_parts(names)
        else:
            parts.append(Part("virtual machine: tests that ask a kernel", self.virtual_machine))
            parts += [Part(f"{name}: integration tests", self.no_kernel)
                      for name in names if name not in ("plain", "clang")]
        parts += [Part(f"{name}: unit tests", self.units(name, "unit"), needs=f"{name}: build")
                  for name in names]
        if not quick:
            parts += [Part(f"fuzz: {name}, {self.fuzz} s", self.fuzzer(name), needs="clang: build")
                      for name in FUZZ_TARGETS]
        return parts

    def integration_parts(self, names):
        """With the unit tests that ask the kernel. The order is that in which they are begun."""
        def of_a_build(*kinds):
            """A file that is named is run, also if it is to be ignored."""
            files = [file for kind in kinds for file in FILES[kind]]
            return [file for file in files if file[len("test_"):-len(".py")] not in NOT_OF_A_BUILD]

        ignored = [f"--ignore=test_{name}.py" for name in NOT_OF_A_BUILD]
        # (build, what, kind, and what of its files)
        first = [
            ("plain", "does the soak see faults", "faults", FAULTS),
            ("plain", "builds and packages", "any", [*FILES["apart from the tree"], *BUILT_ANEW]),
            ("plain", "in a crowd", "crowd", FILES["crowd"]),
            ("plain", "soak", "storm", [STORMS]),
            ("plain", "soak with contents", "storm", [CONTENTS]),
            ("plain", "what the soak says", "storm", [*FILES["storm"], *(f"--deselect={name}" for name in (
                STORMS, CONTENTS, *FAULTS))]),
            ("sanitized", "soak", "storm", [STORMS]),
            ("threads", "soak", "storm", [STORMS]),
        ]
        then = [
            ("plain", "tree and recipes", "all", [*FILES["all"], *(f"--deselect={name}" for name in BUILT_ANEW)]),
            ("plain", "integration tests", "tests", []),
            ("sanitized", "integration tests", "tests", [*ignored, *ONCE]),
            ("sanitized", "maps", "tests", [*of_a_build("maps"), *ONCE]),
            ("sanitized", "tree", "all", [*of_a_build("all"), *ONCE[:2]]),
            ("plain", "maps", "tests", FILES["maps"]),
            # Without events there is one thread.
            ("threads", "tree", "all", ["test_tree.py", "-k", "not noevents"]),
            ("threads", "links", "tests", ["test_links.py", "test_let_go.py", "test_netns.py", "-k",
                                           "not noevents"]),
            ("plain", "hostile programs", "hostile", FILES["hostile"]),
            ("sanitized", "hostile programs", "hostile", [*of_a_build("hostile"), *ONCE]),
        ]
        seconds = dict.fromkeys(names, self.other_soak) | {"plain": self.soak}

        def made(wanted, after):
            return [Part(f"{build}: {what}", self.integration(build, what, words, seconds[build]),
                         needs=f"{build}: build", after=after, kind=kind, apart=APART.get(kind, ()))
                    for build, what, kind, words in wanted if build in names]

        first = made(first, ())
        alone = tuple(part.name for part in first if part.kind != "any")
        units = [Part(f"{name}: unit tests that ask the kernel", self.units(name, "kernel"), needs=f"{name}: build",
                      after=alone, kind="units", apart=APART["units"]) for name in names]
        return [*first, *units, *made(then, alone)]

    def builder(self, name):
        compiler, options = BUILDS[name]
        directory = self.work / name

        def build(part):
            with open(self.work / f"{name}.build", "w+b") as log:
                failed = self.runner.call(part, "meson", "setup", directory, TESTS.parent, *OPTIONS, *options,
                                          log=log, CC=compiler) or \
                    self.runner.call(part, "nice", "-n", "5", "ninja", "-C", directory, *targets(name, directory),
                                     log=log)
                if failed:
                    log.seek(0)
                    part.log.write(log.read())
                    part.fail(f"build {name}")

        return build

    def units(self, name, suite):
        if name == "threads":
            suite += "-threads"

        def run(part):
            status = self.runner.call(part, "meson", "test", "-C", self.work / name, "--no-rebuild",
                                      "--print-errorlogs", "--suite", suite, "--logbase", suite, **SANITIZERS)
            self.judge(part, self.work / name / "meson-logs" / f"{suite}.junit.xml", status)

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
                BPFMETAFS_TEST_SOAK_SECONDS=str(seconds), BPFMETAFS_TEST_BUILDS=str(self.work),
                BPFMETAFS_TEST_OBJECTS=str(self.objects), **SANITIZERS)
            self.judge(part, result, 0 if status == NOTHING_SELECTED else status)

        return run

    def judge(self, part, result, status):
        counts = count(result)
        part.add(counts or (0, 0, 0))
        if counts:
            part.failures += failing(result)
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
                    part, self.work / "clang/tests/fuzz" / f"fuzz-{name}", f"-max_total_time={self.fuzz}",
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
        if long:
            os.environ["BPFMETAFS_TEST_LONG"] = "1"
        if suite.own_kernel:
            # All that load and unload in numbers wait for the kernel to free what is more than this.
            os.environ["BPFMETAFS_TEST_UNFREED"] = str(bpf.unfreed())

        def end(number, _):
            suite.runner.end()
            sys.exit(f"tests/run: ended by {signal.Signals(number).name}")

        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, end)
        passed, failed, skipped = suite.runner.run()
    for line in suite.runner.failures():
        print(line)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
