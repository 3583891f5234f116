# SPDX-License-Identifier: GPL-2.0-or-later
"""programs.json, maps.json and links.json: what bpftool says, key by key, and more."""

import json
import os
import re
import struct
import time

import pytest

import bpf
from attaching import told
from conftest import Pinned, eventually, need_floats, ok, run
from test_hostile import REFUSALS, TYPES, load_section
from test_links import cgroup, cgroup_link, skb  # noqa: F401: fixtures
from test_pinned import as_pinned, can_look
from test_values import texts

FILES = {"programs.json": "prog", "maps.json": "map", "links.json": "link"}

# Where bpftool has no value, or none that is the same for all: its arrays of char are strings only if
# they end and all of them is ASCII, those without a length are empty, what is in an anonymous member
# has the key "", and of a backslash it makes a newline.
OTHER_VALUES = {
    "not_ended", "lines", "tab", "escapes", "utf8", "not_utf8", "c1", "right_to_left", "surrogate",
    "overlong", "strings", "backslash", "high", "thing", "record", "record_of_nothing", "records",
    "route", "ports", "flexible_digest", "names", "overlaid", "either_end",
}


def objects(tree, name="programs.json"):
    """What is in the file, by id. It is whole, one object a line."""
    data = (tree / name).read_bytes()
    lines = data.decode().split("\n")
    assert lines[0] == "[" and lines[-2:] == ["]", ""]
    found = json.loads(data)
    assert [json.loads(line.removesuffix(",")) for line in lines[1:-2] if line] == found
    ids = [one["id"] for one in found]
    assert ids == sorted(set(ids))
    return dict(zip(ids, found))


def of_bpftool(kind, number):
    shown = json.loads(ok("bpftool", "-f", "-j", kind, "show", "id", number))
    # bpftool changes times of access where it looks for pins.
    return shown if can_look() else {**shown, "pinned": []}


def same(ours, theirs, but=()):
    """All that bpftool says is there, of the same type. Which processes hold it is not."""
    for key in set(theirs) - {"pids", *but}:
        assert (key, ours.get(key)) == (key, theirs[key])
        assert type(ours[key]) is type(theirs[key]), key


def test_programs_are_those_of_bpftool(tree, load):
    for name in ("hello", "types", "plain"):
        loaded = load(name)
        for one in loaded.programs:
            theirs = of_bpftool("prog", one["id"])
            same(objects(tree)[one["id"]], theirs)


def test_maps_are_those_of_bpftool(tree, load):
    loaded = load("types")
    found = objects(tree, "maps.json")
    for number in {number for one in loaded.programs for number in one.get("map_ids", [])}:
        same(found[number], of_bpftool("map", number))


def test_links_are_those_of_bpftool(tree, cgroup_link):  # noqa: F811
    _, number, program = cgroup_link
    ours = objects(tree, "links.json")[number]
    same(ours, of_bpftool("link", number))
    assert ours["prog_id"] == program
    assert objects(tree)[program]["attached"] == \
        told(tree / str(program) / "info" / "attached").splitlines()


def test_values_are_those_of_bpftool(tree, load):
    number = load("values").id
    # What it writes is no JSON if there is an apostrophe, and has control characters.
    text = ok("bpftool", "-j", "prog", "show", "id", number).replace("\\'", "'")
    theirs = json.loads(text, strict=False)["metadata"]
    ours = objects(tree)[number]["metadata"]
    assert set(ours) == set(theirs)
    assert {name for name in theirs if ours[name] != theirs[name]} == OTHER_VALUES
    assert {name for name in theirs if type(ours[name]) is not type(theirs[name])} <= OTHER_VALUES
    assert ours["utf8"] == "Zürich 東京 🐝"
    assert ours["lines"] == "one\ntwo\n"
    assert ours["escapes"] == "\x1b[31mred\x1b[0m\a\r\v\x7f"
    assert ours["backslash"] == r"C:\new"
    assert ours["not_utf8"] == r"a\xff\xc3(\xe2\x82"
    assert ours["strings"] == ["one", "", "three\n"]
    assert ours["names"] == {"n": 2, "names": ["a", "bcd"]}
    assert ours["flexible_digest"]["digest"] == [0xDE, 0xAD, 0xBE, 0xEF]
    assert ours["high"] == "HIGH"


def test_numbers_of_64_bits_are_exact(tree, load):
    line = [line for line in (tree / "programs.json").read_text().splitlines()
            if f'"id":{load("values").id},' in line]
    assert line == []  # it was not loaded yet
    number = load("values").id
    line = [line for line in (tree / "programs.json").read_text().splitlines()
            if f'"id":{number},' in line][0]
    assert '"u64_high":18446744073709551615' in line
    assert '"s64_low":-9223372036854775808' in line
    assert '"u128_high":"0xffffffffffffffffffffffffffffffff"' in line


def test_floating_point(tree, compiled):
    need_floats()
    loaded = Pinned(compiled("floats"))
    try:
        metadata = objects(tree)[loaded.id]["metadata"]
    finally:
        loaded.unload()
    assert metadata["tenth"] == 0.1
    assert metadata["largest"] == 1.7976931348623157e+308
    assert metadata["several"] == [1.5, -2.25, 1e10]
    assert [metadata[name] for name in ("infinite", "minus_infinite", "not_a_number")] == \
        ["inf", "-inf", "nan"]


def test_what_bpftool_does_not_say(tree, load):
    number = load("types").id
    info = tree / str(number) / "info"
    ours = objects(tree)[number]
    assert ours["sources"] == (info / "sources").read_text().splitlines()
    assert ours["functions"] == (info / "functions").read_text().splitlines()
    # Older kernels don't tell.
    number = info / "verified_insns"
    assert ours.get("verified_insns") == (int(number.read_text()) if number.exists() else None)
    assert ours["attached"] == []
    pinned = (info / "pinned").read_text().splitlines()
    assert pinned != [] and set(pinned) <= set(ours["pinned" if can_look() else "unseen"])


def test_scripts_written_for_bpftool(tree, program, load):
    """The same jq programs on both say the same of our programs."""
    load("values")
    own = {program.id, *(one["id"] for one in load("types").programs)}
    theirs = [of_bpftool("prog", number) for number in sorted(own)]
    ours = [one for number, one in sorted(objects(tree).items()) if number in own]
    for script in (
            '.[] | select(.metadata.oncall == "net-team") | .id',
            '[.[] | {id, type, name}] | sort_by(.name)',
            'map(select(.jited)) | map(.bytes_jited) | add',
            '.[] | "\\(.id) \\(.tag) \\(.map_ids // [] | join(","))"',
            '.[] | select(.run_time_ns) | .run_time_ns / .run_cnt',
            'group_by(.type) | map({(.[0].type): length}) | add',
            '.[] | .pinned[]',
            '.[] | .loaded_at | todate'):
        said = [ok("jq", "-c", script, input=json.dumps(one)) for one in (ours, theirs)]
        assert said[0] == said[1], script
    assert ok("jq", "-r", '.[] | select(.metadata.oncall == "net-team" and .name == "hello") | .id',
              tree / "programs.json").split().count(str(program.id)) == 1


def test_counts(tree, hand):
    fd, number = hand()
    assert "run_cnt" not in objects(tree)[number]
    stats = bpf.enable_run_stats()
    try:
        for n in range(1, 4):
            bpf.run_once(fd)
            eventually(lambda: objects(tree)[number].get("run_cnt") == n, 2)
    finally:
        os.close(stats)
    ours = objects(tree)[number]
    assert ours["run_time_ns"] > 0
    same(ours, of_bpftool("prog", number))


def test_what_is_loaded_is_in_it(tree, hand):
    """After the 3 ms for which one may be given again."""
    for _ in range(20):
        fd, number = hand()
        time.sleep(0.004)
        assert number in objects(tree)
        os.close(fd)
        eventually(lambda: number not in objects(tree), 2)


def test_a_map_that_is_bound_late(tree, hand, fds):
    fd, number = hand()
    assert "metadata" not in objects(tree)[number]
    for i in range(3):
        fds.append(bpf.metadata_map([(f"bpf_metadata_note{i}", f"text {i}")]))
        bpf.bind(fd, fds[-1])
        time.sleep(0.004)
        ours = objects(tree)[number]
        assert ours["metadata"] == {f"note{j}": f"text {j}" for j in range(i + 1)}
        assert len(ours["map_ids"]) == i + 1


def test_metadata_that_changes(tree, hand, fds):
    """A frozen map that programs can write, whose values could change."""
    fd, number = hand()
    btf = bpf.Btf()
    section = btf.datasec(".rodata", 4, [(btf.var("bpf_metadata_level", btf.int("int", 4)), 0, 4)])
    fds.append(bpf.typed_map(btf, section, struct.pack("<I", 1), freeze=False))
    bpf.bind(fd, fds[-1])
    for level in (1, 2, 3):
        bpf.map_update(fds[-1], 0, struct.pack("<I", level))
        time.sleep(0.004)
        assert objects(tree)[number]["metadata"] == {"level": level}
    bpf.map_freeze(fds[-1])
    time.sleep(0.004)
    for _ in range(2):
        assert objects(tree)[number]["metadata"] == {"level": 3}


def test_names_that_the_filesystem_has(tree, hand, fds):
    """bpftool knows of none."""
    fd, number = hand()
    fds.append(bpf.metadata_map([("bpf_metadata_info", "a"), ("bpf_metadata_maps", "b"),
                                 ("bpf_metadata_id", "c"), ("bpf_metadata_id", "d")]))
    bpf.bind(fd, fds[-1])
    assert objects(tree)[number]["metadata"] == {"info": "a", "maps": "b", "id": "c", "id~2": "d"}


def test_pins_and_their_end(tree, program):
    pinned = (tree / str(program.id) / "info" / "pinned").read_text().splitlines()
    if not can_look():
        assert objects(tree)[program.id]["pinned"] == []
        assert set(pinned) <= set(objects(tree)[program.id]["unseen"]) and pinned == as_pinned()
        return
    assert objects(tree)[program.id]["pinned"] == pinned != []
    second = os.path.join(os.path.dirname(pinned[0]), "a\\b")
    fd = bpf.obj_get(pinned[0])
    try:
        bpf.obj_pin(fd, second)
        time.sleep(0.004)
        assert sorted(objects(tree)[program.id]["pinned"]) == sorted([second, *pinned])
    finally:
        os.close(fd)
        os.unlink(second)
    eventually(lambda: objects(tree)[program.id]["pinned"] == pinned, 2)


def look_at(directory):
    """On a busy machine, not all processes may be seen at the first look."""
    eventually(lambda: str(os.getpid()) in os.listdir(directory / "info" / "pids"))


def test_who_holds_it(tree, hand, fds):
    """As far as it is known: a report looks at no processes itself."""
    fd, number = hand()
    assert "pids" not in objects(tree)[number]
    look_at(tree / str(number))
    time.sleep(0.004)
    comm = open("/proc/self/comm", encoding="utf-8").read().strip()
    for path, key in ("programs.json", number), ("maps.json", None):
        if key is None:
            fds.append(bpf.map_create())
            key = bpf.object_id(fds[-1])
            look_at(tree / "maps" / str(key))
        # Others look at all objects of the machine, and hold each for a moment.
        (mine,) = [one for one in objects(tree, path)[key]["pids"] if one["pid"] == os.getpid()]
        assert mine["comm"] == comm
        assert mine["cgroup"].startswith("/")


def test_who_loaded_it(daemon, mountpoint, hand):
    daemon()
    _, number = hand()

    def is_known():
        return "comm" in objects(mountpoint)[number].get("loader", {})

    info = mountpoint / str(number) / "info" / "loader"
    if not info.exists():
        pytest.skip("nobody tells who loads programs")
    assert objects(mountpoint)[number]["loader"]["pid"] == os.getpid()
    eventually(is_known)
    loader = objects(mountpoint)[number]["loader"]
    assert {key: str(value) for key, value in loader.items()} == \
        {path.name: path.read_text().removesuffix("\n") for path in info.iterdir()}


def test_a_file_is_a_snapshot(tree, hand):
    """What is open stays as it was, and the size is that of the content."""
    fd, number = hand()
    file = os.open(tree / "programs.json", os.O_RDONLY)
    try:
        size = os.fstat(file).st_size
        os.close(fd)
        eventually(lambda: number not in objects(tree), 2)
        data = b"".join(iter(lambda: os.read(file, 65536), b""))
    finally:
        os.close(file)
    assert len(data) == size
    assert number in {one["id"] for one in json.loads(data)}


def test_the_time_is_that_of_the_change(tree, hand):
    def made():
        return (tree / "programs.json").stat().st_mtime_ns

    def unchanged():
        first = made()
        time.sleep(0.02)
        return made() == first

    # Others load programs, too.
    eventually(unchanged)
    before = made()
    hand()
    time.sleep(0.004)
    assert made() > before


def test_what_has_not_changed_is_the_same_file(tree, hand):
    """So the kernel has its content already; and it is another file once something has changed."""
    path = tree / "programs.json"

    def unchanged():
        first = path.stat()
        time.sleep(0.01)
        return os.path.samestat(first, path.stat())

    # Others load programs, too.
    eventually(unchanged)
    file = os.open(path, os.O_RDONLY)
    try:
        before, text = os.fstat(file), os.pread(file, 1 << 24, 0)
        _, number = hand()
        time.sleep(0.004)
        assert not os.path.samestat(before, path.stat())
        assert number in objects(tree)
        assert os.fstat(file) == before
        assert os.pread(file, 1 << 24, 0) == text
    finally:
        os.close(file)


def test_a_listing_makes_none(daemon, mountpoint, hand):
    """Not even one with attributes: it would take long."""
    hand()
    daemon(options="noevents")
    entries = {entry.name: entry for entry in os.scandir(mountpoint)}
    assert set(FILES) <= set(entries)
    assert all(entries[name].is_file() for name in FILES)
    read = ok("sh", "-c", f"cat {mountpoint}/*.json").splitlines()
    assert len(read) >= 3


@pytest.mark.parametrize("name", FILES)
def test_an_object_file_has_none(daemon, mountpoint, compiled, name):
    daemon(compiled("hello"))
    assert not (mountpoint / name).exists()


def test_little_memory(daemon, mountpoint, program, take_memory):
    """It is whole or it is not there: a part of it would be no JSON."""
    daemon(options="memory=1M")
    take_memory(mountpoint)
    read = run("cat", mountpoint / "programs.json")
    assert read.returncode == 1
    assert read.stdout == ""
    assert "Cannot allocate memory" in read.stderr
    # Shells look for */oncall below every name, and make none for that.
    with pytest.raises(NotADirectoryError):
        os.stat(mountpoint / "programs.json" / "oncall")
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"


def test_hostile_programs(tree, fds):
    """Whatever the kernel takes, jq and Python read the file, and their neighbours are in it."""
    numbers = {}
    for name, add in TYPES.items():
        btf = bpf.Btf()
        kind, size = add(btf)
        char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
        start = (size + 7) // 8 * 8
        variables = [(btf.var("bpf_metadata_hostile", kind), 0, size),
                     (btf.var("bpf_metadata_next", btf.array(char, 8, index)), start, 8)]
        try:
            numbers[name] = load_section(fds, btf, variables, start + 8,
                                         bytes([0xF1]) * start + b"healthy\0")[0]
        except OSError as refused:
            assert refused.errno in REFUSALS
    assert len(numbers) >= 10
    for _ in range(2):
        found = objects(tree)
        for name, number in numbers.items():
            if name != "500000 levels":
                assert found[number]["metadata"]["next"] == "healthy", name
                assert "hostile" in found[number]["metadata"]
        time.sleep(0.004)
    ids = [int(line) for line in ok("jq", ".[].id", tree / "programs.json").split()]
    assert set(numbers.values()) <= set(ids)
    ok("jq", "-e", "type == \"array\"", tree / "maps.json")


@pytest.mark.parametrize("text", [
    b'"', b"\\", b"\\xff", b"\xff", b"\\\xff", b"'", b"\x01\x1f\x7f", b"a\xc3", "\u2028\u0085".encode(),
    "\U0001F41D\u202e".encode(), b"</script>", b"\xed\xa0\x80", bytes(range(1, 256))],
                         ids=range(13))
def test_hostile_texts(tree, fds, text):
    btf = bpf.Btf()
    char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
    size = len(text) + 1
    number, _ = load_section(fds, btf, [(btf.var("bpf_metadata_a", btf.array(char, size, index)), 0, size)],
                             size, text + b"\0")
    value = objects(tree)[number]["metadata"]["a"]
    try:
        assert value == text.decode()
    except UnicodeDecodeError:
        file = (tree / str(number) / "a").read_text().removesuffix("\n")
        assert value == file
    # Nothing that a terminal takes for a command, and no line that is none.
    raw = (tree / "programs.json").read_text()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", raw)
    assert ok("jq", "-r", f".[] | select(.id == {number}) | .metadata.a | length",
              tree / "programs.json").strip() == str(len(value))


def test_all_metadata_is_in_it(tree, load):
    """Whatever is a file in the program's directory has a place in the object."""
    number = load("values").id
    files, _ = texts(tree / str(number))
    metadata = objects(tree)[number]["metadata"]
    for path in files:
        at = metadata
        for part in path.split("/"):
            at = at[int(part)] if isinstance(at, list) else at[part]
