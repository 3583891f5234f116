# SPDX-License-Identifier: GPL-2.0-or-later
"""What was read once costs no request. The daemon is stopped, so that whatever needs it waits."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from conftest import SLOWNESS, eventually, ok, run

# What the kernel has cached it may forget at any time, the more so on a machine in use. Whoever then
# waits for the daemon that is stopped tries again, so often.
TRIES = 5


@contextlib.contextmanager
def stopped(daemon):
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(daemon.pid, signal.SIGCONT)


def read_all(paths):
    """The texts of files, by another process, which can be waited for in vain."""
    return ok("grep", "-H", "", *paths, timeout=10)


def look_at_all(paths):
    """The texts of files, and their numbers and sizes."""
    return read_all(paths), ok("stat", "-c", "%i %s", *paths, timeout=10)


def read_without(serving, paths):
    """Looks at the files, then again while the daemon is stopped. False if that was in vain."""
    before = look_at_all(paths)
    with stopped(serving):
        try:
            again = look_at_all(paths)
        except subprocess.TimeoutExpired:
            return False
    assert again == before
    return True


@pytest.mark.parametrize("where", ["{program}", "{program}/info", "{program}/maps/{map}/info",
                                   "{program}/maps/{map}/vars", "maps/{map}/info", "maps/{map}/vars"])
def test_what_was_read_needs_no_daemon(daemon, mountpoint, program, where):
    """Also what belongs to a map, once the programs that hold it have been seen."""
    serving = daemon()
    os.listdir(mountpoint)
    os.listdir(mountpoint / "maps")
    (rodata,) = [number for number in program.map_ids
                 if (mountpoint / "maps" / str(number) / "vars").exists()]
    directory = mountpoint / where.format(program=program.id, map=rodata)
    # What changes while the object lives is asked for again each time.
    changing = {"run_time_ns", "run_cnt", "recursion_misses", "map_ids", "attached", "pinned"}
    paths = [path for path in directory.iterdir() if path.is_file() and path.name not in changing]
    assert paths
    assert any(read_without(serving, paths) for _ in range(TRIES))


def test_without_events_the_daemon_is_asked_each_time(daemon, mountpoint, program):
    serving = daemon(options="noevents")
    path = mountpoint / str(program.id) / "oncall"
    read_all([path])
    with stopped(serving):
        waiting = subprocess.Popen(["cat", path], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=0.5)
    assert waiting.communicate(timeout=20 * SLOWNESS)[0] == f"{program.oncall}\n"


def test_an_idle_daemon_sleeps(daemon, mountpoint, program):
    """While requests come one after the other it stays awake for the next; then no longer."""
    serving = daemon()
    run("find", mountpoint / str(program.id))
    status = pathlib.Path(f"/proc/{serving.pid}/task/{serving.pid}/status")

    def switches():
        return re.findall(r"ctxt_switches:\s+(\d+)", status.read_text())

    def sleeps():
        before = switches()
        time.sleep(0.5)
        return switches() == before and "S (sleeping)" in status.read_text()

    # What the kernel tells it to forget, at a moment of its own choice, wakes it once.
    eventually(sleeps)
