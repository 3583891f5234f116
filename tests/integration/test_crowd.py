# SPDX-License-Identifier: GPL-2.0-or-later
"""The suite passes in a kernel that is in use by others: their programs are of every type, attached or
not, with odd metadata and many maps, and come and go."""

import json
import pathlib
import subprocess
import sys

import pytest

import bpf
from conftest import SLOWNESS, ok, run

HERE = pathlib.Path(__file__).resolve().parent
# What compares the tree with the kernel, or reads all of it. To read all of it takes long without events,
# and to copy it takes long anyway; what is about single programs of its own is the same with the crowd.
PARTS = {
    "tree": ["test_tree.py", "-k", "not noevents and not walk and not cp and not rsync"],
    "tree without events": ["test_tree.py", "-k", "noevents and (bpftool or listing or there or "
                            "unloaded or kept or changed or grow or links)"],
    "recipes": ["test_recipes.py", "-k", "not snapshot and not quickstart and "
                "not installing"],
    "features": ["test_features.py"],
    "cache": ["test_cache.py"],
    "documents": ["test_documents.py", "-k", "tree"],
    "conventions": ["test_conventions.py", "-k", "bound or late or several"],
}


@pytest.fixture(scope="module")
def crowd():
    with subprocess.Popen(["unshare", "--net", sys.executable, "-B", HERE / "crowd.py"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.communicate("", timeout=120 * SLOWNESS)
        assert process.returncode == 0


def test_the_crowd_is_one(crowd):
    """Otherwise what follows says nothing."""
    assert len(crowd["types"]) + len(crowd["broken"]) >= 24
    assert len({kind for _, kind in crowd["types"]}) >= 20
    assert crowd["attached"] >= 5
    assert set(crowd["broken"]) <= set(bpf.prog_ids())
    with pytest.raises(json.JSONDecodeError):
        json.loads(run("bpftool", "-j", "prog", "show").stdout)
    fd = bpf.call(bpf.PROG_GET_FD_BY_ID, crowd["late"].to_bytes(4, "little"))[0]
    with open(fd, "rb"):
        assert len(bpf.bound_map_ids(fd)) == 2000


def test_all_of_the_crowd_is_shown(crowd, tree):
    for number, kind in crowd["types"]:
        info = tree / str(number) / "info"
        shown = json.loads(ok("bpftool", "-j", "prog", "show", "id", number))
        assert (info / "type").read_text() == f"{bpf.type_name('prog', shown['type'])}\n"
        assert (tree / str(number) / "app").read_text() == "crowd\n"
        assert (tree / str(number) / "number").read_text() == f"{kind}\n"
    late = tree / str(crowd["late"])
    assert [(late / name).read_text() for name in ("late", "late~2", "late~2000")] == \
        ["0\n", "1\n", "1999\n"]


@pytest.mark.parametrize("part", PARTS)
def test_the_suite_passes_in_it(crowd, part, tmp_path):
    file, *words = PARTS[part]
    done = run(sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-ra",
               f"--basetemp={tmp_path}/inner", HERE / file, *words, timeout=900)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
