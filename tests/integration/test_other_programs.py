# SPDX-License-Identifier: GPL-2.0-or-later
"""What programs do with the tree that read every filesystem of a machine."""

import os

import pytest

from conftest import ok, run
from vanished import unexplained


@pytest.fixture
def copied(tree, program, mountpoint):
    """A program in the tree, and what a command that reads all of the tree says and has to say."""
    def read(*argv, **environment):
        done = run(*argv, timeout=300, env={**os.environ, "LC_ALL": "C", **environment})
        assert unexplained(done.stderr, mountpoint) == []
        assert done.returncode == 0 or done.stderr != ""
        return done.stdout

    return program, read


def test_restic(copied, mountpoint, tmp_path):
    program, read = copied
    environment = {"RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": str(tmp_path / "restic"),
                   "RESTIC_CACHE_DIR": str(tmp_path / "cache")}
    ok("restic", "init", "-q", env={**os.environ, **environment})
    read("restic", "backup", "-q", mountpoint, **environment)
    read("restic", "restore", "-q", "latest", "--target", tmp_path / "all", **environment)
    copy = tmp_path / "all" / str(mountpoint).lstrip("/") / str(program.id)
    assert (copy / "oncall").read_text() == f"{program.oncall}\n"


def test_borg(copied, mountpoint, tmp_path):
    program, read = copied
    environment = {"BORG_BASE_DIR": str(tmp_path / "base"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
    run("borg", "init", "-e", "none", tmp_path / "borg", env={**os.environ, **environment})
    read("borg", "create", f"{tmp_path}/borg::all", mountpoint, **environment)
    path = f"{mountpoint}/{program.id}/oncall".lstrip("/")
    assert read("borg", "extract", "--stdout", f"{tmp_path}/borg::all", path, **environment) == f"{program.oncall}\n"


def test_updatedb_can_be_kept_away(copied, mountpoint, tmp_path):
    program, read = copied
    words = ["-l", "0", "-o", tmp_path / "db", "-U", mountpoint.parent, "--prunepaths", "", "--prune-bind-mounts", "no"]
    wanted = f"{mountpoint}/{program.id}/oncall"
    read("updatedb", *words)
    assert wanted in read("plocate", "-d", tmp_path / "db", "oncall").splitlines()
    read("updatedb", *words, "--add-prunefs", "fuse.bpfmetafs")
    assert wanted not in run("plocate", "-d", tmp_path / "db", "oncall").stdout.splitlines()


def test_what_stays_in_one_filesystem_leaves_it_out(copied, mountpoint, tmp_path_factory):
    _, read = copied
    above = mountpoint.parent
    assert str(mountpoint / "maps") in read("find", above, "-maxdepth", "2").splitlines()
    assert str(mountpoint / "maps") not in read("find", above, "-xdev", "-maxdepth", "2").splitlines()
    listed = run("tar", "--create", "--one-file-system", "--verbose", "--file=/dev/null", above.name,
                 cwd=above.parent).stdout.splitlines()
    assert f"{above.name}/" in listed and not any(f"/{mountpoint.name}/maps" in path for path in listed)
    copy = tmp_path_factory.mktemp("copy")
    ok("rsync", "-ax", f"{above}/", copy)
    assert list((copy / mountpoint.name).iterdir()) == []


def test_df(tree, mountpoint):
    assert ok("df", "--output=source,fstype,size,used,target", mountpoint).splitlines()[1].split() == \
        ["bpf", "fuse.bpfmetafs", "0", "0", str(mountpoint)]
    assert str(mountpoint) not in run("df").stdout
    assert str(mountpoint) in run("df", "-a").stdout
