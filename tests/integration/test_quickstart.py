# SPDX-License-Identifier: GPL-2.0-or-later
"""What ./quickstart mounts, pins and takes back, and what it leaves alone. Building and installing is not
tried here: bpfmetafs is installed already, and what would do that does nothing."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import run

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BPFFS = pathlib.Path("/sys/fs/bpf")


class Quickstart:
    """Runs it in a mount namespace of its own, with a bpffs in the usual place that nobody else sees."""

    def __init__(self, directory):
        tools = directory / "tools"
        tools.mkdir()
        for name in ("meson", "ninja"):
            (tools / name).write_text("#!/bin/sh\n")
            (tools / name).chmod(0o755)
        self.build = directory / "build"
        self.mountpoint = directory / "bpfmeta"
        self.environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}",
                            "BUILD": str(self.build), "MOUNTPOINT": str(self.mountpoint)}
        self.environment.pop("PIN", None)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec",
             f"while umount {BPFFS} 2>&-; do :; done; mount -t bpf bpf {BPFFS}; echo ready; read end"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def inside(self, *argv, **environment):
        return run("nsenter", "--mount", f"--target={self.process.pid}", "--", *argv,
                   env={**self.environment, **environment}, timeout=100)

    def __call__(self, *words, **environment):
        return self.inside(PROJECT / "quickstart", *words, **environment)

    def succeeds(self, *words, **environment):
        done = self(*words, **environment)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout

    def fails(self, *words, **environment):
        done = self(*words, **environment)
        assert done.returncode == 1
        assert re.fullmatch(r"quickstart: [^\n]+\n", done.stderr)
        return done.stderr

    def has(self, path):
        return self.inside("test", "-e", path).returncode == 0

    def mounts(self):
        """What is mounted: points and types."""
        text = pathlib.Path(f"/proc/{self.process.pid}/mountinfo").read_text()
        return [(line.split()[4], line.split(" - ")[1].split()[0]) for line in text.splitlines()]


@pytest.fixture
def quickstart(tmp_path):
    started = Quickstart(tmp_path)
    yield started
    started.process.stdin.close()
    started.process.wait()
    started.process.stdout.close()


def test_mounts_and_takes_back_one_tree(quickstart):
    before = quickstart.mounts()
    told = quickstart.succeeds()
    assert told.endswith("net-team\n")
    assert "mounting bpffs" not in told
    assert quickstart.mounts() == [*before, (str(quickstart.mountpoint), "fuse.bpfmetafs")]
    assert quickstart.has(BPFFS / "bpfmetafs-hello")
    quickstart.succeeds("--undo")
    assert quickstart.mounts() == before
    assert not quickstart.has(BPFFS / "bpfmetafs-hello")
    assert not quickstart.build.exists()


def test_mounts_the_bpffs_that_is_missing_and_takes_it_back(quickstart):
    quickstart.inside("umount", BPFFS)
    before = quickstart.mounts()
    assert f"quickstart: mounting bpffs on {BPFFS}\n" in quickstart.succeeds()
    assert (str(BPFFS), "bpf") in quickstart.mounts()
    # Again, it is there.
    assert "mounting bpffs" not in quickstart.succeeds()
    told = quickstart.succeeds("--undo")
    assert f"unmounting {BPFFS}" in told
    assert quickstart.mounts() == before


def test_a_bpffs_that_others_use_stays(quickstart):
    quickstart.inside("umount", BPFFS)
    quickstart.succeeds()
    quickstart.inside("mkdir", BPFFS / "others")
    assert f"{BPFFS} is in use and stays mounted" in quickstart.succeeds("--undo")
    assert quickstart.has(BPFFS / "others")


def test_a_bpffs_of_somebody_else_stays(quickstart):
    """What was mounted is gone, and what is there now was mounted by another, as after a reboot."""
    quickstart.inside("umount", BPFFS)
    quickstart.succeeds()
    quickstart.inside("umount", BPFFS)
    quickstart.inside("mount", "-t", "bpf", "bpf", BPFFS)
    assert "unmounting" not in quickstart.succeeds("--undo")
    assert (str(BPFFS), "bpf") in quickstart.mounts()


def test_a_pin_in_another_directory_of_a_bpffs(quickstart, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    quickstart.inside("mount", "-t", "bpf", "bpf", other)
    quickstart.inside("mkdir", other / "below")
    before = quickstart.mounts()
    pin = other / "below" / "hello"
    told = quickstart.succeeds(PIN=str(pin))
    assert "mounting bpffs" not in told
    assert quickstart.has(pin)
    # What is taken back is what was made, whatever is in the environment now.
    quickstart.succeeds("--undo", MOUNTPOINT=str(tmp_path / "elsewhere"))
    assert not quickstart.has(pin)
    assert quickstart.mounts() == before
    assert not quickstart.mountpoint.exists()


@pytest.mark.parametrize("pin", ["DIR/pins/hello", "DIR/missing/hello", "/sys/fs/bpf/missing/hello",
                                 "/hello"])
def test_nothing_is_mounted_over_what_is_no_bpffs(quickstart, tmp_path, pin):
    (tmp_path / "pins").mkdir()
    (tmp_path / "pins" / "mine").touch()
    before = quickstart.mounts()
    pin = pin.replace("DIR", str(tmp_path))
    told = quickstart.fails(PIN=pin)
    assert f"{pin} is not in a bpffs: name a file in one in PIN, such as /sys/fs/bpf/NAME" in told
    assert quickstart.mounts() == before
    assert (tmp_path / "pins" / "mine").exists()
    assert not quickstart.build.exists()


def test_a_pin_of_somebody_else_stays(quickstart):
    pin = BPFFS / "mine"
    quickstart.inside("mkdir", pin)
    assert f"{pin} is there already: name another file in PIN" in quickstart.fails(PIN=str(pin))
    assert quickstart.has(pin)


@pytest.mark.parametrize("name", ["PIN", "MOUNTPOINT"])
def test_paths_are_absolute(quickstart, name):
    assert f"{name} has to begin with /" in quickstart.fails(**{name: "relative/hello"})
