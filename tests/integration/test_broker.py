# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon is two processes: one serves, and one, the broker, does what that may not. Whatever ends
either of them, nothing is left that nobody knows how to get rid of."""

import ctypes
import errno
import os
import pathlib
import pwd
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

import pytest

from conftest import SLOWNESS, broker_of, eventually, is_mounted, ok, processes, run
from stuck import reader_of_a_stuck_daemon

UEVENT = pathlib.Path("/sys/devices/system/cpu/cpu0/uevent")


@pytest.fixture(autouse=True)
def nobody_else():
    """The daemons of the tests before have ended: a moment after their trees were unmounted."""
    eventually(lambda: not processes())


class Served:
    """A daemon in the foreground whose end is the test's own business."""

    def __init__(self, path, *arguments):
        self.path = path
        self.process = subprocess.Popen(["bpfmetafs", "bpf", path, "-f", *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        eventually(lambda: is_mounted(path))
        os.listdir(path)
        self.broker = broker_of(self.process.pid)

    def end(self):
        """Returns what it has said, and its exit status."""
        said, _ = self.process.communicate(timeout=30 * SLOWNESS)
        return said, self.process.returncode


@pytest.fixture
def served(mountpoint):
    """Starts a daemon: served(*arguments)."""
    started = []

    def start(*arguments):
        started.append(Served(mountpoint, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()
    eventually(lambda: not processes())


def error_of_listing(path):
    try:
        os.listdir(path)
    except OSError as error:
        return error.errno
    return 0


def is_served(path):
    """Whether it lists a tree: a daemon may have mounted it, and fail before it serves."""
    try:
        return bool(os.listdir(path))
    except OSError:
        return False


def test_names(served):
    one = served()
    assert processes() == {one.process.pid: "bpfmetafs", one.broker: "bpfmeta-broker"}
    words = ok("ps", "-o", "args=", "-p", one.broker).split()
    assert words == ["bpfmeta-broker"]


def test_rights(served):
    """The one that serves may not unmount; the other reads and decodes nothing."""
    one = served()
    maps = pathlib.Path(f"/proc/{one.process.pid}/maps").read_text()
    assert "[perf_event]" in maps
    assert "[perf_event]" not in pathlib.Path(f"/proc/{one.broker}/maps").read_text()
    status = pathlib.Path(f"/proc/{one.broker}/status").read_text()
    assert re.search(r"^Seccomp:\s+2$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    assert re.search(r"^CapEff:\s+0000000000280004$", status, re.M)
    links = {os.readlink(link) for link in pathlib.Path(f"/proc/{one.broker}/fd").iterdir()}
    assert not any("bpf" in link or "perf" in link for link in links)
    for thread in pathlib.Path(f"/proc/{one.process.pid}/task").iterdir():
        status = (thread / "status").read_text()
        assert re.search(r"^Seccomp:\s+2$", status, re.M)


@pytest.mark.parametrize("how", ["umount", "force", "lazy", "TERM", "INT", "HUP"])
def test_no_process_is_left(served, mountpoint, how):
    one = served()
    if how == "umount":
        ok("umount", mountpoint)
    elif how == "force":
        ok("umount", "-f", mountpoint)
    elif how == "lazy":
        ok("umount", "-l", mountpoint)
    else:
        one.process.send_signal(getattr(signal, f"SIG{how}"))
    assert one.end() == ("", 0)
    assert not is_mounted(mountpoint)
    # Not only soon, and not even waiting to be buried.
    assert not pathlib.Path(f"/proc/{one.broker}").exists()


def test_a_terminal_signals_both(served, mountpoint):
    one = served()
    os.kill(one.broker, signal.SIGINT)
    os.kill(one.broker, signal.SIGTERM)
    one.process.send_signal(signal.SIGINT)
    assert one.end() == ("", 0)
    assert not is_mounted(mountpoint)


def test_killed_daemon_is_unmounted(served, mountpoint, program):
    for _ in range(5):
        one = served()
        assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
        one.process.kill()
        one.end()
        eventually(lambda: not is_mounted(mountpoint))
        eventually(lambda: not processes())
        assert os.listdir(mountpoint) == []


def test_reader_of_a_killed_daemon(served, mountpoint, program):
    """It has the directory open, and its next request fails instead of waiting for ever."""
    one = served()
    directory = os.open(mountpoint, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.kill(one.broker, signal.SIGSTOP)
        one.process.kill()
        reader = subprocess.Popen(["ls", f"/proc/{os.getpid()}/fd/{directory}/{program.id}/info"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.2)
        os.kill(one.broker, signal.SIGCONT)
        _, said = reader.communicate(timeout=20 * SLOWNESS)
        assert re.search("not connected|connection abort", said, re.I), said
    finally:
        os.close(directory)
    eventually(lambda: not is_mounted(mountpoint))


def test_killed_while_it_waits_for_a_reader(served, mountpoint, hand):
    """The reader, and so the follower, is let go: without that, both would wait for ever."""
    fd, number = hand()
    one = served()
    with reader_of_a_stuck_daemon(one.process.pid, mountpoint, number, lambda: os.close(fd)) as reader:
        one.process.kill()
        _, said = reader.communicate(timeout=20 * SLOWNESS)
    assert re.search("not connected|connection abort", said, re.I), said
    one.end()
    eventually(lambda: not is_mounted(mountpoint))
    eventually(lambda: not processes())


def test_a_signal_of_its_own_is_no_end(served, mountpoint, program):
    """Of the one with which the kernel says that the daemon has ended."""
    one = served()
    os.kill(one.broker, signal.SIGRTMAX)
    time.sleep(0.1)
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
    one.process.terminate()
    assert one.end() == ("", 0)


def test_killed_broker(served, mountpoint, program, hand):
    """The tree stays, and stays true; what it can't do any more is said."""
    one = served()
    fd, number = hand()
    assert (mountpoint / str(number)).is_dir()
    os.kill(one.broker, signal.SIGKILL)
    eventually(lambda: one.broker not in processes())

    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
    os.dup2(os.open("/dev/null", os.O_RDONLY), fd)
    eventually(lambda: not (mountpoint / str(number)).exists(), seconds=1)
    for _ in range(10):
        fd, number = hand()
        assert str(number) in os.listdir(mountpoint)
        os.dup2(os.open("/dev/null", os.O_RDONLY), fd)
        eventually(lambda gone=number: not (mountpoint / str(gone)).exists(), seconds=1)
    # It was buried, though its parent goes on.
    assert not pathlib.Path(f"/proc/{one.broker}").exists()

    one.process.terminate()
    said, status = one.end()
    assert status == 2
    assert said.count("\n") == 2
    assert re.search("events can't be followed any more.*bpfmeta-broker has ended", said)
    assert re.search(f"cannot unmount {mountpoint}: .*bpfmeta-broker has ended", said)
    assert error_of_listing(mountpoint) == errno.ENOTCONN
    ok("umount", mountpoint)


@pytest.mark.parametrize("round_number", range(5))
def test_killed_broker_beside_readers(served, mountpoint, program, round_number):
    """No reader notices: neither what is looked up each time nor what the kernel remembers is lacking."""
    one = served()
    paths = [mountpoint / str(program.id) / name for name in ("oncall", "info/run_cnt", "info/map_ids")]
    errors, done = [], threading.Event()

    def read():
        while not done.is_set():
            for path in paths:
                try:
                    path.read_text()
                except OSError as error:
                    errors.append(str(error))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    time.sleep(0.1)
    os.kill(one.broker, signal.SIGKILL)
    eventually(lambda: one.broker not in processes())
    time.sleep(0.2)
    done.set()
    for reader in readers:
        reader.join()
    assert errors == []
    one.process.terminate()
    one.end()
    ok("umount", mountpoint)


def test_killed_broker_and_umount(served, mountpoint):
    one = served("-o", "noevents")
    os.kill(one.broker, signal.SIGKILL)
    eventually(lambda: one.broker not in processes())
    ok("umount", mountpoint)
    assert one.end() == ("", 0)


def test_mounted_again_at_once(mountpoint, program):
    """The broker of the tree before unmounts nothing that is not its own."""
    for how in [(), ("-l",)] * 10:
        ok("bpfmetafs", "bpf", mountpoint)
        assert (mountpoint / str(program.id)).is_dir()
        ok("umount", *how, mountpoint)
    ok("bpfmetafs", "bpf", mountpoint)
    eventually(lambda: len(processes()) == 2)
    assert (mountpoint / str(program.id)).is_dir()
    ok("umount", mountpoint)
    eventually(lambda: not processes())


def test_something_else_over_it(served, mountpoint):
    one = served()
    ok("mount", "-t", "tmpfs", "over", mountpoint)
    one.process.terminate()
    said, status = one.end()
    assert (status, said) == (2, f"bpfmetafs[{one.process.pid}]: cannot unmount {mountpoint}: "
                                 "something else is mounted there\n")
    ok("umount", mountpoint)
    assert is_mounted(mountpoint)
    assert error_of_listing(mountpoint) == errno.ENOTCONN


def test_below_a_private_directory(served, tmp_path):
    """Root may go there, without being its owner."""
    user = pwd.getpwnam("nobody")
    private = tmp_path / "private"
    (private / "tree").mkdir(parents=True)
    os.chown(private, user.pw_uid, user.pw_gid)
    private.chmod(0o700)
    one = Served(private / "tree")
    one.process.terminate()
    assert one.end() == ("", 0)
    assert not is_mounted(private / "tree")


def rings_of(pid):
    return {line.split("-")[0]
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
            if "[perf_event]" in line}


def test_cpu_comes_online(daemon, mountpoint, hand):
    """The kernel tells of one that was online already: its rings are opened anew all the same."""
    one = daemon()
    fd, number = hand()
    assert (mountpoint / str(number)).is_dir()
    before = rings_of(one.pid)
    UEVENT.write_text("online")
    # It takes them up before it answers.
    eventually(lambda: os.listdir(mountpoint) and not rings_of(one.pid) & before)
    assert len(rings_of(one.pid)) == len(before)
    assert (mountpoint / str(number)).is_dir()
    os.dup2(os.open("/dev/null", os.O_RDONLY), fd)
    eventually(lambda: not (mountpoint / str(number)).exists(), seconds=1)
    fd, number = hand()
    assert (mountpoint / str(number)).is_dir()


# Failures half-way

ALLOW = 0x7fff0000
RET = 6
MOST = 4096  # instructions of a filter
ROOM = 32768  # instructions of all filters, as the kernel compiles them (MAX_INSNS_PER_PATH)
PER_FILTER = 16  # at least what it adds to each


def leave_room(room):
    """Installs filters that allow everything, until further ones may have this many instructions."""
    libc = ctypes.CDLL(None, use_errno=True)

    def install(n):
        code = ctypes.create_string_buffer(struct.pack("HBBI", RET, 0, 0, ALLOW) * n)
        program = ctypes.create_string_buffer(
            struct.pack("HxxxxxxP", n, ctypes.addressof(code)))
        if libc.prctl(22, 2, program, 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
            os._exit(99)

    # An instruction here is two of the kernel's.
    left = ROOM - room
    while left > 2 * MOST + PER_FILTER:
        install(MOST)
        left -= 2 * MOST + PER_FILTER
    install(max(left // 2, 1))


def is_sanitized():
    with open(shutil.which("bpfmetafs"), "rb") as program:
        return b"libasan" in program.read()


@pytest.mark.parametrize("source", ["bpf", "object"])
def test_failure_half_way_leaves_nothing(mountpoint, compiled, source):
    """Each process and thread has a filter of another length: with less and less room for them, one
    after the other can't be shut in. What was mounted before is unmounted."""
    said = set()
    for room in range(0, 1600, 40):
        process = subprocess.Popen(
            ["bpfmetafs", compiled("hello") if source == "object" else "bpf", mountpoint, "-f"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=lambda left=room: leave_room(left))
        # The bare directory is empty.
        eventually(lambda: process.poll() is not None or is_mounted(mountpoint) and is_served(mountpoint))
        if process.poll() is None:
            ok("umount", mountpoint)
        text, _ = process.communicate(timeout=30 * SLOWNESS)
        said.add(text)
        assert process.returncode == (2 if text else 0)
        assert not is_mounted(mountpoint)
        eventually(lambda: not processes())
    assert "" in said
    assert any("the process that unmounts" in text for text in said), said
    # The broker of a kernel's tree has the longest filter of all, and so has any broker of a build with a
    # sanitizer: then no other process is the first that can't be shut in.
    assert source == "bpf" or is_sanitized() or any("(seccomp)" in text for text in said), said
