# SPDX-License-Identifier: GPL-2.0-or-later
"""What the soak loads."""

import os

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
