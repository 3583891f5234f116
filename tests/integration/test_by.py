# SPDX-License-Identifier: GPL-2.0-or-later
"""by/: programs by their values, on real ones."""

import glob
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import threading
import time

import pytest

import bpf
from bpf import Btf
from conftest import SLOWNESS, eventually, ok, remembered, run
from test_links import cgroup, cgroup_link, let_go, skb  # noqa: F401: some are fixtures
from test_loader import child, group  # noqa: F401: fixtures
from test_pids import hold  # noqa: F401: a fixture

LAG = 0.06  # BY_LAG_MS, and a little more
# HOLDERS_REUSE_MS more, and the time of a look; on a busy machine it may be longer.
PROCESSES_LAG = LAG + 0.3


@pytest.fixture
def bound(hand, fds):
    """Loads a program and binds a map of these variables to it: bound(variables, ...) returns its id."""

    def load(variables, name=b"by_value", **options):
        fd, number = hand(name)
        fds.append(bpf.metadata_map(variables, **options))
        bpf.bind(fd, fds[-1])
        return number

    return load


def names(directory):
    """Others' programs may be such that a file says that all may not be there."""
    return [name for name in os.listdir(directory) if name != "(cannot be shown)"]


def programs(directory):
    """The ids in by/KEY/VALUE/. Each leads to the program, unless it is another's that ends."""
    found = set()
    for name in names(directory):
        assert name.isdigit()
        try:
            assert os.readlink(directory / name) == f"../../../{name}"
            assert (directory / name / "info" / "id").read_text() == f"{name}\n"
            found.add(int(name))
        except FileNotFoundError:
            assert int(name) not in bpf.prog_ids()
    return found


def unload(fd, number):
    """The descriptor is the last that holds the program."""
    os.close(fd)
    eventually(lambda: number not in bpf.prog_ids())


def gone(tree, number):
    """No name of by/ leads to the program."""
    # Path.glob() stumbles over directories of others that go meanwhile.
    return not [path for path in glob.glob(f"{glob.escape(str(tree))}/by/*/*/{number}") if os.path.lexists(path)]


def test_every_key_of_a_program(tree, program):
    shown = json.loads(ok("bpftool", "-j", "prog", "show", "id", program.id))
    by = tree / "by"
    assert program.id in programs(by / "oncall" / "net-team")
    assert program.id in programs(by / "revision" / "42")
    assert program.id in programs(by / "type" / "xdp")
    assert program.id in programs(by / "name" / "hello")
    assert program.id in programs(by / "tag" / shown["tag"])
    assert program.id in programs(by / "uid" / "0")
    assert {"oncall", "revision", "type", "name", "tag", "uid", "attached", "pinned", "comm", "unit",
            "build.commit"} <= set(os.listdir(by))
    assert "net-team" in os.listdir(by / "oncall")
    # Members of structs, with a dot between; the struct itself is no value.
    assert program.id in programs(by / "build.commit" / "deadbeef")
    assert program.id in programs(by / "build.host.port" / "8080")
    assert not (by / "build").exists()
    # Variables that are not metadata are no keys.
    assert not (by / "limit").exists()


def test_what_is_not_there(tree, program):
    by = tree / "by"
    for path in ("nothing", "oncall/nobody", "type/nothing", "attached/nothing", "pinned/nothing",
                 "comm/nothing", "unit/nothing", f"oncall/net-team/{2**31 - 1}", "oncall/net-team/0", "oncall/net-team/x",
                 f"oncall/net-team/0{program.id}", "uid/0/4294967296"):
        assert not os.path.lexists(by / path), path
    for path in "x", "oncall/x", "oncall/net-team/1":
        with pytest.raises(OSError):
            (by / path).write_text("")


def test_two_programs_of_one_value(tree, hand, fds):
    value = f"team-{os.getpid()}"
    numbers = []
    for name in b"first", b"second":
        fd, number = hand(name)
        numbers.append(number)
        fds.append(bpf.metadata_map([("bpf_metadata_owner", value), ("bpf_metadata_x", "1")]))
        bpf.bind(fd, fds[-1])
        assert programs(tree / "by" / "owner" / value) == set(numbers)
    # Through the directory of the one as well as of the other.
    seen = os.listdir(tree / "by" / "owner" / value / str(numbers[0]))
    assert {"owner", "x", "info", "maps"} <= set(seen)


def test_a_program_that_is_unloaded(tree, hand, fds):
    value = f"team-{os.getpid()}"
    directory = tree / "by" / "owner" / value
    held = []
    goes = f"goes{os.getpid()}"
    for name in "stays", goes, "goes_too":
        fd, number = hand(name.encode())
        map_fd = bpf.metadata_map([("bpf_metadata_owner", value)])
        bpf.bind(fd, map_fd)
        os.close(map_fd)
        held.append((fd, number))
    for _ in range(3):
        assert programs(directory) == {number for _, number in held}
        ok("ls", "-l", directory)
        fd, number = held.pop()
        unload(fd, number)
        eventually(lambda: not os.path.lexists(directory / str(number)), 1)
        if held:
            assert programs(directory) == {number for _, number in held}
    # With the last one the value has gone, and with that the key.
    eventually(lambda: not directory.exists(), 1)
    assert value not in (os.listdir(tree / "by" / "owner") if (tree / "by" / "owner").exists() else [])
    assert goes not in os.listdir(tree / "by" / "name")
    eventually(lambda: not (tree / "by" / "name" / goes).exists(), 1)


def test_unloading_needs_no_look(daemon, mountpoint, hand):
    """What the kernel remembers it is made to forget, though nobody looks at by/ any more."""
    daemon()
    name = f"gone{os.getpid()}"
    fd, number = hand(name.encode())
    paths = [mountpoint / "by" / key / value / str(number)
             for key, value in (("name", name), ("type", "socket_filter"), ("uid", "0"))]
    for path in paths:
        assert os.readlink(path) == f"../../../{number}"
        # Programs of others may go meanwhile.
        run("ls", "-l", path.parent)
    unload(fd, number)
    # A listing of the root takes up the event; the kernel alone answers for by/.
    for path in paths:
        eventually(lambda: not os.path.lexists(path), 1)
    eventually(lambda: not paths[0].parent.exists(), 1)


def test_a_value_comes_back(tree, hand):
    """A directory that one is in goes with its last program, and comes back with the next."""
    name = f"again{os.getpid()}"
    fd, number = hand(name.encode())
    directory = tree / "by" / "name" / name
    inside = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert names(inside) == [str(number)]
        unload(fd, number)
        eventually(lambda: not directory.exists(), 1)
        assert names(inside) == []
        _, second = hand(name.encode())
        assert names(directory) == [str(second)]
        assert names(inside) == [str(second)]
    finally:
        os.close(inside)


def test_a_map_that_is_bound_late(tree, hand, fds):
    fd, number = hand()
    by = tree / "by"
    os.listdir(by)
    key = f"late{os.getpid()}"
    fds.append(bpf.metadata_map([(f"bpf_metadata_{key}", "here")]))
    assert key not in os.listdir(by)
    bpf.bind(fd, fds[-1])
    # One name is looked up at once.
    time.sleep(LAG)
    assert key in os.listdir(by)
    assert programs(by / key / "here") == {number}


def test_a_map_that_is_frozen_late(tree, hand, fds):
    fd, number = hand()
    key = f"thawed{os.getpid()}"
    fds.append(bpf.metadata_map([(f"bpf_metadata_{key}", "ice")], flags=0, freeze=False))
    bpf.bind(fd, fds[-1])
    by = tree / "by"
    assert key not in os.listdir(by)
    bpf.map_freeze(fds[-1])
    time.sleep(LAG)
    assert programs(by / key / "ice") == {number}


def number_map(value, name, freeze=False):
    btf = Btf()
    kind = btf.int("int", 4, Btf.SIGNED)
    section = btf.datasec(".rodata", 4, [(btf.var(name, kind), 0, 4)])
    return bpf.typed_map(btf, section, struct.pack("<i", value), freeze=freeze)


def test_a_value_that_changes(tree, hand, fds):
    fd, number = hand()
    key = f"level{os.getpid()}"
    fds.append(number_map(1, f"bpf_metadata_{key}"))
    bpf.bind(fd, fds[-1])
    level = tree / "by" / key
    for value in range(1, 6):
        bpf.map_update(fds[-1], 0, struct.pack("<i", value))
        # The program itself is asked at once, and all others when the answer is too old.
        if value > 1:
            assert not os.path.lexists(level / str(value - 1) / str(number))
        time.sleep(LAG)
        assert programs(level / str(value)) == {number}
        assert names(level) == [str(value)]
    bpf.map_freeze(fds[-1])
    time.sleep(LAG)
    assert programs(level / "5") == {number}


def test_pinned(tree, hand, tmp_path):
    fd, number = hand()
    place = pathlib.Path(f"/sys/fs/bpf/bpfmetafs-by-{os.getpid()}")
    place.mkdir()
    try:
        bpf.obj_pin(fd, place / "one")
        name = f"%2Fsys%2Ffs%2Fbpf%2F{place.name}%2Fone"
        directory = tree / "by" / "pinned"
        if (tree / str(number) / "info" / "pinned").read_text().startswith("("):
            pytest.skip("this kernel can't look at pins")
        assert programs(directory / name) == {number}
        (place / "one").rename(place / "two")
        time.sleep(LAG)
        assert not (directory / name).exists()
        assert programs(directory / name.replace("one", "two")) == {number}
    finally:
        shutil.rmtree(place)
    time.sleep(LAG)
    assert not [entry for entry in os.listdir(directory) if place.name in entry]


def test_attached(tree, cgroup, cgroup_link, skb):
    fd, link, number = cgroup_link
    directory = tree / "by" / "attached" / f"cgroup_inet_egress %2F{cgroup[0].name}"
    assert programs(directory) == {number}
    # A second program in the same place, without a link.
    other, second = skb(b"second")
    bpf.call(bpf.PROG_ATTACH, struct.pack("<IIII", cgroup[1], other, 1, 2))
    time.sleep(LAG)
    try:
        assert programs(directory) == {number, second}
    finally:
        bpf.call(9, struct.pack("<IIII", cgroup[1], other, 1, 0))
    let_go(fd, link)
    time.sleep(LAG)
    assert not directory.exists()
    assert directory.name not in os.listdir(directory.parent)


def comes_to(directory, wanted):
    """Waits until exactly these programs are there. On a busy machine, a look at processes may take long."""

    def is_there():
        try:
            return programs(directory) == wanted
        except FileNotFoundError:
            return False

    eventually(is_there)


def test_who_holds_it(tree, hand, group, hold):  # noqa: F811
    """By the name and the unit of each process that has a descriptor, without events as well."""
    comm, unit = f"by-{os.getpid()}", f"by{os.getpid()}.service"
    path = f"bpfmetafs_by_{os.getpid()}.slice/{unit}"
    fd, number = hand()
    _, other = hand()
    assert not (tree / "by" / "comm" / comm).exists()
    holders = [hold(fd, name=comm, cgroup=group(path)) for _ in range(2)]
    for key, value in ("comm", comm), ("unit", unit):
        directory = tree / "by" / key / value
        comes_to(directory, {number})
        assert names(directory) == [str(number)]
        assert programs(directory) == {number}
        assert ok("ls", "-l", directory).count("->") == 1
        assert value in os.listdir(tree / "by" / key)
    # This process holds both.
    own = tree / "by" / "comm" / pathlib.Path("/proc/self/comm").read_text().strip()
    assert {number, other} <= programs(own)
    holders.pop().end()
    time.sleep(PROCESSES_LAG)
    assert programs(tree / "by" / "comm" / comm) == {number}
    holders.pop().end()
    for key, value in ("comm", comm), ("unit", unit):
        eventually(lambda at=tree / "by" / key / value: not at.exists())
        assert value not in os.listdir(tree / "by" / key)


def test_the_unit_of_a_user(tree, hand, group, hold):  # noqa: F811
    """As the key match-unit of rules: both the unit and the user's."""
    service = f"by{os.getpid()}.service"
    fd, number = hand()
    hold(fd, cgroup=group(f"bpfmetafs_by_{os.getpid()}.slice/user@1000.service/app.slice/{service}"))
    comes_to(tree / "by" / "unit" / service, {number})
    assert number in programs(tree / "by" / "unit" / "user@1000.service")


def test_who_loaded_it(daemon, mountpoint, child):  # noqa: F811
    """At once, and when the loader has ended, and nobody holds the program but a pin."""
    daemon()
    comm = f"load-{os.getpid()}"
    directory = mountpoint / "by" / "comm" / comm
    assert not directory.exists()
    time.sleep(LAG)
    one = child(before=f"libc.prctl(15, b'{comm}', 0, 0, 0)")
    number = one.load()
    if not (mountpoint / str(number) / "info" / "loader").exists():
        pytest.skip("nobody tells who loads programs")
    assert programs(directory) == {number}
    one.end()
    time.sleep(PROCESSES_LAG)
    assert programs(directory) == {number}
    assert comm in os.listdir(directory.parent)
    one.pin.unlink()
    eventually(lambda: not directory.exists(), 2)


def test_a_hostile_process(tree, hand, hold):
    fd, number = hand()
    hold(fd, name="../a\x1b\n%2F")
    comes_to(tree / "by" / "comm" / "..%2Fa\\x1b\\x0a%252F", {number})


# What the administrator says.

def test_rules(daemon, mountpoint, tmp_path, hand, fds):
    """Values of rules are there beside the authors', who have the last word."""
    teams = [f"{team}-{os.getpid()}" for team in ("platform", "authors")]
    name = f"ruled{os.getpid()}"
    (tmp_path / "rules").write_text(f"[all]\nmatch-name = {name}*\noncall = {teams[0]}\ntype = x\nunit = x\n")
    daemon(options=f"rules={tmp_path}/rules")
    by = mountpoint / "by"
    fd, number = hand(name.encode())
    _, second = hand(f"{name}b".encode())
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", teams[1])]))
    assert programs(by / "oncall" / teams[0]) == {number, second}
    assert os.readlink(by / "oncall" / teams[0] / str(number)) == f"../../../{number}"
    # What a rule calls as the kernel or an observer calls something is not mixed up with that.
    assert programs(by / "type~2" / "x") == programs(by / "unit~2" / "x") == {number, second}
    assert not (by / "type" / "x").exists() and not (by / "unit" / "x").exists()
    # No event tells of a map that is bound, and the kernel remembers nothing.
    bpf.bind(fd, fds[-1])
    assert not os.path.lexists(by / "oncall" / teams[0] / str(number))
    time.sleep(LAG)
    assert programs(by / "oncall" / teams[0]) == {second}
    assert programs(by / "oncall" / teams[1]) == {number}
    assert programs(by / "type~2" / "x") == {number, second}


def test_rules_on_what_changes(daemon, mountpoint, tmp_path, hand, hold):
    comm = f"rule-{os.getpid()}"
    (tmp_path / "rules").write_text(f"[held]\nmatch-comm = {comm}\nteam = {comm}\n")
    daemon(options=f"rules={tmp_path}/rules")
    directory = mountpoint / "by" / "team" / comm
    fd, number = hand()
    assert not directory.exists()
    for _ in range(2):
        holder = hold(fd, name=comm)
        comes_to(directory, {number})
        holder.end()
        eventually(lambda: not os.path.lexists(directory / str(number)))
        eventually(lambda: not directory.exists())


# Names of values.

@pytest.mark.parametrize("value, name", [
    ("net team/7", "net team%2F7"), ("..", "%2E%2E"), (".", "%2E"), ("", "anon"),
    ("anon", "%61non"), ("(cannot be shown)", "%28cannot be shown)"), ("100%", "100%25"),
    ("a\tb\nc", "a%09b%0Ac"), ("\x1b[31m", "\\x1b[31m"), ("Ülm", "Ülm"), ("-rf", "-rf"),
    ("7", "7"), ("x" * 255, "x" * 255), ("a\udcff\udcc3(", "a\\xff\\xc3("),
])
def test_the_name_of_a_value(tree, bound, value, name):
    key = f"odd{os.getpid()}"
    number = bound([(f"bpf_metadata_{key}", value)])
    directory = tree / "by" / key
    assert names(directory) == [name]
    assert programs(directory / name) == {number}


def test_a_value_of_many_lines(tree, bound):
    """It counts by its first bytes and the hash of all, as names do."""
    key = f"lines{os.getpid()}"
    same = "line\n" * 100
    first = bound([(f"bpf_metadata_{key}", same + "one")])
    second = bound([(f"bpf_metadata_{key}", same + "two")])
    expected = {}
    for number, text in (first, same + "one"), (second, same + "two"):
        whole = text.replace("\n", "%0A")
        expected[number] = f"{whole[:238]}~{hashlib.sha256(whole.encode()).hexdigest()[:16]}"
        assert programs(tree / "by" / key / expected[number]) == {number}
    # No escape is torn.
    assert set(names(tree / "by" / key)) == set(expected.values())
    assert all(len(name) <= 255 for name in expected.values())


def test_a_value_that_is_too_long(tree, bound):
    key = f"long{os.getpid()}"
    number = bound([(f"bpf_metadata_{key}", "x" * 20000), ("bpf_metadata_short", "y")])
    directory = tree / "by" / key
    assert names(directory) == ["(cannot be shown: too long)"]
    assert programs(directory / "(cannot be shown: too long)") == {number}
    assert number in programs(tree / "by" / "short" / "y")


def test_who_says_it(tree, bound):
    """What the authors call as the kernel or an observer calls something has its full name."""
    own = ("type", "name", "tag", "uid", "attached", "pinned", "comm", "unit")
    number = bound([(f"bpf_metadata_{key}", "claimed") for key in own])
    for key in own:
        assert (tree / str(number) / key).read_text() == "claimed\n"
        assert not (tree / "by" / key / "claimed").exists()
        assert programs(tree / "by" / f"bpf_metadata_{key}" / "claimed") == {number}
    assert number in programs(tree / "by" / "type" / "socket_filter")


def test_who_says_it_without_a_prefix(tree, bound):
    """A section of metadata need not have prefixes."""
    number = bound([("type", "claimed"), ("uid", "4711")], section=".rodata.metadata")
    assert (tree / str(number) / "type").read_text() == "claimed\n"
    assert number in programs(tree / "by" / "type~2" / "claimed")
    assert number in programs(tree / "by" / "uid~2" / "4711")
    assert not (tree / "by" / "uid" / "4711").exists()


def test_one_value_twice(tree, hand, fds):
    """A variable and a member can have one key and one value."""
    key = f"twice{os.getpid()}"
    fd, number = hand()
    btf = Btf()
    kind = btf.int("int", 4, Btf.SIGNED)
    variables = [btf.var(f"{key}.a", kind), btf.var("other", kind),
                 btf.var(key, btf.struct("any", 4, [("a", kind, 0)]))]
    section = btf.datasec(".rodata.metadata", 12, [(one, 4 * i, 4) for i, one in enumerate(variables)])
    fds.append(bpf.typed_map(btf, section, struct.pack("<iii", 7, 8, 7)))
    bpf.bind(fd, fds[-1])
    for _ in range(3):
        assert programs(tree / "by" / f"{key}.a" / "7") == {number}
        assert programs(tree / "by" / "other" / "8") == {number}
        time.sleep(LAG)


def test_many(tree, fds):
    """Many programs of one value, as many values of one key, most of which differ only behind what a name
    holds, and a program that is pinned many times."""
    by, key, owner = tree / "by", f"each{os.getpid()}", f"all-{os.getpid()}"
    fds.append(bpf.metadata_map([("bpf_metadata_owner", owner)]))
    shared, loaded = fds[-1], {}
    for i in range(300):
        fds.append(bpf.prog_load(name=b"many"))
        bpf.bind(fds[-1], shared)
        own = bpf.metadata_map([(f"bpf_metadata_{key}", f"{'v' * (300 if i % 3 else 1)}{i}")])
        bpf.bind(fds[-1], own)
        os.close(own)
        loaded[bpf.object_id(fds[-1])] = fds[-1]

    def found():
        """The programs by the name of their value."""
        shown = names(by / key)
        assert len(shown) == len(set(shown))
        return {name: programs(by / key / name) for name in shown}

    # A slow machine may ask only some of them in one request.
    eventually(lambda: programs(by / "owner" / owner) == set(loaded))
    eventually(lambda: set().union(*found().values()) == set(loaded))
    values = found()
    assert len(values) == len(loaded)
    assert {len(name) for name in values} == {2, 3, 4, 255}
    for number in list(loaded)[::2]:
        os.close(loaded.pop(number))
    bpf.let_free()
    eventually(lambda: programs(by / "owner" / owner) == set(loaded))
    eventually(lambda: found() == {name: numbers for name, numbers in values.items() if numbers <= set(loaded)})
    place = pathlib.Path(f"/sys/fs/bpf/bpfmetafs-many-{os.getpid()}")
    place.mkdir()
    try:
        number, fd = loaded.popitem()
        for i in range(500):
            bpf.obj_pin(fd, place / str(i))
        if (tree / str(number) / "info" / "pinned").read_text().startswith("("):
            pytest.skip("this kernel can't look at pins")
        time.sleep(LAG)
        pinned = [name for name in os.listdir(by / "pinned") if place.name in name]
        assert sorted(pinned) == sorted(f"%2Fsys%2Ffs%2Fbpf%2F{place.name}%2F{i}" for i in range(500))
        assert all(os.listdir(by / "pinned" / name) == [str(number)] for name in pinned)
    finally:
        shutil.rmtree(place)


def test_several_variables_of_one_name(tree, hand, fds):
    fd, number = hand()
    key = f"twice{os.getpid()}"
    for value in "one", "two":
        fds.append(bpf.metadata_map([(f"bpf_metadata_{key}", value)]))
        bpf.bind(fd, fds[-1])
    assert programs(tree / "by" / key / "one") == {number}
    assert programs(tree / "by" / f"{key}~2" / "two") == {number}


def test_more_values_than_are_looked_at(tree, bound):
    """The rest is left out, and a file says so wherever something may be missing."""
    number = bound([(f"bpf_metadata_many{i}", "x") for i in range(300)])
    by = tree / "by"
    assert number in programs(by / "many0" / "x")
    shown = [name for name in os.listdir(by) if name.startswith("many")]
    assert len(shown) == 256
    for directory in by, by / "many0", by / "many0" / "x":
        assert "(cannot be shown)" in os.listdir(directory)
        text = (directory / "(cannot be shown)").read_text()
        assert text.startswith("(cannot be shown: all that ") and text.endswith(")\n")


# Tools.

def test_tools(tree, program, load):
    load("plain")
    by = tree / "by"
    assert ok("ls", by / "oncall").split().count("net-team") == 1
    assert f"{program.id} -> ../../../{program.id}" in ok("ls", "-l", by / "oncall" / "net-team")
    found = run("find", by, "-name", str(program.id)).stdout.splitlines()
    assert str(by / "oncall" / "net-team" / str(program.id)) in found
    # A search does not follow symlinks.
    assert set(run("find", by, "-type", "f", "-printf", "%f\\n").stdout.split("\n")) <= \
        {"", "(cannot be shown)"}
    assert run("grep", "-r", "net-team", by).stdout == ""
    assert ok("cat", by / "oncall" / "net-team" / str(program.id) / "oncall") == "net-team\n"
    listed = subprocess.run(["sh", "-c", f"tar cf - -C {tree} by | tar tf -"], capture_output=True,
                            text=True, check=True)
    assert f"by/oncall/net-team/{program.id}" in listed.stdout.splitlines()


def test_an_object_file_has_no_by(daemon, mountpoint, compiled):
    daemon(compiled("hello"))
    assert sorted(os.listdir(mountpoint)) == ["hello", "maps"]
    assert not (mountpoint / "by").exists()


def test_the_owner_and_the_mode(daemon, mountpoint, program):
    daemon(options="uid=7,gid=9,mode=0440")
    directory = mountpoint / "by" / "oncall" / "net-team"
    for path, mode in (directory, 0o40550), (directory / str(program.id), 0o120777):
        seen = path.lstat()
        assert (seen.st_uid, seen.st_gid, seen.st_mode) == (7, 9, mode)
    link = directory / str(program.id)
    assert link.lstat().st_size == len(os.readlink(link))
    with remembered(link):
        assert link.lstat().st_ino == link.lstat().st_ino


# Under load.

def test_a_storm(tree, hand, fds):
    """Whoever walks through by/ while programs come and go sees no error and no program twice; what
    is there all the time is always found."""
    value = f"storm-{os.getpid()}"
    fd, number = hand(b"steady")
    fds.append(bpf.metadata_map([("bpf_metadata_storm", value)]))
    bpf.bind(fd, fds[-1])
    stop = threading.Event()
    failed = []

    def churn():
        while not stop.is_set():
            one = bpf.prog_load(name=b"passing")
            bpf.bind(one, fds[-1])
            stop.wait(0.02)
            os.close(one)
            bpf.let_free()

    def walk():
        directory = tree / "by" / "storm" / value
        while not stop.is_set():
            found = names(directory)
            if str(number) not in found or len(set(found)) < len(found):
                failed.append(found)
            for name in found:
                try:
                    os.readlink(directory / name)
                except FileNotFoundError:
                    if name == str(number):
                        failed.append(name)

    def attempt(work):
        try:
            work()
        except Exception as error:  # pylint: disable=broad-except
            failed.append(error)

    threads = [threading.Thread(target=attempt, args=[work]) for work in (churn, walk, walk)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1.5 * SLOWNESS)
        for _ in range(3):
            found = run("find", tree / "by")
            assert found.returncode == 0 or "No such file" in found.stderr
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    time.sleep(LAG)
    eventually(lambda: gone(tree, number) is False and
               programs(tree / "by" / "storm" / value) == {number}, 2)
