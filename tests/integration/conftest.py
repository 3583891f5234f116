# SPDX-License-Identifier: GPL-2.0-or-later
"""Real programs in the real kernel, and real mounts. The suite runs in a mount namespace of its own
into which the project is installed; nothing that it mounts or pins outlives it."""

import contextlib
import errno
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

import bpf
from bpf import SLOWNESS

SOURCES = pathlib.Path(__file__).parent.parent / "bpf"
BPFFS = pathlib.Path("/sys/fs/bpf")

# A directory of objects that were compiled before, or are by others who run beside this.
OBJECTS = os.environ.get("BPFMETAFS_TEST_OBJECTS")


def pytest_configure(config):
    config.addinivalue_line("markers", "files: about the project's files; no kernel is asked")


def run(*argv, **options):
    """Runs a command; its result has text. Failure is the caller's to judge."""
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                          timeout=options.pop("timeout", 120) * SLOWNESS, **options)


def ok(*argv, **options):
    """Runs a command that has to succeed without a word on stderr. Returns its output."""
    result = run(*argv, **options)
    assert result.returncode == 0, f"{argv}: {result.stderr}"
    assert result.stderr == "", f"{argv}: {result.stderr}"
    return result.stdout


def eventually(condition, seconds=20):
    """Waits until condition() is true, which it has to become."""
    end = time.monotonic() + seconds * SLOWNESS
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.005)


@contextlib.contextmanager
def remembered(*paths):
    """The kernel does not forget these files meanwhile, as it may at any time, and with them their
    numbers: tests beside this one make it drop its caches."""
    fds = [os.open(path, os.O_PATH | os.O_NOFOLLOW) for path in paths]
    try:
        yield
    finally:
        for fd in fds:
            os.close(fd)


def broker_of(pid):
    """The broker of the daemon with that pid. The tree is mounted a moment before the broker is started."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    eventually(lambda: children.read_text().split())
    (broker,) = [int(word) for word in children.read_text().split()]
    return broker


def processes():
    """Those of bpfmetafs in this mount namespace, by id, with their names."""
    here, found = os.readlink("/proc/self/ns/mnt"), {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text(errors="replace").strip()
            state = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            if name.startswith("bpfmeta") and state != "Z" and os.readlink(process / "ns/mnt") == here:
                found[int(process.name)] = name
        except OSError:
            pass
    return found


def daemons(mountpoint):
    """The ids of the processes of daemons that were started for the mount point."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == b"bpfmetafs" and os.fsencode(mountpoint) in words:
            found.append(int(process.name))
    return found


def is_mounted(path):
    # The kernel writes blanks in octal.
    wanted = re.sub(r"[ \t\n\\]", lambda match: f"\\{ord(match[0]):03o}", str(path))
    return any(line.split()[4] == wanted
               for line in open("/proc/self/mountinfo", encoding="utf-8"))


def need_compiler():
    """Skips the test where programs for this machine can't be compiled."""
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc")


def need_btf(what, add):
    """Skips the test if this kernel's BTF has no such thing: add(btf) adds the smallest example."""
    if not bpf.takes_btf(add):
        pytest.skip(f"this kernel's BTF has no {what}")


def need_floats():
    if not bpf.takes_floats():
        pytest.skip("this kernel's BTF has no floats")


def need_name(name):
    if not bpf.takes_name(name):
        pytest.skip("this kernel's BTF has no names that long")


@pytest.fixture(scope="session", autouse=True)
def bpffs():
    if run("findmnt", "-n", "-t", "bpf", BPFFS).returncode != 0:
        ok("mount", "-t", "bpf", "bpf", BPFFS)
    return BPFFS


def compile_object(name, directory):
    """Compiles tests/bpf/NAME.bpf.c; returns the object's path, where it is whole or not there."""
    include = "/usr/include/" + ok("gcc", "-print-multiarch").strip()
    target = directory / f"{name}.bpf.o"
    ours = directory / f"{name}.{os.getpid()}"
    ok("clang", "-g", "-O2", "-Wall", "-target", "bpf", f"-I{include}", "-c",
       SOURCES / f"{name}.bpf.c", "-o", ours)
    ours.rename(target)
    return target


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Compiles tests/bpf/NAME.bpf.c once; returns the object's path."""
    directory = pathlib.Path(OBJECTS or tmp_path_factory.mktemp("bpf"))

    def compile_once(name):
        target = directory / f"{name}.bpf.o"
        return target if target.exists() else compile_object(name, directory)

    return compile_once


def ids_of(pin):
    """Of a pinned program: its id, and those of its maps."""
    fd = bpf.obj_get(pin)
    try:
        return bpf.object_id(fd), bpf.bound_map_ids(fd)
    finally:
        os.close(fd)


class Loaded:
    """The programs of an object, kept by pins until unload()."""

    count = 0

    def __init__(self, path):
        Loaded.count += 1
        self.pins = BPFFS / f"bpfmetafs-test-{os.getpid()}-{Loaded.count}"
        result = run("bpftool", "prog", "loadall", path, self.pins)
        assert result.returncode == 0, result.stderr
        self.id, self.map_ids = ids_of(min(self.pins.iterdir()))

    def unload(self):
        for pin in self.pins.iterdir() if self.pins.exists() else []:
            pin.unlink()
        if self.pins.exists():
            self.pins.rmdir()

    @functools.cached_property
    def programs(self):
        """What bpftool says of each. Those of one object are in the order of their pins; `id` and `map_ids`
        are the first one's."""
        return [json.loads(ok("bpftool", "-j", "prog", "show", "pinned", pin)) for pin in sorted(self.pins.iterdir())]


class Pinned:
    """The one program of an object whose values bpftool can't print, kept by a pin until unload()."""

    def __init__(self, path):
        Loaded.count += 1
        self.pin = BPFFS / f"bpfmetafs-test-{os.getpid()}-{Loaded.count}"
        result = run("bpftool", "prog", "load", path, self.pin)
        # A loader whose BTF the kernel refuses says so, and goes on without.
        assert result.returncode == 0 and result.stderr == "", result.stderr[-2000:]
        self.id, self.map_ids = ids_of(self.pin)

    def unload(self):
        self.pin.unlink(missing_ok=True)


@pytest.fixture
def load(compiled):
    """Loads an object by its name in tests/bpf, or by its path."""
    loaded = []

    def load_one(name):
        path = name if isinstance(name, pathlib.Path) else compiled(name)
        loaded.append(Loaded(path))
        return loaded[-1]

    yield load_one
    for one in loaded:
        one.unload()


@pytest.fixture
def program(load):
    """A loaded XDP program named hello, whose metadata says oncall = net-team."""
    loaded = load("hello")
    loaded.oncall = "net-team"
    return loaded


@pytest.fixture
def fds():
    """Descriptors of BPF objects, closed at the end."""
    opened = []
    yield opened
    for fd in opened:
        try:
            os.close(fd)
        except OSError:
            pass


@pytest.fixture
def hand(fds):
    """Loads the smallest program there is, by bpf(2) alone. Returns its descriptor and its id."""

    def load_by_hand(name=b"by_hand"):
        fd = bpf.prog_load(name=name)
        fds.append(fd)
        return fd, bpf.object_id(fd)

    return load_by_hand


@pytest.fixture
def mountpoint(tmp_path):
    """An empty directory. Whatever is mounted there is unmounted."""
    path = tmp_path / "mnt"
    path.mkdir()
    yield path
    while is_mounted(path):
        ok("umount", "-l", path)


@pytest.fixture
def take_memory(hand, fds):
    """Takes all memory that contents may take, by reports that are kept open: take_memory(mountpoint). Each
    program and each map that is new makes another version of theirs."""
    kept = []

    def open_versions(path, change):
        """Returns the errors: the first ends it."""
        for _ in range(1000):
            change()
            try:
                kept.append(open(path, encoding="utf-8"))
            except OSError as error:
                return [error.errno]
        return []

    def take(path):
        for name, change in (("programs.json", hand), ("maps.json", lambda: fds.append(bpf.map_create()))):
            before = len(kept)
            errors = open_versions(path / name, change)
            sizes = {(one.st_ino, one.st_size) for one in (os.fstat(file.fileno()) for file in kept[before:])}
            assert errors == [errno.ENOMEM], f"{name}: versions {sorted(sizes)}"

    yield take
    for file in kept:
        file.close()


class Daemon:
    """bpfmetafs in the foreground, run by the words of `under`. Whatever it says is an error, and so is
    an odd end."""

    def __init__(self, source, path, options, under=()):
        words = ["-o", options] if options else []
        self.path = path
        self.process = subprocess.Popen([*under, "bpfmetafs", str(source), str(path), "-f", *words],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        eventually(lambda: is_mounted(path) or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.stdout.read()

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if is_mounted(self.path):
            run("umount", self.path)
        if is_mounted(self.path):
            ok("umount", "-l", self.path)
        try:
            said, _ = self.process.communicate(timeout=30 * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            said, _ = self.process.communicate()
            raise AssertionError(f"the daemon did not end when it was unmounted: {said}") from None
        assert said == ""
        assert self.process.returncode == 0


@pytest.fixture
def daemon(mountpoint):
    """Starts a daemon on the mount point: daemon(source="bpf", options="")."""
    started = []

    def start(source="bpf", options="", path=mountpoint):
        started.append(Daemon(source, path, options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(params=["events", "noevents"])
def tree(request, daemon, mountpoint):
    """The mounted tree of the running kernel, as a path: with events and without."""
    daemon(options="noevents" if request.param == "noevents" else "")
    return mountpoint
