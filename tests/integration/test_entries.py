# SPDX-License-Identifier: GPL-2.0-or-later
"""entries/ of maps: names of keys, values, listings."""

import errno
import json
import os
import struct
import time

import pytest

import bpf
import mapping
from bpf import Btf
from conftest import eventually, ok
from mapping import CPUS, put, word


@pytest.fixture(params=["contents", "contents,noevents"])
def opened(request, daemon, mountpoint):
    """The tree with the option, as a path."""
    daemon(options=request.param)
    return mountpoint


@pytest.fixture
def made(fds, opened):
    """made(mapping.create(...)) is the map's directory; its descriptor is in fds."""

    def directory(fd):
        fds.append(fd)
        return opened / "maps" / str(bpf.object_id(fd))

    return directory


def names(directory):
    return sorted(os.listdir(directory / "entries"))


# Names and values

def test_numbers(made, fds):
    directory = made(mapping.with_btf(mapping.numbers))
    put(fds[-1], word(7), word(42))
    put(fds[-1], word(2**32 - 1), word(0))
    assert names(directory) == ["4294967295", "7"]
    assert not (directory / "entries" / "(cannot be shown)").exists()
    assert (directory / "entries" / "7").read_text() == "42\n"
    assert (directory / "entries" / "4294967295").read_text() == "0\n"
    # A key has one name: others for the same number are none.
    for other in "07", "+7", " 7", "7 ", "0x7", "-4294967289", "4294967303", "", "8", "x", "%37":
        assert not (directory / "entries" / other).is_file()


def test_signed_numbers(made, fds):
    def types(btf):
        return btf.int("long", 8, Btf.SIGNED), 8, btf.int("short", 2, Btf.SIGNED), 2

    directory = made(mapping.with_btf(types))
    for number in -1, 0, -2**63, 2**63 - 1:
        put(fds[-1], struct.pack("=q", number), struct.pack("=h", -3))
    assert names(directory) == sorted(["-1", "0", str(-2**63), str(2**63 - 1)])
    assert (directory / "entries" / "-1").read_text() == "-3\n"


def test_enums_and_bools(made, fds):
    def types(btf):
        colour = btf.add("colour", Btf.ENUM, 2, 4, b"".join(
            struct.pack("<II", btf.string(name), value) for name, value in (("RED", 1), ("BLUE", 2))))
        flag = btf.int("_Bool", 1, Btf.BOOL)
        key = btf.struct("key", 8, [("colour", colour, 0), ("on", flag, 4)])
        return key, 8, colour, 4

    directory = made(mapping.with_btf(types))
    put(fds[-1], struct.pack("=II", 1, 1), word(2))
    put(fds[-1], struct.pack("=II", 9, 0), word(9))
    # 2 is no bool, and there is something in the padding: the names would not lead back.
    put(fds[-1], struct.pack("=II", 1, 2), word(1))
    put(fds[-1], struct.pack("=II", 2, 0x100), word(1))
    assert names(directory) == ["0x0100000002000000", "0x0200000000010000", "colour=9,on=false",
                                "colour=RED,on=true"]
    assert (directory / "entries" / "colour=RED,on=true").read_text() == "BLUE\n"
    assert (directory / "entries" / "0x0100000002000000").read_text() == "RED\n"
    assert not (directory / "entries" / "colour=1,on=true").exists()
    assert not (directory / "entries" / "colour=RED,on=2").exists()


def text_key(size):
    def types(btf):
        char, index = btf.int("char", 1, Btf.SIGNED), btf.int("int", 4, Btf.SIGNED)
        return btf.array(char, size, index), size, index, 4

    return types


def test_texts(made, fds):
    directory = made(mapping.with_btf(text_key(16), entries=20))
    texts = {b"eth0": "eth0", b"a/b": "a%2Fb", b"100%": "100%25", b"\xff": "%FF", b"..": "%2E%2E",
             b"\x1b[31m": "%1B[31m", "ä".encode(): "ä", b"a=1,b=2": "a=1,b=2", b"0x00": None,
             b"": None, b"a\0b": None, b"(cannot be shown)": None, b"0123456789abcdef":
             "0123456789abcdef"}
    for text in texts:
        put(fds[-1], text[:16].ljust(16, b"\0"), word(1))
    shown = {name or "0x" + text[:16].ljust(16, b"\0").hex() for text, name in texts.items()}
    assert set(names(directory)) == shown
    for name in shown:
        assert (directory / "entries" / name).read_text() == "1\n"


def test_addresses_are_hex(made, fds):
    def types(btf):
        byte, index = btf.int("unsigned char", 1), btf.int("int", 4, Btf.SIGNED)
        address = btf.array(byte, 4, index)
        key = btf.struct("key", 8, [("prefixlen", btf.int("unsigned int", 4), 0), ("data", address, 4)])
        return key, 8, index, 4

    directory = made(mapping.with_btf(types, kind=mapping.LPM_TRIE, flags=mapping.NO_PREALLOC))
    put(fds[-1], struct.pack("=I4s", 8, bytes([10, 0, 0, 0])), word(1))
    put(fds[-1], struct.pack("=I4s", 24, bytes([192, 168, 1, 0])), word(2))
    assert names(directory) == ["prefixlen=24,data=c0a80100", "prefixlen=8,data=0a000000"]
    assert (directory / "entries" / "prefixlen=24,data=c0a80100").read_text() == "2\n"


def test_without_btf(made, fds):
    directory = made(mapping.create(mapping.HASH, key=3, value=5))
    put(fds[-1], b"abc", b"hello")
    assert names(directory) == ["616263"]
    assert (directory / "entries" / "616263").read_text() == "68656c6c6f\n"
    array = made(mapping.create(mapping.ARRAY, entries=3))
    assert names(array) == ["0", "1", "2"]
    assert (array / "entries" / "2").read_text() == "00000000\n"
    assert not (array / "entries" / "3").exists()


def test_long_names(made, fds):
    """A name that was cut tells no key, and is found all the same."""
    directory = made(mapping.create(mapping.HASH, key=200, value=4))
    for i in range(3):
        put(fds[-1], bytes([0x55]) * 196 + word(i), word(i))
    assert len(names(directory)) == 3
    values = {(directory / "entries" / name).read_text() for name in names(directory)}
    assert values == {word(i).hex() + "\n" for i in range(3)}
    assert all(len(name) == 255 for name in names(directory))


def test_many_long_names(made, fds):
    """Each is found without a look at all others, and a listing that is read meanwhile stays as it is."""
    directory = made(mapping.create(mapping.HASH, key=200, value=4, entries=12000)) / "entries"
    for i in range(6000):
        put(fds[-1], bytes([0x55]) * 196 + word(i), word(i))
    with os.scandir(directory) as listing:
        seen = [next(listing).name for _ in range(100)]
        for i, name in enumerate(sorted(seen) * 12):
            assert (directory / name).read_text().endswith("\n")
            put(fds[-1], bytes([0xAA]) * 196 + word(i), word(i))
        seen += [entry.name for entry in listing]
    assert len(seen) == len(set(seen)) == 6000


def test_structs(made, fds):
    def types(btf):
        u32, u64 = btf.int("unsigned int", 4), btf.int("unsigned long long", 8)
        inner = btf.struct("inner", 8, [("x", u32, 0), ("y", u32, 4)])
        value = btf.struct("value", 16, [("packets", u64, 0), ("inner", inner, 8)])
        return u32, 4, value, 16

    directory = made(mapping.with_btf(types))
    put(fds[-1], word(1), struct.pack("=QII", 5, 6, 7))
    put(fds[-1], word(2), struct.pack("=QII", 50, 60, 70))
    one, two = directory / "entries" / "1", directory / "entries" / "2"
    assert sorted(os.listdir(one)) == ["inner", "packets"]
    assert (one / "packets").read_text() == "5\n" and (one / "inner" / "y").read_text() == "7\n"
    assert (two / "packets").read_text() == "50\n" and (two / "inner" / "y").read_text() == "70\n"
    before = os.stat(one / "packets")
    put(fds[-1], word(1), struct.pack("=QII", 51, 6, 7))
    assert (one / "packets").read_text() == "51\n"
    assert os.stat(one / "packets").st_ino != before.st_ino
    mapping.delete(fds[-1], word(1))
    assert not one.exists() and names(directory) == ["2"]
    put(fds[-1], word(1), struct.pack("=QII", 8, 9, 10))
    assert (one / "packets").read_text() == "8\n"


def test_inside_of_an_entry_that_goes(made, fds):
    def types(btf):
        u32 = btf.int("unsigned int", 4)
        return u32, 4, btf.struct("value", 4, [("x", u32, 0)]), 4

    directory = made(mapping.with_btf(types))
    put(fds[-1], word(1), word(5))
    inside = os.open(directory / "entries" / "1", os.O_RDONLY)
    try:
        assert os.listdir(inside) == ["x"]
        mapping.delete(fds[-1], word(1))
        with pytest.raises(FileNotFoundError):
            os.stat("x", dir_fd=inside)
    finally:
        os.close(inside)


@pytest.mark.parametrize("kind", [mapping.PERCPU_HASH, mapping.PERCPU_ARRAY, mapping.LRU_PERCPU_HASH])
def test_a_value_for_each_cpu(made, fds, kind):
    def types(btf):
        u32 = btf.int("unsigned int", 4)
        return u32, 4, btf.struct("value", 4, [("x", u32, 0)]), 4

    directory = made(mapping.with_btf(types, kind=kind, entries=4))
    put(fds[-1], word(1), b"".join(struct.pack("=Q", 100 + cpu) for cpu in range(CPUS)))
    assert "1" in names(directory)
    entry = directory / "entries" / "1"
    assert sorted(os.listdir(entry)) == sorted(str(cpu) for cpu in range(CPUS))
    for cpu in range(CPUS):
        assert (entry / str(cpu) / "x").read_text() == f"{100 + cpu}\n"
    assert not (entry / str(CPUS)).exists() and not (entry / "00").exists()


def test_maps_in_maps(made, fds, opened):
    inner = made(mapping.create(mapping.HASH))
    inner_fd = fds[-1]
    for kind, name in (mapping.ARRAY_OF_MAPS, "2"), (mapping.HASH_OF_MAPS, "02000000"):
        directory = made(mapping.create(kind, inner=inner_fd))
        assert names(directory) == []
        put(fds[-1], word(2), word(inner_fd))
        assert names(directory) == [name]
        assert os.readlink(directory / "entries" / name) == f"../../{inner.name}"
        assert (directory / "entries" / name / "info" / "id").read_text() == f"{inner.name}\n"


def test_large_keys_that_are_remembered(daemon, mountpoint, fds):
    """The daemon remembers the keys of such a map while it goes through them, but only so many bytes."""
    daemon(options="contents")
    fds.append(mapping.create(mapping.HASH))
    try:
        fds.append(mapping.create(mapping.HASH_OF_MAPS, key=65536, entries=1100, flags=mapping.NO_PREALLOC,
                                  inner=fds[-1]))
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
        pytest.skip("this kernel has no keys that large")
    mapping.put_all(fds[-1], [word(i) + bytes(65532) for i in range(1100)], [word(fds[-2])] * 1100)
    counted = (mountpoint / "maps" / str(bpf.object_id(fds[-1])) / "info/entries").read_text()
    assert counted.endswith(" (counted, and there are more)\n") and int(counted.split()[0]) <= 1024


def test_programs_in_arrays(made, fds, hand):
    prog_fd, prog = hand()
    directory = made(mapping.create(mapping.PROG_ARRAY))
    put(fds[-1], word(3), word(prog_fd))
    assert names(directory) == ["3"]
    assert os.readlink(directory / "entries" / "3") == f"../../../{prog}"
    assert (directory / "entries" / "3" / "info" / "id").read_text() == f"{prog}\n"
    assert (directory / "info" / "entries").read_text() == "1 (counted)\n"
    # The array is opened ten times a second, no more: it may be so old.
    mapping.delete(fds[-1], word(3))
    eventually(lambda: names(directory) == [])
    # To look has not emptied it, nor kept it.
    put(fds[-1], word(1), word(prog_fd))
    eventually(lambda: names(directory) == ["1"])
    number = int(directory.name)
    os.close(fds.pop())
    eventually(lambda: number not in bpf.map_ids())


def test_global_data_leads_to_its_variables(opened, fds):
    btf = Btf()
    u32 = btf.int("unsigned int", 4)
    section = btf.datasec(".data", 4, [(btf.var("x", u32), 0, 4)])
    fds.append(bpf.typed_map(btf, section, word(9), flags=0, freeze=False))
    directory = opened / "maps" / str(bpf.object_id(fds[-1]))
    assert os.readlink(directory / "entries" / "0") == "../vars"
    assert (directory / "entries" / "0" / "x").read_text() == "9\n"


# Listings

def fill(fd, n, start=0):
    for i in range(start, start + n):
        put(fd, word(i), word(i))


def test_a_listing_is_of_one_pass(made, fds):
    """What comes and goes while it is read neither shows a key twice nor loses one."""
    directory = made(mapping.with_btf(mapping.numbers, entries=20000))
    fill(fds[-1], 5000)
    seen = []
    with os.scandir(directory / "entries") as listing:
        for i, entry in enumerate(listing):
            seen.append(entry.name)
            if i % 50 == 0:
                mapping.delete(fds[-1], word(i))
                put(fds[-1], word(10000 + i), word(1))
    assert len(seen) == len(set(seen)) == 5000
    assert {int(name) for name in seen} == set(range(5000))


def test_two_listings_at_once(made, fds):
    directory = made(mapping.with_btf(mapping.numbers, entries=20000))
    fill(fds[-1], 3000)
    with os.scandir(directory / "entries") as one:
        first = [next(one).name for _ in range(1500)]
        fill(fds[-1], 1000, 5000)
        second = os.listdir(directory / "entries")
        first += [entry.name for entry in one]
    assert {int(name) for name in first} >= set(range(3000)) and len(first) == len(set(first))
    assert {int(name) for name in second} == set(range(3000)) | set(range(5000, 6000))


@pytest.mark.parametrize("n", [1, 5, 3000])
def test_a_reader_that_is_slow_at_the_end(made, fds, n):
    """It asks whether anything follows when the keys are not kept any more."""
    directory = made(mapping.with_btf(mapping.numbers, entries=20000))
    fill(fds[-1], n)
    with os.scandir(directory / "entries") as listing:
        seen = [next(listing).name for _ in range(n)]
        time.sleep(1.5)
        os.stat(directory / "entries" / seen[0])
        assert next(listing, None) is None
    assert {int(name) for name in seen} == set(range(n))


def test_memory_bounds_a_listing(daemon, mountpoint, fds):
    daemon(options="contents,memory=1M")
    keys = [word(i) + bytes(60) for i in range(30000)]
    fds.append(mapping.create(mapping.HASH, key=64, entries=40000))
    mapping.put_all(fds[-1], keys, [word(i) for i in range(30000)])
    directory = mountpoint / "maps" / str(bpf.object_id(fds[-1]))
    listed = names(directory)
    assert "(cannot be shown)" in listed and 10000 < len(listed) < 20000
    remark = (directory / "entries" / "(cannot be shown)").read_text()
    assert remark == "(cannot be shown: all entries; the listing ends here)\n"
    # What is not listed is there all the same.
    assert all((directory / "entries" / keys[i].hex()).read_text() == f"{word(i).hex()}\n"
               for i in range(0, 30000, 997))
    entries = json.loads((directory / "entries.json").read_text())
    shown = int((directory / "info" / "entries_shown").read_text())
    assert entries[-1] == {"error": f"only {shown} entries are shown, for there are too many"}
    assert len(entries) == shown + 1 and (directory / "info" / "entries").read_text() == "30000 (counted)\n"


def test_all_that_a_cut_listing_names_is_there(daemon, mountpoint, fds):
    """Those who look at each name may come to the remark long after the listing has ended, and the
    kernel may forget the map meanwhile: others' tests make it do that."""
    daemon(options="contents,memory=1M")
    fds.append(mapping.create(mapping.HASH, key=64, entries=40000))
    mapping.put_all(fds[-1], [word(i) + bytes(60) for i in range(30000)], [word(i) for i in range(30000)])
    entries = mountpoint / "maps" / str(bpf.object_id(fds[-1])) / "entries"
    assert len(ok("find", entries, "-printf", "%p %s\\n").splitlines()) > 10000
    listed = os.listdir(entries)
    time.sleep(1.5)
    assert (entries / "(cannot be shown)").lstat().st_size > 0
    # A listing that shows all has none.
    for i in range(25000):
        mapping.delete(fds[0], word(i) + bytes(60))
    assert len(os.listdir(entries)) == 5000 < len(listed)
    eventually(lambda: not (entries / "(cannot be shown)").exists())


def test_large_dumps_close_no_report(daemon, mountpoint, fds):
    """They may take all other memory, by being kept open."""
    daemon(options="contents,memory=4M")
    kept = []
    try:
        with pytest.raises(OSError) as refused:
            for _ in range(20):
                fds.append(mapping.create(mapping.ARRAY, value=1024, entries=1000))
                kept.append(open(mountpoint / "maps" / str(bpf.object_id(fds[-1])) / "entries.json",
                                 encoding="utf-8"))
        assert refused.value.errno == errno.ENOMEM and kept
        ids = {one["id"] for one in json.loads((mountpoint / "maps.json").read_text())}
        assert ids >= {bpf.object_id(fd) for fd in fds}
        assert "bpf_maps" in (mountpoint / "metrics.prom").read_text()
    finally:
        for file in kept:
            file.close()


def test_a_large_map(made, fds):
    """More keys than a listing has."""
    directory = made(mapping.create(mapping.ARRAY, entries=300000))
    listed = os.listdir(directory / "entries")
    assert len(listed) == len(set(listed)) and "(cannot be shown)" in listed
    assert len(listed) <= 262144 + 1
    assert (directory / "info" / "entries").read_text() == "300000 (all of an array)\n"
    assert (directory / "entries" / "299999").read_text() == "00000000\n"


def test_find_and_tar(made, fds, tmp_path):
    directory = made(mapping.with_btf(mapping.numbers, entries=200))
    fill(fds[-1], 100)
    assert len(ok("find", directory / "entries", "-type", "f").split()) == 100
    ok("tar", "cf", tmp_path / "entries.tar", "-C", directory, "entries")
    assert len(ok("tar", "tf", tmp_path / "entries.tar").split()) == 101


def test_no_descriptor_is_kept(made, fds):
    directory = made(mapping.with_btf(mapping.numbers))
    put(fds[-1], word(1), word(1))
    assert names(directory) == ["1"] and (directory / "entries.json").read_text()
    assert (directory / "entries" / "1").read_text() == "1\n"
    number = int(directory.name)
    os.close(fds.pop())
    eventually(lambda: number not in bpf.map_ids())
    eventually(lambda: not directory.exists())


def test_there_is_none_without_the_option(tree, fds):
    fds.append(mapping.with_btf(mapping.numbers))
    put(fds[-1], word(1), word(1))
    directory = tree / "maps" / str(bpf.object_id(fds[-1]))
    assert sorted(os.listdir(directory)) == ["info", "progs"]
    for name in "entries", "entries.json", "vars", "info/entries", "info/entries_shown":
        with pytest.raises(OSError) as raised:
            os.stat(directory / name)
        assert raised.value.errno == errno.ENOENT
    assert not {"entries", "entries_shown"} & set(os.listdir(directory / "info"))
