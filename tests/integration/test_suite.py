# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/run itself: its parts run in the order that they ask for, what they say is not mixed up, and
nothing that fails is lost."""

import io
import pathlib
import re
import sys
import threading
import time

import pytest

from conftest import eventually, ok

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

import suite  # noqa: E402

pytestmark = pytest.mark.files


class Parts:
    """Runs parts, each of which says its name several times, and notes what ran beside what."""

    def __init__(self, work, jobs=2):
        self.running, self.beside, self.out = set(), [], io.BytesIO()
        self.runner = suite.Runner([], work, jobs, self.out)

    def add(self, name, status=0, then=":", **how):
        def run(part):
            self.running.add(name)
            self.beside.append(set(self.running))
            said = f"for i in 1 2 3 4 5; do echo {name}; sleep 0.02; done; {then}; exit {status}"
            if self.runner.call(part, "sh", "-c", said) == 0:
                part.add((2, 0, 1))
            else:
                part.fail(name)
            self.running.discard(name)

        self.runner.parts.append(suite.Part(name, run, **how))

    def began(self, name):
        return next(i for i, names in enumerate(self.beside) if name in names)

    def blocks(self):
        """What was said, by the parts under whose names it was."""
        found = {}
        for line in self.out.getvalue().decode().splitlines():
            if head := re.fullmatch(r"== (\w+): \d+ s, \d+ s of CPU", line):
                assert head[1] not in found
                said = found[head[1]] = []
            else:
                said.append(line)
        return found


def test_parts_run_side_by_side_and_are_not_mixed_up(tmp_path):
    parts = Parts(tmp_path)
    for name in "abcd":
        parts.add(name)
    assert parts.runner.run() == [8, 0, 4]
    assert any({"a", "b"} <= names for names in parts.beside)
    assert max(len(names) for names in parts.beside) == 2
    assert parts.blocks() == {name: [name] * 5 for name in "abcd"}


def test_parts_wait_for_others_and_are_apart_from_kinds(tmp_path):
    parts = Parts(tmp_path, jobs=4)
    parts.add("last", after=("first", "bad"))
    parts.add("first", kind="storm", apart=("storm", "tests"))
    parts.add("bad", status=1)
    parts.add("second", kind="storm", apart=("storm", "tests"))
    parts.add("third", kind="tests")
    parts.add("fourth", kind="tests")
    assert parts.runner.run() == [10, 1, 5]
    assert not any({"first", "second"} <= names for names in parts.beside)
    assert not any({"first", "second"} & names and {"third", "fourth"} & names
                   for names in parts.beside)
    assert any({"third", "fourth"} <= names for names in parts.beside)
    assert parts.began("last") > max(parts.began("first"), parts.began("bad"))


def test_what_needs_a_part_that_fails_does_not_run(tmp_path):
    parts = Parts(tmp_path)
    parts.add("build", status=1)
    parts.add("test", needs="build")
    parts.add("more", needs="test")
    assert parts.runner.run() == [0, 1, 0]
    assert parts.blocks() == {"build": ["build"] * 5 + ["FAILED: build"]}
    assert parts.runner.failures() == ["FAILED: build: build"]


def test_a_part_that_breaks_has_failed(tmp_path):
    parts = Parts(tmp_path)
    parts.runner.parts.append(suite.Part("odd", lambda part: 1 / 0))
    parts.add("good")
    assert parts.runner.run() == [2, 1, 1]
    assert "FAILED: odd: ZeroDivisionError" in parts.out.getvalue().decode()


def test_a_part_that_hangs_has_failed(tmp_path):
    """And the others run on."""
    parts = Parts(tmp_path)
    parts.runner.limit = 5
    parts.add("hanging", then="sleep 600 & wait")
    parts.add("good", after=("hanging",))
    assert parts.runner.run() == [2, 1, 1]
    assert parts.blocks() == {"hanging": ["hanging"] * 5 + ["FAILED: hanging"], "good": ["good"] * 5}


def test_told_to_end_it_leaves_nothing_running(tmp_path):
    parts = Parts(tmp_path)
    parts.runner.parts.append(suite.Part("long", lambda part: parts.runner.call(
        part, "sh", "-c", f"sleep 600 & echo $! > {tmp_path}/child; echo > {tmp_path}/begun; wait")))
    parts.add("later", after=("long",))
    thread = threading.Thread(target=parts.runner.run, daemon=True)
    thread.start()
    eventually(lambda: (tmp_path / "begun").exists() and parts.runner.processes)
    (process,) = parts.runner.processes
    start = time.monotonic()
    parts.runner.end()
    thread.join(timeout=20)
    assert not thread.is_alive() and process.poll() is not None
    assert time.monotonic() - start < suite.PATIENCE
    # Nor what it has started, which no SIGINT reaches.
    eventually(lambda: not pathlib.Path("/proc", (tmp_path / "child").read_text().strip()).exists())
    assert parts.beside == []


@pytest.mark.parametrize("content, counted", [
    ('<testsuites><testsuite tests="7" failures="1" errors="2" skipped="1"/></testsuites>', (3, 3, 1)),
    ('<testsuites><testsuite tests="5"/><testsuite tests="2" skipped="2"/></testsuites>', (5, 0, 2)),
    # meson's: suites in a suite are counted once.
    ('<testsuites><testsuite tests="9"><testsuite tests="4" failures="1"/></testsuite></testsuites>',
     (3, 1, 0)),
    ("<testsuites><testsu", None),
    (None, None),
])
def test_results_are_counted(tmp_path, content, counted):
    path = tmp_path / "result.xml"
    if content is not None:
        path.write_text(content)
    assert suite.count(path) == counted


def test_failures_are_named(tmp_path):
    path = tmp_path / "result.xml"
    path.write_text("""<testsuites><testsuite tests="4" failures="2" errors="1">
        <testcase classname="test_a" name="test_b"><failure message="assert 1&#10;more">all</failure></testcase>
        <testcase classname="test_a" name="test_c"><skipped/></testcase>
        <testcase classname="unit" name="3 /d/e"><failure/></testcase>
        <testcase classname="test_a" name="test_f"><error message="at its end"/></testcase>
        </testsuite></testsuites>""")
    assert list(suite.failing(path)) == ["test_a: test_b: assert 1", "unit: 3 /d/e", "test_a: test_f: at its end"]


def test_the_script_says_how_it_is_called():
    said = ok(TESTS / "run", "--help")
    assert said.startswith("tests/run [-q | -l] [PYTEST ARGUMENTS]\n")
    assert {"-q, --quick", "-l, --long"} == set(re.findall(r"-\w, --\w+", said))
