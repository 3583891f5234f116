# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile types, names and bytes as what is in maps: all is listed and readable, JSON is valid, and the
daemon stays small."""

import errno
import json
import os

import pytest

import bpf
import mapping
from conftest import eventually, is_mounted
from mapping import put, word
from test_hostile import REFUSALS, TOO_LARGE, TYPES, Visit, Watched, read, returns  # noqa: F401: a fixture

# The kernel takes keys that fit on the stack of a program.
MAX_KEY = 512
TERMINAL = b"\x1b]0;title\x07\x1b[2J\xc2\x9b\x7f\xff\"\\\n"


@pytest.fixture
def watched(daemon):
    one = Watched(daemon(options="contents"))
    yield one
    assert one.daemon.process.poll() is None
    assert is_mounted(one.path)


def with_memory(look):
    """What look() gives. On a busy machine, the kernel lets go of dumps that were looked at just before only a
    moment later, and until then there may be no memory for another one."""
    given = []

    def looks():
        try:
            given.append(look())
        except OSError as error:
            assert error.errno == errno.ENOMEM
        return given

    # With a sanitizer each look may take seconds there.
    eventually(looks, 120)
    return given[0]


def check(watched, fd):
    """Looks at all of the map's contents, in each way."""
    directory = watched.path / "maps" / str(bpf.object_id(fd))
    visit = Visit(watched.path)
    visit.visit(directory / "entries")
    read(directory / "entries.json")
    text = with_memory((directory / "entries.json").read_bytes).decode("utf-8")
    entries = json.loads(text)
    assert text.replace("\n", "").isprintable() and text.count("\n") == len(entries) + 2
    assert with_memory((directory / "info" / "entries_shown").read_text).strip().isdigit()
    if visit.left > 0:
        for name in os.listdir(directory / "entries"):
            assert name.isprintable() and (directory / "entries" / name).exists()
    watched.check()
    return directory, entries


@pytest.mark.parametrize("name", TYPES)
def test_values(watched, fds, name):
    btf = bpf.Btf()
    kind, size = TYPES[name](btf)
    number = btf.int("unsigned int", 4)
    try:
        fds.append(mapping.create(mapping.ARRAY, 4, size, 2, btf=btf, types=(number, kind)))
    except OSError as refused:
        assert refused.errno in REFUSALS
        return
    for i, byte in enumerate((b"\xf1", b"\0")):
        put(fds[-1], word(i), byte * size)
    _, entries = check(watched, fds[-1])
    assert len(entries) <= 3


@pytest.mark.parametrize("name", TYPES)
def test_keys(watched, fds, name):
    btf = bpf.Btf()
    kind, size = TYPES[name](btf)
    if size > MAX_KEY:
        return
    number = btf.int("unsigned int", 4)
    try:
        fds.append(mapping.create(mapping.HASH, size, 4, 8, btf=btf, types=(kind, number)))
    except OSError as refused:
        assert refused.errno in REFUSALS
        return
    keys = [byte * size for byte in (b"\xf1", b"\0", b"a", b"%", b"/", b".")] + [TERMINAL.ljust(size, b"=")[:size]]
    for key in keys:
        put(fds[-1], key, word(7))
    directory, entries = check(watched, fds[-1])
    listed = os.listdir(directory / "entries")
    assert len(listed) == len(set(listed)) == len(set(keys))
    # BTF that is too large is as none.
    value = "07000000\n" if name in TOO_LARGE else "7\n"
    assert {(directory / "entries" / one).read_text() for one in listed} == {value}
    assert len(entries) == len(listed) or "error" in entries[-1]


def test_names_and_bytes_for_a_terminal(watched, fds):
    """Names of members and enumerators are BTF's: the kernel takes no odd ones. Bytes are anybody's."""
    def types(btf):
        char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
        text = btf.array(char, 32, index)
        return text, 32, btf.struct("value", 32, [("text", text, 0)]), 32

    fds.append(mapping.with_btf(types, entries=64))
    for i in range(32):
        put(fds[-1], (TERMINAL[i % len(TERMINAL):] + bytes([i])).ljust(32, b"\0"), TERMINAL.ljust(32, b"\0"))
    _, entries = check(watched, fds[-1])
    assert len(entries) == 32


def test_names_of_other_keys(watched, fds):
    """A text can't pass for another key's name: digits, hexadecimal digits, remarks."""
    def types(btf):
        byte, index = btf.int("unsigned char", 1), btf.int("int", 4, bpf.Btf.SIGNED)
        return btf.array(byte, 4, index), 4, index, 4

    fds.append(mapping.with_btf(types, entries=64))
    texts = [b"0x00", b"0a0b", b"\x0a\x0b\x0c\x0d", b"abcd", b"ab\0\0", b"ab\0c", b"\0\0\0\0", b"(no)", b"%41\0",
             b"A\0\0\0", b"....", b"..\0\0", b".\0\0\0"]
    for i, text in enumerate(texts):
        put(fds[-1], text, word(i))
    directory, _ = check(watched, fds[-1])
    values = [(directory / "entries" / name).read_text() for name in os.listdir(directory / "entries")]
    assert sorted(values, key=int) == [f"{i}\n" for i in range(len(texts))]


def test_many_and_large(daemon, fds):
    """A map whose dump would have gigabytes."""
    watched = Watched(daemon(options="contents,memory=32M"))
    fds.append(mapping.create(mapping.ARRAY, value=32768, entries=2000))
    directory, entries = check(watched, fds[-1])
    assert "error" in entries[-1]
    assert with_memory((directory / "entries.json").stat).st_size <= 16 << 20
    assert with_memory((directory / "info" / "entries_shown").read_text) == f"{len(entries) - 1}\n"
    assert len(os.listdir(directory / "entries")) == 2000


def test_listings_that_nobody_ends(daemon, fds):
    """Each is kept for a while, and all together within the option memory."""
    watched = Watched(daemon(options="contents,memory=4M"))
    fds.append(mapping.create(mapping.ARRAY, entries=200000))
    directory = watched.path / "maps" / str(bpf.object_id(fds[-1]))
    listings = []
    try:
        for _ in range(20):
            listings.append(os.scandir(directory / "entries"))
            next(listings[-1])
        watched.check()
        # The last one is whole.
        assert len(set(entry.name for entry in listings[-1])) == 199999
        # Of the first, nothing is kept: it says so, and does not end as if there were no more.
        with pytest.raises(OSError):
            for _ in listings[0]:
                pass
    finally:
        for listing in listings:
            listing.close()


def test_many_files_are_looked_at(daemon, mountpoint, fds):
    """What is remembered of files is bounded by the option memory."""
    watched = Watched(daemon(options="contents,memory=1M"))
    fds.append(mapping.with_btf(mapping.numbers, entries=40000))
    for i in range(30000):
        put(fds[-1], word(i), word(i))
    directory = mountpoint / "maps" / str(bpf.object_id(fds[-1]))
    for i in range(30000):
        assert os.stat(directory / "entries" / str(i)).st_size == len(str(i)) + 1
    watched.check()
    # It leaves room for listings and dumps.
    assert len(os.listdir(directory / "entries")) == 30000
    assert int((directory / "info" / "entries_shown").read_text()) > 500
    assert json.loads((directory / "entries.json").read_text())[0]["formatted"]
