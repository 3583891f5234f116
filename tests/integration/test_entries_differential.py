# SPDX-License-Identifier: GPL-2.0-or-later
r"""Hundreds of pairs of types of keys and values, made at random, in maps that are filled at random:
entries.json is what bpftool makes of them, and each key has a name that leads back to it.

Where they differ on purpose:
- a backslash is \\; bpftool 7.1 prints it as a newline;
- enums of one or two bytes have the names of all their values; bpftool takes them for signed, so that
  those above the half have none;
- floats: bpftool 7.1 stops at the first, so there are none here.
"""

import json
import os
import random
import struct

import pytest

import bpf
import generate
import mapping
from conftest import Pinned, ok

# More with tests/run --long.
OBJECTS = 40 if "BPFMETAFS_TEST_LONG" in os.environ else 20
MAPS = 25
ENTRIES = 6


class Sample:
    """The maps of one object, kept by its program."""

    def __init__(self, number, directory, include):
        self.random = random.Random(number)
        self.generated = generate.Generated(self.random, 2 * MAPS)
        source = directory / f"maps{number}.bpf.c"
        source.write_text(self.source())
        target = directory / f"m{number}.o"
        ok("clang", "-g", "-O2", "-w", "-target", "bpf", f"-I{include}", "-c", source, "-o", target)
        self.pinned = Pinned(target)

    def source(self):
        """Each map is used, or the kernel would let go of it."""
        lines = ["#include <linux/bpf.h>", "#include <bpf/bpf_helpers.h>", *self.generated.definitions]
        kinds = [kind for _, kind, _ in self.generated.variables]
        for i in range(MAPS):
            lines += [f"typedef {kinds[2 * i].declare(f'key{i}')};",
                      f"typedef {kinds[2 * i + 1].declare(f'value{i}')};",
                      "struct {", "\t__uint(type, BPF_MAP_TYPE_HASH);", f"\t__uint(max_entries, {ENTRIES});",
                      f"\t__type(key, key{i});", f"\t__type(value, value{i});", f"}} m{i} SEC(\".maps\");"]
        lines += ["SEC(\"socket\") int program(void *ctx)", "{", "\tconst void *volatile map;"]
        lines += [f"\tmap = &m{i};" for i in range(MAPS)]
        return "\n".join([*lines, "\treturn 0;", "}", "char _license[] SEC(\"license\") = \"GPL\";", ""])

    def bytes_at_random(self, size):
        """Texts, small numbers, and anything else."""
        kind = self.random.randrange(4)
        if kind == 0:
            return bytes(self.random.choice(b"eth0/%.= \\\"<\x1b\xff\n\0\0\0") for _ in range(size))
        if kind == 1:
            return bytes(self.random.choice([0, 0, 0, 1, 2]) for _ in range(size))
        return self.random.randbytes(size) if kind == 2 else b"abc".ljust(size, b"\0")[:size]

    def fill(self, number):
        fd = bpf.map_by_id(number)
        try:
            key, value = struct.unpack_from("<II", bpf.info(fd), 8)
            for _ in range(ENTRIES):
                try:
                    mapping.put(fd, self.bytes_at_random(key), self.bytes_at_random(value))
                except OSError as error:
                    assert error.errno == 7  # E2BIG: it is full
        finally:
            os.close(fd)


@pytest.fixture(scope="module")
def samples(tmp_path_factory, bpffs):
    directory = tmp_path_factory.mktemp("maps")
    include = "/usr/include/" + ok("gcc", "-print-multiarch").strip()
    made = []
    try:
        for number in range(OBJECTS):
            made.append(Sample(number, directory, include))
        yield made
    finally:
        for sample in made:
            sample.pinned.unload()


def same(bpftools, ours, where, wrong):
    """Notes where the two are not the same. Objects are lists of pairs."""
    if isinstance(bpftools, (list, tuple)):
        if not isinstance(ours, type(bpftools)) or len(bpftools) != len(ours):
            wrong.append(f"{where}: {ours!r} instead of {bpftools!r}")
            return
        for i, (one, other) in enumerate(zip(bpftools, ours)):
            same(one, other, f"{where}/{i}", wrong)
    elif isinstance(bpftools, str) and isinstance(ours, str):
        if bpftools.replace("\n", "\\") != ours:
            wrong.append(f"{where}: {ours!r} instead of {bpftools!r}")
    elif type(bpftools) is int and bpftools < 0 and isinstance(ours, str) and ours.startswith("e"):
        assert bpftools >= -(1 << 15), where
    elif bpftools != ours or type(bpftools) is not type(ours):
        wrong.append(f"{where}: {ours!r} instead of {bpftools!r}")


def test_generated_maps(daemon, mountpoint, samples):
    daemon(options="contents")
    compared, wrong = 0, []
    for sample in samples:
        assert len(sample.pinned.map_ids) == MAPS
        for number in sample.pinned.map_ids:
            sample.fill(number)
            directory = mountpoint / "maps" / str(number)
            text = (directory / "entries.json").read_text(encoding="utf-8")
            ours = json.loads(text, object_pairs_hook=list)
            assert len(ours) > 0 and text.count("\n") == len(ours) + 2
            same(mapping.bpftool_dump(number, object_pairs_hook=list), ours, f"map {number}", wrong)
            compared += len(ours)
            names = os.listdir(directory / "entries")
            assert len(set(names)) == len(names) == len(ours)
            for name in names:
                assert (directory / "entries" / name).exists(), name
    assert not wrong, "\n".join(line[:500] for line in wrong[:20])
    assert compared > 75 * OBJECTS
