# SPDX-License-Identifier: GPL-2.0-or-later
"""The option -N: a tree in another mount namespace, whoever made that and whatever is in it."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from conftest import SLOWNESS, daemons, eventually, is_mounted, need_compiler, ok, run
from stuck import WALL, reader_of_a_stuck_daemon

NOBODY = 65534

# mount(8)'s exit codes.
USAGE, SYSTEM, FAILURE = 1, 2, 32


@contextlib.contextmanager
def other_namespace(setup=":"):
    """The id of a process in a mount namespace of its own, made ready by a shell's commands."""
    process = subprocess.Popen(["unshare", "--mount", "sh", "-ec", f"{setup}\necho ready; read end"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process.pid
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def inside(pid, path):
    """A path of that process's namespace, for which nothing has to be run there."""
    return pathlib.Path(f"/proc/{pid}/root{path}")


def trees(pid):
    """The lines of mountinfo of the trees that a test has mounted there: the machine may have others,
    which a new namespace takes over."""
    lines = pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    return [line for line in lines if " fuse.bpfmetafs " in line and " /bpfmeta " not in line]


@pytest.fixture(autouse=True)
def no_daemon_is_left(mountpoint):
    yield
    while is_mounted(mountpoint):
        ok("umount", "-l", mountpoint)
    eventually(lambda: not daemons(mountpoint))


# What it does.

@pytest.mark.parametrize("command", [
    ("mount.bpfmetafs", "bpf", "DIR", "-N", "PID"),
    ("mount.bpfmetafs", "bpf", "DIR", "-N", "/proc/PID/ns/mnt", "-o", "rw"),
    ("mount.bpfmetafs", "bpf", "DIR", "--namespace=FILE"),
    ("mount", "-N", "PID", "-t", "bpfmetafs", "bpf", "DIR"),
    ("bpfmetafs", "bpf", "DIR", "-N", "PID"),
], ids=" ".join)
def test_mounted_there_and_not_here(mountpoint, program, tmp_path, command):
    with other_namespace() as pid:
        enter = ("nsenter", "--mount", f"--target={pid}")
        # A namespace's file elsewhere than below /proc/ID
        (tmp_path / "ns").symlink_to(f"/proc/{pid}/ns/mnt")
        ok(*[word.replace("DIR", str(mountpoint)).replace("PID", str(pid))
             .replace("FILE", str(tmp_path / "ns")) for word in command])
        assert not is_mounted(mountpoint)
        path = f"{mountpoint}/{program.id}/oncall"
        assert ok(*enter, "cat", path) == f"{program.oncall}\n"
        assert ok(*enter, "findmnt", "-n", "-o", "SOURCE,FSTYPE", mountpoint).split() == \
            ["bpf", "fuse.bpfmetafs"]
        ok(*enter, "umount", mountpoint)
        eventually(lambda: not daemons(mountpoint))


def test_flags(mountpoint):
    with other_namespace() as pid:
        ok("mount.bpfmetafs", "bpf", mountpoint, "-N", pid)
        (line,) = trees(pid)
        assert {"ro", "nosuid", "nodev", "relatime"} <= set(line.split()[5].split(","))
        ok("umount", "-N", pid, mountpoint)
        ok("mount.bpfmetafs", "bpf", mountpoint, "-N", pid, "-o",
           "allow_other,noexec,suid,nosymfollow,noatime")
        (line,) = trees(pid)
        flags, shared = line.split()[5].split(","), line.split()[-1].split(",")
        assert {"ro", "noexec", "nodev", "nosymfollow", "noatime"} <= set(flags)
        assert "nosuid" not in flags
        assert {"allow_other", "default_permissions", "user_id=0", "group_id=0"} <= set(shared)


def test_remount(mountpoint):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    with other_namespace() as pid:
        ok("mount.bpfmetafs", "bpf", mountpoint, "-N", pid, "-o", "rw,remount,noexec")
        assert "noexec" in trees(pid)[0]
        assert "noexec" not in ok("findmnt", "-n", "-o", "OPTIONS", "--mountpoint", mountpoint)


def test_an_object_of_the_other_namespace(mountpoint, compiled, tmp_path):
    directory = tmp_path / "objects"
    directory.mkdir()
    setup = f"mount -t tmpfs tmpfs {directory}\ncp {compiled('hello')} {directory}/there.bpf.o"
    with other_namespace(setup) as pid:
        done = run("mount.bpfmetafs", f"{directory}/there.bpf.o", mountpoint)
        assert done.returncode == FAILURE
        # Relative paths are the caller's.
        ok("mount.bpfmetafs", "objects/there.bpf.o", "mnt", "-N", pid, cwd=tmp_path)
        assert inside(pid, f"{mountpoint}/hello/oncall").read_text() == "net-team\n"


@pytest.mark.parametrize("argv, code, part", [
    (("bpf", "DIR/missing"), FAILURE, "does not exist; create it with mkdir"),
    (("bpf", "/dev/null"), FAILURE, "is not a directory"),
    (("DIR/missing", "DIR"), FAILURE, "nor an object file: No such file or directory"),
    (("/dev/null", "DIR"), FAILURE, "is not a regular file"),
    (("bpf", "DIR", "-o", "remount"), FAILURE, "no bpfmetafs is mounted there"),
    (("bpf", "DIR", "-o", "uid=nobody_there"), USAGE, "is wrong"),
], ids=str)
def test_sentences(mountpoint, argv, code, part):
    with other_namespace() as pid:
        done = run("mount.bpfmetafs", *[word.replace("DIR", str(mountpoint)) for word in argv],
                   "-N", pid)
        (line,) = done.stderr.splitlines()
        assert part in line
        assert done.returncode == code
        assert trees(pid) == []
        assert daemons(mountpoint) == []


def test_mount_fails(mountpoint):
    """A directory that has been removed looks like any other until something is mounted on it."""
    with other_namespace("mkdir /dev/shm/$$\ncd /dev/shm/$$\nrmdir /dev/shm/$$") as pid:
        path = f"/proc/{pid}/cwd"
        done = run("mount.bpfmetafs", "bpf", path, "-N", pid)
        assert done.returncode == FAILURE
        assert done.stderr == (f"bpfmetafs: cannot mount on '{path}' in the other mount namespace: "
                               "No such file or directory\n")
        assert daemons(path) == []


@pytest.mark.parametrize("namespace, part", [
    ("/nonexistent", "'/nonexistent' cannot be opened: No such file or directory"),
    ("0", "'/proc/0/ns/mnt' cannot be opened: No such file or directory"),
    ("99999999999999", "'/proc/99999999999999/ns/mnt' cannot be opened"),
    ("/proc/self/ns/uts", "'/proc/self/ns/uts' cannot be entered: Invalid argument"),
    ("\x1b[m", r"'\033[m' cannot be opened"),
])
@pytest.mark.parametrize("command", ["bpfmetafs", "mount.bpfmetafs"])
def test_no_namespace(mountpoint, command, namespace, part):
    done = run(command, "bpf", mountpoint, "-N", namespace)
    assert done.returncode == SYSTEM
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{command}: the mount namespace ")
    assert part in line


def test_ordinary_user(tmp_path, mountpoint):
    with other_namespace() as pid:
        done = run("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--",
                   "bpfmetafs", "bpf", "/", "-N", pid)
        assert done.returncode == SYSTEM
        assert "cannot be " in done.stderr


def test_the_callers_directory_is_kept(mountpoint, compiled, tmp_path):
    """In a root directory of its own, too, a step in the other namespace ends where it began: what comes
    after it, such as /dev/fuse, is found here."""
    root = tmp_path / "root"
    root.mkdir()
    script = f"mount --rbind / {root}; mount -t tmpfs tmpfs {root}/mnt; mkdir {root}/mnt/at"
    with other_namespace() as pid:
        done = run("unshare", "--mount", "sh", "-ec",
                   f"{script}; exec chroot {root} bpfmetafs -N {pid} bpf {mountpoint}")
        assert (done.returncode, done.stderr) == (0, "")
        (daemon,) = [number for number in daemons(mountpoint) if os.getsid(number) == number]
        assert os.readlink(f"/proc/{daemon}/root") == str(root)
        assert len(trees(pid)) == 1


# How it ends.

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_unmounts_there(mountpoint, program, number):
    # What is mounted here at the same path is another tree.
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    here = daemons(mountpoint)
    with other_namespace(f"umount {mountpoint}") as pid:
        ok("mount.bpfmetafs", "bpf", mountpoint, "-N", pid)
        path = f"{mountpoint}/{program.id}/oncall"
        assert inside(pid, path).read_text() == "net-team\n"
        assert len(trees(pid)) == 1
        for daemon in set(daemons(mountpoint)) - set(here):
            with contextlib.suppress(ProcessLookupError):
                os.kill(daemon, number)
        eventually(lambda: daemons(mountpoint) == here)
        assert trees(pid) == []
        assert pathlib.Path(path).read_text() == "net-team\n"


def test_who_unmounted_is_not_unmounted_again(mountpoint):
    """What was there before is still there when the daemon has ended by itself."""
    with other_namespace(f"mount -t tmpfs before {mountpoint}") as pid:
        ok("mount.bpfmetafs", "bpf", mountpoint, "-N", pid)
        ok("umount", "-N", pid, mountpoint)
        eventually(lambda: not daemons(mountpoint))
        assert " - tmpfs before " in pathlib.Path(f"/proc/{pid}/mountinfo").read_text()


def test_killed(mountpoint):
    """The process that is left unmounts."""
    with other_namespace() as pid:
        ok("mount.bpfmetafs", "bpf", mountpoint, "-N", pid)
        (daemon,) = [number for number in daemons(mountpoint) if os.getsid(number) == number]
        os.kill(daemon, signal.SIGKILL)
        eventually(lambda: not daemons(mountpoint))
        assert trees(pid) == []


def test_killed_while_it_waits_for_a_reader(mountpoint, hand):
    """The process that is left lets the reader go, and so the daemon."""
    fd, number = hand()
    with other_namespace() as pid:
        ok("mount.bpfmetafs", "bpf", mountpoint, "-N", pid)
        root = inside(pid, mountpoint)
        (daemon,) = [pid for pid in daemons(mountpoint) if os.getsid(pid) == pid]
        with reader_of_a_stuck_daemon(daemon, root, number, lambda: os.close(fd)) as reader:
            os.kill(daemon, signal.SIGKILL)
            _, said = reader.communicate(timeout=20 * SLOWNESS)
        assert re.search("not connected|connection abort", said, re.I), said
        os.waitpid(daemon, WALL)
        eventually(lambda: not daemons(mountpoint))
        assert trees(pid) == []


def test_the_namespace_is_not_kept(mountpoint):
    """It ends with its own processes, and the daemon ends with it."""
    with other_namespace() as pid:
        ok("mount.bpfmetafs", "bpf", mountpoint, "-N", pid)
        number = os.readlink(f"/proc/{pid}/ns/mnt")
        for daemon in daemons(mountpoint):
            assert os.readlink(f"/proc/{daemon}/ns/mnt") != number
    eventually(lambda: not daemons(mountpoint))


# What whoever made the namespace may have put in the place of what a mount uses: shell commands, for
# which $evil is a directory with a loader, a library and a program that leave a mark.
ETC = """
    mkdir $evil/etc
    mount -t tmpfs tmpfs $evil/etc
    mkdir $evil/etc/upper $evil/etc/work
    mount -t overlay -o lowerdir=/etc,upperdir=$evil/etc/upper,workdir=$evil/etc/work overlay /etc
    """
FOREIGN = {
    "daemon": "mount --bind $evil/program $(command -v bpfmetafs)",
    "libraries": """
        for name in glib-2.0 fuse3 bpf elf seccomp gcc_s nss_files nss_systemd nss_compat; do
            for file in /lib/$(gcc -print-multiarch)/lib$name.so*; do
                [ ! -f "$file" ] || mount --bind $evil/library.so "$(realpath "$file")"
            done
        done""",
    # libfuse calls mount(8) where mtab is a file.
    "programs": ETC + """
        rm /etc/mtab
        : >/etc/mtab
        for name in fusermount3 umount mount; do
            cp -p $evil/program $evil/etc/$name
        done
        cp $(command -v mount) $evil/etc/true-mount
        for name in fusermount3 umount mount; do
            $evil/etc/true-mount --bind $evil/etc/$name $(realpath $(command -v $name))
        done""",
    "devices": """
        mkfifo $evil/fuse
        mount --bind $evil/fuse /dev/fuse""",
    "processes": "mount -t tmpfs tmpfs /proc",
    "users": ETC + "sed -i 's/65534/4321/g' /etc/passwd /etc/group",
    "loader": """
        loader=$(readelf -p .interp $(command -v bpfmetafs) | sed -n 's|.*] *\\(/.*\\)|\\1|p')
        mount --bind $evil/loader $(realpath $loader)""",
}


@pytest.fixture
def evil(tmp_path):
    """A directory with what leaves a mark there when it is run."""
    need_compiler()
    directory = tmp_path / "evil"
    directory.mkdir()
    source = directory / "evil.c"
    source.write_text("""
        #include <sys/stat.h>
        #include <unistd.h>
        __attribute__((constructor)) static void leave_a_mark(void) { mkdir(MARK, 0777); }
        #ifdef LOADER
        void _start(void) { leave_a_mark(); _exit(0); }
        #endif
        #ifdef PROGRAM
        int main(void) { return 0; }
        #endif
    """)
    mark = f'-DMARK="{directory}/mark"'
    ok("gcc", mark, "-shared", "-fPIC", "-o", directory / "library.so", source)
    ok("gcc", mark, "-DPROGRAM", "-static", "-o", directory / "program", source)
    ok("gcc", mark, "-DLOADER", "-static", "-nostartfiles", "-o", directory / "loader", source)
    return directory


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("command", ["mount.bpfmetafs", "mount", "bpfmetafs"])
def test_nothing_of_the_other_namespace_is_run(mountpoint, program, evil, command, what):
    with other_namespace(f"evil={evil}\n{FOREIGN[what]}") as pid:
        words = ["bpf", mountpoint, "-N", pid, "-o", "uid=nobody,gid=nogroup,noexec"]
        ok(command, *words, *(["-t", "bpfmetafs"] if command == "mount" else []))
        path = inside(pid, f"{mountpoint}/{program.id}/oncall")
        assert path.read_text() == "net-team\n"
        # Users are those of here; but mount(8) looks there before it calls the helper.
        if (command, what) != ("mount", "users"):
            assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)
        assert not is_mounted(mountpoint)
        if command == "mount.bpfmetafs":
            ok(command, "bpf", mountpoint, "-N", pid, "-o", "remount,exec")
            assert "noexec" not in trees(pid)[0]
        for daemon in daemons(mountpoint):
            # One of them is the other's, and ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(daemon, signal.SIGTERM)
        eventually(lambda: not daemons(mountpoint))
        assert trees(pid) == []
        assert not (evil / "mark").exists()


@pytest.mark.parametrize("what", ["library.so", "program", "loader"])
def test_what_leaves_a_mark(evil, what):
    """Else the test before this would show nothing."""
    if what == "library.so":
        run("env", f"LD_PRELOAD={evil / what}", "true")
    else:
        run(evil / what)
    assert (evil / "mark").is_dir()
