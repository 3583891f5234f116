# SPDX-License-Identifier: GPL-2.0-or-later
"""mount(8)'s contract: each way to call it, its options, its exit codes and what is said."""

import configparser
import ctypes
import errno
import gzip
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile

import pytest

from conftest import daemons, eventually, need_compiler, ok, run

PROJECT = pathlib.Path(__file__).resolve().parents[2]
NOBODY = 65534

# mount(8)'s exit codes.
USAGE, SYSTEM, FAILURE = 1, 2, 32


def as_nobody(*argv):
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *argv)


def mounts(directory):
    """How many mounts are stacked at the directory."""
    wanted = os.fsencode(os.path.realpath(directory))
    points = [line.split(b" ")[4]
              for line in pathlib.Path("/proc/self/mountinfo").read_bytes().splitlines()]
    return [re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), point)
            for point in points].count(wanted)


def found(directory):
    """What findmnt says of the directory: source, fstype, and options as a set."""
    out = ok("findmnt", "--json", "--mountpoint", directory,
             "--output", "source,fstype,options")
    (entry,) = json.loads(out)["filesystems"]
    entry["options"] = set(entry["options"].split(","))
    return entry


def readable(directory, program):
    """True if the tree is there, which the command's return has promised."""
    path = pathlib.Path(directory, str(program.id), "oncall")
    return path.read_text() == f"{program.oncall}\n"


@pytest.fixture
def public():
    """An empty directory that every user can reach, as pytest's own can't be."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="bpfmetafs-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    while mounts(path):
        subprocess.run(["umount", "--lazy", path], check=True)
    path.rmdir()


# Each way to call it.

@pytest.mark.parametrize("argv", [
    ("mount", "-t", "bpfmetafs", "bpf", "DIR"),
    ("mount", "-t", "bpfmetafs", "none", "DIR"),
    ("mount", "-t", "bpfmetafs", "kernel", "DIR"),
    ("mount", "-t", "bpfmetafs", "bpfmetafs", "DIR"),
    ("mount", "-t", "bpfmetafs", "-o", "defaults", "bpf", "DIR"),
    ("mount", "-t", "bpfmetafs", "-o", "ro", "bpf", "DIR"),
    ("mount", "-t", "bpfmetafs", "-r", "bpf", "DIR"),
    ("mount", "-t", "bpfmetafs", "-w", "bpf", "DIR"),
    ("mount", "-t", "bpfmetafs", "-n", "bpf", "DIR"),
    ("mount", "-t", "bpfmetafs", "-n", "-s", "-o", "from_the_future", "bpf", "DIR"),
    ("mount", "-t", "bpfmetafs", "-o", "nofail,_netdev,user,comment=x,x-gvfs-name=BPF",
     "bpf", "DIR"),
    ("mount", "-t", "bpfmetafs", "-o", "uid=nobody,gid=0,mode=0440,memory=1M,noevents",
     "bpf", "DIR"),
    ("mount", "-t", "fuse.bpfmetafs", "bpf", "DIR"),
    ("mount", "-t", "fuse.bpfmetafs", "-o", "allow_other,dev,suid", "bpf", "DIR"),
    ("mount.bpfmetafs", "bpf", "DIR"),
    ("mount.bpfmetafs", "bpf", "DIR", "-o", "rw"),
    ("mount.bpfmetafs", "bpf", "DIR", "-s", "-n", "-o", "rw,from_the_future"),
    ("mount.bpfmetafs", "-sn", "-o", "rw,from_the_future", "bpf", "DIR"),
    ("mount.bpfmetafs", "-orw", "bpf", "-n", "DIR", "-t", "fuse.bpfmetafs"),
    ("mount.bpfmetafs", "bpf", "DIR", "-o", r"comment=a\,b\\,noexec"),
    ("mount.bpfmetafs", "bpf", "DIR", "-r"),
    ("mount.bpfmetafs", "bpf", "DIR", "-w", "-o", ""),
    ("mount.fuse.bpfmetafs", "bpf", "DIR", "-o", "rw"),
    # What the kernel lists for a mounted tree, and what mount.fuse3 and fusermount3 add.
    ("mount.bpfmetafs", "bpf", "DIR", "-o",
     "ro,relatime,user_id=0,group_id=0,rootmode=40000,default_permissions,allow_other,"
     "max_read=131072,blksize=4096,fsname=bpf,subtype=bpfmetafs,seclabel"),
], ids=" ".join)
def test_ways_to_mount(mountpoint, program, argv):
    out = ok(*[str(mountpoint) if word == "DIR" else word for word in argv])
    assert out == ""
    assert mounts(mountpoint) == 1
    assert readable(mountpoint, program)
    shown = found(mountpoint)
    assert shown["fstype"] == "fuse.bpfmetafs"
    words = argv[3:] if argv[1] == "-t" else argv[1:]
    assert shown["source"] == next(word for word in words
                                   if word in ("bpf", "none", "kernel", "bpfmetafs"))
    assert "ro" in shown["options"]


def test_relative_mount_point(mountpoint, program):
    directory = pathlib.Path(mountpoint)
    ok("mount.bpfmetafs", "bpf", directory.name, cwd=directory.parent)
    assert readable(mountpoint, program)
    ok("umount", mountpoint)
    ok("mount", "-t", "bpfmetafs", "bpf", f"./{directory.name}", cwd=directory.parent)
    assert readable(mountpoint, program)


@pytest.mark.parametrize("name", ["a b,c", "-o", "$(id)'\"\\", "tab\tline\nend", "\u00e9\u4e00"])
def test_odd_mount_point(public, program, name):
    directory = public / name
    directory.mkdir()
    try:
        ok("mount.bpfmetafs", "-o", "rw", "--", "bpf", name, cwd=public)
        assert mounts(directory) == 1
        assert readable(directory, program)
        ok("umount", directory)
        assert mounts(directory) == 0
    finally:
        while mounts(directory):
            subprocess.run(["umount", "--lazy", directory], check=True)
        directory.rmdir()


def test_several_option_lists_count_in_order(mountpoint):
    ok("mount.bpfmetafs", "-o", "uid=5,mode=0400", "bpf", mountpoint, "-o", "mode=0440")
    root = os.stat(mountpoint)
    assert root.st_uid == 5
    assert stat.S_IMODE(root.st_mode) == 0o550


def test_no_shell_sees_the_source(mountpoint, tmp_path):
    source = f"/nonexistent/$(touch {tmp_path}/made); touch {tmp_path}/made"
    done = run("mount.bpfmetafs", source, mountpoint)
    assert done.returncode in (USAGE, FAILURE)
    (line,) = done.stderr.splitlines()
    assert source in line
    assert not (tmp_path / "made").exists()
    assert mounts(mountpoint) == 0


# -f, -v, -h, -V.

def test_fake_mounts_nothing(mountpoint):
    ok("mount", "-f", "-t", "bpfmetafs", "bpf", mountpoint)
    ok("mount.bpfmetafs", "bpf", mountpoint, "-s", "-f", "-n", "-o", "rw,from_the_future")
    assert mounts(mountpoint) == 0
    assert daemons(mountpoint) == []


def test_fake_checks_all_the_same(mountpoint):
    assert run("mount.bpfmetafs", "bpf", mountpoint, "-f", "-o", "from_the_future") \
        .returncode == USAGE
    assert run("mount.bpfmetafs", "bpf", f"{mountpoint}/missing", "-f").returncode == FAILURE
    assert run("mount.bpfmetafs", "bpf", mountpoint, "-f", "-o", "remount").returncode == FAILURE


def test_verbose_says_what_is_run(mountpoint, program):
    out = ok("mount.bpfmetafs", "bpf", mountpoint, "-v", "-s", "-o", "rw,mode=0400,x y")
    program_path = shutil.which("bpfmetafs", path="/usr/sbin:/usr/local/sbin")
    assert out == (f"mount.bpfmetafs: running {program_path} 'bpf' '{mountpoint}' "
                   "'-s' '-o' 'mode=0400,x y'\n")
    assert readable(mountpoint, program)


def test_verbose_and_fake(mountpoint):
    out = ok("mount.bpfmetafs", "bpf", mountpoint, "-fv")
    assert out.startswith("mount.bpfmetafs: running /")
    assert mounts(mountpoint) == 0


def test_version():
    assert ok("mount.bpfmetafs", "-V").startswith("mount.bpfmetafs ")


# What fails: the exit code, and one sentence.

@pytest.mark.parametrize("argv, code, part", [
    ((), USAGE, "a source and a mount point are needed"),
    (("bpf",), USAGE, "a source and a mount point are needed"),
    (("bpf", "DIR", "more"), USAGE, "a source and a mount point are needed"),
    (("bpf", "DIR", "-x"), USAGE, "the option '-x' is not known; mount.bpfmetafs --help lists"),
    (("bpf", "DIR", "-xv"), USAGE, "the option '-x' is not known"),
    (("bpf", "DIR", "--nosuch"), USAGE, "the option '--nosuch' is not known"),
    (("bpf", "DIR", "-\x1b[m"), USAGE, r"the option '-\033' is not known"),
    (("bpf", "DIR", "-o"), USAGE, "the option '-o' needs a value; mount.bpfmetafs --help lists"),
    (("bpf", "DIR", "-t", "ext4"), USAGE, "the filesystem type 'ext4' is not known here"),
    (("bpf", "DIR", "-o", "rw,nosuch"), USAGE, "option 'nosuch' is not known"),
    (("bpf", "DIR", "-o", "rw,nosuch\x1b[31m"), USAGE, r"option 'nosuch\033[31m' is not known"),
    (("bpf", "DIR", "-o", r"no\,such"), USAGE, "option 'no,such' is not known"),
    (("bpf", "DIR", "-o", "mode=999"), USAGE, "must be an octal number from 0 to 777"),
    (("bpf", "DIR", "-s", "-o", "mode=999"), USAGE, "must be an octal number from 0 to 777"),
    (("bpf", "DIR", "-o", "memory=1"), USAGE, "must be a number of bytes from 1M on"),
    (("bpf", "DIR", "-o", "uid=no_such_user"), USAGE, "option 'uid=no_such_user' is wrong"),
    (("bpf", "DIR", "-o", "memory"), USAGE, "option 'memory' needs a value"),
    (("bpf", "DIR", "-o", "noevents=1"), USAGE, "option 'noevents' takes no value"),
    (("bpf", "DIR/missing"), FAILURE, "does not exist; create it with mkdir"),
    (("bpf", "/dev/null"), FAILURE, "the mount point '/dev/null' is not a directory"),
    (("bpf", "/dev/null/below"), FAILURE, "'/dev/null/below' cannot be used: Not a directory"),
    (("bpf", "DIR", "-o", "rw,remount"), FAILURE, "no bpfmetafs is mounted there"),
    (("bpf", "DIR", "-N", "/nonexistent"), SYSTEM,
     "the mount namespace '/nonexistent' cannot be opened: No such file or directory"),
    (("bpf", "DIR", "-N", "0"), SYSTEM, "'/proc/0/ns/mnt' cannot be opened"),
    (("bpf", "DIR", "-N", "/proc/self/ns/uts"), SYSTEM, "cannot be entered: Invalid argument"),
], ids=str)
def test_sentences(mountpoint, argv, code, part):
    done = run("mount.bpfmetafs", *[word.replace("DIR", str(mountpoint)) for word in argv])
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(("mount.bpfmetafs: ", "bpfmetafs: "))
    assert part in line
    assert mounts(mountpoint) == 0
    assert daemons(mountpoint) == []


def test_code_and_sentence_reach_the_caller_of_mount(mountpoint):
    done = run("mount", "-t", "bpfmetafs", "-o", "noexec,nosuch", "bpf", mountpoint)
    assert done.returncode == USAGE
    assert done.stderr == ("mount.bpfmetafs: option 'nosuch' is not known; the manual page "
                           "mount.bpfmetafs(8) lists those that are\n")
    assert mounts(mountpoint) == 0

    missing = run("mount", "-t", "bpfmetafs", "bpf", f"{mountpoint}/missing")
    assert missing.returncode == FAILURE
    assert "does not exist" in missing.stderr

    file = run("mount", "-t", "bpfmetafs", "bpf", "/dev/null")
    assert file.returncode == FAILURE
    assert "not a directory" in file.stderr


@pytest.mark.parametrize("command", [("mount.bpfmetafs", "bpf", "DIR"),
                                     ("mount.bpfmetafs", "bpf", "DIR", "-o", "rw"),
                                     ("mount", "-t", "bpfmetafs", "bpf", "DIR")], ids=" ".join)
def test_ordinary_user(public, command):
    os.chown(public, NOBODY, NOBODY)
    done = run(*as_nobody(*[str(public) if word == "DIR" else word for word in command]))
    assert done.returncode == USAGE
    lines = done.stderr.splitlines()
    assert lines
    if command[0] == "mount.bpfmetafs":
        assert len(lines) == 1
        assert "CAP_SYS_ADMIN" in lines[0] or "root" in lines[0]
    assert mounts(public) == 0


def test_ordinary_user_cannot_remount(public, program):
    ok("mount", "-t", "bpfmetafs", "-o", "allow_other", "bpf", public)
    done = run(*as_nobody("mount.bpfmetafs", "bpf", str(public), "-o", "rw,remount,suid"))
    assert done.returncode == USAGE
    assert "only root can do that" in done.stderr
    assert "nosuid" in found(public)["options"]


# findmnt, umount, and several trees.

def test_findmnt(mountpoint):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    shown = found(mountpoint)
    assert shown["source"] == "bpf"
    assert shown["fstype"] == "fuse.bpfmetafs"
    assert {"ro", "nosuid", "nodev"} <= shown["options"]
    assert not {"allow_other", "noexec"} & shown["options"]
    listed = ok("findmnt", "-t", "fuse.bpfmetafs", "-n", "-o", "TARGET")
    assert str(mountpoint) in listed


@pytest.mark.parametrize("options, there, absent", [
    ("noexec", {"noexec", "nosuid", "nodev"}, set()),
    ("noexec,exec", {"nosuid", "nodev"}, {"noexec"}),
    ("suid,dev", set(), {"nosuid", "nodev"}),
    ("noatime", {"noatime"}, set()),
    ("nosymfollow", {"nosymfollow", "nosuid", "nodev", "ro"}, set()),
    ("noexec,nosuid,nodev,user", {"noexec", "nosuid", "nodev"}, set()),
    ("allow_other", {"allow_other", "default_permissions"}, set()),
])
def test_flags(mountpoint, options, there, absent):
    # Not by mount(8), which keeps suid and dev to itself.
    ok("mount.bpfmetafs", "bpf", mountpoint, "-o", f"rw,{options}")
    shown = found(mountpoint)["options"]
    assert there | {"ro"} <= shown
    assert not absent & shown


def test_umount_ends_the_daemon(mountpoint, program):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    assert len(daemons(mountpoint)) == 1
    ok("umount", mountpoint)
    assert mounts(mountpoint) == 0
    eventually(lambda: not daemons(mountpoint))


def test_two_trees(mountpoint, public, program):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    ok("mount", "-t", "bpfmetafs", "-o", "mode=0400", "bpf", public)
    assert readable(mountpoint, program)
    assert readable(public, program)
    ok("umount", mountpoint)
    assert readable(public, program)
    assert mounts(mountpoint) == 0


# A second mount of the same source at the same place.

ONCE = [("mount", "-t", "bpfmetafs", "bpf", "DIR"),
        ("mount", "-t", "fuse.bpfmetafs", "none", "DIR"),
        ("mount.bpfmetafs", "bpf", "DIR", "-o", "rw,noevents"),
        ("bpfmetafs", "kernel", "DIR")]


def said_to_be_mounted(done, source, mountpoint):
    (line,) = done.stderr.splitlines()
    assert line.split(": ", 1)[1] == (f"'{source}' is already mounted on '{mountpoint}'; "
                                      "to mount it anew, unmount that first, with umount")
    assert done.returncode == FAILURE


@pytest.mark.parametrize("argv", ONCE, ids=" ".join)
def test_a_second_mount_says_so(mountpoint, program, argv):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    before = daemons(mountpoint)
    done = run(*[mountpoint if word == "DIR" else word for word in argv])
    said_to_be_mounted(done, "bpf", mountpoint)
    assert mounts(mountpoint) == 1
    assert daemons(mountpoint) == before
    assert readable(mountpoint, program)
    ok("umount", mountpoint)
    ok(*[str(mountpoint) if word == "DIR" else word for word in argv])
    assert readable(mountpoint, program)


def test_a_second_mount_through_a_link_and_from_elsewhere(mountpoint, tmp_path):
    (tmp_path / "link").symlink_to(mountpoint)
    (tmp_path / "other").mkdir()
    ok("mount.bpfmetafs", "bpf", mountpoint)
    said_to_be_mounted(run("mount.bpfmetafs", "bpf", "link", cwd=tmp_path), "bpf", mountpoint)
    said_to_be_mounted(run("bpfmetafs", "bpf", "../mnt/.", cwd=tmp_path / "other"), "bpf", mountpoint)
    said_to_be_mounted(run("mount.bpfmetafs", "bpf", mountpoint, "-f"), "bpf", mountpoint)
    for command in ("mount.bpfmetafs", "bpfmetafs"):
        said_to_be_mounted(run(command, "bpf", mountpoint, "-N", str(os.getpid())), "bpf", mountpoint)
    assert mounts(mountpoint) == 1


def test_mount_all_twice(mountpoint, program, tmp_path):
    """mount(8) sees by itself that there is nothing to do."""
    fstab = tmp_path / "fstab"
    fstab.write_text(f"bpf {mountpoint} bpfmetafs nofail 0 0\n")
    for _ in range(2):
        ok("mount", "-T", fstab, "-a", "-t", "bpfmetafs")
    assert mounts(mountpoint) == 1
    assert readable(mountpoint, program)


def test_another_source_may_be_mounted_over_a_tree(mountpoint, program, compiled):
    """As mount(8) stacks all but the same filesystem on itself."""
    source = compiled("hello")
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    ok("mount", "-t", "bpfmetafs", source, mountpoint)
    assert mounts(mountpoint) == 2
    assert (mountpoint / "hello" / "oncall").read_text() == "net-team\n"
    said_to_be_mounted(run("mount", "-t", "bpfmetafs", source, mountpoint), source, mountpoint)
    # Only what is on top counts.
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    assert mounts(mountpoint) == 3
    assert readable(mountpoint, program)


def test_a_tree_may_be_mounted_over_a_part_of_one(mountpoint, public, program):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    ok("mount", "--bind", mountpoint / str(program.id), public)
    ok("mount", "-t", "bpfmetafs", "bpf", public)
    assert readable(public, program)
    # A bind mount of the whole is the same tree.
    ok("umount", public)
    ok("umount", public)
    ok("mount", "--bind", mountpoint, public)
    said_to_be_mounted(run("mount", "-t", "bpfmetafs", "bpf", public), "bpf", public)


# What ps(1) shows.

@pytest.mark.parametrize("argv, shown", [
    (("mount", "-t", "bpfmetafs", "bpf", "DIR"), ""),
    (("mount", "-t", "bpfmetafs", "-w", "bpf", "DIR"), ""),
    (("mount", "-t", "bpfmetafs", "-o", "mode=0400", "bpf", "DIR"), " -o mode=0400"),
    (("mount.bpfmetafs", "bpf", "DIR", "-o", r"rw,comment=a\,rw,uid=0,rw"),
     r" -o comment=a\,rw,uid=0"),
    (("mount.bpfmetafs", "bpf", "DIR", "-o", 'context="a,rw,b",rw'), ' -o context="a,rw,b"'),
], ids=str)
def test_ps_does_not_show_a_read_only_tree_as_writable(mountpoint, argv, shown):
    ok(*[str(mountpoint) if word == "DIR" else word for word in argv])
    (pid,) = daemons(mountpoint)
    assert ok("ps", "-ww", "-o", "args=", "-p", pid) == f"bpfmetafs bpf {mountpoint}{shown}\n"
    assert "ro" in found(mountpoint)["options"]


def error_of_listing(mountpoint):
    try:
        os.listdir(mountpoint)
    except OSError as error:
        return error.errno
    return 0


def test_killed_daemon(mountpoint, program):
    """With the process that unmounts."""
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    (pid,) = daemons(mountpoint)
    # Whatever happens to the session that mounted is nothing to it.
    assert os.getsid(pid) == pid
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not daemons(mountpoint))
    eventually(lambda: error_of_listing(mountpoint) == errno.ENOTCONN)

    again = run("mount.bpfmetafs", "bpf", mountpoint)
    assert again.returncode == FAILURE
    assert "whose daemon has ended; unmount that first" in again.stderr
    owned = run("mount.bpfmetafs", "bpf", mountpoint, "-o", "remount,uid=0")
    assert owned.returncode == FAILURE
    assert "Transport endpoint is not connected" in owned.stderr

    ok("umount", mountpoint)
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    assert readable(mountpoint, program)


# fstab and units.

@pytest.mark.parametrize("options", ["defaults", "nofail", "noauto,x-systemd.automount",
                                     "ro,user,_netdev,nofail,comment=tree", "mode=0400,noexec"])
def test_fstab_line(mountpoint, program, tmp_path, options):
    fstab = tmp_path / "fstab"
    fstab.write_text(f"bpf {mountpoint} bpfmetafs {options} 0 0\n")
    ok("mount", "-T", fstab, mountpoint)
    assert readable(mountpoint, program)
    assert ("noexec" in found(mountpoint)["options"]) == ("noexec" in options or "user" in options)


def test_mount_all(mountpoint, program, tmp_path):
    fstab = tmp_path / "fstab"
    fstab.write_text(f"bpf {mountpoint} bpfmetafs nofail 0 0\n")
    ok("mount", "-T", fstab, "-a", "-t", "bpfmetafs")
    assert readable(mountpoint, program)
    assert mounts(mountpoint) == 1


def example_fstab_lines():
    text = (PROJECT / "mount-helper" / "fstab.example").read_text()
    lines = [line.lstrip("#") for line in text.splitlines()]
    return [line for line in lines if line.startswith("bpf ")]


def test_there_are_example_fstab_lines():
    assert len(example_fstab_lines()) == 3


@pytest.mark.parametrize("line", example_fstab_lines())
def test_example_fstab_line(mountpoint, program, tmp_path, line):
    fstab = tmp_path / "fstab"
    fstab.write_text(line.replace("/bpfmeta", str(mountpoint)) + "\n")
    ok("mount", "-T", fstab, mountpoint)
    assert readable(mountpoint, program)


def test_example_unit(mountpoint, program):
    path = PROJECT / "mount-helper" / "bpfmeta.mount"
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read(path)
    mount = unit["Mount"]
    # systemd takes no unit whose name is not that of its mount point.
    assert path.stem == mount["Where"].strip("/").replace("/", "-")
    assert unit["Install"]["WantedBy"]
    options = next(line.split("=", 1)[1] for line in path.read_text().splitlines()
                   if line.startswith("#Options="))
    # As systemd calls it: "mount WHAT WHERE -t TYPE -o OPTIONS".
    for more in ((), ("-o", options)):
        ok("mount", mount["What"], mountpoint, "-t", mount["Type"], *more)
        assert readable(mountpoint, program)
        ok("umount", mountpoint)


# The words that mount(8) has for every filesystem.

class MapEntry(ctypes.Structure):
    """libmount.h, struct libmnt_optmap"""
    _fields_ = [("name", ctypes.c_char_p), ("id", ctypes.c_int), ("mask", ctypes.c_int)]


MNT_LINUX_MAP, MNT_USERSPACE_MAP = 1, 2
MNT_NOHLPS = 1 << 4
# Those are no mount of this filesystem: mount(8) does not run a helper for them.
NO_MOUNT = {"bind", "rbind"}


def words_of_libmount():
    """What the installed mount(8) takes for any filesystem and hands to helpers, each as it may stand in a
    list of options."""
    get = ctypes.CDLL("libmount.so.1").mnt_get_builtin_optmap
    get.restype = ctypes.POINTER(MapEntry)
    words = []
    for number in (MNT_LINUX_MAP, MNT_USERSPACE_MAP):
        for entry in itertools.takewhile(lambda entry: entry.name, get(number)):
            name, value, _ = re.fullmatch(r"([^=[]+)(\[=\]|=)?(.*)", entry.name.decode()).groups()
            if entry.mask & MNT_NOHLPS or name in NO_MOUNT:
                continue
            if value != "=":
                words.append(name)
            if value:
                flag = number == MNT_LINUX_MAP
                words.append(f"{name}={'recursive' if flag else 'x'}")
    return words


def words_of_the_manual():
    """What mount(8)'s page lists as independent of the filesystem."""
    page = "/usr/share/man/man8/mount.8.gz"
    if not os.path.exists(page):
        pytest.skip("the manual page mount(8) is not installed")
    with gzip.open(page, "rt", encoding="utf-8") as file:
        text = file.read().split(r'.SH "FILESYSTEM\-INDEPENDENT MOUNT OPTIONS"')[1].split(".SH ")[0]
    words = []
    for line in re.findall(r"^(\\fB.*)\n\.RS 4$", text, re.M):
        line = line.replace("\\-", "-").replace("\\fP", "").replace("\\fI", "").replace("\\fB", "")
        for word in re.split(r", and |, | and ", line):
            word = re.sub(r"\[(=.*)\]", r"\1", word).replace("*", "any")
            words.append(re.sub("=.*", "=x", word))
    return words


def test_the_lists_of_mount_are_read():
    for words in (words_of_libmount(), words_of_the_manual()):
        assert len(words) > 35
        assert {"ro", "nosuid", "noatime", "defaults", "_netdev", "nofail", "nosymfollow"} <= set(words)
    assert {"context=x", "rootcontext=x", "x-any"} <= set(words_of_the_manual())


@pytest.mark.parametrize("words", [words_of_libmount, words_of_the_manual])
def test_every_word_of_mount_is_taken(mountpoint, words):
    for word in words():
        if word == "remount":
            continue
        assert ok("mount.bpfmetafs", "bpf", mountpoint, "-f", "-o", word) == "", word
    listed = ",".join(word for word in words() if word != "remount")
    ok("mount.bpfmetafs", "bpf", mountpoint, "-o", listed)
    ok("mount.bpfmetafs", "bpf", mountpoint, "-o", f"{listed},remount")
    assert mounts(mountpoint) == 1


CONTEXT = "system_u:object_r:tmp_t:s0:c127,c456"


@pytest.mark.parametrize("command", [
    ("mount", "-t", "bpfmetafs", "-o", f'context="{CONTEXT}",mode=0400', "bpf", "DIR"),
    ("mount.bpfmetafs", "bpf", "DIR", "-o", f'rw,context="{CONTEXT}",mode=0400'),
    ("mount.bpfmetafs", "bpf", "DIR", "-o", "fscontext=a,defcontext=b,rootcontext=c,mode=0400"),
    ("bpfmetafs", "bpf", "DIR", "-o", f'context="{CONTEXT}",mode=0400'),
], ids=" ".join)
def test_contexts_without_selinux(mountpoint, program, command):
    ok(*[str(mountpoint) if word == "DIR" else word for word in command])
    assert readable(mountpoint, program)
    assert pathlib.Path(mountpoint, str(program.id), "oncall").stat().st_mode & 0o777 == 0o400


def test_contexts_reach_the_kernel(mountpoint, tmp_path):
    """On a machine that takes itself for one with SELinux the kernel is asked, and refuses."""
    if os.path.exists("/sys/fs/selinux/enforce"):
        pytest.skip("SELinux is on")
    need_compiler()
    (tmp_path / "selinux.c").write_text("""
        #define _GNU_SOURCE
        #include <string.h>
        #include <sys/vfs.h>
        int statfs64(const char *path, struct statfs64 *out)
        {
                if (strcmp(path, "/sys/fs/selinux"))
                        return fstatfs64(-1, out);
                memset(out, 0, sizeof(*out));
                out->f_type = 0xf97cff8c;
                return 0;
        }""")
    ok("gcc", "-shared", "-fPIC", "-o", tmp_path / "selinux.so", tmp_path / "selinux.c")
    environment = {**os.environ, "LD_PRELOAD": str(tmp_path / "selinux.so"),
                   "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
    for word in ("context=a", 'fscontext="a,b"'):
        done = run("mount.bpfmetafs", "bpf", mountpoint, "-o", word, env=environment)
        assert done.returncode == FAILURE
        assert "cannot mount" in done.stderr
    ok("mount.bpfmetafs", "bpf", mountpoint, env=environment)


# Who may look, and what is seen.

def test_other_users(public, program):
    path = f"{public}/{program.id}/oncall"
    ok("mount", "-t", "bpfmetafs", "bpf", public)
    assert run(*as_nobody("cat", path)).returncode == 1
    assert run(*as_nobody("ls", str(public))).returncode != 0
    ok("umount", public)
    ok("mount", "-t", "bpfmetafs", "-o", "allow_other", "bpf", public)
    assert ok(*as_nobody("cat", path)) == f"{program.oncall}\n"
    assert str(program.id) in ok(*as_nobody("ls", str(public))).split()


@pytest.mark.parametrize("options, allowed", [
    ("allow_other,mode=0400", False),
    ("allow_other,mode=0440", False),
    ("allow_other,mode=0444", True),
    ("allow_other,mode=0400,uid=nobody", True),
    (f"allow_other,mode=0440,gid={NOBODY}", True),
    (f"allow_other,mode=0404,gid={NOBODY}", False),
])
def test_permissions_hold_for_other_users(public, program, options, allowed):
    ok("mount", "-t", "bpfmetafs", "-o", options, "bpf", public)
    done = run(*as_nobody("cat", f"{public}/{program.id}/oncall"))
    assert (done.returncode == 0) == allowed
    assert ("Permission denied" in done.stderr) != allowed


@pytest.mark.parametrize("options, uid, gid, file_mode, directory_mode", [
    ("rw", 0, 0, 0o444, 0o555),
    ("uid=nobody", NOBODY, 0, 0o444, 0o555),
    ("uid=4294967294,gid=12345", 4294967294, 12345, 0o444, 0o555),
    ("mode=0640,gid=4", 0, 4, 0o640, 0o750),
    ("mode=400", 0, 0, 0o400, 0o500),
    ("mode=0", 0, 0, 0, 0),
])
def test_owner_and_mode(mountpoint, program, options, uid, gid, file_mode, directory_mode):
    ok("mount", "-t", "bpfmetafs", "-o", options, "bpf", mountpoint)
    directory = pathlib.Path(mountpoint, str(program.id))
    for path, mode in ((pathlib.Path(mountpoint), directory_mode), (directory, directory_mode),
                       (directory / "oncall", file_mode)):
        seen = path.stat()
        assert (seen.st_uid, seen.st_gid) == (uid, gid), path
        assert oct(stat.S_IMODE(seen.st_mode)) == oct(mode), path


# remount.

@pytest.mark.parametrize("command", [
    ("mount", "-o", "remount,noexec", "DIR"),
    ("mount", "-o", "remount,ro,noexec", "DIR"),
    ("mount", "-t", "bpfmetafs", "-o", "remount,noexec", "bpf", "DIR"),
    ("mount.bpfmetafs", "bpf", "DIR", "-o", "rw,remount,noexec"),
    ("mount.bpfmetafs", "bpf", "DIR", "-r", "-o", "ro,remount,noexec"),
], ids=" ".join)
def test_remount_changes_flags(mountpoint, program, command):
    ok("mount", "-t", "bpfmetafs", "-o", "allow_other", "bpf", mountpoint)
    before = daemons(mountpoint)
    assert len(before) == 1
    ok(*[str(mountpoint) if word == "DIR" else word for word in command])
    assert mounts(mountpoint) == 1
    assert daemons(mountpoint) == before
    assert {"ro", "noexec", "nosuid", "nodev", "allow_other"} <= found(mountpoint)["options"]
    assert readable(mountpoint, program)


def test_read_only_whatever_the_flags_say(mountpoint, program):
    """With source and directory but no type, mount(8) remounts without the helper, as writable."""
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    ok("mount", "-o", "remount,noexec", "bpf", mountpoint)
    assert mounts(mountpoint) == 1
    with pytest.raises(OSError, match="Read-only file system"):
        pathlib.Path(mountpoint, "new").touch()
    with pytest.raises(OSError, match="Read-only file system"):
        pathlib.Path(mountpoint, str(program.id), "oncall").unlink()
    assert readable(mountpoint, program)


def test_remount_there_and_back(mountpoint):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    at_first = found(mountpoint)
    for there, back in (("noexec", "exec"), ("noatime", "atime"), ("suid", "nosuid"),
                        ("dev", "nodev"), ("nosymfollow", "symfollow")):
        ok("mount.bpfmetafs", "bpf", mountpoint, "-o", f"rw,remount,{there}")
        assert found(mountpoint) != at_first
        # What is not named stays.
        changed = found(mountpoint)
        ok("mount.bpfmetafs", "bpf", mountpoint, "-o", "rw,remount")
        assert found(mountpoint) == changed
        ok("mount.bpfmetafs", "bpf", mountpoint, "-o", f"rw,remount,{back}")
        assert found(mountpoint) == at_first


def test_remount_as_a_unit_is_reloaded(mountpoint, program):
    """With the same options as before: they need no change, so they are no error."""
    options = f"allow_other,uid=nobody,gid={NOBODY},mode=0440"
    ok("mount", "bpf", mountpoint, "-t", "bpfmetafs", "-o", options)
    ok("mount", "bpf", mountpoint, "-t", "bpfmetafs", "-o", f"remount,{options},noexec")
    assert "noexec" in found(mountpoint)["options"]
    assert readable(mountpoint, program)


@pytest.mark.parametrize("word", ["allow_other", "uid=1", "gid=1", "mode=0400", "memory=1M",
                                  "noevents", "contents", "netns", "log"])
def test_remount_refuses_what_is_fixed(mountpoint, program, word):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    before = found(mountpoint)
    for command in (("mount.bpfmetafs", "bpf", mountpoint, "-o", f"rw,remount,noexec,{word}"),
                    ("mount", "-o", f"remount,noexec,{word}", mountpoint)):
        done = run(*command)
        assert done.returncode == FAILURE
        name = word.split("=")[0]
        assert done.stderr == (f"mount.bpfmetafs: the option '{name}' cannot be changed while "
                               f"'{mountpoint}' is mounted; unmount it and mount it again\n")
        assert found(mountpoint) == before
    assert readable(mountpoint, program)


def test_remount_unknown_option(mountpoint):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    before = found(mountpoint)
    assert run("mount", "-o", "remount,noexec,nosuch", mountpoint).returncode == USAGE
    assert found(mountpoint) == before
    ok("mount", "-s", "-o", "remount,noexec,nosuch", mountpoint)
    assert "noexec" in found(mountpoint)["options"]


def test_remount_of_another_filesystem(mountpoint):
    ok("mount", "-t", "tmpfs", "tmpfs", mountpoint)
    done = run("mount.bpfmetafs", "bpf", mountpoint, "-o", "rw,remount,noexec")
    assert done.returncode == FAILURE
    assert "no bpfmetafs is mounted there" in done.stderr
    assert "noexec" not in found(mountpoint)["options"]


def test_remount_sees_only_what_is_on_top(mountpoint):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    ok("mount", "-t", "tmpfs", "tmpfs", mountpoint)
    done = run("mount.bpfmetafs", "bpf", mountpoint, "-o", "rw,remount,noexec")
    ok("umount", mountpoint)
    assert done.returncode == FAILURE
    assert "noexec" not in found(mountpoint)["options"]


def test_fake_remount(mountpoint):
    ok("mount", "-t", "bpfmetafs", "bpf", mountpoint)
    before = found(mountpoint)
    out = ok("mount.bpfmetafs", "bpf", mountpoint, "-f", "-v", "-o", "rw,remount,noexec")
    assert out == (f"mount.bpfmetafs: setting ro,nosuid,nodev,noexec,atime on '{mountpoint}'\n")
    assert found(mountpoint) == before


def test_remount_through_a_relative_path_and_a_link(mountpoint, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(mountpoint)
    ok("mount.bpfmetafs", "bpf", mountpoint)
    ok("mount.bpfmetafs", "bpf", "link", "-o", "rw,remount,noexec", cwd=tmp_path)
    assert "noexec" in found(mountpoint)["options"]
    assert mounts(mountpoint) == 1


# Words that mount(8) takes for paths.

def in_directory(directory, mountpoint, *argv):
    return run(*[str(mountpoint) if word == "DIR" else word for word in argv], cwd=directory)


@pytest.mark.parametrize("kind", ["directory", "fifo", "link to a directory"])
@pytest.mark.parametrize("word", ["bpf", "none", "kernel", "bpfmetafs", "./bpf"])
def test_a_word_that_names_what_is_no_file(mountpoint, program, tmp_path, word, kind):
    """mount(8) makes a path of it; but the kernel is meant."""
    here = tmp_path / "here"
    here.mkdir()
    path = here / word
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/sys/fs")
    done = in_directory(here, mountpoint, "mount", "-t", "bpfmetafs", word, "DIR")
    assert (done.returncode, done.stderr) == (0, "")
    assert readable(mountpoint, program)
    assert found(mountpoint)["source"] == word.removeprefix("./")


def test_a_word_in_a_directory_of_the_system(mountpoint, program):
    done = in_directory("/sys/fs", mountpoint, "mount", "-t", "bpfmetafs", "bpf", "DIR")
    assert (done.returncode, done.stderr) == (0, "")
    assert readable(mountpoint, program)


@pytest.mark.parametrize("kind", ["object", "text", "link"])
@pytest.mark.parametrize("word", ["bpf", "./bpf", "kernel"])
def test_a_word_that_names_a_file(mountpoint, program, compiled, tmp_path, word, kind):
    """Nobody can know which is meant: neither is mounted, and it is said how each is."""
    here = tmp_path / "here"
    here.mkdir()
    path = here / word
    if kind == "object":
        shutil.copy(compiled("hello"), path)
    elif kind == "text":
        path.write_text("text")
    else:
        path.symlink_to(compiled("hello"))
    spec = os.path.realpath(path)
    done = in_directory(here, mountpoint, "mount", "-t", "bpfmetafs", word, "DIR")
    assert done.returncode == USAGE
    name = word.removeprefix("./")
    assert done.stderr == (
        f"mount.bpfmetafs: the source '{spec}' may mean the kernel or that file, for mount(8) makes "
        f"a path of the word '{name}' where a file has that name; mount from another directory: "
        f"there '{name}' means the kernel, and '{spec}' the file\n")
    assert mounts(mountpoint) == 0

    # It is as it says.
    done = in_directory("/", mountpoint, "mount", "-t", "bpfmetafs", name, "DIR")
    assert (done.returncode, done.stderr) == (0, "")
    assert readable(mountpoint, program)
    ok("umount", mountpoint)
    if kind != "text":
        done = in_directory("/", mountpoint, "mount", "-t", "bpfmetafs", spec, "DIR")
        assert (done.returncode, done.stderr) == (0, "")
        assert (mountpoint / "hello" / "oncall").read_text() == "net-team\n"


def test_words_without_mount(mountpoint, program, compiled, tmp_path):
    """Called by hand, a word is a word and a path a path."""
    here = tmp_path / "here"
    here.mkdir()
    shutil.copy(compiled("hello"), here / "bpf")
    for command in ("mount.bpfmetafs", "bpfmetafs"):
        ok(command, "bpf", mountpoint, cwd=here)
        assert readable(mountpoint, program)
        ok("umount", mountpoint)
        ok(command, "./bpf", mountpoint, cwd=here)
        assert (mountpoint / "hello" / "oncall").read_text() == "net-team\n"
        ok("umount", mountpoint)


def test_a_directory_that_no_word_names(mountpoint):
    done = in_directory("/", mountpoint, "mount", "-t", "bpfmetafs", "/sys/fs/bpf", "DIR")
    assert done.returncode == FAILURE
    assert "'/sys/fs/bpf' is not a regular file" in done.stderr
