# SPDX-License-Identifier: GPL-2.0-or-later
"""Attachments of every kind, on real ones, compared with what bpftool says of them, key by key."""

import contextlib
import json
import os
import pathlib
import struct
import time

import pytest

import bpf
from attaching import (Attacher, CGROUP_INET_EGRESS, CGROUP_INET_INGRESS, CGROUP_SKB, PROG_ATTACH,
                       PROG_DETACH, SCHED_CLS, TCX_EGRESS, UNKNOWN, XDP, is_refused, link_id, told)
from conftest import BPFFS, eventually, ok, run
from test_links import as_text, cgroup, let_go, read_info, veth  # noqa: F401: some are fixtures
from test_pinned import as_pinned

ATTACHMENTS_MAX_AGE = 0.05  # seconds, as bpfmetafs(5) says
PAGE = 4096


@contextlib.contextmanager
def or_skip(what):
    """What this kernel does not have is skipped."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        pytest.skip(f"this kernel has no {what}: {error}")


@pytest.fixture
def attacher():
    one = Attacher()
    yield one
    one.close()


@pytest.fixture
def file(tmp_path):
    """A file that nobody runs, for probes."""
    path = tmp_path / "probed here"
    path.write_bytes(bytes(PAGE))
    return path


@pytest.fixture
def pin(request):
    """Where to pin."""
    path = BPFFS / f"bpfmetafs-test-{os.getpid()}-attached"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def index(veth):
    """Of the test's own interface."""
    return int(pathlib.Path(f"/sys/class/net/{veth}/ifindex").read_text())


# Each makes a link. Returns its descriptor, and the line of info/attached without the link's id.

def to_cgroup(attacher, request):
    path, fd = request.getfixturevalue("cgroup")
    return attacher.cgroup(fd), f"cgroup_inet_egress /{path.name}"


def to_xdp(attacher, request):
    return (attacher.xdp(request.getfixturevalue("index")),
            f"xdp {request.getfixturevalue('veth')}")


def to_tcx_ingress(attacher, request):
    return (attacher.tcx(request.getfixturevalue("index")),
            f"tcx_ingress {request.getfixturevalue('veth')}")


def to_tcx_egress(attacher, request):
    return (attacher.tcx(request.getfixturevalue("index"), TCX_EGRESS),
            f"tcx_egress {request.getfixturevalue('veth')}")


def to_netfilter(attacher, request):
    return attacher.netfilter(), f"netfilter ip6 input prio {attacher.priority}"


def to_sk_lookup(attacher, request):
    return attacher.sk_lookup(), f"sk_lookup netns {os.stat('/proc/self/ns/net').st_ino}"


def to_sockmap(attacher, request):
    fd = attacher.sockmap()
    number = struct.unpack_from("<I", bpf.info(fd), 16)[0]
    return fd, f"sk_skb_verdict map {number}"


def to_raw_tracepoint(attacher, request):
    return attacher.raw_tracepoint(), "raw_tp sys_enter"


def as_told(fd, line):
    """Before Linux 6.6 the kernel does not tell to which event a link goes (perf_event.type of struct
    bpf_link_info)."""
    return fd, line if struct.unpack_from("<I", bpf.info(fd), 16)[0] else "perf_event (unknown)"


def to_uprobe(attacher, request):
    path = request.getfixturevalue("file")
    return as_told(attacher.uprobe(path, 0x40), f"uprobe {path}+0x40")


def to_event(attacher, request):
    return as_told(attacher.software_event(), "perf_event software context-switches")


def to_uprobe_multi(attacher, request):
    path = request.getfixturevalue("file")
    return attacher.uprobe_multi(path, [0x40, 0x80]), f"trace_uprobe_multi {path} 2 functions"


def to_iterator(attacher, request):
    return attacher.iterator(), "trace_iter task"


KINDS = [to_cgroup, to_xdp, to_tcx_ingress, to_tcx_egress, to_netfilter, to_sk_lookup, to_sockmap,
         to_raw_tracepoint, to_uprobe, to_event, to_uprobe_multi, to_iterator]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def link(request, attacher):
    """A link of the kind: its descriptor, its id, its program's id, and its line of info/attached."""
    with or_skip(request.param.__name__):
        fd, line = request.param(attacher, request)
    number, prog = struct.unpack_from("<II", bpf.info(fd), 4)
    return fd, number, prog, f"{line} link {number}\n"


def assert_as_bpftool(info, shown):
    """An older bpftool shows nothing but the id and the program of types that it does not know."""
    shown.pop("pids", None)
    if isinstance(shown["type"], int):
        shown.pop("type")
    for function in (functions := shown.pop("funcs", [])):
        for key in function:
            values = " ".join(str(one[key]) for one in functions)
            assert info[f"{key}s"] == f"{values}\n", key
    if "bpf_cookie" in shown:
        shown["cookie"] = shown.pop("bpf_cookie")
    for key, value in shown.items():
        assert info[key] == as_text(value), key


# What bpfmetafs(5) says that each type has beside id, type, prog_id and pinned: also where this
# bpftool knows no more of it than its number. What older kernels don't tell is not there.
KEYS = {
    "cgroup": {"cgroup_id", "attach_type"},
    "xdp": {"ifindex", "devname"},
    "tcx": {"ifindex", "devname", "attach_type"},
    "netfilter": {"pf", "hook", "prio", "flags"},
    "netns": {"netns_ino", "attach_type"},
    "sockmap": {"map_id", "attach_type"},
    "raw_tracepoint": {"tp_name", "cookie"},
    "uprobe_multi": {"retprobe", "path", "func_cnt", "pid", "offsets", "ref_ctr_offsets", "cookies"},
    "iter": {"target_name"},
    "perf_event": {"retprobe", "file", "offset", "cookie", "ref_ctr_offset", "event_type",
                   "event_config"},
}


def test_a_link_as_bpftool_shows_it(tree, link):
    _, number, prog, line = link
    directory = tree / "links" / str(number)
    info = read_info(directory / "info")
    assert info.keys() - {"id", "type", "prog_id", "pinned"} <= KEYS[info["type"].strip()]
    assert_as_bpftool(info, json.loads(ok("bpftool", "-j", "link", "show", "id", number)))
    assert os.readlink(directory / "prog") == f"../../{prog}"
    assert os.listdir(tree / str(prog) / "info" / "links") == [str(number)]
    assert told(tree / str(prog) / "info" / "attached") == line


def test_pinned_and_not(tree, link, pin):
    """A link that is pinned stays when its owner closes it, and goes when it is unpinned."""
    fd, number, prog, line = link
    info = tree / "links" / str(number) / "info"
    attached = tree / str(prog) / "info" / "attached"
    assert (info / "pinned").read_text().splitlines() == as_pinned()
    try:
        bpf.obj_pin(fd, pin)
    except OSError as error:
        pytest.skip(f"such a link can't be pinned: {error}")
    assert (info / "pinned").read_text().splitlines() == as_pinned(str(pin))
    # The program is held by its link, and is not pinned itself.
    assert (tree / str(prog) / "info" / "pinned").read_text().splitlines() == as_pinned()
    os.close(fd)
    assert told(attached) == line
    assert (info / "pinned").read_text().splitlines() == as_pinned(str(pin))
    other = pin.with_name(f"{pin.name}-moved")
    os.rename(pin, other)
    try:
        assert (info / "pinned").read_text().splitlines() == as_pinned(str(other))
    finally:
        os.unlink(other)
    eventually(lambda: number not in bpf.link_ids())
    assert not info.exists()
    assert told(attached) == ""


def test_many_of_all_kinds(tree, attacher, request):
    """All at once: none is taken for another, and each is gone when it is closed."""
    made = []
    for kind in KINDS:
        try:
            fd, line = kind(attacher, request)
        except OSError:
            continue
        number, prog = struct.unpack_from("<II", bpf.info(fd), 4)
        made.append((fd, number, prog, f"{line} link {number}\n"))
    assert len(made) >= 3
    while made:
        for _, number, prog, line in made:
            assert told(tree / str(prog) / "info" / "attached") == line
            assert str(number) in os.listdir(tree / "links")
        fd, number, prog, _ = made.pop()
        let_go(fd, number)
        assert str(number) not in os.listdir(tree / "links")
        assert told(tree / str(prog) / "info" / "attached") == ""


# A link outlives what it is attached to.

@pytest.mark.parametrize("kind", [to_xdp, to_tcx_ingress], ids=lambda kind: kind.__name__)
def test_a_link_whose_interface_has_gone_says_so(tree, attacher, request, kind, veth):
    with or_skip(kind.__name__):
        fd, line = kind(attacher, request)
    number, prog = struct.unpack_from("<II", bpf.info(fd), 4)
    attached = tree / str(prog) / "info" / "attached"
    info = tree / "links" / str(number) / "info"
    assert told(attached) == f"{line} link {number}\n"
    assert (info / "devname").read_text() == f"{veth}\n"
    ok("ip", "link", "del", veth)
    eventually(lambda: (info / "ifindex").read_text() == "0\n")
    assert (info / "devname").read_text() == "(detached)\n"
    assert told(attached) == f"{line.split()[0]} (detached) link {number}\n"
    assert_as_bpftool(read_info(info), json.loads(
        ok("bpftool", "-j", "link", "show", "id", number)))


def test_a_link_whose_network_namespace_has_gone_says_so(tree, attacher):
    name = f"bpfmetafs-gone-{os.getpid()}"
    if run("ip", "netns", "add", name).returncode != 0:
        pytest.skip("no network namespace can be made")
    try:
        netns = os.open(f"/run/netns/{name}", os.O_RDONLY)
        with or_skip("sk_lookup"):
            prog = attacher.load(30, 1, 36)
            fd = attacher.link(prog, netns, 36)
        number = link_id(fd)
        attached = tree / str(bpf.object_id(prog)) / "info" / "attached"
        ino = os.fstat(netns).st_ino
        os.close(netns)
        assert told(attached) == f"sk_lookup netns {ino} link {number}\n"
    finally:
        ok("ip", "netns", "del", name)
    eventually(lambda: (tree / "links" / str(number) / "info/netns_ino").read_text() == "0\n")
    assert told(attached) == f"sk_lookup (detached) link {number}\n"


# Without a link. All is compared with bpftool's own lists.

def lines_of(tree, prog):
    time.sleep(ATTACHMENTS_MAX_AGE)
    return told(tree / str(prog) / "info" / "attached").splitlines()


def bpftool_net(device):
    """What it says of the interface: (kind, program) for each attachment."""
    (net,) = json.loads(ok("bpftool", "-j", "net", "show"))
    return sorted((f"xdp {one['mode']}" if kind == "xdp" else one["kind"], one.get("prog_id", one.get("id")))
                  for kind in ("xdp", "tc") for one in net[kind] if one["devname"] == device)


@pytest.mark.parametrize("kind, hook", [("ingress", "tc_ingress"), ("egress", "tc_egress")])
def test_classic_tc(tree, attacher, veth, pin, kind, hook):
    fd = attacher.load(SCHED_CLS)
    prog = bpf.object_id(fd)
    bpf.obj_pin(fd, pin)
    if run("tc", "qdisc", "add", "dev", veth, "clsact").returncode != 0:
        pytest.skip("there is no classic tc")
    assert lines_of(tree, prog) == []
    ok("tc", "filter", "add", "dev", veth, kind, "bpf", "direct-action", "object-pinned", pin)
    assert bpftool_net(veth) == [(f"clsact/{kind}", prog)]
    assert lines_of(tree, prog) == [f"{hook} {veth} netlink"]
    # Nothing but the filter holds it now.
    pin.unlink()
    os.close(fd)
    assert lines_of(tree, prog) == [f"{hook} {veth} netlink"]
    ok("tc", "filter", "del", "dev", veth, kind)
    eventually(lambda: prog not in bpf.prog_ids())
    # The daemon forgets it within milliseconds.
    eventually(lambda: not (tree / str(prog)).exists())


def test_xdp_by_ip(tree, attacher, veth, pin):
    fd = attacher.load(XDP, 2)
    prog = bpf.object_id(fd)
    bpf.obj_pin(fd, pin)
    ok("ip", "link", "set", "dev", veth, "xdpgeneric", "pinned", pin)
    assert bpftool_net(veth) == [("xdp generic", prog)]
    assert lines_of(tree, prog) == [f"xdp {veth} netlink"]
    ok("ip", "link", "set", "dev", veth, "xdpgeneric", "off")
    assert bpftool_net(veth) == []
    assert lines_of(tree, prog) == []


def test_an_interface_with_all_of_it(tree, attacher, veth, index, pin):
    """Links and filters beside each other: what both sides show appears once, on both."""
    links = [("xdp", "driver", attacher.xdp(index))]
    with or_skip("tcx"):
        links += [("tcx_ingress", "tcx/ingress", attacher.tcx(index)),
                  ("tcx_egress", "tcx/egress", attacher.tcx(index, TCX_EGRESS))]
    filtering = attacher.load(SCHED_CLS)
    bpf.obj_pin(filtering, pin)
    if run("tc", "qdisc", "add", "dev", veth, "clsact").returncode != 0:
        pytest.skip("there is no classic tc")
    ok("tc", "filter", "add", "dev", veth, "ingress", "bpf", "da", "object-pinned", pin)
    shown = {prog for _, prog in bpftool_net(veth)}
    prog = bpf.object_id(filtering)
    assert lines_of(tree, prog) == [f"tc_ingress {veth} netlink"]
    ours = {prog}
    for kind, _, fd in links:
        number, prog = struct.unpack_from("<II", bpf.info(fd), 4)
        assert lines_of(tree, prog) == [f"{kind} {veth} link {number}"]
        ours.add(prog)
    # This bpftool may not know tcx.
    assert shown <= ours


def bpftool_cgroup(path):
    (one,) = [one for one in json.loads(ok("bpftool", "-j", "cgroup", "tree", path))
              if one["cgroup"] == str(path)] or [{"programs": []}]
    return sorted((program["attach_type"], program["id"]) for program in one["programs"])


def test_cgroup_as_bpftool_shows_it(tree, attacher, cgroup):
    """By a link and without, of one program and of others; several at one hook."""
    path, fd = cgroup
    progs = [attacher.load(CGROUP_SKB, 1) for _ in range(3)]
    ids = [bpf.object_id(prog) for prog in progs]
    multi = 2  # BPF_F_ALLOW_MULTI
    legacy = [(progs[0], CGROUP_INET_EGRESS), (progs[0], CGROUP_INET_INGRESS), (progs[1], CGROUP_INET_EGRESS)]
    for prog, hook in legacy:
        bpf.call(PROG_ATTACH, struct.pack("<IIII", fd, prog, hook, multi))
    try:
        number = link_id(attacher.link(progs[2], fd, CGROUP_INET_EGRESS))
        shown = bpftool_cgroup(path)
        # A bpftool that asks in a way that this kernel does not know shows nothing.
        assert shown == sorted([
            ("cgroup_inet_egress", ids[0]), ("cgroup_inet_ingress", ids[0]),
            ("cgroup_inet_egress", ids[1]), ("cgroup_inet_egress", ids[2])]) or is_refused() and not shown
        if not is_refused():
            assert lines_of(tree, ids[0]) == [f"cgroup_inet_egress /{path.name} cgroup",
                                              f"cgroup_inet_ingress /{path.name} cgroup"]
            assert lines_of(tree, ids[1]) == [f"cgroup_inet_egress /{path.name} cgroup"]
        assert lines_of(tree, ids[2]) == [f"cgroup_inet_egress /{path.name} link {number}"]
    finally:
        for prog, hook in legacy:
            bpf.call(PROG_DETACH, struct.pack("<IIII", fd, prog, hook, 0))
    assert [lines_of(tree, number) for number in ids[:2]] == [[], []]


def test_hostile_names_of_cgroups(tree, attacher, cgroup):
    """A cgroup may be called anything but with a newline, which the kernel refuses."""
    path = cgroup[0] / "a\x1b[2J link 1\\\xff"
    path = pathlib.Path(os.fsdecode(os.fsencode(str(path)).replace("ÿ".encode(), b"\xff")))
    path.mkdir()
    try:
        directory = attacher.keep(os.open(path, os.O_RDONLY))
        number, prog = struct.unpack_from("<II", bpf.info(attacher.cgroup(directory)), 4)
        assert lines_of(tree, prog) == [
            f"cgroup_inet_egress /{cgroup[0].name}/a\\x1b[2J link 1\\\\\\xff link {number}"]
    finally:
        attacher.close()
        eventually(lambda: run("rmdir", path).returncode == 0)
