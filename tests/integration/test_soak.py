# SPDX-License-Identifier: GPL-2.0-or-later
"""The soak, for a minute. And whether it sees what is wrong with a daemon."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

import bpf
from conftest import SLOWNESS, eventually, ok, run
from vanished import unexplained

DIRECTORY = pathlib.Path(__file__).parent.parent / "soak"
SOAK = DIRECTORY / "run"
SECONDS = os.environ.get("BPFMETAFS_TEST_SOAK_SECONDS", "60")


def soak(*words, seconds, **environment):
    return run(SOAK, "--seconds", seconds, *words, timeout=1800, env={**os.environ, **environment})


def test_the_tree_survives_storms():
    result = soak(seconds=SECONDS)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    for what in ("loaded", "unloaded", "late", "objects loaded", "linked", "unlinked", "read at once",
                 "files", "chased", "grep", "tar", "stat", "kept open", "killed half-way", "programs.json",
                 "maps.json", "links.json", "metrics.prom", "followed", "killed", "unmounted", "overflows", "paused", "caches dropped"):
        assert re.search(rf"(^|  ){what} [1-9]", result.stdout, re.MULTILINE), result.stdout


def test_it_survives_them_with_contents():
    result = soak("--options", "contents", seconds="15")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def instead(tmp_path):
    """A script to be run instead of the daemon, which it is told of as $daemon."""

    def write(*lines):
        script = tmp_path / "instead"
        script.write_text("\n".join(["#!/bin/sh", f"daemon={shutil.which('bpfmetafs')}", *lines]))
        script.chmod(0o755)
        return script

    return write


def fault(daemon, seconds=4, **environment):
    """What the soak finds wrong with the daemon, which has to be something."""
    result = soak("--daemon", daemon, seconds=seconds, **environment)
    found = [line for line in result.stdout.splitlines() if line.startswith("WRONG: ")]
    assert result.returncode == 1 and found, result.stdout + result.stderr
    return "\n".join(found)


def test_a_word_of_the_daemon_is_a_fault(instead):
    found = fault(instead('echo "something odd" >&2', 'exec "$daemon" "$@"'))
    assert "WRONG: daemon: something odd" in found


def test_a_daemon_that_ends_is_a_fault(instead):
    found = fault(instead("(sleep 2; kill -KILL $$) &", 'exec "$daemon" "$@"'), seconds=60)
    assert re.search("did not start|ended by itself|endpoint is not connected", found)


def test_a_tree_that_lacks_a_program_is_a_fault(instead, compiled):
    """The one of an object file, whatever it was asked for."""
    found = fault(instead("shift", f'exec "$daemon" {compiled("plain")} "$@"'))
    assert re.search(r"WRONG: loader\d: \w+ \d+.*: No such file or directory", found)
    assert re.search(r"WRONG: the tree is not as bpftool sees it: missing: .*'prog', '\d+'", found)


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    """A library that breaks the daemon into which it is preloaded."""
    library = tmp_path_factory.mktemp("broken") / "broken.so"
    ok("gcc", "-D_GNU_SOURCE", "-Wall", "-shared", "-fPIC", DIRECTORY / "broken.c", "-o", library)
    return library


@pytest.mark.parametrize("what, words, seconds", [
    # What is seen first depends on which descriptor is kept, and on the storm.
    ("descriptors", r"is still loaded|unload was lost does not come|\d+ descriptors open", 4),
    ("unloads", "is still shown|unload was lost does not come", 4),
    ("memory", "memory has grown to more than", 10),
    ("values", r"(?s)(?=.*soak_\?)(?=.*\.json is no JSON)(?=.*by/.* leads to)", 4),
    ("entries", "No such file or directory", 4),
    ("status", "ended with status 3", 4),
])
def test_a_broken_daemon_is_seen(instead, broken, what, words, seconds):
    if re.search("lib[at]san", ok("ldd", shutil.which("bpfmetafs"))):
        pytest.skip("a sanitizer has to be the first library")
    found = fault(instead(f'LD_PRELOAD={broken} BROKEN={what} exec "$daemon" "$@"'), seconds)
    assert re.search(words, found), found


def test_it_cleans_up_when_interrupted(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([SOAK], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        assert "killed and mounted again" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120 * SLOWNESS)[1]
    assert process.returncode == 1
    assert said.endswith("tests/soak/run: ended by SIGTERM\n")
    assert list(tmp_path.iterdir()) == []
    eventually(lambda: not any(is_soaks(number) for number in bpf.prog_ids()))


def is_soaks(number):
    return "  name soak_" in run("bpftool", "prog", "show", "id", number).stdout


@pytest.mark.parametrize("tool", [("tar", "-chf", "-", "."), ("cat", "./{}/info/id"),
                                  ("ls", "-l", "./{}/info/gone"), ("du", "./{}/gone")])
def test_what_tools_say_of_what_has_gone_is_known(tmp_path, hand, tool):
    """They say the same of what is there, and that is a fault."""
    _, there = hand()
    for number in there, 2**31 - 1:
        info = tmp_path / str(number) / "info"
        info.mkdir(parents=True)
        # Files whose size says more than can be read, or that can't be read at all.
        (info / "id").symlink_to("/sys/kernel/uevent_seqnum" if tool[0] == "tar" else "/nonexistent")
        said = run(*[word.format(number) for word in tool], cwd=tmp_path,
                   env={**os.environ, "LC_ALL": "C"}).stderr
        assert said and unexplained(said) == (said.splitlines() if number == there else [])
        shutil.rmtree(info.parent)
    if tool[0] == "tar":
        assert "File shrank by" in said


def test_a_missing_daemon_is_said():
    result = soak("--daemon", "/nonexistent/bpfmetafs", seconds=3)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "--daemon PATH" in result.stderr
