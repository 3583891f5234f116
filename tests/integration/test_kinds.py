# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of use and of input that went wrong in other tools: other compilers and linkers, other
namespaces, other ways to mount. Each is a small case of its own."""

import os
import pathlib
import shutil
import struct
import tempfile

import pytest

import bpf
from conftest import Daemon, is_mounted, ok, run
from test_tree import on_ours, walk
from test_values import show  # noqa: F401


def need(what, *argv):
    """Skips the test if the command fails: then this machine does not have what it needs."""
    if not shutil.which(argv[0]) or run(*argv).returncode != 0:
        pytest.skip(f"this machine has no {what}")


# Other namespaces.

def in_time_namespace(offset):
    # Before Linux 6.3, only a child was in the new namespace.
    words = ["unshare", "--time", "--fork", f"--boottime={offset}"]
    need("time namespaces", *words, "true")
    return words


@pytest.mark.parametrize("offset", [86400, -5])
def test_load_times_in_a_time_namespace(daemon, mountpoint, tmp_path, hand, offset):
    """A clock that is ahead or behind since boot does not move what the kernel noted down by its own."""
    under = in_time_namespace(offset)
    _, number = hand()
    daemon()
    inside = tmp_path / "inside"
    inside.mkdir()
    one = Daemon("bpf", inside, "", under)
    try:
        enter = ["nsenter", f"--time=/proc/{one.pid}/ns/time_for_children"]
        before, there, after = (float(ok(*words, "cat", "/proc/uptime").split()[0])
                                for words in ([], enter, []))
        # It tells hundredths of a second.
        assert before - 0.02 <= there - offset <= after + 0.02, "the daemon runs in the namespace"
        seen, wanted = ((top / str(number)).stat() for top in (inside, mountpoint))
        assert abs(seen.st_mtime - wanted.st_mtime) < 0.1
        assert abs(seen.st_ctime - wanted.st_ctime) < 0.1
        seen, wanted = (int((top / str(number) / "info/loaded_at").read_text())
                        for top in (inside, mountpoint))
        assert abs(seen - wanted) <= 1
        # Other programs may go meanwhile, and find(1) says so.
        found = run("find", inside, "-maxdepth", "1", "-mmin", "-10").stdout
        assert str(inside / str(number)) in found.splitlines()
    finally:
        one.stop()


def test_a_mount_in_a_time_namespace(daemon, mountpoint, tmp_path, hand):
    """The same for a daemon that mount(8) starts, which goes to the background."""
    under = in_time_namespace(86400)
    _, number = hand()
    daemon()
    inside = tmp_path / "inside"
    inside.mkdir()
    ok(*under, "mount", "-t", "bpfmetafs", "bpf", inside)
    try:
        seen, wanted = ((top / str(number)).stat().st_mtime for top in (inside, mountpoint))
        assert abs(seen - wanted) < 0.1
    finally:
        ok("umount", inside)


USER_NAMESPACE = ["unshare", "--user", "--map-root-user"]
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture
def public():
    """A mount point that every user can reach."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="bpfmetafs-kinds-"))
    path.chmod(0o755)
    yield path
    path.rmdir()


def test_root_of_a_user_namespace_reads_what_others_may(public, daemon, program):
    """It has no rights outside of it: it is an ordinary user whom the mode binds."""
    command = [*AS_NOBODY, *USER_NAMESPACE]
    need("user namespaces of ordinary users", *command, "true")
    oncall = public / str(program.id) / "oncall"
    one = daemon(options="allow_other,mode=0440", path=public)
    assert run(*command, "cat", oncall).returncode != 0
    one.stop()
    one = daemon(path=public, options="allow_other,uid=65534")
    assert ok(*command, "cat", oncall) == "net-team\n"
    assert ok(*command, "stat", "-c", "%u", oncall) == "0\n"
    one.stop()
    daemon(options="allow_other", path=public)
    assert ok(*command, "cat", oncall) == "net-team\n"
    # The root outside is nobody in there.
    assert ok(*command, "stat", "-c", "%u", oncall) == "65534\n"


def test_the_first_who_looks_may_be_an_ordinary_user(public, daemon, program):
    """As soon as the tree is mounted, and before anybody else has looked."""
    for _ in range(15):
        one = daemon(options="allow_other", path=public)
        assert ok(*AS_NOBODY, "cat", public / str(program.id) / "oncall") == "net-team\n"
        one.stop()


def test_a_user_namespace_can_not_mount(mountpoint):
    """Its root may mount FUSE, but the kernel tells it nothing of BPF programs."""
    need("user namespaces", *USER_NAMESPACE, "--mount", "true")
    done = run(*USER_NAMESPACE, "--mount", "mount", "-t", "bpfmetafs", "bpf", mountpoint)
    assert done.returncode != 0
    assert "needs CAP_SYS_ADMIN" in done.stderr
    assert not is_mounted(mountpoint)


def test_an_object_in_a_user_namespace(mountpoint, compiled):
    """An object file needs no such right."""
    need("user namespaces", *USER_NAMESPACE, "--mount", "true")
    script = f"mount -t bpfmetafs {compiled('hello')} {mountpoint} && cat {mountpoint}/hello/oncall"
    assert ok(*USER_NAMESPACE, "--mount", "sh", "-c", script) == "net-team\n"


# Other ways to mount.

def count(path):
    return sum(line.split()[4] == str(path)
               for line in open("/proc/self/mountinfo", encoding="utf-8"))


def test_mount_all_twice(mountpoint, program, tmp_path):
    """What is mounted is not mounted once more: mount(8) finds it by its source and its directory."""
    fstab = tmp_path / "fstab"
    fstab.write_text(f"bpf {mountpoint} bpfmetafs defaults 0 0\n")
    for _ in range(2):
        ok("mount", "-T", fstab, "-a")
        assert count(mountpoint) == 1
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"


@pytest.mark.parametrize("word, shown", [
    ("shared", "shared"), ("rshared", "shared"), ("private", "private"), ("rprivate", "private"),
    ("slave", "private"), ("unbindable", "private,unbindable"), ("runbindable", "private,unbindable")])
def test_propagation(mountpoint, program, word, shown):
    """mount(8) takes these words away and does it itself, after the mount."""
    ok("mount", "-t", "bpfmetafs", "-o", word, "bpf", mountpoint)
    assert ok("findmnt", "-n", "-o", "PROPAGATION", "-M", mountpoint).strip() == shown
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"


def test_a_lower_layer(daemon, mountpoint, tmp_path, program):
    """An overlay shows the tree, and what is written goes to its upper layer."""
    need("overlays", "sh", "-c", "modprobe -q overlay; grep -qw overlay /proc/filesystems")
    daemon()
    directories = {name: tmp_path / name for name in ("layers", "merged")}
    for directory in directories.values():
        directory.mkdir()
    layers, merged = directories.values()
    ok("mount", "-t", "tmpfs", "tmpfs", layers)
    try:
        (layers / "upper").mkdir()
        (layers / "work").mkdir()
        ok("mount", "-t", "overlay", "-o",
           f"lowerdir={mountpoint},upperdir={layers}/upper,workdir={layers}/work", "overlay", merged)
        try:
            oncall = merged / str(program.id) / "oncall"
            assert oncall.read_text() == "net-team\n"
            assert str(program.id) in os.listdir(merged)
            oncall.write_text("nobody\n")
            assert oncall.read_text() == "nobody\n"
            assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
        finally:
            ok("umount", merged)
    finally:
        ok("umount", layers)


def test_few_descriptors(mountpoint, program):
    """20 are enough, also on a machine whose many CPUs would ask for more: then without events."""
    done = run("prlimit", "--nofile=20:20", "bpfmetafs", "bpf", mountpoint)
    assert done.returncode == 0, done.stderr
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
    assert ok("bpftool", "prog", "show", "id", program.id)
    for name in os.listdir(mountpoint):
        if name.isdigit():
            try:
                os.listdir(mountpoint / name)
            except FileNotFoundError:
                pass  # gone meanwhile


# Other readers.

def test_find_of_perl(daemon, mountpoint, program):
    """File::Find takes a link count of 2 for a directory without directories, and skips them."""
    need("Perl", "perl", "-MFile::Find", "-e1")
    daemon()
    top = mountpoint / str(program.id)
    script = "use File::Find; $File::Find::dont_use_nlink = 0; " \
        "find({no_chdir => 1, wanted => sub { print \"$_\\n\" }}, $ARGV[0])"
    wanted = {str(top), *(str(path) for path in walk(top))}
    assert set(on_ours("perl", "-e", script, top)) == wanted


# Other compilers and linkers.

def test_rust_enums_and_tuples(show):
    """As rustc's back end writes them: an enum that carries data is a struct that holds a union of its
    variants beside the number that tells which it is, and the fields of tuples are __0, __1."""
    btf = bpf.Btf()
    u32, u8 = btf.int("u32", 4), btf.int("u8", 1)
    text = btf.array(u8, 8, u32)
    page = btf.struct("Page", 16, [("__0", u32, 4), ("__1", text, 8)])
    mail = btf.struct("Mail", 16, [("to", text, 4)])
    quiet = btf.struct("Quiet", 16, [])
    variants = btf.struct("", 16, [("", u32, 0), ("Page", page, 0), ("Mail", mail, 0),
                                   ("Quiet", quiet, 0)], kind=bpf.Btf.UNION)
    alarm = btf.struct("Alarm", 16, [("", variants, 0)])
    both = btf.struct("tuple_alarm_u32", 20, [("__0", alarm, 0), ("__1", u32, 16)])
    path = show(btf, both, struct.pack("<II8sI", 0, 7, b"net-team", 5))
    assert (path / "__1").read_text() == "5\n"
    assert (path / "__0/anon").read_text() == "0\n"
    assert (path / "__0/Page/__0").read_text() == "7\n"
    assert (path / "__0/Page/__1").read_text() == "net-team\n"
    assert os.listdir(path / "__0/Quiet") == []
    assert sorted(os.listdir(path / "__0")) == ["Mail", "Page", "Quiet", "anon"]


def object_with(btf, data, tmp_path):
    """An object file whose .BTF is btf and whose .rodata, the variable bpf_metadata_value, is data."""
    source, blob, target = (tmp_path / name for name in ("x.c", "btf", "x.bpf.o"))
    source.write_text(
        "__attribute__((section(\"socket\"), used)) int hand(void *ctx) { return 0; }\n"
        "__attribute__((section(\".rodata\"), used)) const volatile unsigned char "
        f"bpf_metadata_value[] = {{ {', '.join(str(byte) for byte in data)} }};\n")
    blob.write_bytes(btf.blob())
    ok("clang", "-O2", "-target", "bpf", "-c", source, "-o", target)
    ok("llvm-objcopy", f"--add-section=.BTF={blob}", target)
    return target


def test_names_that_the_kernel_refuses(daemon, mountpoint, tmp_path):
    """Zig gives pointers names, and Rust its types such as no C has. In an object file they stand."""
    need("compiler", "clang", "--version")
    need("LLVM", "llvm-objcopy", "--version")
    btf = bpf.Btf()
    u8 = btf.int("u8", 1)
    pointer = btf.add("*const u8", bpf.Btf.PTR, size=u8)
    slice_of = btf.struct("[]const u8", 16, [("ptr", pointer, 0), ("len", pointer, 8)])
    option = btf.struct("Option<&str>", 24, [("some", slice_of, 0), ("tag", u8, 16)])
    var = btf.var("bpf_metadata_value", option)
    btf.datasec(".rodata", 24, [(var, 0, 24)])
    daemon(object_with(btf, struct.pack("<QQQ", 0x1000, 8, 1), tmp_path))
    path = mountpoint / "hand" / "value"
    assert (path / "some/ptr").read_text() == "0x1000\n"
    assert (path / "some/len").read_text() == "0x8\n"
    assert (path / "tag").read_text() == "1\n"


def test_weak_symbols_linked(daemon, mountpoint, load, compiled, tmp_path):
    """The linker keeps the type of the first of a name and drops the others'. What a loaded program has
    is what bpftool shows, and an object file shows what will be loaded."""
    ok("bpftool", "gen", "object", tmp_path / "linked.o", compiled("weak-a"), compiled("weak-b"))
    loaded = load(tmp_path / "linked.o")
    shown = {key: f"{value}\n" for key, value in loaded.programs[0]["metadata"].items()}
    assert set(shown) == {"oncall", "level", "first", "second"}
    assert shown["level"] == "1\n" and shown["first"] == "10\n" and shown["second"] == "20\n"
    one = daemon()
    for program in loaded.programs:
        assert metadata_of(mountpoint / str(program["id"])) == shown
    one.stop()
    daemon(tmp_path / "linked.o")
    for name in ("weak_a", "weak_b"):
        assert metadata_of(mountpoint / name) == shown


def metadata_of(directory):
    return {path.name: path.read_text() for path in directory.iterdir()
            if path.name not in ("info", "maps")}


def test_equal_first_15_characters(tree, load):
    loaded = load("long-names")
    names = {(tree / str(one["id"]) / "info/name").read_text() for one in loaded.programs}
    assert names == {"addresses_allow_in\n", "addresses_allow_out\n"}
    top = tree / str(loaded.id)
    assert metadata_of(top) == {"addresses_allowed": "one\n", "addresses_allow_later": "two\n"}
    links = {path.name: os.readlink(path) for path in (top / "maps").iterdir() if path.is_symlink()}
    assert {"addresses_allow", "addresses_allow~2"} <= set(links)
    assert set(links.values()) == {str(number) for number in loaded.map_ids}


def test_equal_first_15_characters_of_an_object(daemon, mountpoint, compiled):
    daemon(compiled("long-names"))
    assert {"addresses_allow_in", "addresses_allow_out"} <= set(os.listdir(mountpoint))
    assert metadata_of(mountpoint / "addresses_allow_in")["addresses_allow_later"] == "two\n"
    assert {"addresses_allowed", "addresses_allow_later"} <= set(os.listdir(mountpoint / "maps"))
