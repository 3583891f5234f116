# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command of CONTRIBUTING.md does what it says, in a copy of the project."""

import os
import pathlib
import re
import shutil
import sys

import pytest

from conftest import run

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests"))

import suite  # noqa: E402

# Where tests/run has made its builds, by the same commands.
BUILDS = os.environ.get("BPFMETAFS_TEST_BUILDS")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", (PROJECT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
BUILDING = [block for block in BLOCKS if "ninja" in block]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """With the builds in it that the first commands make."""
    directory = tmp_path_factory.mktemp("copy") / "bpfmetafs"
    shutil.copytree(PROJECT, directory, symlinks=True,
                    ignore=lambda where, names: [name for name in names if name in (".git", "__pycache__") or
                                                 name.startswith("build") and pathlib.Path(where) == PROJECT])
    if BUILDS:
        (directory / "build").symlink_to(pathlib.Path(BUILDS, "plain"))
        return directory
    for block in BUILDING:
        done = run("sh", "-ec", block, cwd=directory, timeout=600)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert "warning: " not in done.stdout
    assert "clang" in (directory / "build-clang" / "compile_commands.json").read_text()
    return directory


@pytest.mark.files
def test_tests_run_builds_in_the_same_way():
    """So what it has built need not be built again to see that these commands work."""
    options = " ".join(suite.OPTIONS)
    assert BUILDING == [f"tests/install-packages build run test\nmeson setup build {options}\nninja -C build\n",
                        f"CC=clang meson setup build-clang {options}\nninja -C build-clang\n"]
    assert [suite.BUILDS[name][0] for name in ("plain", "clang")] == ["gcc", "clang"]


# Those that build are the fixture's, and the bench in its short form has a test of its own.
@pytest.mark.files
@pytest.mark.parametrize("block", [block for block in BLOCKS if block not in BUILDING and not re.search("--short$", block)],
                         ids=lambda block: re.search(r"meson test|pytest|--short.*|clang-format", block)[0])
def test_commands(copy, block):
    done = run("sh", "-ec", block, cwd=copy, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    if "pytest" in block:
        assert re.search("[1-9][0-9]* passed", done.stdout)
    if "meson test" in block:
        assert re.search("^Ok: +1 *$", done.stdout, re.MULTILINE)


def test_what_it_names_is_there():
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    for path in re.findall(r"[`(]((?:fs|man|tests|\.)[\w/.-]+)[`)]", text):
        assert (PROJECT / path).exists() or "NAME" in path, path
