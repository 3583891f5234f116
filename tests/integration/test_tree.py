# SPDX-License-Identifier: GPL-2.0-or-later
"""The tree as a whole: what is in it, what Unix tools make of it, and what becomes of it when
programs come and go."""

import contextlib
import ctypes
import errno
import filecmp
import hashlib
import itertools
import json
import mmap
import os
import pathlib
import stat
import struct
import threading
import time

import pytest

import bpf
from conftest import eventually, ok, remembered, run
from vanished import OTHERS, said_of_ours, unexplained

# What bpftool has from elsewhere than the kernel's description of the object: from /proc of all
# processes, and from the map's contents, which have directories of their own here.
BPFTOOL_ONLY = {"pids", "metadata"}
# What bpftool keeps to itself, and when it prints it.
TREE_ONLY = {
    "run_time_ns": "only if statistics are or were on",
    "run_cnt": "only if statistics are or were on",
    "recursion_misses": "only if there were any",
    "map_ids": "only if there are any",
    "verified_insns": "never",
    "attach_btf_obj_id": "never",
    "attach_btf_id": "never",
    "frozen": "always, but on kernels that do not tell",
    "sources": "only with the instructions (prog dump)",
    "functions": "likewise",
    "pinned": "only if asked for (-f)",
    "attached": "by other commands",
}


def text_of(value):
    """A value of bpftool's JSON as the content of a file."""
    if isinstance(value, bool):
        return "true\n" if value else "false\n"
    if isinstance(value, list):
        return " ".join(str(one) for one in value) + "\n"
    return f"{value}\n"


def read_info(directory):
    return {path.name: path.read_text() for path in directory.iterdir() if path.is_file()}


def shown_by_bpftool(kind, number):
    """Of one object: in a list, bpftool 7.1 shows maps without BTF with the btf_id of the map before,
    and one program whose values it can't print spoils the JSON of all."""
    shown = json.loads(ok("bpftool", "-j", kind, "show", "id", number))
    return {key: value for key, value in shown.items() if key not in BPFTOOL_ONLY}


def compare_info(info, wanted, optional):
    for key, value in wanted.items():
        if key == "loaded_at":
            # bpftool takes the two clocks one after the other, and so may be a second off.
            assert abs(int(info[key]) - value) <= 1
        else:
            assert info.get(key) == text_of(value), f"{wanted}"
    assert set(info) - set(wanted) <= optional


def walk(directory):
    """All entries below a directory, symlinks not followed; no other processes that hold an object."""
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if OTHERS.search(entry.path):
            continue
        yield pathlib.Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from walk(entry.path)


def on_all(tree, *argv, **options):
    """What a command prints that reads all of the tree, started in it. Others load and unload meanwhile:
    of what goes, and of nothing else, it may say so."""
    done = run(*argv, cwd=tree, env={**os.environ, "LC_ALL": "C"}, timeout=300, **options)
    assert unexplained(done.stderr, tree) == []
    assert done.returncode == 0 or done.stderr != "", argv
    return done.stdout


def on_ours(*argv):
    """What a command prints that reads all of an object of ours."""
    done = run(*argv, env={**os.environ, "LC_ALL": "C"})
    assert said_of_ours(done.stderr) == []
    assert done.returncode == 0 or done.stderr != "", argv
    return said_of_ours(done.stdout)


# What is in it.

def infos_of(directory):
    """{id: info} of everything that a directory lists and that does not go meanwhile."""
    infos = {}
    for path in directory.iterdir():
        if path.name.isdigit():
            with contextlib.suppress(FileNotFoundError):
                infos[int(path.name)] = read_info(path / "info")
    # An object that goes half-way loses its keys one by one.
    return {number: info for number, info in infos.items() if "id" in info}


def test_programs_as_bpftool_shows_them(tree, load, hand):
    many = load("types")
    _, nameless = hand(b"")
    ours = [program["id"] for program in many.programs] + [nameless]
    before = bpf.prog_ids()
    infos = infos_of(tree)
    assert set(before) & set(bpf.prog_ids()) <= set(infos)
    for number in ours:
        compare_info(infos[number], shown_by_bpftool("prog", number), set(TREE_ONLY))
    assert all(info["id"] == f"{number}\n" for number, info in infos.items())
    types = {infos[number]["type"] for number in ours}
    assert {"xdp\n", "socket_filter\n", "tracepoint\n", "cgroup_skb\n"} <= types
    names = {infos[number].get("name") for number in ours}
    assert "a_socket_filter_with_a_name_that_is_long\n" in names and None in names


def test_maps_as_bpftool_shows_them(tree, load, fds):
    many = load("types")
    fds.append(bpf.map_create(name=b""))
    ours = {number for program in many.programs for number in program["map_ids"]}
    ours.add(bpf.object_id(fds[-1]))
    before = bpf.map_ids()
    infos = infos_of(tree / "maps")
    assert set(before) & set(bpf.map_ids()) <= set(infos)
    for number in ours:
        compare_info(infos[number], shown_by_bpftool("map", number), {"frozen", "pinned"})
    assert all(info["id"] == f"{number}\n" for number, info in infos.items())
    jumps = next(number for number in ours if infos[number].get("name") == "jumps\n")
    assert infos[jumps]["owner_prog_type"] == "xdp\n"
    assert infos[jumps]["owner_jited"] in ("true\n", "false\n")
    types = {infos[number]["type"] for number in ours}
    assert {"hash\n", "percpu_array\n", "prog_array\n", "ringbuf\n", "lpm_trie\n"} <= types


def test_info_of_maps_is_the_same_in_both_places(tree, load):
    program = load("types")
    for number in program.map_ids:
        assert read_info(tree / "maps" / str(number) / "info") == \
            read_info(tree / str(program.id) / "maps" / str(number) / "info")


def test_statistics_and_map_ids_are_always_there(tree, hand):
    _, number = hand()
    info = tree / str(number) / "info"
    assert (info / "run_cnt").read_text() == "0\n"
    assert (info / "run_time_ns").read_text() == "0\n"
    assert (info / "map_ids").read_text() == "\n"


def test_entries_of_a_program(tree, program):
    directory = tree / str(program.id)
    assert sorted(os.listdir(directory)) == ["build", "info", "maps", "oncall", "revision"]
    assert (directory / "oncall").read_text() == "net-team\n"
    assert (directory / "revision").read_text() == "42\n"
    assert (directory / "build" / "commit").read_text() == "deadbeef\n"
    assert (directory / "build" / "host" / "port").read_text() == "8080\n"
    names = json.loads(ok("bpftool", "-j", "prog", "show", "id", program.id))["map_ids"]
    assert {str(number) for number in names} <= set(os.listdir(directory / "maps"))
    assert len(os.listdir(directory / "maps")) == 2 * len(names)


def test_all_global_data_that_is_fixed_is_in_vars(tree, program):
    maps = tree / str(program.id) / "maps"
    seen = {link.name: link for link in maps.iterdir() if link.is_symlink()}
    assert sorted(os.listdir(seen["hello.rodata"] / "vars")) == [
        "bpf_metadata_build", "bpf_metadata_oncall", "bpf_metadata_revision", "limit"]
    assert (seen["hello.rodata"] / "vars" / "limit").read_text() == "17\n"
    # What programs may write is theirs.
    assert os.listdir(seen["hello.bss"]) == ["info"]
    assert os.listdir(seen["counts"]) == ["info"]


def test_only_what_there_is(tree, program):
    number = program.id
    for name in ("0", f"0{number}", f"+{number}", f" {number}", f"{number} ", f"{number}x", "4294967296",
                 "-1", str(2**64 + number), "info", "no", "progs", f"{number}/no", f"{number}/info/no",
                 f"{number}/maps/0", f"maps/0{program.map_ids[0]}", "maps/x", f"{number}/oncall~2"):
        assert not os.path.lexists(tree / name), name


def test_links(tree, load):
    program = load("hello")
    other = load("types")
    for one in (program, other):
        maps = tree / str(one.id) / "maps"
        for link in maps.iterdir():
            if link.is_symlink():
                number = os.readlink(link)
                assert (link / "info" / "id").read_text() == f"{number}\n"
                assert (link / "info" / "name").read_text() == f"{link.name}\n"
    for number in other.map_ids:
        progs = tree / "maps" / str(number) / "progs"
        holders = {str(one["id"]) for one in other.programs if number in one["map_ids"]}
        assert set(os.listdir(progs)) == holders
        for name in holders:
            assert os.path.realpath(progs / name) == str(tree / name)
            assert (progs / name / "info" / "id").read_text() == f"{name}\n"
    assert not os.path.lexists(tree / "maps" / str(other.map_ids[0]) / "progs" / str(program.id))


def directories_of(tree, *loaded):
    """All directories of these programs and of their maps."""
    programs = [program for one in loaded for program in one.programs]
    maps = {number for program in programs for number in program.get("map_ids", [])}
    return [tree / str(program["id"]) for program in programs] + \
        [tree / "maps" / str(number) for number in sorted(maps)]


def test_nothing_leads_out(tree, load):
    count = 0
    for directory in directories_of(tree, load("types"), load("hello")):
        for path in walk(directory):
            if path.is_symlink():
                assert os.path.realpath(path).startswith(f"{tree}/")
                assert os.path.exists(path)
                count += 1
    assert count > 20


# Attributes.

def test_sizes_are_exact(tree, load):
    count = 0
    for directory in directories_of(tree, load("types"), load("hello")):
        for path in walk(directory):
            seen = path.lstat()
            if stat.S_ISREG(seen.st_mode):
                with open(path, "rb") as file:
                    data = file.read()
                    assert len(data) == os.fstat(file.fileno()).st_size
                # What is not pinned has an empty list of paths.
                assert data.endswith(b"\n") or path.name in ("attached", "pinned") and data == b""
                count += 1
            elif stat.S_ISLNK(seen.st_mode):
                assert len(os.readlink(path)) == seen.st_size
            else:
                assert stat.S_ISDIR(seen.st_mode)
    assert count > 200


def test_times_are_the_load_time(tree, hand):
    start = time.time()
    _, number = hand()
    end = time.time()
    times = {(path.stat().st_mtime_ns, path.stat().st_ctime_ns, path.stat().st_atime_ns)
             for path in [tree / str(number), *walk(tree / str(number))]}
    assert len(times) == 1
    mtime, ctime, atime = times.pop()
    assert mtime == ctime == atime
    assert start - 1 < mtime / 1e9 < end + 1


def test_times_stay_what_they_are(tree, hand):
    """Also when the kernel has forgotten all that it knew."""
    _, number = hand()
    seen = set()
    for _ in range(5):
        seen.add((tree / str(number)).stat().st_mtime_ns)
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    assert len(seen) == 1


def test_owner_is_who_loaded_it(tree, fds):
    # Of nobody else's programs.
    uid = 1000000 + os.getpid()
    os.setresuid(uid, 0, 0)
    try:
        fds.append(bpf.prog_load())
    finally:
        os.setresuid(0, 0, 0)
    directory = tree / str(bpf.object_id(fds[-1]))
    assert (directory / "info" / "uid").read_text() == f"{uid}\n"
    for path in [directory, *walk(directory)]:
        assert (path.lstat().st_uid, path.lstat().st_gid) == (uid, 0), path
    found = on_all(tree, "find", ".", "-maxdepth", "1", "-uid", uid).split()
    assert found == [f"./{directory.name}"]


def test_modes(tree, program):
    for path in [tree, *walk(tree / str(program.id))]:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            assert stat.S_IMODE(mode) == 0o555
        elif stat.S_ISREG(mode):
            assert stat.S_IMODE(mode) == 0o444


def test_inode_numbers_differ(tree, load):
    program = load("types")
    numbers = [path.lstat().st_ino for path in walk(tree / str(program.id))]
    assert len(set(numbers)) == len(numbers)
    files = {name: tree / str(program.id) / name for name in os.listdir(tree / str(program.id))}
    with remembered(*files.values()):
        entries = {entry.name: entry.inode() for entry in os.scandir(tree / str(program.id))}
        assert entries == {name: file.lstat().st_ino for name, file in files.items()}


# Read only.

@pytest.mark.parametrize("write", [
    lambda d: os.open(d / "oncall", os.O_WRONLY),
    lambda d: os.open(d / "oncall", os.O_RDWR),
    lambda d: os.open(d / "oncall", os.O_RDONLY | os.O_TRUNC),
    lambda d: os.open(d / "new", os.O_CREAT | os.O_WRONLY, 0o600),
    lambda d: os.open(d, os.O_TMPFILE | os.O_RDWR, 0o600),
    lambda d: os.truncate(d / "oncall", 0),
    lambda d: os.mkdir(d / "new"),
    lambda d: os.mknod(d / "new", 0o600),
    lambda d: os.mkfifo(d / "new"),
    lambda d: os.symlink("target", d / "new"),
    lambda d: os.link(d / "oncall", d / "new"),
    lambda d: os.rename(d / "oncall", d / "new"),
    lambda d: os.unlink(d / "oncall"),
    lambda d: os.rmdir(d / "info"),
    lambda d: os.chmod(d / "oncall", 0o777),
    lambda d: os.chown(d / "oncall", 1, 1),
    lambda d: os.utime(d / "oncall", (0, 0)),
    lambda d: os.setxattr(d / "oncall", "user.name", b"value"),
    lambda d: os.mkdir(d.parent / "new"),
    lambda d: os.rmdir(d),
    lambda d: os.unlink(d / "maps" / "hello.rodata"),
], ids=["write", "read-write", "open-truncate", "create", "tmpfile", "truncate", "mkdir", "mknod",
        "mkfifo", "symlink", "link", "rename", "unlink", "rmdir", "chmod", "chown", "utime",
        "setxattr", "mkdir-in-root", "rmdir-program", "unlink-link"])
def test_read_only(tree, program, write):
    with pytest.raises(OSError) as refused:
        write(tree / str(program.id))
    assert refused.value.errno == errno.EROFS
    assert (tree / str(program.id) / "oncall").read_text() == "net-team\n"


def test_no_writable_mapping(tree, program):
    with open(tree / str(program.id) / "oncall", "rb") as file:
        with pytest.raises(OSError):
            mmap.mmap(file.fileno(), 9, mmap.MAP_SHARED, mmap.PROT_WRITE)
        with mmap.mmap(file.fileno(), 9, mmap.MAP_PRIVATE, mmap.PROT_READ) as mapped:
            assert mapped[:] == b"net-team\n"


# Tools.

def test_ls(tree, program):
    sections = dict(section.lstrip("\n").split(":\n", 1) for section in
                    on_all(tree, "ls", "-laR", "--time-style=+%s.%N").split("\n\n"))
    top = tree / str(program.id)
    loaded = top.stat().st_mtime_ns
    when = f"{loaded // 10**9}.{loaded % 10**9:09}"
    for directory in [top, *(path for path in walk(top) if path.is_dir() and not path.is_symlink())]:
        lines = [line.split() for line in sections[f"./{directory.relative_to(tree)}"].splitlines()[1:]]
        lines = [words for words in lines
                 if words[6] in (".", "..") or not OTHERS.search(f"{directory}/{words[6]}")]
        shown = {words[6]: [words[0], *words[2:6], *words[7:]] for words in lines}
        assert len(shown) == len(lines)
        ours = [path for path in directory.iterdir() if not OTHERS.search(str(path))]
        assert set(shown) == {".", "..", *(path.name for path in ours)}
        for path in ours:
            target = ["->", os.readlink(path)] if path.is_symlink() else []
            kind = "lrwxrwxrwx" if target else "dr-xr-xr-x" if path.is_dir() else "-r--r--r--"
            size = len(path.read_bytes()) if kind[0] == "-" else len(target[1]) if target else 0
            assert shown[path.name] == [kind, "root", "root", str(size), when, *target]
    names = ok("ls", "-F", top, top / "build").split()
    assert names == [f"{top}:", "build/", "info/", "maps/", "oncall", "revision",
                     f"{top}/build:", "commit", "host/"]
    kinds = {name[-1] for name in ok("ls", "-F", top / "maps").split()}
    assert {name for name in ok("ls", "-F", top / "maps").split() if name[-1] == "@"} == \
        {"counts@", "hello.bss@", "hello.rodata@"}
    assert kinds == {"/", "@"}


def test_find_by_time(tree, program):
    top = f"./{program.id}"
    assert top in on_all(tree, "find", ".", "-maxdepth", "1", "-mmin", "-10").split()
    assert top not in on_all(tree, "find", ".", "-maxdepth", "1", "-mmin", "+10").split()
    found = on_all(tree, "find", ".", "-type", "f", "-newermt", "1 hour ago").split()
    assert f"./{program.id}/oncall" in found
    assert f"./{program.id}/oncall" not in \
        on_all(tree, "find", ".", "-type", "f", "!", "-newermt", "1 hour ago").split()


def test_grep(tree, program):
    found = on_all(tree, "grep", "-r", "-l", "-x", "net-team", ".").split()
    assert f"./{program.id}/oncall" in found
    rodata = next(number for number in program.map_ids
                  if (tree / "maps" / str(number) / "vars").is_dir())
    assert f"./maps/{rodata}/vars/bpf_metadata_oncall" in found
    assert f"./{program.id}/revision" not in found
    assert ok("sh", "-c", f"grep -l net-team {tree}/{program.id}/oncall") != ""


def files_of(top):
    """What is below a directory: each path's kind, content, mode, owner and time."""
    found = {}
    for path in walk(top):
        seen = path.lstat()
        content = os.readlink(path) if path.is_symlink() else \
            None if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(top))] = (content, seen.st_mode, seen.st_uid, seen.st_mtime_ns)
    return found


def test_tar(tree, program, tmp_path):
    source = tree / str(program.id)
    archive, target = tmp_path / "a.tar", tmp_path / "out"
    target.mkdir()
    on_ours("tar", "--format=posix", "-cf", archive, "-C", source, ".")
    ok("tar", "--delay-directory-restore", "-xpf", archive, "-C", target)
    assert files_of(target) == files_of(source)
    assert on_ours("tar", "-df", archive, "-C", source) == []

    on_all(tree, "tar", "-cf", "/dev/null", "--ignore-failed-read", ".")
    on_all(tree, "tar", "-cf", archive, ".")
    listed = ok("tar", "-tf", archive).splitlines()
    for path in files_of(source):
        assert listed.count(f"./{program.id}/{path}") + listed.count(f"./{program.id}/{path}/") == 1


def test_cp(tree, program, tmp_path):
    source = tree / str(program.id)
    on_ours("cp", "-a", source, tmp_path / "copy")
    assert files_of(tmp_path / "copy") == files_of(source)
    on_all(tree, "cp", "-a", ".", tmp_path / "all")
    assert files_of(tmp_path / "all" / str(program.id)) == files_of(source)


def test_rsync(tree, program, tmp_path):
    source = f"{tree}/{program.id}/"
    first = on_ours("rsync", "-a", "--itemize-changes", source, tmp_path / "copy")
    assert any("oncall" in line for line in first)
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    assert on_ours("rsync", "-a", "--itemize-changes", source, tmp_path / "copy") == []
    assert on_ours("rsync", "-a", "--itemize-changes", "--checksum", source, tmp_path / "copy") == []
    on_all(tree, "rsync", "-a", "--delete", f"{tree}/", tmp_path / "all")
    copied = files_of(tmp_path / "all" / str(program.id))
    # If anything vanishes, rsync leaves the times of directories as they are.
    assert {path: seen[:3] for path, seen in copied.items()} == \
        {path: seen[:3] for path, seen in files_of(pathlib.Path(source)).items()}


def test_du(tree, program):
    """Apparent sizes are those of the contents; on disk, a file takes blocks of 512 bytes."""
    top = tree / str(program.id)

    def used(text):
        return {path: int(number) for number, path in
                (line.split("\t") for line in text.splitlines())}

    sizes = {path: len(path.read_bytes()) for path in walk(top)
             if path.is_file() and not path.is_symlink()}
    links = {path: len(os.readlink(path)) for path in walk(top) if path.is_symlink()}
    in_bytes = used(on_all(tree, "du", "-a", "-b", "."))
    in_blocks = used(on_all(tree, "du", "-a", "--block-size=512", "."))
    for path, size in sizes.items():
        assert in_bytes[f"./{path.relative_to(tree)}"] == size
        assert in_blocks[f"./{path.relative_to(tree)}"] == (size + 511) // 512
    for path, size in links.items():
        assert in_bytes[f"./{path.relative_to(tree)}"] == size
    # What is in a directory, and nothing for itself.
    others = sum(size for path, size in in_bytes.items() if path.startswith(f"./{program.id}/")
                 and OTHERS.search(path) and os.path.basename(os.path.dirname(path)) == "pids")
    assert in_bytes[f"./{program.id}"] == sum(sizes.values()) + sum(links.values()) + others
    assert in_blocks[f"./{program.id}"] >= sum((size + 511) // 512 for size in sizes.values())
    assert in_bytes["."] >= in_bytes[f"./{program.id}"] + in_bytes["./maps"]


def test_stat_df_and_tools_of_one_file(tree, program):
    path = tree / str(program.id) / "oncall"
    assert ok("stat", "-c", "%s %F %a %U %h", path) == "9 regular file 444 root 1\n"
    # There is no room, and none that is used.
    assert ok("stat", "-f", "-c", "%s %S %l %b %f %a %c %d", tree) == "4096 4096 255 0 0 0 0 0\n"
    columns = ok("df", "--output=source,fstype,size,used,avail,target", path).splitlines()[1].split()
    assert columns == ["bpf", "fuse.bpfmetafs", "0", "0", "0", str(tree)]
    assert ok("df", "--output=itotal,iused,target", tree).splitlines()[1].split()[-1] == str(tree)
    assert ok("wc", "-lc", path).split()[:2] == ["1", "9"]
    assert ok("md5sum", path).split()[0] == hashlib.md5(b"net-team\n").hexdigest()
    assert ok("head", "-c", "3", path) == "net"
    assert ok("tail", "-c", "5", path) == "team\n"


def test_diff_of_two_mounts(tree, daemon, tmp_path, program):
    second = tmp_path / "second"
    second.mkdir()
    daemon(path=second)
    # The second was not there when it was loaded.
    ok("diff", "-r", "--no-dereference", "-x", "loader", tree / str(program.id),
       second / str(program.id))
    assert not filecmp.dircmp(tree / str(program.id), second / str(program.id)).diff_files


# Parts of files.

def test_reading_parts(tree, program):
    path = tree / str(program.id) / "oncall"
    fd = os.open(path, os.O_RDONLY)
    try:
        assert os.pread(fd, 3, 4) == b"tea"
        assert os.pread(fd, 100, 8) == b"\n"
        assert os.pread(fd, 100, 9) == b""
        assert os.pread(fd, 100, 1 << 40) == b""
        assert os.lseek(fd, 0, os.SEEK_END) == 9
    finally:
        os.close(fd)
    with pytest.raises(IsADirectoryError):
        (tree / str(program.id)).read_text()
    with pytest.raises(NotADirectoryError):
        os.listdir(path)


# What comes.

def test_a_program_is_there_when_its_loader_returns(tree, hand):
    for _ in range(200):
        fd, number = hand()
        assert str(number) in os.listdir(tree)
        assert (tree / str(number) / "info" / "id").read_text() == f"{number}\n"
        os.close(fd)


def test_what_was_not_there_is_not_remembered(tree, fds):
    fd = bpf.prog_load()
    last = bpf.object_id(fd)
    os.close(fd)
    # Others may load programs as well: ours is one of the next.
    found = [last + i for i in range(1, 60) if (tree / str(last + i)).exists()]
    fds.append(bpf.prog_load())
    number = bpf.object_id(fds[-1])
    assert (tree / str(number)).is_dir()
    # Ids are given in order: what was there before ours is others'.
    assert all(other < number for other in found)


def test_a_map_is_there_when_it_is_made(tree, fds):
    for _ in range(100):
        fd = bpf.map_create(name=b"made")
        number = str(bpf.object_id(fd))
        assert number in os.listdir(tree / "maps")
        assert (tree / "maps" / number / "info" / "name").read_text() == "made\n"
        assert os.listdir(tree / "maps" / number / "progs") == []
        os.close(fd)
        eventually(lambda: not (tree / "maps" / number).exists())
        assert number not in os.listdir(tree / "maps")


def getdents(fd, size):
    """Names in a directory, as getdents64(2) gives them into a buffer of that size."""
    libc = ctypes.CDLL(None, use_errno=True)
    names, room = [], ctypes.create_string_buffer(size)
    number = {"x86_64": 217, "aarch64": 61}[os.uname().machine]
    while (got := libc.syscall(number, fd, room, size)) > 0:
        at = 0
        while at < got:
            length = struct.unpack_from("<H", room.raw, at + 16)[0]
            names.append(room.raw[at + 19:at + length].split(b"\0")[0].decode())
            at += length
    assert got == 0, os.strerror(ctypes.get_errno())
    return names


@contextlib.contextmanager
def churn(passing):
    """Unloads the oldest of the programs and loads another, again and again."""
    done = threading.Event()

    def change():
        for i in itertools.count():
            if done.is_set():
                return
            if i % 100 == 0:
                bpf.let_free()
            os.close(passing.pop(0))
            passing.append(bpf.prog_load(name=b"passing"))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for fd in passing:
            os.close(fd)


@pytest.mark.parametrize("size", [300, 1024, 32768])
def test_listings_stay_right_while_programs_come_and_go(tree, hand, size):
    passing, stay = [], []
    for _ in range(60):
        passing.append(hand()[0])
        stay.append(str(hand()[1]))
    with churn(passing):
        for _ in range(60):
            fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
            try:
                names = getdents(fd, size)
            finally:
                os.close(fd)
            assert len(set(names)) == len(names)
            assert set(stay) <= set(names)
            assert names[:3] == [".", "..", "maps"]


def test_a_listing_can_be_continued_anywhere(tree, hand):
    numbers = [hand() for _ in range(50)]
    fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        first = getdents(fd, 32768)
        os.lseek(fd, 0, os.SEEK_SET)
        os.close(numbers[25][0])
        eventually(lambda: numbers[25][1] not in bpf.prog_ids())
        second = getdents(fd, 300)
    finally:
        os.close(fd)
    ours = [str(number) for _, number in numbers]
    assert [name for name in first if name in ours] == ours
    assert [name for name in second if name in ours] == ours[:25] + ours[26:]


# What goes.

def test_what_is_unloaded_is_gone(tree, hand):
    kept = [hand()[1] for _ in range(3)]
    for _ in range(50):
        fd, number = hand()
        directory = tree / str(number)
        assert (directory / "info" / "tag").read_text()
        assert str(number) in os.listdir(tree)
        os.close(fd)
        eventually(lambda: not directory.exists())
        assert str(number) not in os.listdir(tree)
        assert not (directory / "info" / "tag").exists()
        for command in (("ls", directory), ("stat", directory), ("cat", directory / "info" / "id")):
            gone = run(*command)
            assert gone.returncode != 0
            assert "No such file or directory" in gone.stderr
    assert all((tree / str(number)).is_dir() for number in kept)


def test_a_walk_goes_on_where_programs_vanish(request, tree, program, hand):
    # Without events each walk asks for everything anew, which takes many times as long.
    walks = 5 if "noevents" in request.node.name else 15
    with churn([hand()[0] for _ in range(30)]):
        for _ in range(walks):
            for command in (["grep", "-r", "net-team", tree], ["ls", "-lR", tree],
                            ["find", tree, "-type", "f", "-size", "+0"]):
                seen = run(*command)
                for line in seen.stderr.splitlines():
                    assert "No such file or directory" in line
                assert f"{program.id}/oncall" in seen.stdout or command[0] == "ls"
                assert str(program.id) in seen.stdout


def test_an_open_file_stays_readable(tree, hand, fds):
    fd, number = hand()
    data = bpf.metadata_map([("bpf_metadata_oncall", "net-team"), ("bpf_metadata_app", "proxy")])
    fds.append(data)
    bpf.bind(fd, data)
    oncall = os.open(tree / str(number) / "oncall", os.O_RDONLY)
    app = os.open(tree / str(number) / "app", os.O_RDONLY)
    tag = os.open(tree / str(number) / "info" / "tag", os.O_RDONLY)
    fds += [oncall, app, tag]
    text = (tree / str(number) / "info" / "tag").read_bytes()
    assert os.pread(oncall, 100, 0) == b"net-team\n"
    os.close(fd)
    os.close(data)
    eventually(lambda: not (tree / str(number)).exists())
    assert os.pread(oncall, 100, 0) == b"net-team\n"
    # This one was never read before.
    assert os.pread(app, 100, 0) == b"proxy\n"
    assert os.pread(tag, 100, 0) == text
    assert os.fstat(app).st_size == 6


def test_inside_of_what_is_gone(tree, hand):
    fd, number = hand()
    inside = os.open(tree / str(number) / "info", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert "tag" in os.listdir(inside)
        os.close(fd)
        eventually(lambda: not (tree / str(number)).exists())
        with pytest.raises(FileNotFoundError):
            os.open("name", os.O_RDONLY, dir_fd=inside)
        with pytest.raises(FileNotFoundError):
            os.stat("tag", dir_fd=inside)
    finally:
        os.close(inside)


def test_nothing_is_kept_alive(tree, hand, fds):
    fd, number = hand()
    data = bpf.metadata_map([("bpf_metadata_oncall", "net-team")])
    map_id = bpf.object_id(data)
    bpf.bind(fd, data)
    os.close(data)
    directory = tree / str(number)
    for path in [directory, *walk(directory), *walk(tree / "maps" / str(map_id))]:
        kind = os.O_PATH | os.O_NOFOLLOW if path.is_symlink() else os.O_RDONLY
        fds.append(os.open(path, kind))
        if path.is_file():
            assert path.read_text().endswith("\n") or path.name in ("attached", "pinned")
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    fds.append(here)
    os.chdir(directory / "info")
    try:
        assert number in bpf.prog_ids() and map_id in bpf.map_ids()
        os.close(fd)
        eventually(lambda: number not in bpf.prog_ids())
        eventually(lambda: map_id not in bpf.map_ids())
        eventually(lambda: not directory.exists())
        eventually(lambda: not (tree / "maps" / str(map_id)).exists())
    finally:
        os.fchdir(here)


def test_prog_arrays_are_not_kept_alive(tree, hand):
    """The kernel loses a reference when one that only programs hold is opened and closed too fast. Others
    who look at all maps may do that to a few of them; a daemon that does it loses all."""
    numbers = []
    for _ in range(20):
        fd, number = hand()
        array = bpf.map_create(kind=bpf.MAP_TYPE_PROG_ARRAY, entries=4, name=b"jumps")
        numbers.append(bpf.object_id(array))
        bpf.bind(fd, array)
        os.close(array)
        # The loader's own close counts as well.
        time.sleep(0.05)
        for _ in range(3):
            for path in (tree / str(number) / "maps" / "jumps", tree / "maps" / str(numbers[-1])):
                ok("ls", "-lR", f"{path}/")
                assert read_info(path / "info")["type"] == "prog_array\n"
        os.close(fd)
    eventually(lambda: len(set(numbers) & set(bpf.map_ids())) <= len(numbers) // 4, 5)


def test_nothing_is_kept_alive_while_it_is_read(tree, hand):
    """However the reading falls between the moments of a program's end."""
    done = threading.Event()

    def read():
        while not done.is_set():
            for path in (tree, tree / "maps"):
                for name in os.listdir(path):
                    try:
                        (path / name / "info" / "id").read_text()
                    except (FileNotFoundError, NotADirectoryError):
                        pass

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(100):
            fd, number = hand()
            os.close(fd)
            eventually(lambda: number not in bpf.prog_ids())
            eventually(lambda: not (tree / str(number)).exists())
    finally:
        done.set()
        for reader in readers:
            reader.join()


# What changes.

def test_changed_values_are_new_files(tree, hand, fds):
    fd, number = hand()
    path = tree / str(number) / "info" / "run_cnt"
    fds.append(bpf.enable_run_stats())
    bpf.run_once(fd)
    with open(path, encoding="ascii") as old:
        first = path.stat().st_ino
        before = int(old.read())
        assert before > 0
        assert path.stat().st_ino == first
        bpf.run_once(fd)
        assert path.stat().st_ino != first
        assert int(path.read_text()) == before + 1
        old.seek(0)
        assert int(old.read()) == before
        assert os.fstat(old.fileno()).st_ino == first
    time_ns = int((tree / str(number) / "info" / "run_time_ns").read_text())
    assert time_ns > 0


def test_map_ids_grow(tree, hand, fds):
    fd, number = hand()
    info = tree / str(number) / "info" / "map_ids"
    assert info.read_text() == "\n"
    bound = []
    for _ in range(3):
        data = bpf.metadata_map([("a", "b")])
        fds.append(data)
        bpf.bind(fd, data)
        bound.append(bpf.object_id(data))
        assert info.read_text() == " ".join(str(one) for one in bound) + "\n"
        assert sorted(name for name in os.listdir(tree / str(number) / "maps")
                      if name.isdigit()) == sorted(str(one) for one in bound)
        # Who looks for the first time sees what is now.
        progs = tree / "maps" / str(bound[-1]) / "progs"
        assert os.listdir(progs) == [str(number)]
    # What has been looked at before may lag, but not for long.
    other, other_number = hand()
    bpf.bind(other, data)
    eventually(lambda: set(os.listdir(progs)) == {str(number), str(other_number)}, 1)
    os.close(other)
    eventually(lambda: os.listdir(progs) == [str(number)], 1)


def test_freezing_a_map_is_seen(tree, fds):
    fds.append(bpf.map_create(name=b"freezes"))
    info = tree / "maps" / str(bpf.object_id(fds[-1])) / "info"
    assert (info / "frozen").read_text() == "0\n"
    bpf.map_freeze(fds[-1])
    assert (info / "frozen").read_text() == "1\n"
