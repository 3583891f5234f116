# SPDX-License-Identifier: GPL-2.0-or-later
"""What is shown is what is there: nothing stale, nothing hidden by something else."""

import os
import pathlib
import struct
import time

import pytest

import bpf
from conftest import BPFFS, SLOWNESS, ok, remembered, run
from test_cache import read_all, stopped
from test_tree import walk

LAG = 0.05  # seconds: INDEX_LAG_MS in bpfmetafs(5)


@pytest.fixture
def late(hand, fds):
    """A program with a map that programs can't write and that is not frozen yet: its fd, and the
    program's id."""
    prog, number = hand()
    fds.append(bpf.metadata_map([("bpf_metadata_late", "old")], freeze=False))
    bpf.bind(prog, fds[-1])
    return fds[-1], number


@pytest.mark.parametrize("read_before", [True, False])
@pytest.mark.parametrize("noticed_by", ["maps/{map}", "{prog}/late", "{prog}/maps/{map}/vars",
                                        "{prog}", "maps/{map}/info/frozen"])
def test_a_value_is_that_of_the_freeze(tree, late, read_before, noticed_by):
    fd, number = late
    path = tree / str(number) / "late"
    if read_before:
        assert path.read_text() == "old\n"
    bpf.map_update(fd, 0, b"new\0")
    bpf.map_freeze(fd)
    run("ls", tree / noticed_by.format(map=bpf.object_id(fd), prog=number))
    for _ in range(3):
        assert path.read_text() == "new\n"
    assert (tree / "maps" / str(bpf.object_id(fd)) / "vars" / "bpf_metadata_late").read_text() == \
        "new\n"


def test_a_freeze_is_noticed_by_reading(daemon, mountpoint, late):
    """From then on the value is read from the kernel's cache, as any other that can't change."""
    serving = daemon()
    fd, number = late
    path = mountpoint / str(number) / "late"
    assert path.read_text() == "old\n"
    bpf.map_freeze(fd)
    before = read_all([path])
    with stopped(serving):
        assert read_all([path]) == before


@pytest.fixture
def forbid(compiled, fds):
    """forbid(map_id, prog_id): from then on nobody may open these."""
    pins = BPFFS / f"bpfmetafs-test-forbid-{os.getpid()}"
    loaded = run("bpftool", "prog", "loadall", compiled("forbid"), pins)
    if loaded.returncode != 0:
        pytest.skip(f"this kernel lets no program forbid anything: {loaded.stderr[-300:]}")
    progs = []
    for pin in pins.iterdir():
        progs.append(bpf.obj_get(pin))
        pin.unlink()
    pins.rmdir()
    # While these are open they are attached.
    fds.extend(progs)
    fds.extend(bpf.call(bpf.RAW_TRACEPOINT_OPEN, struct.pack("<QI", 0, prog))[0] for prog in progs)
    (variables,) = {number for prog in progs for number in bpf.bound_map_ids(prog)
                    if bpf.map_name(number).endswith(b".bss")}

    def set_ids(map_id, prog_id):
        fd = bpf.map_by_id(variables)
        bpf.map_update(fd, 0, struct.pack("<II", map_id, prog_id))
        os.close(fd)

    return set_ids


def test_what_cannot_be_opened_hides_nothing(tree, hand, fds, forbid):
    prog, number = hand()
    for name in "bpf_metadata_oncall", "bpf_metadata_app":
        fds.append(bpf.metadata_map([(name, "net-team")]))
        bpf.bind(prog, fds[-1])
    closed, opened = (bpf.object_id(fd) for fd in fds[-2:])
    _, other = hand()
    forbid(closed, other)
    root = tree / str(number)
    assert (root / "app").read_text() == "net-team\n"
    assert not (root / "oncall").exists()
    assert sorted(os.listdir(root)) == ["app", "info", "maps"]
    assert {str(closed), str(opened)} <= set(os.listdir(root / "maps"))
    assert {str(closed), str(opened)} <= set(os.listdir(tree / "maps"))
    for directory in root / "maps" / str(closed), tree / "maps" / str(closed):
        assert "(cannot be shown)" in os.listdir(directory)
        assert (directory / "(cannot be shown)").read_text() == \
            "(cannot be shown: the kernel does not let it be opened: Operation not permitted)\n"
    assert os.listdir(tree / str(other)) == ["(cannot be shown)"]
    assert {"maps", str(number), str(other)} <= set(os.listdir(tree))
    # What may be opened again is shown, and nothing of before is remembered.
    forbid(0, 0)
    assert (root / "oncall").read_text() == "net-team\n"
    assert (tree / str(other) / "info" / "name").read_text() == "by_hand\n"
    assert "info" in os.listdir(tree / "maps" / str(closed))


def test_a_bound_map_lags_for_a_fixed_time(tree, hand, fds):
    """A map that nobody has looked at shows its program at once, and another one that is bound to a
    program later does so after a fixed time, whatever else is loaded."""
    first, first_id = hand()
    second, second_id = hand()
    for _ in range(3):
        fds.append(bpf.metadata_map([("a", "b")]))
        progs = tree / "maps" / str(bpf.object_id(fds[-1])) / "progs"
        bpf.bind(first, fds[-1])
        assert os.listdir(progs) == [str(first_id)]
        bpf.bind(second, fds[-1])
        # One name is always asked for.
        assert os.readlink(progs / str(second_id)) == f"../../../{second_id}"
        time.sleep(LAG)
        assert sorted(os.listdir(progs)) == sorted([str(first_id), str(second_id)])


def test_rsync_sees_a_change_of_the_same_size(tree, fds, tmp_path):
    fds.append(bpf.map_create(name=b"freezes"))
    info = tree / "maps" / str(bpf.object_id(fds[-1])) / "info"
    ok("rsync", "-a", f"{info}/", tmp_path / "copy")
    assert (tmp_path / "copy" / "frozen").read_text() == "0\n"
    mark = tmp_path / "mark"
    mark.touch()
    time.sleep(1)  # rsync compares seconds
    bpf.map_freeze(fds[-1])
    ok("rsync", "-a", f"{info}/", tmp_path / "copy")
    assert (tmp_path / "copy" / "frozen").read_text() == "1\n"
    assert ok("find", info, "-newer", mark) == f"{info}/frozen\n"


def test_a_change_is_seen_after_the_kernel_has_forgotten_the_file(tree, fds):
    """And what has not changed keeps its time."""
    fds.append(bpf.map_create(name=b"freezes"))
    info = tree / "maps" / str(bpf.object_id(fds[-1])) / "info"
    paths = [info / "frozen", info / "bytes_memlock"]
    before = [path.stat().st_mtime_ns for path in paths]
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    assert [path.stat().st_mtime_ns for path in paths] == before
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    start = time.time_ns()
    bpf.map_freeze(fds[-1])
    assert paths[0].stat().st_mtime_ns >= start - 10**9 * SLOWNESS
    assert paths[0].stat().st_mtime_ns > before[0]
    assert paths[1].stat().st_mtime_ns == before[1]


def test_inode_numbers_fit_into_32_bits(tree, program):
    """Programs without large-file support can look at a tree of this size, and what a listing says
    is what stat() says."""
    seen = {}
    for path in walk(tree / str(program.id)):
        number = os.lstat(path).st_ino
        assert 0 < number < 2**32
        assert seen.setdefault(number, path) == path
    for directory in tree, tree / "maps", tree / str(program.id) / "info":
        for entry in os.scandir(directory):
            assert entry.inode() < 2**32
    info = tree / str(program.id) / "info"
    with remembered(info / "id"):
        fixed = {entry.name: entry.inode() for entry in os.scandir(info)}
        assert fixed["id"] == os.stat(info / "id").st_ino
