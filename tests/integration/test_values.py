# SPDX-License-Identifier: GPL-2.0-or-later
"""How values of every type are shown: compiled from C, and such as this compiler does not make."""

import os
import struct
import tarfile

import pytest

import bpf
from conftest import Pinned, need_btf, need_floats, ok
from test_tree import walk

NO_LENGTH = "(cannot be shown: how many elements there are is not known)"
VALUES = {
    "s8_low": "-128", "s8_high": "127", "u8_high": "255", "s16_low": "-32768", "u16_high": "65535",
    "s32_low": "-2147483648", "s32_zero": "0", "u32_high": "4294967295",
    "s64_low": "-9223372036854775808", "u64_high": "18446744073709551615",
    "s128_low": "-170141183460469231731687303715884105728", "s128_minus_one": "-1",
    "u128_high": "340282366920938463463374607431768211455",
    "u128_ten": "100000000000000000000000000000000000000",
    "letter": "65", "negative_char": "-1", "yes": "true", "no": "false",

    "green": "GREEN", "no_color": "4", "below": "BELOW", "above": "ABOVE", "high": "HIGH",
    "all": "ALL", "equal": "FIRST",

    "null": "0x0", "address": "0xffffffff81000000", "function": "0x10", "tagged": "0xabc",

    "by_typedef": "17", "label": "label", "digest": "dead00ef", "beside_a_tag": "5",

    "text": "net-team", "empty": "", "not_ended": "abc", "ended_early": "a", "lines": "one\ntwo\n",
    "tab": "a\tb", "escapes": r"\x1b[31mred\x1b[0m\x07\x0d\x0b\x7f", "backslash": r"C:\\new",
    "utf8": "Zürich 東京 🐝", "not_utf8": r"a\xff\xc3(\xe2\x82", "c1": r"\xc2\x9b31m",
    "right_to_left": r"a\xe2\x80\xaeb", "surrogate": r"\xed\xa0\x80", "overlong": r"\xc0\xaf",
    "percent": "100%s%n", "strings": "one\n\nthree\\x0a", "grid": "a\nb\nc\nd",

    "hash": "00017f80ff" + "00" * 15, "byte_text": "forge", "byte_text_full": "forge",
    "byte_two_texts": "610062000000", "signed_bytes": "ff0001", "no_bytes": "000000",
    "hashes": "010203\n0a0b0c", "byte_texts": "Ä-team\nnet\n00000000000000", "byte_not_utf8": "61c3",
    "crew/oncall": "net-team", "crew/tag": "deadbeef", "crews/0/oncall": "a", "crews/0/tag": "abcd",
    "crews/1/oncall": "0000000000000000", "crews/1/tag": "00000000",

    "numbers": "1 -2 3 0", "matrix": "1 2 3\n4 5 6", "flags": "true false true",
    "colors": "RED BLUE 9", "pointers": "0x0 0xff", "wide_numbers": "1 18446744073709551616",
    "points/0/x": "1", "points/0/y": "2", "points/1/x": "3", "points/1/y": "4",
    "net/0/0/x": "5", "net/0/0/y": "6", "net/1/0/x": "7", "net/1/0/y": "8",

    "thing/number": "1", "thing/text": "abc", "thing/point/x": "2", "thing/point/y": "3",
    "thing/inner": "4", "thing/as_int": "67305985", "thing/as_bytes": "01020304",
    "thing/none": "", "thing/no_text": "", "thing/no_texts": None,
    "either/whole": "258", "either/parts/low": "2", "either/parts/high": "1",
    "bits/minus_one": "-1", "bits/five": "5", "bits/across": "-549755813888", "bits/on": "true",
    "bits/color": "BLUE", "bits/offset": "BELOW", "bits/byte": "100",
    "bits/full": "18446744073709551615",
    "packed/a": "1", "packed/b": "-2", "packed/c": "3",

    "record/length": "5", "record/text": "hello",
    "record_of_nothing/length": "0", "record_of_nothing/text": "",
    "records/0/length": "1", "records/0/text": NO_LENGTH,
    "records/1/length": "2", "records/1/text": NO_LENGTH,
    "route/n": "2", "route/points/0/x": "1", "route/points/0/y": "2",
    "route/points/1/x": "3", "route/points/1/y": "4",
    # Six bytes, and two more up to the next multiple of four.
    "ports/n": "3", "ports/ports": "22 80 443 0",
    "flexible_digest/n": "4", "flexible_digest/digest": "deadbeef",
    "names/n": "2", "names/names": "a\nbcd",
    "overlaid/first/length": "6", "overlaid/first/text": NO_LENGTH, "overlaid/second": "7",
    "either_end/n": "1", "either_end/as_number": "67305985", "either_end/as_bytes": "01020304",
}
EMPTY_DIRECTORIES = {"thing/no_points", "thing/nothing"}

FLOATS = {
    "tenth": "0.1", "tenth_double": "0.1", "third": "0.3333333333333333",
    "third_float": "0.33333334", "one": "1", "million": "1000000", "avogadro": "6.02214076e+23",
    "smallest": "5e-324", "largest": "1.7976931348623157e+308", "largest_float": "3.4028235e+38",
    "minus_zero": "-0", "infinite": "inf", "minus_infinite": "-inf", "not_a_number": "nan",
    "several": "1.5 -2.25 1e+10", "place/x": "0.5", "place/y": "1 2",
}


def texts(directory, without=("info", "maps")):
    """The text of each file below a directory, and the directories in which nothing is."""
    found, empty = {}, set()
    for name in set(os.listdir(directory)) - set(without):
        top = directory / name
        for path in [top, *(walk(top) if top.is_dir() else [])]:
            key = str(path.relative_to(directory))
            if path.is_dir():
                if not os.listdir(path):
                    empty.add(key)
            else:
                data = path.read_bytes()
                assert len(data) == path.stat().st_size
                found[key] = data.decode()
    return found, empty


def lines(values):
    """Each value has a line; None stands for no line at all."""
    return {name: "" if text is None else text + "\n" for name, text in values.items()}


def test_values(tree, load):
    found, empty = texts(tree / str(load("values").id))
    assert found == lines(VALUES)
    assert empty == EMPTY_DIRECTORIES


def test_values_of_an_object(daemon, mountpoint, compiled):
    daemon(compiled("values"))
    found, empty = texts(mountpoint / "values")
    assert found == lines(VALUES)
    assert empty == EMPTY_DIRECTORIES


def test_floats(tree, compiled):
    need_floats()
    program = Pinned(compiled("floats"))
    try:
        assert texts(tree / str(program.id)) == (lines(FLOATS), set())
    finally:
        program.unload()


def test_vars_show_the_same(tree, load):
    program = load("values")
    directory = tree / str(program.id) / "maps" / str(program.map_ids[0]) / "vars"
    found, _ = texts(directory, ())
    assert {name.removeprefix("bpf_metadata_"): text for name, text in found.items()} == \
        lines(VALUES)


def test_no_value_reaches_a_terminal(tree, load):
    """Nothing that could be a control sequence is in any file, but for the newline and tab."""
    for text in texts(tree / str(load("values").id))[0].values():
        assert all(c.isprintable() or c in "\n\t" for c in text)


# BTF by hand.

@pytest.fixture
def show(tree, hand, fds):
    """Loads bytes of a type, show(btf, type, data, size), and returns the path of the entry."""

    def load(btf, kind, data, size=None):
        var = btf.var("bpf_metadata_value", kind)
        section = btf.datasec(".rodata", len(data), [(var, 0, size or len(data))])
        data_fd = bpf.typed_map(btf, section, data)
        fds.append(data_fd)
        fd, number = hand()
        bpf.bind(fd, data_fd)
        return tree / str(number) / "value"

    return load


@pytest.mark.parametrize("signed, value, shown", [
    (1, -5, "MINUS_FIVE"), (1, 1 << 40, "LARGE"), (1, -6, "-6"), (0, (1 << 64) - 1, "ALL"),
    (0, 1 << 40, "LARGE"), (0, (1 << 64) - 2, str((1 << 64) - 2)),
])
def test_enums_of_64_bits(show, signed, value, shown):
    need_btf("enums of 64 bits",
             lambda btf: btf.add("e", 19, 1, 8, struct.pack("<III", btf.string("A"), 0, 0)))
    btf = bpf.Btf()
    known = {"MINUS_FIVE": -5, "LARGE": 1 << 40} if signed else {"ALL": (1 << 64) - 1,
                                                                 "LARGE": 1 << 40}
    extra = b"".join(struct.pack("<III", btf.string(name), number & 0xFFFFFFFF,
                                 number >> 32 & 0xFFFFFFFF) for name, number in known.items())
    kind = btf.add("wide", 19, 2, 8, extra, kflag=signed)
    data = (value & (1 << 64) - 1).to_bytes(8, "little")
    assert show(btf, kind, data).read_text() == shown + "\n"


@pytest.mark.parametrize("signed, value, shown", [
    (1, -2, "BELOW"), (1, -3, "-3"), (0, 2**32 - 3, "4294967293"), (1, 7, "SEVEN")])
def test_enums_that_say_if_they_are_signed(show, signed, value, shown):
    need_btf("enums that say it",
             lambda btf: btf.add("e", bpf.Btf.ENUM, 1, 4, struct.pack("<Ii", btf.string("A"), 0),
                                 kflag=signed))
    btf = bpf.Btf()
    extra = b"".join(struct.pack("<Ii", btf.string(name), number)
                     for name, number in (("BELOW", -2), ("SEVEN", 7)))
    kind = btf.add("signs", bpf.Btf.ENUM, 2, 4, extra, kflag=signed)
    assert show(btf, kind, (value & 2**32 - 1).to_bytes(4, "little")).read_text() == shown + "\n"


def test_pointers_to_anything(show):
    btf = bpf.Btf()
    forward = btf.add("nowhere", bpf.Btf.FWD)
    function = btf.add("", 13)
    for kind in (0, forward, function):
        fresh = bpf.Btf()
        fresh.types, fresh.strings = list(btf.types), btf.strings
        pointer = fresh.add("", bpf.Btf.PTR, size=kind)
        assert show(fresh, pointer, struct.pack("<Q", 0xABC)).read_text() == "0xabc\n"


def test_a_list_that_points_to_itself(show):
    btf = bpf.Btf()
    # The pointer comes first, to the struct that comes next.
    pointer = btf.add("", bpf.Btf.PTR, size=3)
    number = btf.int("int", 4, bpf.Btf.SIGNED)
    node = btf.struct("node", 16, [("next", pointer, 0), ("number", number, 8)])
    path = show(btf, node, struct.pack("<Qii", 1 << 40, 7, 0))
    assert (path / "next").read_text() == f"{1 << 40:#x}\n"
    assert (path / "number").read_text() == "7\n"


@pytest.mark.parametrize("bits, offset, data, shown", [
    (4, 0, b"\x5a", "10"), (4, 4, b"\x5a", "5"), (12, 0, b"\x34\x12", "564"), (1, 7, b"\x80", "1")])
def test_integers_of_odd_widths(show, bits, offset, data, shown):
    """Such as compilers made before BTF had bit-fields: the type itself is a few bits."""
    btf = bpf.Btf()
    size = 1 if bits + offset <= 8 else 2
    kind = btf.add("odd", bpf.Btf.INT, size=size, extra=struct.pack("<I", offset << 16 | bits))
    inside = btf.struct("holder", len(data), [("field", kind, 0)])
    assert (show(btf, inside, data) / "field").read_text() == shown + "\n"


# Large arrays.

def test_a_million_numbers(show, tmp_path):
    count = 1 << 20
    btf = bpf.Btf()
    number = btf.int("unsigned int", 4)
    data = b"".join(struct.pack("<I", i * 2654435761 & 0xFFFFFFFF) for i in range(count))
    path = show(btf, btf.array(number, count, number), data)
    wanted = " ".join(str(number) for number in struct.unpack(f"<{count}I", data)).encode() + b"\n"
    assert path.stat().st_size == len(wanted)
    assert path.read_bytes() == wanted
    with open(path, "rb") as file:
        for at in (0, 1, 4095, 4096, 5_000_001, len(wanted) // 2, len(wanted) - 3):
            file.seek(at)
            assert file.read(1000) == wanted[at:at + 1000]
    # Backwards, which no reader's cache expects.
    fd = os.open(path, os.O_RDONLY)
    try:
        for at in range(len(wanted) - 100, 0, -len(wanted) // 20):
            assert os.pread(fd, 50, at) == wanted[at:at + 50]
    finally:
        os.close(fd)
    ok("tar", "-cf", tmp_path / "a.tar", "-C", path.parent, path.name)
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert archive.extractfile(path.name).read() == wanted


def test_a_million_letters(show):
    count = 1 << 20
    btf = bpf.Btf()
    char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
    data = (b"0123456789abcde\n" * (count // 16))[:-1] + b"\0"
    path = show(btf, btf.array(char, count, index), data)
    assert path.read_bytes() == data[:-1] + b"\n"
    assert ok("wc", "-l", path).split()[0] == str(count // 16)


def test_a_million_bytes(show):
    count = 1 << 20
    btf = bpf.Btf()
    byte, index = btf.int("unsigned char", 1), btf.int("int", 4, bpf.Btf.SIGNED)
    data = bytes(i * 7 & 0xFF for i in range(count))
    path = show(btf, btf.array(byte, count, index), data)
    assert path.read_text() == data.hex() + "\n"


def test_a_million_bytes_without_a_length(show):
    count = 1 << 20
    btf = bpf.Btf()
    byte, index = btf.int("unsigned char", 1), btf.int("int", 4, bpf.Btf.SIGNED)
    record = btf.struct("record", 4, [("n", index, 0), ("data", btf.array(byte, 0, index), 4)])
    data = bytes(i * 7 & 0xFF for i in range(count))
    path = show(btf, record, struct.pack("<i", count) + data) / "data"
    assert path.stat().st_size == 2 * count + 1
    assert path.read_text() == data.hex() + "\n"


def test_lengths_by_two_ways(daemon, mountpoint, hand, fds, take_memory):
    """The same bytes of the same type are another text where their end is known."""
    btf = bpf.Btf()
    char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
    record = btf.struct("record", 4, [("n", index, 0), ("text", btf.array(char, 0, index), 4)])
    either = btf.struct("either", 8, [("two", btf.array(record, 2, index), 0), ("one", record, 0)],
                        kind=bpf.Btf.UNION)
    data = struct.pack("<i", 5) + b"hello\0\0\0"
    var = btf.var("bpf_metadata_value", either)
    fds.append(bpf.typed_map(btf, btf.datasec(".rodata", 12, [(var, 0, 12)]), data))
    fd, number = hand()
    bpf.bind(fd, fds[-2])
    daemon(options="memory=1M")
    take_memory(mountpoint)
    for _ in range(2):
        for name, shown in (("two/0/text", NO_LENGTH), ("one/text", "hello")):
            assert (mountpoint / str(number) / "value" / name).read_text() == shown + "\n"


def test_many_structs(show):
    count = 50_000
    btf = bpf.Btf()
    number = btf.int("int", 4, bpf.Btf.SIGNED)
    point = btf.struct("point", 8, [("x", number, 0), ("y", number, 4)])
    data = b"".join(struct.pack("<ii", i, -i) for i in range(count))
    path = show(btf, btf.array(point, count, number), data)
    for i in (0, 1, 9, 10, 12_345, count - 1):
        assert (path / str(i) / "x").read_text() == f"{i}\n"
        assert (path / str(i) / "y").read_text() == f"{-i}\n"
    for name in (str(count), "-1", "01", "+1", "1x", str(2**32), str(2**64)):
        assert not os.path.lexists(path / name)
    assert [entry.name for entry in os.scandir(path)] == [str(i) for i in range(count)]
