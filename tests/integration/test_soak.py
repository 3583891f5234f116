# SPDX-License-Identifier: GPL-2.0-or-later
"""The soak, for a minute. That it sees what goes wrong is tried, too."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

import bpf
from conftest import eventually, run

SOAK = pathlib.Path(__file__).parent.parent / "soak"


def soak(*words, seconds):
    return run(SOAK, "--seconds", seconds, *words, timeout=900)


@pytest.fixture
def instead(tmp_path):
    """A script to be run instead of the daemon, which it is told of as $daemon."""

    def write(*lines):
        script = tmp_path / "instead"
        script.write_text("\n".join(["#!/bin/sh", f"daemon={shutil.which('bpfmetafs')}", *lines]))
        script.chmod(0o755)
        return script

    return write


def test_it_survives_a_minute_of_storms():
    result = soak(seconds=45)
    assert result.returncode == 0, result.stdout + result.stderr
    for what in ("loaded", "unloaded", "late", "read at once", "files", "kept open", "killed",
                 "killed half-way", "overflows", "programs compared", "maps compared"):
        assert re.search(rf"(^|  ){what} [1-9]", result.stdout, re.MULTILINE), result.stdout


def test_a_word_of_the_daemon_is_a_fault(instead):
    result = soak("--daemon", instead('echo "something odd" >&2', 'exec "$daemon" "$@"'), seconds=3)
    assert result.returncode == 1
    assert "WRONG: daemon: something odd" in result.stdout


def test_a_tree_that_lacks_a_program_is_a_fault(instead, tmp_path):
    """The one of an object file, whatever it was asked for."""
    source = pathlib.Path(__file__).parent.parent / "bpf" / "plain.bpf.c"
    include = "/usr/include/" + run("gcc", "-print-multiarch").stdout.strip()
    plain = tmp_path / "plain.bpf.o"
    assert run("clang", "-g", "-O2", "-target", "bpf", f"-I{include}", "-c", source, "-o",
               plain).returncode == 0
    result = soak("--daemon", instead("shift", f'exec "$daemon" {plain} "$@"'), seconds=3)
    assert result.returncode == 1
    assert re.search(r"WRONG: loader\d: read .*: .*No such file or directory", result.stdout)


def test_it_cleans_up_when_interrupted(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([SOAK], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        assert "killed and mounted again" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert said.endswith("tests/soak: ended by SIGTERM\n")
    assert list(tmp_path.iterdir()) == []
    eventually(lambda: not any(is_soaks(number) for number in bpf.prog_ids()))


def is_soaks(number):
    result = run("bpftool", "prog", "show", "id", number)
    return "  name soak_" in result.stdout


def test_a_missing_daemon_is_said():
    result = soak("--daemon", "/nonexistent/bpfmetafs", seconds=3)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "--daemon PATH" in result.stderr
