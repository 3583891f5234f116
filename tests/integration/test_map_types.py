# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps of every type that this kernel creates: what is shown of their contents, and that to look changes
nothing."""

import json
import os
import random
import struct
import subprocess

import pytest

import bpf
import mapping
from bpf import Btf
from conftest import eventually, ok
from mapping import CPUS, put, word
from test_features import kernel_type, registered  # noqa: F401: fixtures

F_RDONLY, MMAPABLE = 1 << 3, 1 << 10


@pytest.fixture
def opened(daemon, mountpoint):
    daemon(options="contents")
    return mountpoint


def int_btf():
    btf = Btf()
    return btf, btf.int("int", 4, Btf.SIGNED)


def storage(kind):
    """Maps whose entries belong to something else of the kernel's."""
    btf, number = int_btf()
    return mapping.create(kind, entries=0, flags=mapping.NO_PREALLOC, btf=btf, types=(number, number))


def of_maps(kind, fds):
    fds.append(mapping.create(mapping.ARRAY))
    return mapping.create(kind, inner=fds[-1])


# How each is made; and whether it is read.
OPEN = {
    "hash": lambda fds: mapping.create(mapping.HASH),
    "array": lambda fds: mapping.create(mapping.ARRAY),
    "prog_array": lambda fds: mapping.create(mapping.PROG_ARRAY),
    "percpu_hash": lambda fds: mapping.create(mapping.PERCPU_HASH),
    "percpu_array": lambda fds: mapping.create(mapping.PERCPU_ARRAY),
    "lru_hash": lambda fds: mapping.create(mapping.LRU_HASH),
    "lru_percpu_hash": lambda fds: mapping.create(mapping.LRU_PERCPU_HASH),
    "lpm_trie": lambda fds: mapping.create(mapping.LPM_TRIE, key=8, flags=mapping.NO_PREALLOC),
    "array_of_maps": lambda fds: of_maps(mapping.ARRAY_OF_MAPS, fds),
    "hash_of_maps": lambda fds: of_maps(mapping.HASH_OF_MAPS, fds),
    "devmap": lambda fds: mapping.create(mapping.DEVMAP),
    "cpumap": lambda fds: mapping.create(mapping.CPUMAP, entries=CPUS),
    "cgroup_storage": lambda fds: mapping.create(mapping.CGROUP_STORAGE, key=16, entries=0),
    "percpu_cgroup_storage": lambda fds: mapping.create(mapping.PERCPU_CGROUP_STORAGE, key=16, entries=0),
    "queue": lambda fds: mapping.create(mapping.QUEUE, key=0),
    "stack": lambda fds: mapping.create(mapping.STACK, key=0),
    "devmap_hash": lambda fds: mapping.create(mapping.DEVMAP_HASH),
}
CLOSED = {
    "perf_event_array": lambda fds: mapping.create(mapping.PERF_EVENT_ARRAY),
    "stack_trace": lambda fds: mapping.create(mapping.STACK_TRACE, value=64),
    "cgroup_array": lambda fds: mapping.create(mapping.CGROUP_ARRAY),
    "sockmap": lambda fds: mapping.create(mapping.SOCKMAP),
    "sockhash": lambda fds: mapping.create(mapping.SOCKHASH),
    "xskmap": lambda fds: mapping.create(mapping.XSKMAP),
    "reuseport_sockarray": lambda fds: mapping.create(mapping.REUSEPORT_SOCKARRAY, value=8),
    "sk_storage": lambda fds: storage(mapping.SK_STORAGE),
    "ringbuf": lambda fds: mapping.create(mapping.RINGBUF, key=0, value=0, entries=4096),
    "inode_storage": lambda fds: storage(mapping.INODE_STORAGE),
    "task_storage": lambda fds: storage(mapping.TASK_STORAGE),
    "bloom_filter": lambda fds: mapping.create(mapping.BLOOM_FILTER, key=0),
    "user_ringbuf": lambda fds: mapping.create(mapping.USER_RINGBUF, key=0, value=0, entries=4096),
    "cgrp_storage": lambda fds: storage(mapping.CGRP_STORAGE),
    "arena": lambda fds: mapping.create(mapping.ARENA, key=0, value=0, entries=4, flags=MMAPABLE),
    # Of a type that is read
    "large values": lambda fds: mapping.create(mapping.ARRAY, value=9 << 20, entries=1),
}


def made(make, fds):
    try:
        fds.append(make(fds))
    except OSError as error:
        pytest.skip(f"this kernel creates no such map: {error}")
    return bpf.object_id(fds[-1])


@pytest.mark.parametrize("kind", OPEN)
def test_open(opened, fds, kind):
    directory = opened / "maps" / str(made(OPEN[kind], fds))
    listed = sorted(os.listdir(directory / "entries"))
    full = kind in ("array", "percpu_array")
    assert listed == ([str(i) for i in range(8)] if full else [])
    entries = json.loads((directory / "entries.json").read_text())
    assert len(entries) == len(listed)
    assert (directory / "info" / "entries_shown").read_text() == f"{len(listed)}\n"
    counted = (directory / "info" / "entries").read_text()
    if kind in ("queue", "stack"):
        assert counted == "(cannot be shown: the kernel does not tell)\n"
    else:
        assert counted == ("8 (all of an array)\n" if full else "0 (counted)\n")


@pytest.mark.parametrize("kind, value", [
    (mapping.DEVMAP, word(1)), (mapping.DEVMAP_HASH, word(1)), (mapping.CPUMAP, word(192))],
                         ids=["devmap", "devmap_hash", "cpumap"])
def test_what_packets_are_sent_to(opened, fds, kind, value):
    number = made(lambda fds: mapping.create(kind, entries=CPUS), fds)
    try:
        put(fds[-1], word(0), value)
    except OSError as error:
        pytest.skip(f"nothing can be put into it here: {error}")
    directory = opened / "maps" / str(number)
    (name,) = os.listdir(directory / "entries")
    assert name == ("00000000" if kind == mapping.DEVMAP_HASH else "0")
    assert (directory / "entries" / name).read_text() == value.hex() + "\n"
    # bpftool has an error for each number that has no entry.
    assert json.loads((directory / "entries.json").read_text()) == \
        [entry for entry in mapping.bpftool_dump(number) if "error" not in entry["value"]]
    assert (directory / "info" / "entries").read_text() == "1 (counted)\n"


def test_operations_of_the_kernel(opened, registered):  # noqa: F811
    """A map of type struct_ops has one value, which the kernel's BTF describes."""
    directory = opened / "maps" / str(registered)
    size = int((directory / "info" / "bytes_value").read_text())
    assert os.listdir(directory / "entries") == ["0"]
    assert len((directory / "entries" / "0").read_text()) == 2 * size + 1
    (entry,) = json.loads((directory / "entries.json").read_text())
    assert len(entry["value"]) == size


@pytest.mark.parametrize("kind", CLOSED)
def test_closed(opened, fds, kind):
    directory = opened / "maps" / str(made(CLOSED[kind], fds))
    assert os.listdir(directory / "entries") == ["(cannot be shown)"]
    reason = (directory / "entries" / "(cannot be shown)").read_text()
    assert reason.startswith("(cannot be shown: ") and reason.endswith(")\n") and len(reason) > 30
    why = reason.removeprefix("(cannot be shown: ").removesuffix(")\n")
    assert json.loads((directory / "entries.json").read_text()) == [{"error": f"not read: {why}"}]
    assert (directory / "info" / "entries").read_text() == reason
    assert (directory / "info" / "entries_shown").read_text() == "0\n"
    assert not (directory / "entries" / "0").exists()


def look(directory):
    """Reads all that there is of a map's contents, in each way."""
    ok("find", directory / "entries", "-ls")
    ok("grep", "-rs", "", directory / "entries", directory / "entries.json")
    os.listdir(directory / "entries")
    for name in "entries", "entries_shown":
        (directory / "info" / name).read_text()


@pytest.mark.parametrize("kind", [mapping.QUEUE, mapping.STACK])
def test_elements_stay(opened, fds, kind):
    fds.append(mapping.create(kind, key=0, entries=3))
    directory = opened / "maps" / str(bpf.object_id(fds[-1]))
    for number in 1, 2, 3:
        put(fds[-1], None, word(number))
    order = [1, 2, 3] if kind == mapping.QUEUE else [3, 2, 1]
    for number in order:
        for _ in range(3):
            look(directory)
        assert (directory / "entries" / "next").read_text() == word(number).hex() + "\n"
        (element,) = json.loads((directory / "entries.json").read_text())
        assert bytes(int(byte, 16) for byte in element["value"]) == word(number)
        taken = mapping._with_memory(21, fds[-1], None, bytes(4))  # BPF_MAP_LOOKUP_AND_DELETE_ELEM
        assert taken == word(number)
    assert os.listdir(directory / "entries") == []


@pytest.mark.parametrize("kind", [mapping.LRU_HASH, mapping.LRU_PERCPU_HASH])
def test_the_order_of_lru_maps_is_unchanged(opened, fds, kind):
    """Two maps are filled alike, and one of them is read all the time: each loses the same keys at the
    same moments."""
    size = 64
    read, twin = (mapping.create(kind, value=8, entries=size) for _ in range(2))
    fds += [read, twin]
    directory = opened / "maps" / str(bpf.object_id(read))
    value = bytes(8 * CPUS) if kind == mapping.LRU_PERCPU_HASH else bytes(8)
    # The kernel hashes with another seed in each map, but the order is that of the updates. Each CPU
    # has free entries of its own.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    try:
        for number in range(4 * size):
            put(read, word(number), value)
            put(twin, word(number), value)
            if number % 16 == 0:
                look(directory)
            if number % 8 == 0:
                assert keys(read) == keys(twin), number
    finally:
        os.sched_setaffinity(0, range(CPUS))
    assert len(keys(read)) < 4 * size


def keys(fd):
    found, key = set(), None
    while True:
        try:
            key_address, keep_key = bpf.pointer(key) if key else (0, None)
            next_address, following = bpf.pointer(bytes(4))
            bpf.call(mapping.MAP_NEXT_KEY, struct.pack("<IIQQ", fd, 0, key_address, next_address))
        except FileNotFoundError:
            return found
        key = following.raw
        found.add(struct.unpack("=I", key)[0])


def test_a_map_of_sockets_keeps_them(opened, fds):
    """A reader that closes the last descriptor would empty the map."""
    import socket
    try:
        fds.append(mapping.create(mapping.SOCKMAP))
    except OSError as error:
        pytest.skip(f"this kernel creates no such map: {error}")
    directory = opened / "maps" / str(bpf.object_id(fds[-1]))
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()) as client:
        put(fds[-1], word(0), word(client.fileno()))
        for _ in range(3):
            look(directory)
        # It is still there: a second one at that place is refused with BPF_NOEXIST.
        with pytest.raises(FileExistsError):
            mapping._with_memory(bpf.MAP_UPDATE, fds[-1], word(0), word(client.fileno()), flags=1)


def test_nothing_is_written(opened, fds):
    """Also frozen maps are read; to read freezes none."""
    for flags in 0, F_RDONLY:
        fds.append(mapping.create(mapping.ARRAY, flags=flags))
        directory = opened / "maps" / str(bpf.object_id(fds[-1]))
        look(directory)
        assert (directory / "info" / "frozen").read_text() == "0\n"
        assert (directory / "entries" / "0").read_text() == "00000000\n"
    bpf.map_freeze(fds[-2])
    assert (directory.parent / str(bpf.object_id(fds[-2])) / "entries" / "0").read_text() == "00000000\n"


# Writers

def test_a_map_that_changes_all_the_time(opened, fds):
    """What stays is listed once, and is in every dump; every dump is JSON."""
    kinds = [mapping.HASH, mapping.LRU_HASH, mapping.PERCPU_HASH]
    for kind in kinds:
        fds.append(mapping.with_btf(mapping.numbers, kind=kind, entries=4000))
        fd, directory = fds[-1], opened / "maps" / str(bpf.object_id(fds[-1]))
        size = 4 if kind != mapping.PERCPU_HASH else 8 * CPUS
        staying = 500 if kind != mapping.LRU_HASH else 0
        for number in range(staying):
            put(fd, word(number), number.to_bytes(4, "little") + bytes(size - 4))
        pid = os.fork()
        if pid == 0:
            churn(fd, size, 1000)
        try:
            for _ in range(15):
                listed = os.listdir(directory / "entries")
                assert len(listed) == len(set(listed))
                assert {str(number) for number in range(staying)} <= set(listed)
                entries = json.loads((directory / "entries.json").read_text())
                numbers = [entry["formatted"]["key"] for entry in entries]
                assert len(numbers) == len(set(numbers)) and set(range(staying)) <= set(numbers)
                # Some of those that come and go vanish between listing and lookup.
                subprocess.run(["grep", "-rs", "", directory / "entries"], capture_output=True, check=False)
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


def churn(fd, size, start):
    """Puts and deletes without end, but with pauses."""
    import time
    chosen = random.Random(1)
    try:
        while True:
            for _ in range(200):
                number = chosen.randrange(start, start + 1500)
                try:
                    if chosen.random() < 0.5:
                        put(fd, word(number), bytes(size))
                    else:
                        mapping.delete(fd, word(number))
                except OSError:
                    pass
            time.sleep(0.001)
    finally:
        os._exit(1)


def test_a_trie_that_changes_all_the_time(opened, fds):
    """No key is listed twice, though the kernel begins anew when a key has gone."""
    fds.append(mapping.create(mapping.LPM_TRIE, key=8, entries=4000, flags=mapping.NO_PREALLOC))
    fd, directory = fds[-1], opened / "maps" / str(bpf.object_id(fds[-1]))
    for number in range(1000):
        put(fd, struct.pack("=II", 32, number), word(1))
    pid = os.fork()
    if pid == 0:
        try:
            while True:
                for number in range(0, 1000, 3):
                    mapping.delete(fd, struct.pack("=II", 32, number))
                for number in range(0, 1000, 3):
                    put(fd, struct.pack("=II", 32, number), word(1))
        finally:
            os._exit(1)
    try:
        for _ in range(20):
            listed = os.listdir(directory / "entries")
            assert len(listed) == len(set(listed)) <= 1000
            entries = json.loads((directory / "entries.json").read_text())
            keys_seen = [tuple(entry["key"]) for entry in entries]
            assert len(keys_seen) == len(set(keys_seen))
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_maps_that_come_and_go(opened, fds):
    """A reader gets ENOENT for what has gone, and nothing else."""
    def come_and_go():
        while True:
            fd = mapping.create(mapping.HASH)
            put(fd, word(1), word(1))
            os.close(fd)

    others = set(bpf.map_ids())
    pid = os.fork()
    if pid == 0:
        try:
            come_and_go()
        finally:
            os._exit(1)
    try:
        for _ in range(30):
            for number in set(os.listdir(opened / "maps")) - {str(other) for other in others}:
                try:
                    os.listdir(opened / "maps" / number / "entries")
                    (opened / "maps" / number / "entries.json").read_text()
                except FileNotFoundError:
                    pass
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_within_few_descriptors(mountpoint, fds):
    """The option needs none for good, and while it reads no more than without."""
    fds.append(mapping.with_btf(mapping.numbers))
    put(fds[-1], word(1), word(1))
    number = bpf.object_id(fds[-1])
    ok("sh", "-c", "ulimit -n 20; exec bpfmetafs bpf \"$0\" -o contents", mountpoint)
    try:
        directory = mountpoint / "maps" / str(number)
        assert os.listdir(directory / "entries") == ["1"]
        assert (directory / "entries" / "1").read_text() == "1\n"
        assert json.loads((directory / "entries.json").read_text())[0]["formatted"] == {"key": 1, "value": 1}
    finally:
        ok("umount", mountpoint)
    eventually(lambda: not os.path.ismount(mountpoint))
