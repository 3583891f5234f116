# SPDX-License-Identifier: GPL-2.0-or-later
"""Who makes links and lets them go. All that it makes ends with its descriptors."""

import errno
import os
import random
import struct
import time

import bpf
from attaching import TRACING, TRACE_ITER, UNKNOWN, Attacher
from loaders import HOPELESS, Stopwatch
from roles import Role
from vanished import exists

LINK_UPDATE = 29
# For so long it may be unknown that a link has another program, and how long a look may take.
LAG = 0.05 + 0.2 * bpf.SLOWNESS


class Linker(Role):
    """Attaches the same few programs over and over again: a link needs no load."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.attacher = Attacher(reuse=True)
        self.makers, self.links = [], []
        self.patience = HOPELESS

    def prepare(self):
        """Finds the kinds of links that this kernel has."""
        probed = self.work / "probed"
        probed.write_bytes(bytes(4096))
        for maker in (self.attacher.netfilter, self.attacher.software_event, self.attacher.iterator,
                      lambda: self.attacher.raw_tracepoint(b"sched_process_exec"),
                      lambda: self.attacher.uprobe(probed, 64),
                      lambda: self.attacher.uprobe_multi(probed, [64, 128])):
            try:
                self.attacher.let_go(maker())
            except OSError as error:
                if error.errno not in UNKNOWN:
                    raise
            else:
                self.makers.append(maker)

    def turn(self):
        if not self.makers:
            self.prepare()
        try:
            fd = random.choice(self.makers)()
        except OSError as error:
            # Another soak has the same place at the moment.
            if error.errno != errno.EBUSY:
                raise
            return
        self.links.append(fd)
        self.counts["linked"] += 1
        self.expect(fd)
        if self.update(fd):
            time.sleep(LAG)
            self.expect(fd)
        time.sleep(random.random() / 100)
        while len(self.links) > 20:
            self.unlink(self.links.pop(random.randrange(len(self.links))))

    def end(self):
        for fd in self.links:
            self.unlink(fd)

    def expect(self, fd):
        """The call that made it so has returned: whoever looks now has to see it."""
        up = self.undisturbed()
        number, program = struct.unpack_from("<II", bpf.info(fd), 4)
        path = f"links/{number}/prog"
        target = self.attempt(path, os.readlink, self.tree / path)
        if target not in (None, f"../../{program}") and up:
            self.complain(f"{path} should be {program}: {target}")
        attached = self.read(f"{program}/info/attached")
        if attached is not None and f" link {number}\n" not in attached.decode() and up:
            self.complain(f"{program}/info/attached lacks link {number}: {attached[:200]}")
        if str(number) not in self.list(f"{program}/info/links") and up:
            self.complain(f"{program}/info/links lacks {number}")

    def update(self, fd):
        """Only those of iterators can be given another program, of all that are here."""
        kinds = [key for key, loaded in self.attacher.loaded.items() if key[0] == TRACING]
        program = struct.unpack_from("<I", bpf.info(fd), 8)[0]
        if not kinds or bpf.object_id(self.attacher.loaded[kinds[0]]) != program:
            return False
        other = self.attacher.load(TRACING, 0, TRACE_ITER, kinds[0][3], b"another")
        bpf.call(LINK_UPDATE, struct.pack("<IIII", fd, other, 0, 0))
        self.counts["links updated"] += 1
        return True

    def unlink(self, fd):
        """Its owner has let it go: it is to leave the kernel, and the tree."""
        number, program = struct.unpack_from("<II", bpf.info(fd), 4)
        self.attacher.let_go(fd)
        stopwatch = Stopwatch(self.shared)
        for where, is_there in (("held", lambda: exists(bpf.LINK_GET_NEXT_ID, number)),
                                ("shown", lambda: self.stat(f"links/{number}") is not None)):
            if not stopwatch.until(lambda: not is_there(), self.patience, program):
                self.complain(f"link {number} is still {where}, long after it was closed")
                self.patience = 0
                return
        self.counts["unlinked"] += 1
