# SPDX-License-Identifier: GPL-2.0-or-later
"""Which variables are metadata, and what their files are called: all the ways in which authors and
loaders bring metadata into the kernel."""

import hashlib
import json
import os

import pytest

import bpf
from conftest import need_btf, need_name, ok, remembered

OWN = {"info", "maps"}


def metadata(directory):
    """The texts of a program's metadata, by name; of a directory, its entries."""
    found = {}
    for name in set(os.listdir(directory)) - OWN:
        path = directory / name
        found[name] = sorted(os.listdir(path)) if path.is_dir() else path.read_text()
    return found


@pytest.fixture
def bound(hand, fds):
    """A program by hand to which maps of char arrays are bound: bound(variables, ...) -> (fd, id)."""

    def make(*maps, **options):
        fd, number = hand()
        for variables in maps:
            fds.append(bpf.metadata_map(variables, **options))
            bpf.bind(fd, fds[-1])
        return fd, number

    return make


# Sections of an object.

def test_every_section_counts(tree, load):
    wanted = {
        "oncall": "net-team\n", "ownership": ["floor", "team"],
        "app": "proxy\n", "oncall_too": "edge-team\n",
        "region": "eu\n", "shard": "7\n",
    }
    programs = load("sections").programs
    assert {program["name"] for program in programs} == {"first", "second", "third"}
    for program in programs:
        directory = tree / str(program["id"])
        assert metadata(directory) == wanted
        assert (directory / "ownership" / "team").read_text() == "proxies\n"
        assert (directory / "ownership" / "floor").read_text() == "3\n"
        # bpftool stops at the first section.
        assert len(program["metadata"]) < len(wanted)


def test_all_variables_are_in_vars(tree, load):
    program = load("sections").programs[0]
    names = [set(os.listdir(tree / "maps" / str(number) / "vars"))
             for number in program["map_ids"]]
    assert len(names) == 3
    assert {"bpf_metadata_oncall", "whose", "not_metadata"} in names
    assert {"bpf_metadata_app", "bpf_metadata_oncall_too"} in names
    assert {"bpf_metadata_region", "shard"} in names


def test_statically_linked_objects(tree, load, compiled, tmp_path):
    ok("bpftool", "gen", "object", tmp_path / "linked.o", compiled("linked-a"), compiled("linked-b"))
    for program in load(tmp_path / "linked.o").programs:
        assert metadata(tree / str(program["id"])) == {
            "oncall": "team-a\n", "oncall~2": "team-b\n",
            "priority": "1\n", "priority~2": "2\n",
            "only_b": "b\n",
        }


def test_a_program_without_metadata(tree, load):
    program = load("plain")
    directory = tree / str(program.id)
    assert set(os.listdir(directory)) == OWN
    assert (directory / "info" / "name").read_text() == "plain\n"
    assert os.listdir(directory / "maps") == []


# Maps that loaders make.

def test_a_map_of_its_own_named_metadata(tree, bound):
    """As the first proposal had it: every variable counts."""
    for section in (".metadata", ".rodata.metadata"):
        _, number = bound([("oncall", "net-team"), ("bpf_metadata_app", "proxy")], section=section,
                          name=b"metadata")
        assert metadata(tree / str(number)) == {"oncall": "net-team\n", "app": "proxy\n"}


@pytest.mark.parametrize("section", [".rodata", ".rodata.x", ".data", ".bss", ".metadata.x", "other",
                                     ".rodata/../x"])
def test_in_other_sections_the_prefix_counts(tree, bound, section):
    need_btf("such names of sections",
             lambda btf: btf.datasec(section, 4, [(btf.var("v", btf.int("int", 4)), 0, 4)]))
    _, number = bound([("oncall", "net-team"), ("bpf_metadata_app", "proxy")], section=section)
    assert metadata(tree / str(number)) == {"app": "proxy\n"}


def test_all_maps_count_in_the_kernels_order(tree, bound):
    _, number = bound([("bpf_metadata_a", "first"), ("bpf_metadata_b", "1")],
                      [("bpf_metadata_a", "second")], [("other", "none")],
                      [("bpf_metadata_a", "third"), ("bpf_metadata_c", "3")])
    assert metadata(tree / str(number)) == {
        "a": "first\n", "a~2": "second\n", "a~3": "third\n", "b": "1\n", "c": "3\n"}


def test_a_map_bound_late(tree, bound, fds):
    fd, number = bound([("bpf_metadata_oncall", "net-team")])
    directory = tree / str(number)
    assert metadata(directory) == {"oncall": "net-team\n"}
    for name in ("app", "oncall~2"):
        assert not (directory / name).exists()
    fds.append(bpf.metadata_map([("bpf_metadata_app", "proxy"), ("bpf_metadata_oncall", "late")]))
    bpf.bind(fd, fds[-1])
    # Found without listing, and what was there keeps its name.
    assert (directory / "app").read_text() == "proxy\n"
    assert (directory / "oncall~2").read_text() == "late\n"
    assert metadata(directory) == {"oncall": "net-team\n", "app": "proxy\n", "oncall~2": "late\n"}
    assert str(bpf.object_id(fds[-1])) in os.listdir(directory / "maps")


def test_the_first_map_bound_late(tree, hand, fds):
    for _ in range(20):
        fd, number = hand()
        directory = tree / str(number)
        assert set(os.listdir(directory)) == OWN
        assert not (directory / "oncall").exists()
        fds.append(bpf.metadata_map([("bpf_metadata_oncall", "net-team")]))
        bpf.bind(fd, fds[-1])
        assert set(os.listdir(directory)) == OWN | {"oncall"}
        assert (directory / "oncall").read_text() == "net-team\n"


def test_one_map_of_many_programs(tree, hand, fds):
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "net-team")]))
    data = fds[-1]
    programs = [hand() for _ in range(10)]
    for fd, number in programs:
        bpf.bind(fd, data)
        assert metadata(tree / str(number)) == {"oncall": "net-team\n"}
    progs = tree / "maps" / str(bpf.object_id(data)) / "progs"
    assert sorted(os.listdir(progs)) == sorted(str(number) for _, number in programs)


# What is read-only, and what only seems to be.

@pytest.mark.parametrize("flags, freeze", [(bpf.F_RDONLY_PROG, True), (bpf.F_RDONLY_PROG, False),
                                           (0, True)], ids=["both", "flag", "frozen"])
def test_read_only_or_frozen(tree, bound, flags, freeze):
    _, number = bound([("bpf_metadata_oncall", "net-team")], flags=flags, freeze=freeze)
    assert metadata(tree / str(number)) == {"oncall": "net-team\n"}


def test_what_anyone_may_write_is_not_metadata(tree, bound, fds):
    _, number = bound([("bpf_metadata_oncall", "net-team")], flags=0, freeze=False)
    directory = tree / str(number)
    data = fds[-1]
    shown = tree / "maps" / str(bpf.object_id(data))
    assert metadata(directory) == {}
    assert not (directory / "oncall").exists()
    assert set(os.listdir(shown)) == {"info", "progs"}
    assert not (shown / "vars").exists()
    bpf.map_freeze(data)
    assert (directory / "oncall").read_text() == "net-team\n"
    assert metadata(directory) == {"oncall": "net-team\n"}
    assert set(os.listdir(shown)) == {"info", "progs", "vars"}
    assert (shown / "vars" / "bpf_metadata_oncall").read_text() == "net-team\n"


def test_frozen_later_than_another(tree, bound, hand, fds):
    """Then its entries come before those of the map that was bound after it."""
    fd, number = bound([("bpf_metadata_oncall", "first")], flags=0, freeze=False)
    first = fds[-1]
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "second")]))
    bpf.bind(fd, fds[-1])
    directory = tree / str(number)
    assert metadata(directory) == {"oncall": "second\n"}
    bpf.map_freeze(first)
    assert metadata(directory) == {"oncall": "first\n", "oncall~2": "second\n"}
    assert (directory / "oncall").read_text() == "first\n"
    assert (directory / "oncall~2").read_text() == "second\n"


def test_a_value_that_changes_is_a_new_file(tree, bound, fds):
    _, number = bound([("bpf_metadata_oncall", "net-team"), ("bpf_metadata_app", "proxy")],
                      freeze=False)
    data = fds[-1]
    oncall = tree / str(number) / "oncall"
    with open(oncall, "rb") as old, open(tree / str(number) / "app", "rb") as never_read:
        number_before = oncall.stat().st_ino
        assert oncall.stat().st_ino == number_before
        assert old.read() == b"net-team\n"
        bpf.map_update(data, 0, b"new-team\0other\0")
        assert oncall.read_text() == "new-team\n"
        assert oncall.stat().st_ino != number_before
        assert (tree / str(number) / "app").read_text() == "other\n"
        vars_of = tree / "maps" / str(bpf.object_id(data)) / "vars"
        assert (vars_of / "bpf_metadata_oncall").read_text() == "new-team\n"
        old.seek(0)
        assert old.read() == b"net-team\n"
        assert os.fstat(old.fileno()).st_ino == number_before
        assert never_read.read() == b"proxy\n"
    bpf.map_freeze(data)
    assert oncall.read_text() == "new-team\n"
    assert oncall.stat().st_size == 9


def test_a_value_that_grows(tree, bound, fds):
    _, number = bound([("bpf_metadata_oncall", "x" * 40)], freeze=False)
    oncall = tree / str(number) / "oncall"
    for text in (b"", b"x", b"y" * 40, b"\\" * 40, b"z"):
        bpf.map_update(fds[-1], 0, text.ljust(41, b"\0"))
        shown = text.replace(b"\\", b"\\\\") + b"\n"
        assert oncall.stat().st_size == len(shown)
        assert oncall.read_bytes() == shown
        assert ok("cat", oncall).encode() == shown


def test_struct_members_that_change(tree, hand, fds):
    btf = bpf.Btf()
    int_id = btf.int("int", 4, bpf.Btf.SIGNED)
    var = btf.var("bpf_metadata_point", btf.struct("point", 8, [("x", int_id, 0), ("y", int_id, 4)]))
    section = btf.datasec(".rodata", 8, [(var, 0, 8)])
    data = bpf.typed_map(btf, section, bytes([1, 0, 0, 0, 2, 0, 0, 0]), freeze=False)
    fds.append(data)
    fd, number = hand()
    bpf.bind(fd, data)
    point = tree / str(number) / "point"
    assert (point / "x").read_text() == "1\n" and (point / "y").read_text() == "2\n"
    with remembered(point / "x", point / "y"):
        before = (point / "x").stat().st_ino, (point / "y").stat().st_ino
        bpf.map_update(data, 0, bytes([1, 0, 0, 0, 3, 0, 0, 0]))
        assert (point / "x").read_text() == "1\n" and (point / "y").read_text() == "3\n"
        # What did not change is the same file.
        assert (point / "x").stat().st_ino == before[0]
        assert (point / "y").stat().st_ino != before[1]


# Which maps have global data.

def test_other_maps_have_no_variables(tree, hand, fds):
    """More than one entry, another type, no BTF, or values that are no section."""
    btf = bpf.Btf()
    int_id = btf.int("int", 4, bpf.Btf.SIGNED)
    var = btf.var("bpf_metadata_x", int_id)
    section = btf.datasec(".rodata", 4, [(var, 0, 4)])
    btf_fd = bpf.btf_load(btf.blob())
    fds.append(btf_fd)
    fd, number = hand()
    for options in ({"entries": 2, "btf_key": int_id, "btf_value": int_id},
                    {"kind": bpf.MAP_TYPE_HASH, "btf_key": int_id, "btf_value": int_id, "flags": 0},
                    {"btf_fd": 0},
                    {"btf_key": int_id, "btf_value": int_id},
                    {"btf_value": section}):
        fds.append(bpf.map_create(**{"flags": bpf.F_RDONLY_PROG, "btf_fd": btf_fd, **options}))
        bpf.bind(fd, fds[-1])
    # Only the last is global data.
    assert metadata(tree / str(number)) == {"x": "0\n"}
    assert len([name for name in os.listdir(tree / str(number) / "maps") if name.isdigit()]) == 5


def test_bpftool_finds_the_same_in_the_first_map(tree, program):
    shown = json.loads(ok("bpftool", "-j", "prog", "show", "id", program.id))["metadata"]
    directory = tree / str(program.id)
    assert set(shown) == set(metadata(directory))
    assert (directory / "oncall").read_text() == shown["oncall"] + "\n"
    assert (directory / "revision").read_text() == f"{shown['revision']}\n"
    host = shown["build"]["host"]
    assert (directory / "build" / "host" / "name").read_text() == host["name"] + "\n"


# Structs that are known by their type's name.

def test_structs_by_the_name_of_their_type(tree, hand, fds):
    btf = bpf.Btf()
    int_id = btf.int("int", 4, bpf.Btf.SIGNED)
    members = [("level", int_id, 0)]
    named = btf.struct("bpf_prog_metadata_owner", 4, members)
    behind = btf.add("", bpf.Btf.CONST, size=btf.add("alias", bpf.Btf.TYPEDEF, size=named))
    variables = [
        btf.var("a", named),
        btf.var("b", behind),
        btf.var("bpf_metadata_c", named),
        btf.var("d", btf.struct("bpf_prog_metadata_", 4, members)),
        btf.var("e", btf.struct("bpf_prog_metadata_info", 4, members)),
        btf.var("f", btf.struct("my_bpf_prog_metadata_x", 4, members)),
        btf.var("g", btf.struct("bpf_prog_metadata_union", 4, members, bpf.Btf.UNION)),
    ]
    section = btf.datasec(".rodata", 4 * len(variables),
                          [(var, 4 * i, 4) for i, var in enumerate(variables)])
    data = b"".join(bytes([i + 1, 0, 0, 0]) for i in range(len(variables)))
    data = bpf.typed_map(btf, section, data)
    fds.append(data)
    fd, number = hand()
    bpf.bind(fd, data)
    found = metadata(tree / str(number))
    assert found == {name: ["level"] for name in ("owner", "owner~2", "c", "d", "e", "union")}
    levels = {name: (tree / str(number) / name / "level").read_text() for name in found}
    assert levels == {"owner": "1\n", "owner~2": "2\n", "c": "3\n", "d": "4\n", "e": "5\n",
                      "union": "7\n"}


# Names.

LONG = "n" * 498
HASHED = {name: hashlib.sha256(name.encode()).hexdigest()[:16]
          for name in (LONG, "x" * 256, "x" * 300)}


@pytest.mark.parametrize("declared, shown", [
    ("bpf_metadata_", "bpf_metadata_"),
    ("bpf_metadata_.", "bpf_metadata_."),
    ("bpf_metadata_..", "bpf_metadata_.."),
    ("bpf_metadata_...", "..."),
    ("bpf_metadata_info", "bpf_metadata_info"),
    ("bpf_metadata_maps", "bpf_metadata_maps"),
    ("bpf_metadata_information", "information"),
    ("bpf_metadata_vars", "vars"),
    ("bpf_metadata_progs", "progs"),
    ("bpf_metadata_123", "123"),
    ("bpf_metadata_.hidden", ".hidden"),
    ("bpf_metadata_bpf_metadata_x", "bpf_metadata_x"),
    ("bpf_metadata_" + "x" * 255, "x" * 255),
    ("bpf_metadata_" + "x" * 256, "x" * 238 + "~" + HASHED["x" * 256]),
    ("bpf_metadata_" + LONG, "n" * 238 + "~" + HASHED[LONG]),
])
def test_names(tree, bound, declared, shown):
    need_name(declared)
    _, number = bound([(declared, "value"), ("bpf_metadata_next", "another")])
    assert metadata(tree / str(number)) == {shown: "value\n", "next": "another\n"}
    assert (tree / str(number) / "info" / "id").read_text() == f"{number}\n"
    directory = tree / "maps"
    variables = [os.listdir(directory / name / "vars")
                 for name in os.listdir(tree / str(number) / "maps") if name.isdigit()]
    assert len(variables) == 1 and len(variables[0]) == 2


def test_equal_names(tree, bound):
    _, number = bound([("bpf_metadata_a", "1"), ("bpf_metadata_a", "2"), ("bpf_metadata_a", "3")])
    assert metadata(tree / str(number)) == {"a": "1\n", "a~2": "2\n", "a~3": "3\n"}


def test_names_that_collide_with_others(tree, bound):
    """The full name of one is the short name of another; long names that differ only at the end."""
    need_name("bpf_metadata_" + "x" * 301)
    _, number = bound([("bpf_metadata_info", "1"), ("bpf_metadata_bpf_metadata_info", "2"),
                       ("bpf_metadata_info", "3"), ("bpf_metadata_" + "x" * 300, "4"),
                       ("bpf_metadata_" + "x" * 300, "5"), ("bpf_metadata_" + "x" * 301, "6")])
    found = metadata(tree / str(number))
    assert sorted(found.values()) == [f"{i}\n" for i in range(1, 7)]
    assert found["bpf_metadata_info"] == "1\n"
    assert found["bpf_metadata_info~2"] == "2\n"
    assert found["bpf_metadata_info~3"] == "3\n"
    assert found["x" * 238 + "~" + HASHED["x" * 300]] == "4\n"
    assert found["x" * 236 + "~" + HASHED["x" * 300] + "~2"] == "5\n"
    assert all(len(name.encode()) <= 255 for name in found)


def test_names_of_members(tree, hand, fds):
    need_name("x" * 300)
    btf = bpf.Btf()
    char = btf.int("char", 1, bpf.Btf.SIGNED)
    names = ["a", "a", "info", "maps", ".", "..", "", "", "a", "x" * 300]
    kind = btf.struct("odd", len(names), [(name, char, i) for i, name in enumerate(names)])
    section = btf.datasec(".rodata", len(names), [(btf.var("bpf_metadata_odd", kind), 0, len(names))])
    data = bpf.typed_map(btf, section, bytes(range(len(names))))
    fds.append(data)
    fd, number = hand()
    bpf.bind(fd, data)
    assert metadata(tree / str(number) / "odd") == {
        "a": "0\n", "a~2": "1\n", "%2E": "4\n", "%2E%2E": "5\n", "anon": "6\n", "anon~2": "7\n",
        "a~3": "8\n", "x" * 238 + "~" + HASHED["x" * 300]: "9\n"}
    # They are nobody's own names here.
    assert (tree / str(number) / "odd" / "info").read_text() == "2\n"
    assert (tree / str(number) / "odd" / "maps").read_text() == "3\n"


def test_names_in_vars(tree, bound, fds):
    bound([("a", "1"), ("a", "2"), ("info", "3"), (".", "4"), ("..", "5"), ("bpf_metadata_", "6")])
    variables = tree / "maps" / str(bpf.object_id(fds[-1])) / "vars"
    assert {name: (variables / name).read_text() for name in os.listdir(variables)} == {
        "a": "1\n", "a~2": "2\n", "info": "3\n", "%2E": "4\n", "%2E%2E": "5\n",
        "bpf_metadata_": "6\n"}


def test_names_of_maps(tree, hand, fds):
    fd, number = hand()
    ids = []
    for name in (b"equal", b"..", b".", b"123", b"", b"equal", b"0", b"...", b"", b"a.rodata", b"equal",
                 b"4294967296", b"info"):
        fds.append(bpf.map_create(name=name))
        bpf.bind(fd, fds[-1])
        ids.append(bpf.object_id(fds[-1]))
    maps = tree / str(number) / "maps"
    links = {name: os.readlink(maps / name) for name in os.listdir(maps)
             if os.path.islink(maps / name)}
    assert links == {
        "equal": str(ids[0]), "%2E%2E": str(ids[1]), "%2E": str(ids[2]), "123~2": str(ids[3]),
        "equal~2": str(ids[5]), "0~2": str(ids[6]), "...": str(ids[7]), "a.rodata": str(ids[9]),
        "equal~3": str(ids[10]), "4294967296~2": str(ids[11]), "info": str(ids[12])}
    assert set(os.listdir(maps)) == set(links) | {str(one) for one in ids}
    for name in links:
        assert os.path.realpath(maps / name) == str(maps / links[name])
    # In the root's maps there are only ids.
    assert all(name.isdigit() for name in os.listdir(tree / "maps"))


def test_names_of_programs(tree, hand):
    for name in (b"..", b".", b"maps", b"123", b"a" * 15):
        _, number = hand(name)
        assert (tree / str(number) / "info" / "name").read_text() == name.decode() + "\n"
        assert all(entry.isdigit() for entry in os.listdir(tree)
                   if entry not in ("by", "maps", "links") and not entry.endswith((".json", ".prom")))
    _, number = hand(b"")
    assert not (tree / str(number) / "info" / "name").exists()


def test_names_stay_as_maps_are_bound(tree, bound, fds):
    fd, number = bound([("bpf_metadata_a", "0")], name=b"same")
    directory = tree / str(number)
    with remembered(directory / "a"):
        inode = (directory / "a").stat().st_ino
        for i in range(1, 12):
            fds.append(bpf.metadata_map([("bpf_metadata_a", str(i))], name=b"same"))
            bpf.bind(fd, fds[-1])
            assert (directory / f"a~{i + 1}").read_text() == f"{i}\n"
            assert (directory / "maps" / f"same~{i + 1}" / "vars" / "bpf_metadata_a").read_text() == \
                f"{i}\n"
        assert (directory / "a").stat().st_ino == inode
    assert len(metadata(directory)) == 12
