# SPDX-License-Identifier: GPL-2.0-or-later
"""What there is: as the tree shows it, and as bpftool does. Both as {("prog", id): (type, name, ids
of its maps)} and {("map", id): (type, name)}."""

import contextlib
import os
import re

import bpf
from daemon import run
from roles import GONE, read

LARGE = 16 << 10  # bytes of a map's values


def of_tree(tree):
    found = {}
    for number in os.listdir(tree):
        with contextlib.suppress(FileNotFoundError):
            if number.isdigit():
                found["prog", number] = *kind_and_name(tree / number), frozenset(
                    name for name in os.listdir(tree / number / "maps") if name.isdigit())
    for number in os.listdir(tree / "maps"):
        with contextlib.suppress(FileNotFoundError):
            found["map", number] = kind_and_name(tree / "maps" / number)
    return found


def kind_and_name(directory):
    """The name as far as the kernel has it: the tree has more of a program's."""
    kind = read(directory / "info/type").decode().rstrip("\n")
    try:
        return kind, read(directory / "info/name").decode().rstrip("\n")[:15]
    except FileNotFoundError:
        read(directory / "info/id")
        return kind, ""


def large_maps_of_others(tree):
    """The ids of maps whose values the daemon may keep, that are large, and that the soak has not
    loaded."""
    found = set()
    for number in os.listdir(tree / "maps"):
        directory = tree / "maps" / number
        try:
            is_large = int(read(directory / "info/bytes_value")) > LARGE
            if is_large and (directory / "vars").exists() and \
                    read(directory / "info/name") != b"soak.rodata\n":
                found.add(number)
        except OSError as error:
            if error.errno not in GONE:
                raise
    return found


def of_bpftool():
    """From its text, since its JSON is broken where metadata has floats."""
    found = {}
    for line in run("bpftool", "prog", "show").splitlines():
        if head := re.match(r"(\d+): (?:type )?(\S+)(?:  name (\S+))?", line):
            key = "prog", head[1]
            found[key] = bpf.type_name("prog", head[2]), (head[3] or "")[:15], frozenset()
        elif maps := re.match(r"\txlated .*  map_ids ([\d,]+)$", line):
            found[key] = *found[key][:2], frozenset(maps[1].split(","))
    for line in run("bpftool", "map", "show").splitlines():
        if head := re.match(r"(\d+): (?:type )?(\S+)(?:  name (\S+))?", line):
            found["map", head[1]] = bpf.type_name("map", head[2]), head[3] or ""
    return found


def difference(tree):
    """In words; None if they are equal. Others load and unload meanwhile: what is there before and
    after has to be there between, and nothing that is there neither before nor after, but what has
    come and gone since: ids are given in order."""
    before = of_bpftool()
    between = of_tree(tree)
    after = of_bpftool()
    stay = before.keys() & after.keys()
    missing = stay - between.keys()
    newest = {kind: max((int(number) for one, number in before if one == kind), default=0)
              for kind in ("prog", "map")}
    more = {(kind, number) for kind, number in between.keys() - before.keys() - after.keys()
            if not number.isdigit() or int(number) <= newest[kind]}
    odd = [f"{key}: {between[key]} instead of {before[key]}" for key in stay - missing
           if between[key] not in (before[key], after[key])]
    if missing or more or odd:
        return f"missing: {sorted(missing)}, too much: {sorted(more)}, different: {odd}"
    return None
