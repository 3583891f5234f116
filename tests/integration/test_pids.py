# SPDX-License-Identifier: GPL-2.0-or-later
"""info/pids: the processes that hold a program, a map or a link."""

import errno
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import pytest

import bpf
from conftest import BPFFS, broker_of, eventually, ok
from test_broker import Served
from test_loader import group  # noqa: F401: a fixture

NOTES = "(not all are seen)"

HOLD = """
import array, os, socket, sys
name, socket_fd = sys.argv[1].encode("latin-1"), int(sys.argv[2])
open("/proc/self/comm", "wb").write(name)
with socket.socket(fileno=socket_fd) as sock:
    message, controls, *_ = sock.recvmsg(1, socket.CMSG_SPACE(4 * 16))
    fds = array.array("i")
    fds.frombytes(controls[0][2])
    sock.send(b"x")
    sock.recv(1)
"""


class Holder:
    """A process of the given name that is passed descriptors, and has no other part in BPF."""

    started = set()

    def __init__(self, fds, name="holder", cgroup=None):
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.process = subprocess.Popen([sys.executable, "-c", HOLD, name, str(theirs.fileno())],
                                        pass_fds=[theirs.fileno()])
        theirs.close()
        if cgroup:
            (cgroup / "cgroup.procs").write_text(str(self.process.pid))
        socket.send_fds(ours, [b"x"], fds)
        assert ours.recv(1) == b"x"
        self.pid = self.process.pid
        self.started.add(self.pid)

    def end(self):
        self.socket.close()
        self.process.wait()


@pytest.fixture
def hold():
    started = []

    def start(*fds, **words):
        started.append(Holder(fds, **words))
        return started[-1]

    yield start
    for one in started:
        one.end()


def pids(directory):
    """Those of the test and its children, living or not. Others look at all programs of the machine, and
    hold each of them for a moment."""
    return {int(name) for name in os.listdir(directory / "info" / "pids") if name.isdigit()} & \
        {os.getpid(), *Holder.started}


def comes_to(directory, wanted):
    """Waits until exactly these are seen to hold what the directory is of. On a busy machine, looks may take
    long."""
    eventually(lambda: pids(directory) == wanted and NOTES not in os.listdir(directory / "info" / "pids"))


def test_holders_of_a_program(tree, hand, hold):
    fd, number = hand()
    me = os.getpid()
    comes_to(tree / str(number), {me})
    other = hold(fd)
    comes_to(tree / str(number), {me, other.pid})
    assert os.listdir(tree / str(number) / "info" / "pids" / str(other.pid)) == ["comm", "cgroup"]
    assert (tree / str(number) / "info" / "pids" / str(other.pid) / "comm").read_text() == "holder\n"
    shown = (tree / str(number) / "info" / "pids" / str(other.pid) / "cgroup").read_text().strip()
    assert any(line.endswith(f":{shown}")
               for line in pathlib.Path(f"/proc/{other.pid}/cgroup").read_text().splitlines())
    other.end()
    comes_to(tree / str(number), {me})


def test_two_descriptors_are_one_holder(tree, hand, hold, fds):
    fd, number = hand()
    fds.append(os.dup(fd))
    other = hold(fd, fds[-1])
    comes_to(tree / str(number), {os.getpid(), other.pid})
    listed = os.listdir(tree / str(number) / "info" / "pids")
    assert [listed.count(str(pid)) for pid in (os.getpid(), other.pid)] == [1, 1]


def test_a_program_that_nobody_holds(tree, hand, fds):
    fd, number = hand()
    pin = BPFFS / f"bpfmetafs-test-pids-{os.getpid()}"
    bpf.obj_pin(fd, pin)
    try:
        os.close(fds.pop())
        comes_to(tree / str(number), set())
    finally:
        pin.unlink()
    eventually(lambda: not (tree / str(number)).exists())


def test_holders_of_a_map(tree, hand, hold, fds):
    program, number = hand()
    fds.append(bpf.map_create(name=b"held"))
    bpf.bind(program, fds[-1])
    held = bpf.object_id(fds[-1])
    other = hold(fds[-1])
    for directory in tree / "maps" / str(held), tree / str(number) / "maps" / str(held):
        comes_to(directory, {os.getpid(), other.pid})
        assert (directory / "info/pids" / str(other.pid) / "comm").read_text() == "holder\n"
    # The program holds it as well, but is no process.
    comes_to(tree / str(number), {os.getpid()})


@pytest.mark.parametrize("opened", ["by its maker", "by its id"])
def test_holding_a_link_is_holding_its_program(tree, fds, hold, opened):
    """sk_lookup on a network namespace: links there need no other thing. The kernel calls a link's
    descriptor otherwise if the link was opened again, by its id or by a pin."""
    program = bpf.prog_load(name=b"linked", kind=30, attach_type=36)  # SK_LOOKUP
    fds.append(program)
    number = bpf.object_id(program)
    with open("/proc/self/ns/net", encoding="ascii") as namespace:
        link = bpf.call(bpf.LINK_CREATE, bpf.struct.pack("<IIII", program, namespace.fileno(), 36, 0))[0]
    fds.append(link)
    if opened == "by its id":
        link = bpf.link_by_id(bpf.object_id(link))
        fds.append(link)
    other = hold(link)
    comes_to(tree / str(number), {os.getpid(), other.pid})
    (name,) = os.listdir(tree / str(number) / "info" / "links")
    comes_to(tree / "links" / name, {os.getpid(), other.pid})


ID = "0123456789abcdef" * 4


@pytest.mark.parametrize("path, key, value", [
    ("system.slice/net-agent.service", "unit", "net-agent.service"),
    ("user.slice/user-1000.slice/user@1000.service/app.slice/editor.service", "user_unit", "editor.service"),
    (f"system.slice/docker-{ID}.scope", "container", ID),
    (f"docker/{ID}", "container", ID),
    (f"kubepods.slice/cri-containerd-{ID}.scope", "container", ID),
    (f"kubepods/besteffort/pod1/crio-{ID}", "container", ID),
    (f"machine.slice/libpod-{ID}.scope", "container", ID),
])
def test_unit_and_container(tree, hand, group, hold, path, key, value):  # noqa: F811
    fd, number = hand()
    # The name of a unit stands behind slices.
    other = hold(fd, cgroup=group(f"bpfmetafs_test_{os.getpid()}.slice/{path}"))
    shown = tree / str(number) / "info" / "pids" / str(other.pid)
    eventually(shown.exists)
    assert (shown / "cgroup").read_text().endswith(f"/{path}\n")
    assert (shown / key).read_text() == f"{value}\n"


def test_who_sleeps_may_be_moved(tree, hand, group, hold):  # noqa: F811
    """Its cgroup is another one, though it has not run meanwhile."""
    fd, number = hand()
    groups = [group(f"bpfmetafs_test_{os.getpid()}.slice/{name}.service") for name in ("one", "other")]
    other = hold(fd, cgroup=groups[0])
    unit = tree / str(number) / "info" / "pids" / str(other.pid) / "unit"
    eventually(unit.exists)
    for i in range(4):
        assert unit.read_text() == f"{groups[i % 2].name}\n"
        (groups[1 - i % 2] / "cgroup.procs").write_text(str(other.pid))
        eventually(lambda: unit.read_text() == f"{groups[1 - i % 2].name}\n")


def test_a_hostile_name_is_escaped(tree, hand, hold):
    fd, number = hand()
    other = hold(fd, name="a\x1b[31m\n(b)\\")
    path = tree / str(number) / "info" / "pids" / str(other.pid) / "comm"
    eventually(path.exists)
    assert path.read_text() == "a\\x1b[31m\\x0a(b)\\\\\n"


def test_a_name_that_changes_is_shown_anew(tree, hand):
    _, number = hand()
    path = tree / str(number) / "info" / "pids" / str(os.getpid()) / "comm"
    before = pathlib.Path("/proc/self/comm").read_text().strip()
    assert path.read_text() == f"{before}\n"
    try:
        pathlib.Path("/proc/self/comm").write_text("other-name")
        eventually(lambda: path.read_text() == "other-name\n")
    finally:
        pathlib.Path("/proc/self/comm").write_text(before)


def test_who_stays_with_a_process_sees_its_end(tree, hand, hold, fds):
    """The directory of a process is as it was seen, and stale or gone when that is not true any more, with its
    listing, which the kernel keeps."""
    fd, number = hand()
    other = hold(fd)
    directory = tree / str(number) / "info" / "pids"
    eventually((directory / str(other.pid)).exists)
    mine, others = [os.open(directory / str(pid), os.O_RDONLY) for pid in (os.getpid(), other.pid)]
    fds += [mine, others]
    assert "comm" in os.listdir(mine) and os.listdir(mine) == os.listdir(others)
    comm = pathlib.Path("/proc/self/comm")
    before = comm.read_text().strip()
    try:
        comm.write_text("other-name")
        eventually(lambda: is_gone(mine, errno.ESTALE))
        assert (directory / str(os.getpid()) / "comm").read_text() == "other-name\n"
    finally:
        comm.write_text(before)
    assert "comm" in os.listdir(others)
    other.end()
    eventually(lambda: is_gone(others, errno.ENOENT))
    assert not (directory / str(other.pid)).exists()


def is_gone(directory, error):
    """Whether neither the directory nor a file in it is there for those who have it open."""
    gone = []
    for look in (lambda: os.listdir(directory), lambda: os.stat("comm", dir_fd=directory)):
        try:
            look()
        except OSError as found:
            gone.append(found.errno)
    return gone == [error] * 2


def test_who_comes_by_its_path_never_misses_it(tree, hand):
    """Not even while the kernel remembers the directory as it was, and another reader has seen the process
    anew."""
    others = tree / str(hand()[1]) / "info" / "pids"
    directory = tree / str(hand()[1]) / "info" / "pids" / str(os.getpid())
    comm = pathlib.Path("/proc/self/comm")
    before = comm.read_text().strip()

    def seen():
        return [one.inode() for one in os.scandir(others) if one.name == str(os.getpid())]

    eventually(seen)
    try:
        for i in range(8):
            same = seen()
            comm.write_text(f"name-{i}")
            directory.stat()
            eventually(lambda: seen() not in ([], same) and (directory / "comm").read_text() == f"name-{i}\n")
    finally:
        comm.write_text(before)


def test_names_that_are_no_holders(tree, hand):
    _, number = hand()
    directory = tree / str(number) / "info" / "pids"
    for name in "1", f"0{os.getpid()}", f"+{os.getpid()}", "0", "4294967297", "x":
        assert not (directory / name).exists()


def test_a_copy_has_it(tree, hand, hold, tmp_path):
    fd, number = hand()
    other = hold(fd)
    comes_to(tree / str(number), {os.getpid(), other.pid})
    ok("tar", "-cf", tmp_path / "all.tar", "-C", tree / str(number) / "info", "pids")
    listed = ok("tar", "-tf", tmp_path / "all.tar").splitlines()
    assert {f"pids/{other.pid}/", f"pids/{other.pid}/comm", f"pids/{other.pid}/cgroup"} <= set(listed)


def test_without_the_broker_it_says_so(mountpoint, hand):
    _, number = hand()
    served = Served(mountpoint)
    directory = mountpoint / str(number) / "info" / "pids"
    comes_to(mountpoint / str(number), {os.getpid()})
    os.kill(broker_of(served.process.pid), signal.SIGKILL)
    eventually(lambda: os.listdir(directory) == [NOTES])
    assert re.fullmatch(r"\(cannot be looked at: .+\)\n", (directory / NOTES).read_text())
    assert (mountpoint / str(number) / "info" / "name").read_text() == "by_hand\n"
    ok("umount", mountpoint)
    served.end()


def test_an_object_file_has_no_holders(daemon, mountpoint, compiled):
    daemon(compiled("hello"))
    (program,) = [name for name in os.listdir(mountpoint) if name not in ("maps", "vars", "info")]
    assert "pids" not in os.listdir(mountpoint / program / "info")


def test_the_next_look_sees_what_has_come(tree, hand, hold):
    """A process that has come since the last look is seen by the next."""
    fd, number = hand()
    comes_to(tree / str(number), {os.getpid()})
    other = hold(fd)
    comes_to(tree / str(number), {os.getpid(), other.pid})


def test_a_broker_that_does_nothing(mountpoint, hand):
    """What was known is shown on, but not for ever; and everything is there again as soon as the broker looks."""
    _, number = hand()
    served = Served(mountpoint)
    directory = mountpoint / str(number) / "info" / "pids"
    comes_to(mountpoint / str(number), {os.getpid()})
    broker = broker_of(served.process.pid)
    os.kill(broker, signal.SIGSTOP)
    try:
        eventually(lambda: os.listdir(directory) == [NOTES])
        assert (directory / NOTES).read_text() == "(cannot be looked at: Connection timed out)\n"
    finally:
        os.kill(broker, signal.SIGCONT)
    comes_to(mountpoint / str(number), {os.getpid()})
    ok("umount", mountpoint)
    served.end()
