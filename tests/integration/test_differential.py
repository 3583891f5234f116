# SPDX-License-Identifier: GPL-2.0-or-later
r"""Thousands of types and values, made at random, compiled, loaded, and read back: each has to be
shown as what the compiler was given, and as what bpftool reads out of the kernel.

Where the tree differs from bpftool on purpose:
- bit-fields and 128-bit integers are decimal, with their sign; bpftool prints the raw bits in hex;
- bool bit-fields are true or false, enum bit-fields have names, as those that are no bit-fields;
- enums of one or two bytes are found by their value; bpftool takes them for signed, so that those
  above the half have no name and are negative;
- pointers are hex; bpftool prints them in decimal;
- arrays of char are text, whatever is in them; bpftool prints those that are not all printable as
  lists of numbers. Arrays of other bytes are hex, or text; bpftool's are lists of numbers;
- a backslash is \\; bpftool 7.1 prints it as a newline;
- nameless members are folded into what they are in; bpftool prints them as members without a name;
- floats are shown; bpftool 7.1 stops at the first and prints no more of the map, so objects with
  floats are only compared with what the compiler was given.
"""

import json
import os
import random

import pytest

import bpf
import generate
from conftest import Pinned, ok

# More with tests/run --long.
OBJECTS = 40 if "BPFMETAFS_TEST_LONG" in os.environ else 20
FLOAT_OBJECTS = 6
VARIABLES = 75


class Sample:
    def __init__(self, number, directory, include):
        self.generated = generate.Generated(random.Random(number), VARIABLES, number >= OBJECTS)
        source = directory / f"generated{number}.bpf.c"
        source.write_text(self.generated.source)
        target = directory / f"g{number}.o"
        ok("clang", "-g", "-O2", "-w", "-target", "bpf", f"-I{include}", "-c", source, "-o", target)
        self.pinned = Pinned(target)
        self.id = self.pinned.id
        self.seen = None

    def dump(self):
        dumped = json.loads(ok("bpftool", "-j", "map", "dump", "id", self.pinned.map_ids[0]),
                            object_pairs_hook=list)
        value = dict(dict(dumped[0])["formatted"])["value"]
        self.seen = dict(pair for variable in dict(value)[".rodata"] for pair in variable)


@pytest.fixture(scope="module")
def samples(tmp_path_factory, bpffs):
    directory = tmp_path_factory.mktemp("generated")
    include = "/usr/include/" + ok("gcc", "-print-multiarch").strip()
    made = []
    count = OBJECTS + (FLOAT_OBJECTS if bpf.takes_floats() else 0)
    try:
        for number in range(count):
            made.append(Sample(number, directory, include))
            if number < OBJECTS:
                made[-1].dump()
        yield made
    finally:
        for sample in made:
            sample.pinned.unload()


def may_be_flexible(values):
    """An array of no elements is the same in BTF as one without a length, which has what the variable
    has left for it. test_values and the unit tests say what that is."""
    return all(value in ([], b"") for value in values)


def compare(path, kind, values, wrong):
    """Notes where the tree below path is not what each of the values is; None stands for what is not
    known. Returns how many texts were compared."""
    if may_be_flexible(values):
        return 0
    if kind.directory:
        entries = [kind.entries(value) for value in values]
        names = [name for name, _, _ in entries[0]]
        if sorted(os.listdir(path)) != sorted(names):
            wrong.append(f"{path}: {os.listdir(path)} instead of {names}")
            return 0
        count = 0
        for same in zip(*entries):
            known = [value for _, _, value in same if value is not None]
            if known:
                count += compare(f"{path}/{same[0][0]}", same[0][1], known, wrong)
        return count
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    for value in values:
        if not text.endswith("\n") or not kind.shown(text[:-1], value):
            wrong.append(f"{path}: {text!r} for {kind.declare('value')} = {value!r}")
    return len(values)


def test_generated_values(tree, samples):
    compared, wrong = 0, []
    for sample in samples:
        directory = tree / str(sample.id)
        names = [name for name, _, _ in sample.generated.variables]
        assert sorted(os.listdir(directory)) == sorted(names + ["info", "maps"])
        for name, kind, value in sample.generated.variables:
            values = [value]
            if sample.seen:
                values.append(kind.from_bpftool(sample.seen["bpf_metadata_" + name], value))
            compared += compare(directory / name, kind, values, wrong)
    assert not wrong, "\n".join(wrong[:20])
    assert compared > 750 * OBJECTS
