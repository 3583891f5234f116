# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking does not keep a link: its owner's close detaches it, whatever is read meanwhile.

While the daemon has a link open, which is for microseconds, the owner's close leaves it attached, and the
daemon's own close detaches it."""

import os
import socket
import struct
import subprocess
import time

import pytest

import bpf
from attaching import CGROUP_INET_EGRESS, CGROUP_SKB, LINK_CREATE, NETFILTER, \
    NETFILTER_HOOK, SCHED_CLS, TCX_INGRESS, XDP, ATTACH_XDP, link_id, told
from conftest import SLOWNESS
from test_attached import attacher, index, or_skip  # noqa: F401: fixtures
from test_links import cgroup, veth  # noqa: F401: fixtures

TIMES = 200
# A link's owner closes at most so often: kernels detach by work that others wait for as well.
PAUSE = 0.01
PROG_QUERY = 16
RTM_GETLINK, IFLA_XDP, IFLA_XDP_PROG_ID = 18, 43, 4


def queried(target, attach_type):
    """Whether anything is attached there."""
    return struct.unpack_from("<I", bpf.call(PROG_QUERY, struct.pack(
        "<IIIIQI", target, attach_type, 0, 0, 0, 0))[1], 24)[0] > 0


def attributes(data):
    """The attributes of netlink: type and content."""
    while len(data) >= 4:
        size, kind = struct.unpack_from("<HH", data)
        if size < 4:
            return
        yield kind & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


def has_xdp(index):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(struct.pack("<IHHIIBxHiII", 32, RTM_GETLINK, 1, 1, 0, 0, 0, index, 0, 0))
        answer = kernel.recv(65536)
    return any(kind == IFLA_XDP and any(inner == IFLA_XDP_PROG_ID for inner, _ in attributes(content))
               for kind, content in attributes(answer[32:]))


# Each returns the arguments of BPF_LINK_CREATE, and what tells whether the link is attached.

def to_cgroup(attacher, request):
    fd = request.getfixturevalue("cgroup")[1]
    return (struct.pack("<IIII", attacher.load(CGROUP_SKB, 1), fd, CGROUP_INET_EGRESS, 0),
            lambda number: queried(fd, CGROUP_INET_EGRESS))


def to_tcx(attacher, request):
    number = request.getfixturevalue("index")
    return (struct.pack("<IIII", attacher.load(SCHED_CLS), number, TCX_INGRESS, 0),
            lambda link: queried(number, TCX_INGRESS))


def to_xdp(attacher, request):
    number = request.getfixturevalue("index")
    return (struct.pack("<IIII", attacher.load(XDP, 2), number, ATTACH_XDP, 0),
            lambda link: has_xdp(number))


def to_netfilter(attacher, request):
    """The kernel lists no hooks by bpf(2): that the link has gone has to do."""
    prog = attacher.load(NETFILTER, 1, NETFILTER_HOOK)
    return (struct.pack("<IIIIIIiI", prog, 0, NETFILTER_HOOK, 0, 10, 1, attacher.priority, 0),
            lambda link: link in bpf.link_ids())


@pytest.mark.parametrize("kind", [to_cgroup, to_tcx, to_xdp, to_netfilter],
                         ids=lambda kind: kind.__name__)
def test_watching_does_not_hold_a_link(daemon, mountpoint, attacher, request, kind):
    """The owner closes 200 times while the tree is read without a pause."""
    daemon()
    with or_skip(kind.__name__):
        wanted, is_attached = kind(attacher, request)
        os.close(bpf.call(LINK_CREATE, wanted)[0])
    number = bpf.object_id(struct.unpack_from("<I", wanted)[0])
    readers = [subprocess.Popen(["sh", "-c", f"cd {mountpoint} && while :; do {command}; done"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)
               for command in ("cat links/*/info/*", f"cat {number}/info/attached; ls {number}/info/links")]
    stayed = []
    try:
        for _ in range(TIMES):
            fd = bpf.call(LINK_CREATE, wanted)[0]
            link = link_id(fd)
            assert is_attached(link)
            time.sleep(PAUSE)
            os.close(fd)
            closed = time.monotonic()
            while is_attached(link) or link in bpf.link_ids():
                assert time.monotonic() < closed + 1 * SLOWNESS, "the link is held"
            stayed.append(time.monotonic() - closed)
        assert all(reader.poll() is None for reader in readers)
        assert told(mountpoint / str(number) / "info" / "attached") == ""
    finally:
        for reader in readers:
            os.killpg(reader.pid, 9)
            reader.wait()
    stayed.sort()
    print(f"after close(): median {stayed[TIMES // 2] * 1e6:.0f} us, most {stayed[-1] * 1e6:.0f} us")
