# SPDX-License-Identifier: GPL-2.0-or-later
"""What a tool may say of a program or map that was unloaded while the tool read the tree, and whether it
was."""

import os
import re
import struct
import time

import bpf

# What tools say of a file that is not there any more, or not whole: tar pads what it can't read on; those
# that are written in Go have other words.
# The newest kernels say EIO if a page of a file could not be read, whatever the daemon says.
SAID = re.compile(r"[Nn]o such file or directory|File removed before we read it|Input/output error"
                  r"|File shrank by \d+ bytes?; padding with zeros|(?:file|directory) has vanished: ")
# What cp says where another file has taken the place of the one that it has seen, for something has changed;
# or where the kernel has forgotten it meanwhile, and it has another number now. tar says so of what is seen
# of an object, as where it is attached, and of the directories whose time tells when an object came or went.
CHANGED = re.compile(r"cp: skipping file '.*', as it was replaced while being copied"
                     r"|tar: (?:.*(?:/info/(?:pids/\d+/)?\w+|\.json|\.prom)|\.|\./(?:maps|links)/?)"
                     r": file changed as we read it")
# Of which file: a path in the tree, in which the tool was started. restic names a directory twice, and says
# "failed" behind the first.
PATH = re.compile(r"(?:\./|['\"]|^\w+: )((?:[0-9]|by|maps|links)[^:'\"]*)")
# What tar, rsync and restic say last, after their reasons.
SUMMARY = re.compile(r"tar: Exiting with failure status due to previous errors"
                     r"|rsync (?:warning|error): some files.* \(code 2[34]\) .*"
                     r"|Warning: at least one source file could not be read")

# A process that holds an object and is not ours, or the note that not all were looked at. Whoever looks at
# all objects of the machine holds each of them, also ours, for a moment.
OTHERS = re.compile(rf"info/pids/(?!{os.getpid()}\b)")


def exists(command, number):
    """Whether the kernel has the program, map or link: command is bpf.PROG_GET_NEXT_ID,
    bpf.MAP_GET_NEXT_ID or bpf.LINK_GET_NEXT_ID. Does not open it: a descriptor would keep it."""
    try:
        following = bpf.call(command, struct.pack("<III", number - 1, 0, 0))[1]
    except FileNotFoundError:
        return False
    return struct.unpack_from("<I", following, 4)[0] == number


def program_of_link(number):
    """Its id; None if the link has gone, or is of no program."""
    try:
        fd = bpf.link_by_id(number)
    except FileNotFoundError:
        return None
    try:
        return struct.unpack_from("<I", bpf.info(fd), 8)[0] or None
    finally:
        os.close(fd)


def has_gone(path):
    """Whether a path in the tree, relative to it, is of a program, map or link that has gone, or of a
    process that holds one, or of a link that is another program's by now."""
    # A process can let go of an object, or end, at any moment: nothing tells afterwards.
    if re.search("(^|/)info/pids/", path):
        return True
    # Values change: programs are detached, and variables written. Nothing tells afterwards.
    if path.startswith("by/"):
        return True
    if (of := re.search("([0-9]+)/info/links/([0-9]+)", path)) and program_of_link(int(of[2])) != int(of[1]):
        return True
    parts = path.split("/")
    programs = parts[:1] + [b for a, b in zip(parts, parts[1:]) if a == "progs"]
    maps = [b for a, b in zip(parts, parts[1:]) if a == "maps"]
    links = [b for a, b in zip(parts, parts[1:]) if a == "links"]
    return any(re.fullmatch("[0-9]+", number) and not exists(command, int(number))
               for command, numbers in ((bpf.PROG_GET_NEXT_ID, programs),
                                        (bpf.MAP_GET_NEXT_ID, maps),
                                        (bpf.LINK_GET_NEXT_ID, links))
               for number in numbers)


def is_going(path, looks=100):
    """The same, or it is on its way: it leaves the tree a moment before it leaves the kernel."""
    for _ in range(looks):
        if has_gone(path):
            return True
        time.sleep(0.01)
    return False


def is_explained(line):
    """Whether a line of a tool's stderr is about what is going. The tool was started in the tree."""
    return bool(SAID.search(line)) and any(is_going(path[1]) for path in PATH.finditer(line))


def unexplained(said, tree="."):
    """The lines of a tool's stderr that no unload or change explains. The tool was started in the tree,
    or was given its path."""
    return [line for line in said.replace(f"{tree}/", "./").splitlines()
            if not SUMMARY.fullmatch(line) and not CHANGED.fullmatch(line) and not is_explained(line)]


def said_of_ours(said):
    """What a tool says of an object that is ours, without what it says of others that hold it."""
    return [line for line in said.splitlines() if not OTHERS.search(line) and not SUMMARY.fullmatch(line)]
