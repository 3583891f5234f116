# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples for authors, built as their readers would build them, and loaded."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import SLOWNESS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
URL = "https://example.org/team/hello.git"

# How each is built in a fresh checkout, and where the object is then.
BUILDS = {
    "make": ([["make"]], "hello.bpf.o"),
    "cmake": ([["cmake", "-B", "build"], ["cmake", "--build", "build"]], "build/hello.bpf.o"),
    "meson": ([["meson", "setup", "build"], ["ninja", "-C", "build"]], "build/hello.bpf.o"),
}


@pytest.fixture
def env(tmp_path):
    """A user without settings of their own, on a day in 2020."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env.update(HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path), GIT_CONFIG_NOSYSTEM="1",
               SOURCE_DATE_EPOCH="1600000000")  # fmt: skip
    return env


def run(command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120 * SLOWNESS, **kwargs)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout.strip()


def git(directory, env, *args):
    command = ["git", "-c", "user.name=N", "-c", "user.email=n@example.org", *args]
    return run(command, cwd=directory, env=env)


def metadata(loaded):
    shown = run(["bpftool", "-j", "prog", "show", "pinned", str(loaded.pins / "hello")])
    return json.loads(shown)["metadata"]


# Those that are no builds have their tests elsewhere: test_authors, test_metrics, test_check_tree.
OTHERS = {"go", "prometheus", "rules"}


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(BUILDS) | OTHERS


@pytest.mark.parametrize("name", BUILDS)
def test_example(tmp_path, load, env, name):
    commands, built = BUILDS[name]
    directory = tmp_path / "hello"
    shutil.copytree(EXAMPLES / name, directory)
    (directory / ".gitignore").write_text("build/\n*.o\n")
    git(directory, env, "init", "--quiet")
    git(directory, env, "remote", "add", "origin", URL.replace("//", "//user:token@"))
    git(directory, env, "add", ".")
    git(directory, env, "commit", "--quiet", "--message=m")
    head = git(directory, env, "rev-parse", "HEAD")

    for command in commands:
        run(command, cwd=directory, env=env)
    assert metadata(load(directory / built)) == {
        "app": "hello",
        "description": "Lets every packet of a socket through",
        "oncall": "net-team",
        "repository": URL,
        "build_commit": head,
        "commit_time": git(directory, dict(env, TZ="UTC"), "log", "-1", "--format=%cd",
                           "--date=format-local:%Y-%m-%dT%H:%M:%SZ"),
        "build_time": "2020-09-13T12:26:40Z",
    }  # fmt: skip

    # A change is built with the next build alone, and its stamp is of that moment.
    source = directory / "hello.bpf.c"
    source.write_text(source.read_text().replace("net-team", "kernel-team"))
    os.utime(source, (source.stat().st_mtime + 10,) * 2)
    run(commands[-1], cwd=directory, env=env)
    changed = metadata(load(directory / built))
    assert changed["oncall"] == "kernel-team"
    assert changed["build_commit"] == head + "-dirty"
