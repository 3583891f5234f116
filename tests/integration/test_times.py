# SPDX-License-Identifier: GPL-2.0-or-later
"""The times of directories: when what they list has come or gone last."""

import os
import subprocess

import bpf
from attaching import Attacher, link_id
from conftest import eventually, run
from vanished import unexplained


def stamp(path):
    """A file that is newer than all that was there before. Two clocks tick here: the kernel's for files is
    coarse."""
    path.touch()
    seen = path.stat().st_mtime_ns
    eventually(lambda: path.touch() or path.stat().st_mtime_ns > seen)
    return path


def newer(tree, than, *more):
    """What find(1) finds: paths in the tree, "." for the root. Others' programs come and go meanwhile."""
    done = run("find", tree, *more, "-newer", than, "-printf", "%P\n", env=dict(os.environ, LC_ALL="C"))
    assert unexplained(done.stderr, tree) == []
    return {line or "." for line in done.stdout.splitlines()}


def test_the_root_has_the_time_of_the_last_load_and_unload(tree, tmp_path, hand):
    root = lambda: newer(tree, stamped, "-maxdepth", "0")
    stamped = stamp(tmp_path / "stamp")
    fd, number = hand()
    eventually(lambda: root() == {"."})
    assert os.stat(tree).st_mtime_ns >= os.stat(tree / str(number)).st_mtime_ns

    stamped = stamp(tmp_path / "stamp")
    fd, number = hand()
    eventually(lambda: root() == {"."})
    assert str(number) in newer(tree, stamped, "-maxdepth", "1")


def test_the_root_tells_of_an_unload(tree, tmp_path):
    fd = bpf.prog_load(name=b"goes")
    number = bpf.object_id(fd)
    os.listdir(tree)
    eventually(lambda: os.path.exists(tree / str(number)))
    stamped = stamp(tmp_path / "stamp")
    os.close(fd)
    eventually(lambda: not os.path.exists(tree / str(number)))
    eventually(lambda: newer(tree, stamped, "-maxdepth", "0") == {"."})


def test_a_new_map_is_newer(tree, tmp_path, fds):
    before = bpf.map_create(name=b"before")
    fds.append(before)
    old = str(bpf.object_id(before))
    assert os.path.exists(tree / "maps" / old)
    stamped = stamp(tmp_path / "stamp")
    assert f"maps/{old}" not in newer(tree, stamped)

    fd = bpf.map_create(name=b"new")
    number = str(bpf.object_id(fd))
    found = newer(tree, stamped)
    assert {f"maps/{number}", f"maps/{number}/info", f"maps/{number}/info/type"} <= found
    assert f"maps/{old}" not in found
    eventually(lambda: "maps" in newer(tree, stamped, "-maxdepth", "1"))
    since = os.stat(tree / "maps" / number).st_mtime_ns
    stamped = stamp(tmp_path / "stamp")
    assert os.stat(tree / "maps" / number).st_mtime_ns == since
    assert f"maps/{number}" not in newer(tree, stamped)

    os.close(fd)
    eventually(lambda: not os.path.exists(tree / "maps" / number))
    eventually(lambda: "maps" in newer(tree, stamped, "-maxdepth", "1"))


def test_maps_of_a_program_have_the_time_of_its_load(daemon, mountpoint, load):
    """Nobody has to look: its event tells that there are new maps."""
    daemon()
    loaded = load("hello")
    directory = mountpoint / str(loaded.id)
    eventually(directory.exists)
    at = directory.stat().st_mtime
    # A later look changes nothing.
    subprocess.run(["sleep", "1.5"], check=True)
    for number in loaded.map_ids:
        assert abs((mountpoint / "maps" / str(number)).stat().st_mtime - at) < 1
        assert abs((directory / "maps" / str(number)).stat().st_mtime - at) < 1


def test_what_was_there_has_the_time_of_the_mount(daemon, mountpoint, tmp_path, load):
    loaded = load("hello")
    daemon()
    stamped = stamp(tmp_path / "stamp")
    numbers = [f"maps/{number}" for number in loaded.map_ids]
    assert not set(numbers) & newer(mountpoint, stamped)
    assert {os.stat(mountpoint / path).st_mtime_ns for path in numbers} \
        == {os.stat(mountpoint / "by").st_mtime_ns}


def test_a_new_link_is_newer(tree, tmp_path):
    stamped = stamp(tmp_path / "stamp")
    attacher = Attacher()
    try:
        number = link_id(attacher.raw_tracepoint())
        assert f"links/{number}" in newer(tree, stamped)
        eventually(lambda: "links" in newer(tree, stamped))
    finally:
        attacher.close()


def test_nothing_happens_to_the_times_of_an_object_file(daemon, mountpoint, compiled):
    daemon(source=compiled("hello"))
    assert os.stat(mountpoint).st_mtime_ns == os.stat(mountpoint / "maps").st_mtime_ns \
        == os.stat(compiled("hello")).st_mtime_ns
