# SPDX-License-Identifier: GPL-2.0-or-later
"""info/pinned: where programs and maps are pinned, on real bpffs mounts."""

import ctypes
import errno
import os
import pathlib
import signal
import time

import pytest

import bpf
from conftest import BPFFS, SLOWNESS, broker_of, eventually, is_mounted, ok


SYS_MOUNT_SETATTR = 442


def can_look():
    """Without this call the files say that nothing could be looked at."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(SYS_MOUNT_SETATTR, -1, b"", 0, None, 0)
    return ctypes.get_errno() != errno.ENOSYS


def as_pinned(*paths):
    """The lines of info/pinned for these pins; or, if this kernel can't look, those that say so."""
    if can_look():
        return list(paths)
    places = ok("findmnt", "--raw", "--noheadings", "--types", "bpf", "--output", "TARGET").splitlines()
    return [f"(not looked at, it would change times of access before Linux 5.12: {place})"
            for place in places]


@pytest.fixture(autouse=True)
def able():
    """test_attached has a test for kernels that can't."""
    if not can_look():
        pytest.skip("this kernel can't look without changing times of access")


@pytest.fixture
def place():
    """A directory on the bpffs that everybody uses, emptied at the end."""
    path = BPFFS / f"bpfmetafs-pins-{os.getpid()}"
    path.mkdir()
    yield path
    ok("rm", "-r", path)


@pytest.fixture
def other(tmp_path):
    """A directory on which a bpffs can be mounted."""
    path = tmp_path / "other"
    path.mkdir()
    yield path
    while is_mounted(path):
        ok("umount", path)


@pytest.fixture
def number(fds):
    """The id of a map that is not pinned."""
    fds.append(bpf.map_create(name=b"pins"))
    return bpf.object_id(fds[-1])


def shown(tree, number):
    """Where the map is pinned."""
    return (tree / "maps" / str(number) / "info" / "pinned").read_text().splitlines()


def pin(number, path):
    fd = bpf.map_by_id(number)
    try:
        bpf.obj_pin(fd, path)
    finally:
        os.close(fd)
    return str(path)


def test_a_program_from_pin_to_unlink(tree, hand, place):
    fd, number = hand()
    file = tree / str(number) / "info" / "pinned"
    assert file.read_text() == ""
    assert file.stat().st_size == 0
    ok("bpftool", "prog", "pin", "id", number, place / "one")
    assert file.read_text() == f"{place}/one\n"
    ok("bpftool", "prog", "pin", "id", number, place / "a")
    assert file.read_text() == f"{place}/a\n{place}/one\n"
    assert file.stat().st_size == len(f"{place}/a\n{place}/one\n")
    os.rename(place / "one", place / "two")
    assert file.read_text() == f"{place}/a\n{place}/two\n"
    os.unlink(place / "a")
    assert file.read_text() == f"{place}/two\n"
    os.unlink(place / "two")
    assert file.read_text() == ""
    # Whoever lists does not look, and finds the same names.
    assert {"pinned", "id", "run_cnt"} <= set(os.listdir(file.parent))


def test_what_was_pinned_before(tree, load):
    """By a loader, in a directory of its own."""
    loaded = load("types")
    for pinned in loaded.pins.iterdir():
        fd = bpf.obj_get(pinned)
        info = tree / str(bpf.object_id(fd)) / "info"
        os.close(fd)
        assert (info / "pinned").read_text() == f"{pinned}\n"


def test_a_pin_is_all_that_keeps_it(tree, load):
    """The file does not keep the program."""
    loaded = load("hello")
    info = tree / str(loaded.id) / "info"
    assert (info / "pinned").read_text() == f"{loaded.pins}/hello\n"
    loaded.unload()
    end = time.monotonic() + 20 * SLOWNESS
    while loaded.id in bpf.prog_ids():
        assert time.monotonic() < end
    with pytest.raises(FileNotFoundError):
        (info / "pinned").read_text()


def test_a_map_in_all_its_places(tree, load, place):
    loaded = load("hello")
    number = loaded.map_ids[0]
    path = pin(number, place / "map")
    assert shown(tree, number) == [path]
    assert (tree / str(loaded.id) / "maps" / str(number) / "info" / "pinned").read_text() == \
        f"{path}\n"


def test_directories(tree, number, place):
    (place / "a").mkdir()
    (place / "a" / "b").mkdir()
    assert shown(tree, number) == []
    pin(number, place / "a" / "b" / "x")
    assert shown(tree, number) == [f"{place}/a/b/x"]
    os.rename(place / "a", place / "c")
    assert shown(tree, number) == [f"{place}/c/b/x"]
    (place / "c" / "d").mkdir()
    pin(number, place / "c" / "d" / "x")
    assert shown(tree, number) == [f"{place}/c/b/x", f"{place}/c/d/x"]
    ok("rm", "-r", place / "c")
    assert shown(tree, number) == []


def test_a_mount_that_comes_later(tree, number, place, other):
    pin(number, place / "x")
    ok("mount", "-t", "bpf", "bpf", other)
    pin(number, other / "y")
    assert shown(tree, number) == sorted([f"{place}/x", f"{other}/y"])
    # Over it, and away again.
    ok("mount", "-t", "tmpfs", "none", other)
    (hidden,) = set(shown(tree, number)) - {f"{place}/x"}
    assert hidden.startswith("(") and str(other) in hidden
    ok("umount", other)
    assert shown(tree, number) == sorted([f"{place}/x", f"{other}/y"])
    ok("umount", other)
    assert shown(tree, number) == [f"{place}/x"]
    ok("mount", "--bind", place, other)
    assert shown(tree, number) == sorted([f"{place}/x", f"{other}/x"])


def test_no_mount_is_kept_busy(tree, number, other):
    for _ in range(50):
        ok("mount", "-t", "bpf", "bpf", other)
        pin(number, other / "x")
        assert shown(tree, number) == [f"{other}/x"]
        ok("umount", other)
    assert shown(tree, number) == []


def test_a_mount_that_goes_takes_its_pins_along(tree, fds, other):
    ok("mount", "-t", "bpf", "bpf", other)
    fd = bpf.map_create(name=b"pins")
    number = bpf.object_id(fd)
    pin(number, other / "x")
    os.close(fd)
    assert shown(tree, number) == [f"{other}/x"]
    ok("umount", other)
    end = time.monotonic() + 20 * SLOWNESS
    while number in bpf.map_ids():
        assert time.monotonic() < end


def test_no_time_changes(tree, number, place):
    pin(number, place / "x")
    before = [os.stat(path) for path in (place, place / "x")]
    time.sleep(0.02)
    assert shown(tree, number) == [f"{place}/x"]
    os.rename(place / "x", place / "y")
    after_rename = os.stat(place)
    assert shown(tree, number) == [f"{place}/y"]
    after = [os.stat(path) for path in (place, place / "y")]
    assert [one.st_atime_ns for one in after] == [one.st_atime_ns for one in before]
    assert after[1].st_mtime_ns == before[1].st_mtime_ns
    assert after[0].st_mtime_ns == after_rename.st_mtime_ns


def test_hostile_names(tree, number, place):
    name = "a\n/etc/passwd \x1b[2J\\".replace("/", ":")
    pin(number, place / name)
    pin(number, os.fsencode(place) + b"/\xff")
    assert shown(tree, number) == [f"{place}/a\\x0a:etc:passwd \\x1b[2J\\\\", f"{place}/\\xff"]


def test_a_line_of_a_pin_begins_with_a_slash(tree, number, place):
    """So what says that something can't be known is not taken for a pin, whatever a pin is called."""
    pin(number, place / "(cannot be looked at)")
    assert shown(tree, number) == [f"{place}/(cannot be looked at)"]


def test_an_object_file_has_none(daemon, compiled, mountpoint):
    daemon(compiled("hello"))
    assert "pinned" not in os.listdir(mountpoint / "hello" / "info")
    assert not (mountpoint / "hello" / "info" / "pinned").exists()


def took(func, *args):
    start = time.monotonic()
    func(*args)
    return time.monotonic() - start


def test_nobody_waits_who_does_not_ask_for_pins(daemon, mountpoint, hand, number, place):
    """While the process that looks does not answer, pins are as they were known, and say so."""
    serving = daemon()
    info = mountpoint / str(hand()[1]) / "info"
    pin(number, place / "x")
    assert shown(mountpoint, number) == [f"{place}/x"]
    broker = broker_of(serving.pid)
    try:
        # Nothing has happened: there is nobody to be asked. But others may pin something as well.
        for _ in range(20):
            os.kill(broker, signal.SIGSTOP)
            if (seen := shown(mountpoint, number)) == [f"{place}/x"]:
                break
            os.kill(broker, signal.SIGCONT)
            eventually(lambda: shown(mountpoint, number) == [f"{place}/x"])
        assert seen == [f"{place}/x"]
        os.rename(place / "x", place / "y")
        for func in (lambda: (info / "run_cnt").read_text(), lambda: (info / "map_ids").read_text(),
                     lambda: os.listdir(info), lambda: ok("ls", info)):
            assert took(func) < 0.25 * SLOWNESS
        assert took(lambda: shown(mountpoint, number)) < 3 * SLOWNESS
        stale = shown(mountpoint, number)
        assert stale[0] == f"{place}/x" and stale[1].startswith("(cannot be looked at: ")
        assert len(stale) == 2
        # Not everybody waits who asks meanwhile.
        start = time.monotonic()
        for _ in range(20):
            shown(mountpoint, number)
        assert time.monotonic() - start < 3 * SLOWNESS
    finally:
        os.kill(broker, signal.SIGCONT)
    end = time.monotonic() + 20 * SLOWNESS
    while shown(mountpoint, number) != [f"{place}/y"]:
        assert time.monotonic() < end


def test_many_and_all_current(tree, number, place):
    """While pins come and go, what is read after a change shows it."""
    for i in range(300):
        path = pin(number, place / str(i))
        assert path in shown(tree, number)
        if i % 3:
            os.unlink(path)
            assert path not in shown(tree, number)
    assert len(shown(tree, number)) == 100
