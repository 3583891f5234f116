# SPDX-License-Identifier: GPL-2.0-or-later
"""The option netns: what is attached in network namespaces that have a name."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import struct
import time

import pytest

import bpf
from attaching import SCHED_CLS, SK_LOOKUP, SK_LOOKUP_HOOK, TCX_INGRESS, XDP, link_id, notes, told
from conftest import SLOWNESS, broker_of, eventually, ok, run
from test_attached import ATTACHMENTS_MAX_AGE, attacher, or_skip, pin  # noqa: F401: fixtures

NETNS_MAX = 256
CLONE_NEWNET = 0x40000000
NAMES = pathlib.Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def names():
    """A directory of names of the test's own, in its mount namespace. What is in it goes with it."""
    NAMES.mkdir(exist_ok=True)
    ok("mount", "-t", "tmpfs", "none", NAMES)
    yield NAMES
    ok("umount", "-l", NAMES)


def add(name):
    """A network namespace with an interface."""
    if run("ip", "netns", "add", name).returncode != 0:
        pytest.skip("no network namespace can be made")
    inside(name, "ip", "link", "add", "inner", "type", "veth", "peer", "name", "other")


def inside(name, *command):
    """Not ip-netns(8), which hides /sys/fs/bpf."""
    return ok("nsenter", f"--net={NAMES / name}", *command)


def setns(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        if _libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(fd)


@contextlib.contextmanager
def entered(name):
    # By a descriptor: the path is that of another namespace by then.
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    setns(NAMES / name)
    try:
        yield
    finally:
        setns(f"/proc/self/fd/{home}")
        os.close(home)


@pytest.fixture
def blue(names):
    add("blue")
    return "blue"


@pytest.fixture(params=["netns", "netns,noevents"])
def looking(request, daemon, mountpoint):
    """A tree with the option."""
    daemon(options=request.param)
    return mountpoint


def lines_of(tree, prog):
    """On a slow machine that is busy as well, a look at other namespaces may not end in time, as the file says."""
    for _ in range(50):
        time.sleep(ATTACHMENTS_MAX_AGE)
        lines = told(tree / str(prog) / "info" / "attached").splitlines()
        if not re.search("timed out|takes too long", "".join(lines)):
            break
    return lines


def index_in(name, device="inner"):
    shown = inside(name, "ip", "-o", "link", "show", "dev", device)
    return int(shown.split(":")[0])


def test_without_links(blue, looking, attacher, pin):
    xdp, filtering = attacher.load(XDP, 2), attacher.load(SCHED_CLS)
    bpf.obj_pin(xdp, pin)
    assert lines_of(looking, bpf.object_id(xdp)) == []
    inside(blue, "ip", "link", "set", "dev", "inner", "xdpgeneric", "pinned", pin)
    assert lines_of(looking, bpf.object_id(xdp)) == ["xdp inner netns blue netlink"]
    inside(blue, "ip", "link", "set", "dev", "inner", "xdpgeneric", "off")
    assert lines_of(looking, bpf.object_id(xdp)) == []
    pin.unlink()
    bpf.obj_pin(filtering, pin)
    enter = "nsenter", f"--net={NAMES / blue}"
    if run(*enter, "tc", "qdisc", "add", "dev", "inner", "clsact").returncode != 0:
        pytest.skip("there is no classic tc")
    inside(blue, "tc", "filter", "add", "dev", "inner", "egress", "bpf", "da", "object-pinned", pin)
    assert lines_of(looking, bpf.object_id(filtering)) == ["tc_egress inner netns blue netlink"]


def test_links(blue, looking, attacher):
    """Each is known as soon as it is there."""
    index = index_in(blue)
    with entered(blue):
        xdp = attacher.xdp(index)
    number, prog = struct.unpack_from("<II", bpf.info(xdp), 4)
    attached = looking / str(prog) / "info" / "attached"
    assert told(attached) == f"xdp inner netns blue link {number}\n"
    # The name is that of another interface here, or of none.
    assert (looking / "links" / str(number) / "info/devname").read_text() == "(unknown)\n"
    with or_skip("tcx"), entered(blue):
        tcx = attacher.tcx(index, TCX_INGRESS)
    number, prog = struct.unpack_from("<II", bpf.info(tcx), 4)
    assert told(looking / str(prog) / "info" / "attached") == \
        f"tcx_ingress inner netns blue link {number}\n"


def test_a_link_to_the_namespace_itself(blue, looking, attacher):
    netns = attacher.keep(os.open(NAMES / blue, os.O_RDONLY))
    with or_skip("sk_lookup"):
        prog = attacher.load(SK_LOOKUP, 1, SK_LOOKUP_HOOK)
        number = link_id(attacher.link(prog, netns, SK_LOOKUP_HOOK))
    assert told(looking / str(bpf.object_id(prog)) / "info" / "attached") == \
        f"sk_lookup netns blue link {number}\n"


def test_nothing_of_it_without_the_option(blue, tree, attacher, pin):
    prog = attacher.load(XDP, 2)
    bpf.obj_pin(prog, pin)
    inside(blue, "ip", "link", "set", "dev", "inner", "xdpgeneric", "pinned", pin)
    assert lines_of(tree, bpf.object_id(prog)) == []
    index = index_in(blue)
    with or_skip("tcx"), entered(blue):
        link = attacher.tcx(index)
    number, prog = struct.unpack_from("<II", bpf.info(link), 4)
    assert lines_of(tree, prog) == [f"tcx_ingress ifindex {index} link {number}"]


def test_the_same_program_in_several(names, looking, attacher, pin):
    """Interfaces of the same number, with one program: each is told apart, or none."""
    for name in "green", "red":
        add(name)
    prog = attacher.load(XDP, 2)
    bpf.obj_pin(prog, pin)
    number = bpf.object_id(prog)
    for name in "green", "red":
        inside(name, "ip", "link", "set", "dev", "inner", "xdpgeneric", "pinned", pin)
    assert lines_of(looking, number) == ["xdp inner netns green netlink", "xdp inner netns red netlink"]
    inside("green", "ip", "link", "set", "dev", "inner", "xdpgeneric", "off")
    assert lines_of(looking, number) == ["xdp inner netns red netlink"]
    inside("red", "ip", "link", "set", "dev", "inner", "xdpgeneric", "off")
    index = index_in("green")
    assert index == index_in("red")
    links = []
    for name in "green", "red":
        with entered(name):
            links.append(link_id(attacher.link(prog, index, 37)))
    # The kernel does not tell which is where.
    assert lines_of(looking, number) == [f"xdp ifindex {index} link {link}" for link in links]


def test_other_names_of_the_same(blue, looking, attacher, pin):
    """The daemon's own is known already, and another name is no other namespace."""
    (NAMES / "mine").symlink_to("/proc/self/ns/net")
    (NAMES / "also").symlink_to(blue)
    prog = attacher.load(XDP, 2)
    bpf.obj_pin(prog, pin)
    inside(blue, "ip", "link", "set", "dev", "inner", "xdpgeneric", "pinned", pin)
    assert lines_of(looking, bpf.object_id(prog)) == ["xdp inner netns also netlink"]


def test_a_hostile_name(names, looking, attacher, pin):
    name = "a\n\x1b[2J link 1\\"
    add("plain")
    (names / name).touch()
    ok("mount", "--bind", names / "plain", names / name)
    ok("umount", names / "plain")
    prog = attacher.load(XDP, 2)
    bpf.obj_pin(prog, pin)
    inside(name, "ip", "link", "set", "dev", "inner", "xdpgeneric", "pinned", pin)
    assert lines_of(looking, bpf.object_id(prog)) == [
        "xdp inner netns a\\x0a\\x1b[2J link 1\\\\ netlink",
        "(network namespace plain cannot be looked at: Invalid argument)"]


def test_what_is_no_namespace(blue, looking, attacher, pin):
    """What is left of one, in a mount namespace that does not see it, and worse."""
    prog = attacher.load(XDP, 2)
    bpf.obj_pin(prog, pin)
    inside(blue, "ip", "link", "set", "dev", "inner", "xdpgeneric", "pinned", pin)
    (NAMES / "a-file").touch()
    os.mkfifo(NAMES / "b-pipe")
    (NAMES / "c-directory").mkdir()
    (NAMES / "d-nowhere").symlink_to("nowhere")
    assert lines_of(looking, bpf.object_id(prog)) == [
        "xdp inner netns blue netlink",
        "(network namespace a-file cannot be looked at: Invalid argument, nor can others)"]


def test_only_so_many(blue, looking, attacher):
    for i in range(NETNS_MAX):
        (NAMES / f"also-{i}").symlink_to(blue)
    prog = bpf.object_id(attacher.load(XDP, 2))
    assert lines_of(looking, prog) == [f"(only {NETNS_MAX} network namespaces are looked at)"]


def test_there_are_none(daemon, mountpoint, names, attacher):
    """Not even the directory."""
    daemon(options="netns")
    prog = bpf.object_id(attacher.load(XDP, 2))
    assert lines_of(mountpoint, prog) == []


def test_looking_does_not_keep_a_namespace(names, looking, attacher):
    """With the last name it ends, and its interfaces with it."""
    prog = bpf.object_id(attacher.load(XDP, 2))
    for i in range(20):
        name = f"bm{os.getpid() % 100000}n{i}"
        ok("ip", "netns", "add", name)
        ok("ip", "link", "add", f"bmo{os.getpid() % 100000}", "type", "veth", "peer", "name", "inner",
           "netns", name)
        try:
            assert lines_of(looking, prog) == []
        finally:
            ok("ip", "netns", "del", name)
        # An interface whose peer has gone goes, too.
        eventually(lambda: not pathlib.Path(f"/sys/class/net/bmo{os.getpid() % 100000}").exists())


def test_the_broker_comes_back(daemon, mountpoint, blue, attacher, pin):
    serving = daemon(options="netns")
    broker = broker_of(serving.pid)
    before = os.stat(f"/proc/{broker}/ns/net").st_ino
    prog = attacher.load(XDP, 2)
    bpf.obj_pin(prog, pin)
    inside(blue, "ip", "link", "set", "dev", "inner", "xdpgeneric", "pinned", pin)
    n = len(os.listdir(f"/proc/{broker}/fd"))
    for _ in range(10):
        assert lines_of(mountpoint, bpf.object_id(prog)) == ["xdp inner netns blue netlink"]
    assert os.stat(f"/proc/{broker}/ns/net").st_ino == before
    assert len(os.listdir(f"/proc/{broker}/fd")) == n


def test_nobody_waits_for_long(daemon, mountpoint, blue, attacher, hand):
    """While the process that looks does not answer, the file says so, and not everybody waits."""
    serving = daemon(options="netns")
    prog = bpf.object_id(attacher.load(XDP, 2))
    attached = mountpoint / str(prog) / "info" / "attached"
    assert told(attached) == ""
    broker = broker_of(serving.pid)
    os.kill(broker, signal.SIGSTOP)
    try:
        time.sleep(ATTACHMENTS_MAX_AGE)
        start = time.monotonic()
        for _ in range(20):
            *own, said = attached.read_text().splitlines()
            assert set(own) <= set(notes())
            assert said.startswith("(network namespaces cannot be looked at: ")
            assert (mountpoint / str(prog) / "info" / "run_cnt").read_text() == "0\n"
        assert time.monotonic() - start < 3 * SLOWNESS
    finally:
        os.kill(broker, signal.SIGCONT)
    eventually(lambda: told(attached) == "")
