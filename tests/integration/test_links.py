# SPDX-License-Identifier: GPL-2.0-or-later
"""Links and attachments, on real ones: links/, info/links/ and info/attached."""

import json
import os
import pathlib
import struct
import time

import pytest

import bpf
from attaching import is_refused, notes, told
from conftest import eventually, ok, run

PROG_ATTACH, PROG_DETACH, LINK_CREATE, LINK_UPDATE = 8, 9, 28, 29
RAW_TRACEPOINT, CGROUP_SKB, XDP, FLOW_DISSECTOR = 17, 8, 6, 22
CGROUP_INET_INGRESS, CGROUP_INET_EGRESS, ATTACH_XDP = 0, 1, 37
RETURN_1 = struct.pack("<BBhi", 0xB7, 0, 0, 1) + struct.pack("<BBhi", 0x95, 0, 0, 0)
RETURN_2 = struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def link_id(fd):
    """bpf_link_info: type, id, prog_id."""
    return struct.unpack_from("<I", bpf.info(fd), 4)[0]


def let_go(fd, number):
    """Closes a link, and waits until nobody has it. Others look at all links of the machine, and have each
    open for a moment."""
    os.close(fd)
    eventually(lambda: number not in bpf.link_ids())


def cgroup2():
    for line in open("/proc/self/mountinfo", encoding="utf-8"):
        words = line.split()
        if words[words.index("-") + 1] == "cgroup2":
            return pathlib.Path(words[4])
    pytest.skip("cgroup2 is not mounted")


@pytest.fixture
def cgroup(fds):
    """A cgroup of the test's own, and a descriptor of it."""
    path = cgroup2() / f"bpfmetafs-test-{os.getpid()}"
    path.mkdir()
    fds.append(os.open(path, os.O_RDONLY))
    yield path, fds[-1]
    path.rmdir()


@pytest.fixture
def skb(fds):
    """Loads a program that lets every packet of a cgroup pass. Returns its fd and id."""

    def load(name=b"lets_pass"):
        fds.append(bpf.prog_load(RETURN_1, name, CGROUP_SKB))
        return fds[-1], bpf.object_id(fds[-1])

    return load


@pytest.fixture
def cgroup_link(cgroup, skb, fds):
    """A link of a program to the cgroup: its fd, its id, and the program's."""
    prog, number = skb()
    fd = bpf.call(LINK_CREATE, struct.pack("<IIII", prog, cgroup[1], CGROUP_INET_EGRESS, 0))[0]
    fds.append(fd)
    return fd, link_id(fd), number


@pytest.fixture
def raw_tp_link(fds):
    fds.append(bpf.prog_load(bpf.RETURN_0, b"sees_calls", RAW_TRACEPOINT))
    address, keep = bpf.pointer(b"sys_enter\0")
    fd = bpf.call(bpf.RAW_TRACEPOINT_OPEN, struct.pack("<QI", address, fds[-1]))[0]
    number = bpf.object_id(fds[-1])
    fds.append(fd)
    return fd, link_id(fd), number


def read_info(directory):
    return {path.name: path.read_text() for path in directory.iterdir() if path.is_file()}


def as_text(value):
    if isinstance(value, bool):
        return "true\n" if value else "false\n"
    return f"{value}\n"


@pytest.mark.parametrize("kind", ["cgroup_link", "raw_tp_link"])
def test_a_link_as_bpftool_shows_it(tree, request, kind):
    _, number, prog = request.getfixturevalue(kind)
    shown = json.loads(ok("bpftool", "-j", "link", "show", "id", number))
    shown.pop("pids", None)
    info = read_info(tree / "links" / str(number) / "info")
    for key, value in shown.items():
        assert info[key] == as_text(value), key
    assert os.readlink(tree / "links" / str(number) / "prog") == f"../../{prog}"
    assert (tree / "links" / str(number) / "prog" / "info" / "id").read_text() == f"{prog}\n"
    links = tree / str(prog) / "info" / "links"
    assert os.listdir(links) == [str(number)]
    assert os.readlink(links / str(number)) == f"../../../links/{number}"
    assert (links / str(number) / "info" / "type").read_text() == info["type"]


def test_links_come_and_go(tree, skb, cgroup):
    prog, number = skb()
    links = tree / str(number) / "info" / "links"
    assert os.listdir(links) == []
    assert told(tree / str(number) / "info" / "attached") == ""
    fd = bpf.call(LINK_CREATE, struct.pack("<IIII", prog, cgroup[1], CGROUP_INET_INGRESS, 0))[0]
    one = link_id(fd)
    path = tree / "links" / str(one)
    assert str(one) in os.listdir(tree / "links")
    assert os.listdir(links) == [str(one)]
    assert told(tree / str(number) / "info" / "attached") == \
        f"cgroup_inet_ingress /{cgroup[0].name} link {one}\n"
    other_prog, other = skb(b"another")
    bpf.call(LINK_UPDATE, struct.pack("<IIII", fd, other_prog, 0, 0))
    assert os.readlink(path / "prog") == f"../../{other}"
    assert os.listdir(links) == []
    eventually(lambda: os.listdir(tree / str(other) / "info" / "links") == [str(one)], 2)
    let_go(fd, one)
    assert not path.exists()
    assert str(one) not in os.listdir(tree / "links")
    assert os.listdir(tree / str(other) / "info" / "links") == []
    assert told(tree / str(other) / "info" / "attached") == ""


def test_who_stays_with_a_link_sees_its_end(tree, skb, cgroup, fds):
    """With the listing, which the kernel keeps."""
    prog, _ = skb()
    fd = bpf.call(LINK_CREATE, struct.pack("<IIII", prog, cgroup[1], CGROUP_INET_INGRESS, 0))[0]
    inside = os.open(tree / "links" / str(link_id(fd)), os.O_RDONLY)
    fds.append(inside)
    assert sorted(os.listdir(inside)) == sorted(os.listdir(inside)) == ["info", "prog"]
    os.stat("info", dir_fd=inside)
    os.close(fd)
    for look in (lambda: os.listdir(inside), lambda: os.stat("info", dir_fd=inside),
                 lambda: os.stat("info/id", dir_fd=inside), lambda: os.readlink("prog", dir_fd=inside)):
        eventually(lambda one=look: is_gone(one))


def is_gone(look):
    try:
        look()
    except FileNotFoundError:
        return True
    return False


def test_a_link_whose_cgroup_has_gone_says_so(tree, skb, fds, request):
    path = cgroup2() / f"bpfmetafs-test-gone-{os.getpid()}"
    path.mkdir()
    request.addfinalizer(lambda: path.exists() and path.rmdir())
    directory = os.open(path, os.O_RDONLY)
    prog, number = skb()
    fds.append(bpf.call(LINK_CREATE, struct.pack("<IIII", prog, directory, CGROUP_INET_EGRESS,
                                                 0))[0])
    link = fds[-1]
    attached = tree / str(number) / "info" / "attached"
    assert told(attached).startswith(f"cgroup_inet_egress /{path.name} link ")
    os.close(directory)
    path.rmdir()
    info = tree / "links" / str(link_id(link)) / "info"
    eventually(lambda: (info / "cgroup_id").read_text() == "0\n")
    eventually(lambda: path.name not in told(attached))
    assert told(attached).startswith("cgroup_inet_egress (")
    assert told(attached).endswith(f" link {link_id(link)}\n")


def test_attached_to_a_cgroup_without_a_link(tree, skb, cgroup):
    prog, number = skb()
    attached = tree / str(number) / "info" / "attached"
    assert told(attached) == ""
    bpf.call(PROG_ATTACH, struct.pack("<IIII", cgroup[1], prog, CGROUP_INET_EGRESS, 0))
    try:
        time.sleep(0.05)  # ATTACH_SCAN_MAX_AGE
        if is_refused():
            assert attached.read_text().splitlines()[0] == notes()[0]
            return
        assert attached.read_text() == f"cgroup_inet_egress /{cgroup[0].name} cgroup\n"
    finally:
        bpf.call(PROG_DETACH, struct.pack("<IIII", cgroup[1], prog, CGROUP_INET_EGRESS, 0))
    time.sleep(0.05)
    assert told(attached) == ""


def test_what_cannot_be_asked_is_said(tree, skb, fds):
    """If the kernel does not let the daemon ask, and there are programs that an answer could have."""
    _, number = skb()
    fds.append(bpf.prog_load(bpf.RETURN_0, b"dissects", FLOW_DISSECTOR))
    time.sleep(0.05)  # ATTACH_SCAN_MAX_AGE
    for prog in (number, bpf.object_id(fds[-1])):
        assert (tree / str(prog) / "info" / "attached").read_text().splitlines() == notes()


@pytest.fixture
def veth():
    """The name of an interface of the test's own."""
    name = f"bm{os.getpid() % 100000}"
    made = run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p")
    if made.returncode != 0:
        pytest.skip(f"no veth can be made: {made.stderr}")
    yield name
    run("ip", "link", "del", name)


def test_attached_to_an_interface(tree, veth, fds):
    fds.append(bpf.prog_load(RETURN_2, b"passes", XDP))
    prog, number = fds[-1], bpf.object_id(fds[-1])
    attached = tree / str(number) / "info" / "attached"
    index = int(pathlib.Path(f"/sys/class/net/{veth}/ifindex").read_text())
    fd = bpf.call(LINK_CREATE, struct.pack("<IIII", prog, index, ATTACH_XDP, 0))[0]
    one = link_id(fd)
    assert told(attached) == f"xdp {veth} link {one}\n"
    info = tree / "links" / str(one) / "info"
    assert (info / "devname").read_text() == f"{veth}\n"
    assert (info / "ifindex").read_text() == f"{index}\n"
    let_go(fd, one)
    time.sleep(0.05)
    assert told(attached) == ""
    pin = f"/sys/fs/bpf/bpfmetafs-test-xdp-{os.getpid()}"
    address, keep = bpf.pointer(os.fsencode(pin) + b"\0")
    bpf.call(6, struct.pack("<QII", address, prog, 0))
    try:
        ok("ip", "link", "set", "dev", veth, "xdpgeneric", "pinned", pin)
        time.sleep(0.05)
        assert told(attached) == f"xdp {veth} netlink\n"
        ok("ip", "link", "set", "dev", veth, "xdpgeneric", "off")
    finally:
        os.unlink(pin)


def test_an_object_file_has_no_links(daemon, mountpoint, compiled):
    daemon(compiled("hello"))
    assert "links" not in os.listdir(mountpoint)
    (prog,) = [path for path in mountpoint.iterdir() if path.name != "maps"]
    assert "links" not in os.listdir(prog / "info")
    assert not (prog / "info" / "attached").exists()
