# SPDX-License-Identifier: GPL-2.0-or-later
"""Links and attachments, on real ones: links/, info/links/ and info/attached."""

import json
import os
import pathlib
import struct
import threading
import time

import pytest

import bpf
from conftest import SLOWNESS, eventually, ok, run

PROG_ATTACH, PROG_DETACH, LINK_CREATE, LINK_UPDATE = 8, 9, 28, 29
RAW_TRACEPOINT, CGROUP_SKB, XDP = 17, 8, 6
CGROUP_INET_INGRESS, CGROUP_INET_EGRESS, ATTACH_XDP = 0, 1, 37
RETURN_1 = struct.pack("<BBhi", 0xB7, 0, 0, 1) + struct.pack("<BBhi", 0x95, 0, 0, 0)
RETURN_2 = struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def link_id(fd):
    """bpf_link_info: type, id, prog_id."""
    return struct.unpack_from("<I", bpf.info(fd), 4)[0]


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
    assert (tree / str(number) / "info" / "attached").read_text() == ""
    fd = bpf.call(LINK_CREATE, struct.pack("<IIII", prog, cgroup[1], CGROUP_INET_INGRESS, 0))[0]
    one = link_id(fd)
    path = tree / "links" / str(one)
    assert str(one) in os.listdir(tree / "links")
    assert os.listdir(links) == [str(one)]
    assert (tree / str(number) / "info" / "attached").read_text() == \
        f"cgroup_inet_ingress /{cgroup[0].name} link {one}\n"
    other_prog, other = skb(b"another")
    bpf.call(LINK_UPDATE, struct.pack("<IIII", fd, other_prog, 0, 0))
    assert os.readlink(path / "prog") == f"../../{other}"
    assert os.listdir(links) == []
    eventually(lambda: os.listdir(tree / str(other) / "info" / "links") == [str(one)], 2)
    os.close(fd)
    assert not path.exists()
    assert str(one) not in os.listdir(tree / "links")
    assert os.listdir(tree / str(other) / "info" / "links") == []
    assert (tree / str(other) / "info" / "attached").read_text() == ""


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
    assert attached.read_text().startswith(f"cgroup_inet_egress /{path.name} link ")
    os.close(directory)
    path.rmdir()
    info = tree / "links" / str(link_id(link)) / "info"
    eventually(lambda: (info / "cgroup_id").read_text() == "0\n")
    eventually(lambda: path.name not in attached.read_text())
    assert attached.read_text().startswith("cgroup_inet_egress (")
    assert attached.read_text().endswith(f" link {link_id(link)}\n")


def test_attached_to_a_cgroup_without_a_link(tree, skb, cgroup):
    prog, number = skb()
    attached = tree / str(number) / "info" / "attached"
    assert attached.read_text() == ""
    bpf.call(PROG_ATTACH, struct.pack("<IIII", cgroup[1], prog, CGROUP_INET_EGRESS, 0))
    try:
        time.sleep(0.05)  # ATTACHMENTS_MAX_AGE
        assert attached.read_text() == f"cgroup_inet_egress /{cgroup[0].name} cgroup\n"
    finally:
        bpf.call(PROG_DETACH, struct.pack("<IIII", cgroup[1], prog, CGROUP_INET_EGRESS, 0))
    time.sleep(0.05)
    assert attached.read_text() == ""


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
    assert attached.read_text() == f"xdp {veth} link {one}\n"
    info = tree / "links" / str(one) / "info"
    assert (info / "devname").read_text() == f"{veth}\n"
    assert (info / "ifindex").read_text() == f"{index}\n"
    os.close(fd)
    time.sleep(0.05)
    assert attached.read_text() == ""
    pin = f"/sys/fs/bpf/bpfmetafs-test-xdp-{os.getpid()}"
    address, keep = bpf.pointer(os.fsencode(pin) + b"\0")
    bpf.call(6, struct.pack("<QII", address, prog, 0))
    try:
        ok("ip", "link", "set", "dev", veth, "xdpgeneric", "pinned", pin)
        time.sleep(0.05)
        assert attached.read_text() == f"xdp {veth} netlink\n"
        ok("ip", "link", "set", "dev", veth, "xdpgeneric", "off")
    finally:
        os.unlink(pin)


def test_watching_does_not_hold_a_link(daemon, mountpoint, cgroup, skb):
    """Its owner's close detaches it, whatever is read meanwhile."""
    daemon()
    prog, number = skb()
    stop = threading.Event()
    failed = []

    def watch():
        try:
            watch_on()
        except OSError as error:
            failed.append(error)

    def watch_on():
        while not stop.is_set():
            for path in (mountpoint / "links").iterdir():
                try:
                    list((path / "info").iterdir())
                    os.readlink(path / "prog")
                except FileNotFoundError:
                    pass
            (mountpoint / str(number) / "info" / "attached").read_text()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(200):
            fd = bpf.call(LINK_CREATE, struct.pack("<IIII", prog, cgroup[1], CGROUP_INET_EGRESS,
                                                   0))[0]
            one = link_id(fd)
            os.close(fd)
            end = time.monotonic() + 1 * SLOWNESS
            while one in bpf.link_ids():
                assert time.monotonic() < end, "the link is held"
    finally:
        stop.set()
        watcher.join()
    assert not failed


def test_an_object_file_has_no_links(daemon, mountpoint, compiled):
    daemon(compiled("hello"))
    assert "links" not in os.listdir(mountpoint)
    (prog,) = [path for path in mountpoint.iterdir() if path.name != "maps"]
    assert "links" not in os.listdir(prog / "info")
    assert not (prog / "info" / "attached").exists()
