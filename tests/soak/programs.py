# SPDX-License-Identifier: GPL-2.0-or-later
"""What the soak loads, and what is still there of it."""

import os
import re
import struct

import bpf

PREFIX = "soak_"  # of the programs' names


class Program:
    """A program whose metadata says its own name and then a letter that may change."""

    def __init__(self, name, filler=0, flags=bpf.F_RDONLY_PROG, bound=True, frozen=True):
        self.name, self.letter = PREFIX + name, "a"
        self.map = self.make_map(filler, flags)
        self.fd = bpf.prog_load(name=self.name.encode())
        self.id = bpf.object_id(self.fd)
        if bound:
            self.bind()
        if frozen:
            self.freeze()

    @property
    def text(self):
        return f"{self.name} {self.letter}".encode()

    def make_map(self, filler, flags):
        btf = bpf.Btf()
        char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
        self.bytes = self.text + b"\0" + b"x" * filler
        sizes = {"oncall": len(self.text) + 1} | ({"filler": filler} if filler else {})
        place, entries = 0, []
        for name, size in sizes.items():
            variable = btf.var(f"bpf_metadata_{name}", btf.array(char, size, index))
            entries.append((variable, place, size))
            place += size
        section = btf.datasec(".rodata", place, entries)
        return bpf.typed_map(btf, section, self.bytes, flags, b"soak.rodata", freeze=False)

    def change(self):
        self.letter = chr(ord("a") + (ord(self.letter) - ord("a") + 1) % 26)
        self.bytes = self.text + self.bytes[len(self.text):]
        bpf.map_update(self.map, 0, self.bytes)

    def bind(self):
        bpf.bind(self.fd, self.map)

    def freeze(self):
        bpf.map_freeze(self.map)

    def close(self):
        os.close(self.map)
        os.close(self.fd)


def exists(command, number):
    """Whether the kernel has the program or map: command is bpf.PROG_GET_NEXT_ID or
    bpf.MAP_GET_NEXT_ID. Does not open it: a descriptor would keep it."""
    try:
        following = bpf.call(command, struct.pack("<III", number - 1, 0, 0))[1]
    except FileNotFoundError:
        return False
    return struct.unpack_from("<I", following, 4)[0] == number


def has_gone(path):
    """Whether a path in the tree, relative to it, is of a program or map that has gone."""
    parts = path.split("/")
    programs = parts[:1] + [b for a, b in zip(parts, parts[1:]) if a == "progs"]
    maps = [b for a, b in zip(parts, parts[1:]) if a == "maps"]
    return any(re.fullmatch("[0-9]+", number) and not exists(command, int(number))
               for command, numbers in ((bpf.PROG_GET_NEXT_ID, programs),
                                        (bpf.MAP_GET_NEXT_ID, maps))
               for number in numbers)
