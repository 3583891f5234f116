# SPDX-License-Identifier: GPL-2.0-or-later
"""A receiver of the system's log, with a /dev of the test's own around it, and its lines as a user reads them."""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import threading

from conftest import eventually, ok

LOG = pathlib.Path("/dev/log")
DEVICES = ["null", "zero", "full", "random", "urandom", "tty", "fuse"]
LINE = re.compile(r"<(\d+)>([A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d) bpfmetafs\[(\d+)\]: (.*)")
PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^ "]+))(?: |$)')


@contextlib.contextmanager
def own_dev(directory):
    """/dev is a directory of the test's own with the devices that programs use, and no log."""
    directory.mkdir()
    ok("mount", "-t", "tmpfs", "dev", directory)
    for name in DEVICES:
        if pathlib.Path("/dev", name).exists():
            ok("cp", "-a", f"/dev/{name}", directory)
    for name in ("pts", "shm"):
        (directory / name).mkdir()
        if pathlib.Path("/dev", name).is_dir():
            ok("mount", "--bind", f"/dev/{name}", directory / name)
    for number, name in enumerate(["stdin", "stdout", "stderr"]):
        (directory / name).symlink_to(f"/proc/self/fd/{number}")
    (directory / "fd").symlink_to("/proc/self/fd")
    (directory / "ptmx").symlink_to("pts/ptmx")
    ok("mount", "--rbind", "--make-rprivate", directory, "/dev")
    try:
        yield
    finally:
        subprocess.run(["umount", "-R", "-l", "/dev"], check=True)
        subprocess.run(["umount", "-R", "-l", directory], check=True)


def unescaped(text):
    r"""The bytes of a text of the tree: \\ and \xHH."""
    return re.sub(rb"\\(\\|x([0-9a-f]{2}))",
                  lambda match: bytes([int(match[2], 16)]) if match[2] else b"\\", text.encode())


def pairs(text):
    """A line as its pairs; it has to be pairs from its beginning to its end."""
    found, at = {}, 0
    while at < len(text):
        match = PAIR.match(text, at)
        assert match, text
        assert match[1] not in found, text
        found[match[1]] = match[2] if match[3] is None else match[3]
        at = match.end()
    return found


class Receiver:
    """Listens at /dev/log, and reads unless it is told not to."""

    def __init__(self, reads=True):
        self.texts = []
        self.socket = self.thread = None
        self.start(reads)

    def start(self, reads=True):
        """As a receiver that is started anew: its socket is another one."""
        LOG.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(LOG))
        if reads:
            self.read()

    def read(self):
        self.thread = threading.Thread(target=self._run, args=(self.socket,), daemon=True)
        self.thread.start()

    def _run(self, source):
        while True:
            text = source.recv(65536)
            if text == b"end of the test":
                return
            self.texts.append(text.decode())

    def stop(self):
        """It is gone, and so is its socket."""
        if self.thread:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
                other.connect(str(LOG))
                other.send(b"end of the test")
            self.thread.join()
            self.thread = None
        self.socket.close()
        LOG.unlink(missing_ok=True)

    @property
    def lines(self):
        """Those of the log of loads, as their pairs. Every text is one line of the daemon's."""
        found = []
        for text in list(self.texts):
            match = LINE.fullmatch(text)
            assert match, text
            if match[4].startswith("event="):
                found.append(pairs(match[4]))
        return found

    def of(self, event, **wanted):
        """The lines about that event that have these pairs."""
        return [line for line in self.lines if line["event"] == event
                and all(line.get(key) == str(value) for key, value in wanted.items())]

    def one(self, event, **wanted):
        """Waits for that line, of which there is one."""
        try:
            eventually(lambda: self.of(event, **wanted))
        except AssertionError:
            raise AssertionError(f"no {event} {wanted} among {self.texts[-100:]}") from None
        (line,) = self.of(event, **wanted)
        return line
