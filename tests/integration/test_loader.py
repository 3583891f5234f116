# SPDX-License-Identifier: GPL-2.0-or-later
"""info/loader/: the process that loaded a program, as it was seen at the load event."""

import contextlib
import ctypes
import errno
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

import bpf
from conftest import BPFFS, SLOWNESS, Daemon, broker_of, eventually, ok
from test_kinds import in_time_namespace
from test_links import cgroup2

SYS_CLONE3 = 435
PR_SET_NAME = 15

# Loads a program when it is told to, pins it, and says its id; and ends when it is told to.
CHILD = """
import ctypes, os, sys, threading
import bpf
libc = ctypes.CDLL(None)
{before}
print(os.getpid(), flush=True)
sys.stdin.readline()
def load():
    fd = bpf.prog_load(name=b"by_a_child")
    bpf.obj_pin(fd, "{pin}")
    print(bpf.object_id(fd), flush=True)
{how}
sys.stdin.readline()
"""


class Child:
    """A process that loads one program."""

    count = 0

    def __init__(self, before="", how="load()", under=()):
        Child.count += 1
        self.pin = BPFFS / f"bpfmetafs-loader-{os.getpid()}-{Child.count}"
        text = CHILD.format(before=before, how=how, pin=self.pin)
        self.process = subprocess.Popen([*under, sys.executable, "-B", "-c", text],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "PYTHONPATH": os.path.dirname(bpf.__file__)})
        self.pid = int(self.process.stdout.readline())

    def tell(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def load(self):
        """Returns the program's id."""
        self.tell()
        return int(self.process.stdout.readline())

    def end(self):
        """It is buried when this returns."""
        self.process.stdin.close()
        self.process.wait(timeout=30 * SLOWNESS)
        self.process.stdout.close()


@pytest.fixture
def child():
    """Starts a Child, ready to load: child(**options). Its program lasts until the test ends."""
    started = []

    def start(**options):
        started.append(Child(**options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()
        one.pin.unlink(missing_ok=True)


@pytest.fixture
def mounted(daemon, mountpoint):
    """The tree, with events."""
    daemon()
    return mountpoint


@pytest.fixture
def group():
    """Makes a cgroup by its path below the mount of version 2: group("a.slice/b.service")."""
    made = []

    def make(path):
        directory = cgroup2()
        for part in path.split("/"):
            directory /= part
            if not directory.exists():
                directory.mkdir()
                made.append(directory)
        return directory

    yield make
    for directory in reversed(made):
        eventually(lambda one=directory: not (one / "cgroup.procs").read_text())
        directory.rmdir()


def loader(tree, number):
    """What the tree knows of who loaded the program."""
    directory = tree / str(number) / "info" / "loader"
    return {name: (directory / name).read_text() for name in os.listdir(directory)}


def has_loader(tree, number):
    info = tree / str(number) / "info"
    assert (info / "loader").is_dir() == ("loader" in os.listdir(info))
    return (info / "loader").is_dir()


def forget():
    """Makes the kernel forget what it has cached: the daemon has to say it again."""
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")


def test_one_that_lives(mounted, hand):
    _, number = hand()
    found = loader(mounted, number)
    assert found["pid"] == f"{os.getpid()}\n"
    assert found["comm"] == pathlib.Path("/proc/self/comm").read_text()
    cgroups = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
    assert found["cgroup"].rstrip("\n") in [line.split(":", 2)[2] for line in cgroups]
    assert set(found) <= {"pid", "comm", "cgroup", "unit", "user_unit", "container"}
    directory = mounted / str(number) / "info" / "loader"
    assert (directory / "comm").stat().st_size == len(found["comm"])
    # It belongs to the program.
    assert directory.stat().st_mtime == (mounted / str(number)).stat().st_mtime
    with pytest.raises(FileNotFoundError):
        (directory / "exe").stat()


def test_one_that_has_ended(mounted, child):
    """What was seen in time stays for as long as the program is loaded."""
    one = child()
    number = one.load()
    comm = pathlib.Path(f"/proc/{one.pid}/comm").read_text()
    before = loader(mounted, number)
    assert (before["pid"], before["comm"]) == (f"{one.pid}\n", comm)
    one.end()
    for _ in range(2):
        assert loader(mounted, number) == before
        forget()
    one.pin.unlink()
    eventually(lambda: not (mounted / str(number)).exists())


def test_nobody_has_to_look(mounted, child):
    """It is asked for at the load, and not when somebody wants to know. That takes milliseconds, unless
    the machine is busy; and nothing tells when it was asked for."""
    for seconds in 0.1, 1, 5:
        one = child()
        number = one.load()
        time.sleep(seconds * SLOWNESS)
        one.end()
        if "comm" in loader(mounted, number):
            break
    else:
        raise AssertionError("nobody has asked for it")


def test_open_when_the_program_goes(mounted, child):
    one = child()
    number = one.load()
    loader(mounted, number)
    forget()
    with open(mounted / str(number) / "info/loader/comm", encoding="utf-8") as file:
        one.end()
        one.pin.unlink()
        eventually(lambda: not (mounted / str(number)).exists())
        assert file.read() != ""
        forget()
        file.seek(0)
        assert file.read() != ""


def test_many(mounted, child):
    """All at once: each has its own."""
    children = [child() for _ in range(20)]
    for one in children:
        one.tell()
    numbers = [int(one.process.stdout.readline()) for one in children]
    for one, number in zip(children, numbers):
        found = loader(mounted, number)
        assert (found["pid"], "comm" in found) == (f"{one.pid}\n", True)


def test_one_process_and_many_programs(mounted, fds):
    for i in range(100):
        fds.append(bpf.prog_load())
        number = bpf.object_id(fds[-1])
        # Where many others load programs, an event may be lost.
        if not (mounted / str(number) / "info" / "loader").exists():
            os.close(fds.pop())
        elif i % 7 == 0:
            assert "comm" in loader(mounted, number)
    assert len(fds) > 50
    for fd in fds:
        assert loader(mounted, bpf.object_id(fd))["pid"] == f"{os.getpid()}\n"


def test_a_thread(mounted, child):
    """The process counts."""
    one = child(how="thread = threading.Thread(target=load)\nthread.start()\nthread.join()")
    assert loader(mounted, one.load())["pid"] == f"{one.pid}\n"


@pytest.mark.parametrize("path, unit, container", [
    ("{me}.service", "{me}.service", None),
    ("{me}.slice/{me}.service/below", "{me}.service", None),
    ("{me}.slice/docker-{id}.scope", "docker-{id}.scope", "{id}"),
])
def test_unit_and_container(mounted, group, child, path, unit, container):
    names = {"me": f"bpfmetafs-{os.getpid()}", "id": "0123456789abcdef" * 4}
    directory = group(path.format(**names))
    one = child(before=f"open('{directory}/cgroup.procs', 'w').write('0')")
    number = one.load()
    found = loader(mounted, number)
    lines = pathlib.Path(f"/proc/{one.pid}/cgroup").read_text().splitlines()
    (own,) = [line.split(":", 2)[2] for line in lines if line.startswith("0::")]
    assert found["cgroup"] == f"{own}\n"
    assert own.endswith(path.format(**names))
    # Where the test itself is in a unit, that is the unit.
    if own.count("/") == path.count("/") + 1:
        assert found["unit"] == f"{unit.format(**names)}\n"
    assert found.get("container") == (container and f"{container.format(**names)}\n")


def test_hostile_name(mounted, child):
    one = child(before=f"libc.prctl({PR_SET_NAME}, b'\\n) 1\\\\\\x1b[2J\\xff', 0, 0, 0)")
    found = loader(mounted, one.load())
    assert found["comm"] == "\\x0a) 1\\\\\\x1b[2J\\xff\n"
    assert found["pid"] == f"{one.pid}\n"


def test_older_than_the_mount(daemon, mountpoint, hand):
    _, number = hand()
    daemon()
    assert not has_loader(mountpoint, number)
    _, later = hand()
    assert has_loader(mountpoint, later)
    assert not has_loader(mountpoint, number)


def test_without_events(daemon, mountpoint, hand):
    daemon(options="noevents")
    _, number = hand()
    assert not has_loader(mountpoint, number)


def test_object_file(daemon, mountpoint, compiled):
    daemon(source=compiled("hello"))
    assert not has_loader(mountpoint, "hello")


# What is seen too late.

def states(pid):
    """Those of the threads."""
    return {(thread / "stat").read_text().rpartition(")")[2].split()[0]
            for thread in pathlib.Path(f"/proc/{pid}/task").iterdir()}


class Stopped:
    """The broker of a daemon, which can't look meanwhile."""

    def __init__(self, pid, tree):
        os.listdir(tree)
        self.broker = broker_of(pid)

    def __enter__(self):
        os.kill(self.broker, signal.SIGSTOP)
        eventually(lambda: states(self.broker) == {"T"})

    def __exit__(self, *_):
        os.kill(self.broker, signal.SIGCONT)


def test_ended_before_it_was_seen(daemon, mountpoint, child):
    one = child()
    with Stopped(daemon().pid, mountpoint):
        number = one.load()
        one.end()
        assert loader(mountpoint, number) == {"pid": f"{one.pid}\n"}
    for _ in range(3):
        time.sleep(0.1)
        forget()
        assert loader(mountpoint, number) == {"pid": f"{one.pid}\n"}


def test_seen_late(daemon, mountpoint, child):
    """Nobody waits for long; what comes later is shown then."""
    one = child()
    with Stopped(daemon().pid, mountpoint):
        number = one.load()
        assert loader(mountpoint, number) == {"pid": f"{one.pid}\n"}
        start = time.monotonic()
        for _ in range(10):
            loader(mountpoint, number)
        assert time.monotonic() - start < 10 * SLOWNESS
    eventually(lambda: "comm" in loader(mountpoint, number))


class CloneArgs(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in
                ("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size",
                 "tls", "set_tid", "set_tid_size", "cgroup")]


def start_with_pid(pid):
    """A process that sleeps, with that pid, which is free. False if the kernel does not do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = ctypes.c_int32(pid)
    arguments = CloneArgs(exit_signal=signal.SIGCHLD, set_tid=ctypes.addressof(wanted), set_tid_size=1)
    got = libc.syscall(SYS_CLONE3, ctypes.byref(arguments), ctypes.sizeof(arguments))
    if got == 0:
        os.execvp("sleep", ["sleep", "600"])
    if got < 0:
        assert ctypes.get_errno() in (errno.ENOSYS, errno.EINVAL, errno.EPERM), ctypes.get_errno()
        return False
    assert got == pid
    return True


@pytest.mark.parametrize("pause", [0, 0.05])
def test_reused_pid(daemon, mountpoint, child, pause):
    """In the same hundredth of a second, and in a later one: it is another process, and its name is not
    shown."""
    one = child()
    stopped = Stopped(daemon().pid, mountpoint)
    with stopped:
        number = one.load()
        one.end()
        time.sleep(pause)
        if not start_with_pid(one.pid):
            pytest.skip("this kernel gives no pid that is asked for")
    try:
        for _ in range(5):
            assert loader(mountpoint, number) == {"pid": f"{one.pid}\n"}
            time.sleep(0.05)
    finally:
        os.kill(one.pid, signal.SIGKILL)
        os.waitpid(one.pid, 0)


def test_lost_events(daemon, mountpoint, child):
    """More than a ring holds before anybody reads it."""
    serving = daemon()
    one, later = child(), child()
    os.listdir(mountpoint)
    affinity = os.sched_getaffinity(0)
    os.kill(serving.pid, signal.SIGSTOP)
    try:
        eventually(lambda: states(serving.pid) == {"T"})
        os.sched_setaffinity(one.pid, [min(affinity)])
        number = one.load()
        os.sched_setaffinity(0, [min(affinity)])
        for i in range(1000):
            os.close(bpf.prog_load())
            if i % 50 == 0:
                bpf.let_free()
    finally:
        os.sched_setaffinity(0, affinity)
        os.kill(serving.pid, signal.SIGCONT)
    assert not has_loader(mountpoint, number)
    number = later.load()
    assert loader(mountpoint, number)["pid"] == f"{later.pid}\n"


def test_killed_broker(mountpoint, child):
    """What is known stays; nothing more becomes known."""
    process = subprocess.Popen(["bpfmetafs", "bpf", mountpoint, "-f"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: os.path.ismount(mountpoint))
        one, other = child(), child()
        number = one.load()
        before = loader(mountpoint, number)
        assert "comm" in before
        broker = broker_of(process.pid)
        os.kill(broker, signal.SIGKILL)
        eventually(lambda: not pathlib.Path(f"/proc/{broker}").exists())
        assert loader(mountpoint, number) == before
        number = other.load()
        assert (mountpoint / str(number) / "info/id").read_text() == f"{number}\n"
        # Its event may come before the daemon has seen that the broker is gone: that tells the pid alone.
        assert not has_loader(mountpoint, number) or loader(mountpoint, number).keys() == {"pid"}
    finally:
        process.kill()
        process.wait()


def test_tar(mounted, child, tmp_path):
    one = child()
    number = one.load()
    ok("tar", "cf", tmp_path / "copy.tar", "-C", mounted, f"{number}/info/loader")
    ok("tar", "xf", tmp_path / "copy.tar", "-C", tmp_path)
    assert loader(tmp_path, number) == loader(mounted, number)


# Namespaces

def child_of(pid):
    (found,) = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return found


@pytest.mark.parametrize("offset", [86400, -5])
def test_time_namespace(mountpoint, child, offset):
    """The start of a process and the time of an event are compared in the same clock."""
    one = Daemon("bpf", mountpoint, "", under=in_time_namespace(offset))
    try:
        time.sleep(0.05)
        # It has started in there, and the other one outside.
        there = child(under=("nsenter", f"--time=/proc/{one.pid}/ns/time_for_children"))
        for loaded in there, child():
            assert "comm" in loader(mountpoint, loaded.load())
        late = child()
        with Stopped(child_of(one.pid), mountpoint):
            number = late.load()
            late.end()
            time.sleep(0.05)
            if not start_with_pid(late.pid):
                pytest.skip("this kernel gives no pid that is asked for")
        try:
            assert loader(mountpoint, number) == {"pid": f"{late.pid}\n"}
        finally:
            os.kill(late.pid, signal.SIGKILL)
            os.waitpid(late.pid, 0)
    finally:
        one.stop()


@contextlib.contextmanager
def in_pid_namespace(mountpoint, *options):
    """A daemon in a pid namespace of its own: the id that its first process has outside, and the tree."""
    process = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                                "--kill-child", *options, "bpfmetafs", "bpf", mountpoint, "-f"],
                               stdin=subprocess.DEVNULL)
    try:
        def is_up():
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            return children and f" {mountpoint} " in \
                pathlib.Path(f"/proc/{children.strip()}/mountinfo").read_text()

        eventually(is_up)
        serving = child_of(process.pid)
        yield serving, pathlib.Path(f"/proc/{serving}/root{mountpoint}")
    finally:
        # It takes no other signal.
        process.kill()
        process.wait()


def test_pid_namespace(mountpoint, child):
    """The daemon's: a process outside of it has no pid there."""
    with in_pid_namespace(mountpoint, "--mount-proc") as (serving, tree):
        os.listdir(tree)
        assert not has_loader(tree, child().load())
        one = child(under=("nsenter", "-t", serving, "--pid", "--mount"))
        found = loader(tree, one.load())
        assert 1 < one.pid < int(serving)
        assert (found["pid"], "comm" in found) == (f"{one.pid}\n", True)


def test_proc_of_another_namespace(mountpoint, child):
    """Numbers mean other processes there: only the number is shown."""
    with in_pid_namespace(mountpoint) as (serving, tree):
        os.listdir(tree)
        one = child(under=("nsenter", "-t", serving, "--pid"))
        assert loader(tree, one.load()) == {"pid": f"{one.pid}\n"}
