# SPDX-License-Identifier: GPL-2.0-or-later
"""Object files as trees: the same as what the kernel shows once they are loaded, for the objects that
Debian ships and for the project's own."""

import glob
import json
import os
import pathlib
import pwd
import shutil
import stat
import subprocess

import pytest

from conftest import BPFFS, SOURCES, eventually, is_mounted, ok, run

PACKAGED = [pathlib.Path(path) for path in sorted(glob.glob("/usr/lib/*/bpf/*.o"))]
# Programs that need a target that only their loader knows.
NOT_LOADABLE = {"xdpdump_bpf.o"}
OWN = ["hello", "object-full", "object-linked", "object-link-b"]
# What a kernel has to know for one of them: a word of its BTF.
NEEDS = {"object-full": b"BPF_FUNC_for_each_map_elem"}
HIDDEN = "(cannot be shown)"
VMLINUX = pathlib.Path("/sys/kernel/btf/vmlinux")


@pytest.fixture
def object_file(compiled, tmp_path):
    """The path of an object: of a package, or compiled, or linked from two compiled ones."""

    def path_of(name):
        if isinstance(name, pathlib.Path):
            return name
        if name != "object-linked":
            return compiled(name)
        linked = tmp_path / "object-linked.bpf.o"
        ok("bpftool", "gen", "object", linked, compiled("object-link-a"), compiled("object-link-b"))
        return linked

    return path_of


def contents(directory):
    """All files below a directory, as bytes by their path in it; directories as None."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if not path.is_symlink():
            found[str(path.relative_to(directory))] = path.read_bytes() if path.is_file() else None
    return found


def is_metadata(path):
    return path.split("/")[0] not in ("info", "maps")


def metadata(program):
    return {path: value for path, value in contents(program).items() if is_metadata(path)}


def maps_by_name(program):
    """The directories of a program's maps, by name: in the kernel's tree they have symlinks."""
    return {entry.name: entry for entry in (program / "maps").iterdir()
            if not entry.name.isdigit()}


@pytest.fixture
def pins():
    """Takes away what libbpf pins by itself and was not there before: the paths in the list."""
    paths = []
    yield paths
    for path in paths:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("name", [*PACKAGED, *OWN], ids=lambda name: getattr(name, "name", name))
def test_same_as_loaded(name, object_file, pins, load, daemon, tmp_path):
    need = NEEDS.get(name)
    if need and VMLINUX.exists() and b"\0" + need + b"\0" not in VMLINUX.read_bytes():
        pytest.skip(f"this kernel has no {need.decode()}")
    path = object_file(name)
    in_file, in_kernel = tmp_path / "file", tmp_path / "kernel"
    in_file.mkdir()
    in_kernel.mkdir()
    daemon(path, path=in_file)
    own = [BPFFS / one.parent.parent.name for one in in_file.glob("maps/*/info/pinning")]
    pins.extend(pin for pin in own if not pin.exists())
    if path.name in NOT_LOADABLE:
        assert sorted(os.listdir(in_file)) == ["maps", "trace_on_entry", "trace_on_exit"]
        assert run("bpftool", "prog", "loadall", path, BPFFS / "not-to-be").returncode != 0
        return
    loaded = load(path)
    daemon("bpf", path=in_kernel)

    names = {pin.name for pin in loaded.pins.iterdir()}
    assert set(os.listdir(in_file)) == names | {"maps"}
    compared = 0
    for name_of_program in names:
        ids = json.loads(ok("bpftool", "-j", "prog", "show", "pinned",
                            loaded.pins / name_of_program))
        program, live = in_file / name_of_program, in_kernel / str(ids["id"])
        assert metadata(program) == metadata(live)
        for key in ("type", "gpl_compatible"):
            assert (program / "info" / key).read_text() == (live / "info" / key).read_text()

        maps, live_maps = maps_by_name(program), maps_by_name(live)
        # The kernel cuts names.
        assert {one[:15] for one in maps} == set(live_maps)
        for map_name, directory in maps.items():
            other = live_maps[map_name[:15]]
            for key in ("type", "bytes_key", "bytes_value"):
                assert ((directory / "info" / key).read_text() ==
                        (other / "info" / key).read_text()), directory
            # Programs have counted in those that are not read-only, or may have. In the kernel, what
            # no BTF describes has no vars.
            variables = contents(directory / "vars")
            if (int((directory / "info" / "flags").read_text()) & 128 and variables and
                    HIDDEN not in variables):
                assert variables == contents(other / "vars")
                compared += len(variables)
    assert compared > 0 or not list(in_file.glob("maps/*rodata*/vars/*"))


def test_packaged_objects_are_there():
    assert len(PACKAGED) >= 10


def test_tree(compiled, daemon, mountpoint):
    path = compiled("object-full")
    daemon(path)
    assert sorted(os.listdir(mountpoint)) == ["attached", "maps", "order_through_callback",
                                              "order_through_calls"]
    program = mountpoint / "order_through_calls"
    assert sorted(os.listdir(program)) == ["build", "info", "maps", "oncall", "oncall~2", "revision"]
    # In the order in which the kernel would list the maps: .rodata is used first.
    assert (program / "oncall").read_text() == "net-team\n"
    assert (program / "oncall~2").read_text() == "edge-team\n"
    assert (program / "build" / "commit").read_text() == "deadbeef\n"
    assert (program / "info" / "section").read_text() == "xdp\n"
    assert (program / "info" / "license").read_text() == "Dual BSD/GPL\n"
    assert (program / "info" / "sources").read_text() == f"{SOURCES / 'object-full.bpf.c'}\n"
    assert (program / "maps" / "hash" / "info" / "max_entries").read_text() == "1024\n"
    # In a file, what is not read-only cannot change either.
    assert (program / "maps" / "object_f.data" / "vars" / "limit").read_text() == "3\n"
    assert (program / "maps" / "object_f.bss" / "vars" / "zeroed").read_text() == "0\n"
    assert sorted(os.listdir(mountpoint / "maps")) == [
        ".data.own", ".rodata.metadat", ".rodata.str1.1", "hash", "inner", "object_.kconfig",
        "object_f.bss", "object_f.data", "object_f.rodata", "outer"]
    for entry in [program, program / "oncall", mountpoint / "maps"]:
        assert entry.stat().st_mtime_ns == path.stat().st_mtime_ns


def test_big_endian(compiled, daemon, tmp_path):
    """The same values, though every number in the file stands the other way round."""
    trees = []
    for target in ("bpf", "bpfeb"):
        path, directory = tmp_path / target / "object.o", tmp_path / target / "mnt"
        directory.mkdir(parents=True)
        include = "/usr/include/" + ok("gcc", "-print-multiarch").strip()
        ok("clang", "-g", "-O2", "-target", target, f"-I{include}", "-c",
           SOURCES / "object-full.bpf.c", "-o", path)
        daemon(path, path=directory)
        trees.append(contents(directory))
    assert len(trees[0]) > 100
    assert trees[0] == trees[1]


@pytest.fixture
def compile_with(tmp_path):
    """Compiles tests/bpf/NAME.bpf.c with these options; returns the object's path."""

    def compile_one(name, *options):
        path = tmp_path / f"{name}.bpf.o"
        include = "/usr/include/" + ok("gcc", "-print-multiarch").strip()
        ok("clang", "-O2", "-target", "bpf", *options, f"-I{include}", "-c",
           SOURCES / f"{name}.bpf.c", "-o", path)
        return path

    return compile_one


def mounted(path, mountpoint):
    """Mounts an object in the background; returns what is said meanwhile, a line each."""
    result = run("bpfmetafs", path, mountpoint)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    start = f"bpfmetafs: '{path}': "
    lines = result.stderr.splitlines()
    assert all(line.startswith(start) for line in lines)
    return [line.removeprefix(start) for line in lines]


def test_without_btf(compile_with, mountpoint):
    path = compile_with("object-full")
    assert mounted(path, mountpoint) == [
        "libbpf refuses the object: no BTF that can be read defines its maps; compile it with -g"]
    program = mountpoint / "attached"
    assert sorted(os.listdir(program)) == ["info", "maps"]
    assert (program / "info" / "btf").read_text() == "none\n"
    assert (program / "maps" / "outer" / "info" / "type").read_text() == (
        "unknown: the object has no BTF\n")
    data = [entry for entry in (mountpoint / "maps").iterdir()
            if (entry / "info" / "section").exists()]
    assert len(data) == 6
    for entry in data:
        assert contents(entry / "vars") == {HIDDEN: b"(cannot be shown: no BTF describes it)\n"}


def test_with_unreadable_btf(compiled, mountpoint, tmp_path):
    path, junk = tmp_path / "junk.bpf.o", tmp_path / "junk"
    junk.write_bytes(b"\xff" * 100)
    ok("llvm-objcopy", f"--update-section=.BTF={junk}", compiled("object-places"), path)
    mounted(path, mountpoint)
    assert (mountpoint / "places" / "info" / "btf").read_text() == "unreadable\n"
    assert contents(mountpoint / "maps" / "junk.rodata" / "vars") == {
        HIDDEN: b"(cannot be shown: its BTF is not understood)\n"}


def test_all_global_data_has_vars(compiled, daemon, mountpoint):
    """String literals are in the file, and nothing describes them."""
    daemon(compiled("object-full"))
    for entry in (mountpoint / "maps").iterdir():
        section = entry / "info" / "section"
        assert (entry / "vars").exists() == section.exists()
        if section.exists():
            assert (section.read_text() == ".rodata.str1.1\n") == (entry / "vars" / HIDDEN).exists()


PLACES = {"oncall": "net-team\n", "severity": "2\n", "floor": "3\n", "shard": "4\n"}


@pytest.mark.parametrize("options", [
    [], ["-fdata-sections"], ["-fdata-sections", "-fno-unique-section-names"],
], ids=["plain", "a-section-each", "sections-of-one-name"])
@pytest.mark.parametrize("change", [[], ["--keep-global-symbol=places"], ["--strip-unneeded"]],
                         ids=["unchanged", "localized", "stripped"])
def test_sections_of_variables(options, change, compile_with, mountpoint, tmp_path):
    """Whatever compilers and other tools do with sections and symbols, a value is its own."""
    path = tmp_path / "changed.bpf.o"
    ok("llvm-objcopy", *change, compile_with("object-places", "-g", *options), path)
    problems = mounted(path, mountpoint)
    assert bool(problems) == bool(options or "keep-global" in str(change))
    program = mountpoint / "places"
    assert {name: (program / name).read_text() for name in PLACES} == PLACES
    said = program / "info" / "problems"
    assert (said.read_text().splitlines() if said.exists() else []) == problems


def test_a_variable_that_is_nowhere(compile_with, mountpoint, tmp_path):
    """It is shown, but none of its section's bytes are taken for its value."""
    path = tmp_path / "changed.bpf.o"
    ok("llvm-objcopy", "--remove-section=.rel.BTF", "--redefine-sym=bpf_metadata_severity=x",
       compile_with("object-places", "-g"), path)
    (problem,) = mounted(path, mountpoint)
    assert problem.startswith("where 'bpf_metadata_severity' is in section '.rodata' can't be told: ")
    program = mountpoint / "places"
    expected = dict(PLACES, severity="(cannot be shown: where it is in the file is not known)\n")
    assert {name: (program / name).read_text() for name in PLACES} == expected


def test_what_loaders_refuse_is_said(compiled, mountpoint):
    path = compiled("object-refused")
    problems = mounted(path, mountpoint)
    assert "libbpf refuses the map 'hidden': it is static" in problems
    programs = [entry for entry in mountpoint.iterdir() if entry.name != "maps"]
    assert len(programs) == 5
    for program in programs:
        assert (program / "info" / "problems").read_text().splitlines() == problems
    assert os.listdir(mountpoint / "uses_hidden" / "maps") == ["hidden"]
    # It is true.
    assert run("bpftool", "prog", "loadall", path, BPFFS / "not-to-be").returncode != 0
    assert not (BPFFS / "not-to-be").exists()


def test_problems_in_the_foreground(compiled, mountpoint):
    """There they are said once, as all that goes to the log."""
    process = subprocess.Popen(["bpfmetafs", "-f", compiled("object-refused"), mountpoint],
                               stderr=subprocess.PIPE, text=True)
    eventually(lambda: is_mounted(mountpoint))
    ok("umount", mountpoint)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.count("libbpf refuses the map 'hidden': it is static") == 1


def test_debug_information_alone(compiled, mountpoint, tmp_path):
    path = tmp_path / "debug.bpf.o"
    ok("llvm-objcopy", "--only-keep-debug", compiled("hello"), path)
    result = run("bpfmetafs", path, mountpoint)
    assert result.returncode == 32
    assert result.stderr.startswith(f"bpfmetafs: '{path}' has no code, ")
    assert not is_mounted(mountpoint)


def test_later_changes_of_the_file(compiled, daemon, mountpoint, tmp_path):
    path = tmp_path / "app.bpf.o"
    shutil.copy(compiled("hello"), path)
    daemon(path)
    before = contents(mountpoint)
    path.write_bytes(b"")
    path.unlink()
    assert contents(mountpoint) == before
    assert (mountpoint / "hello" / "oncall").read_text() == "net-team\n"


@pytest.mark.parametrize("content, sentence", [
    (b"", "'{}' is empty"),
    (b"no object\n", "'{}' is not an ELF file"),
    (b"\x7fELF", "'{}' is a truncated or damaged ELF file"),
], ids=["empty", "text", "truncated"])
def test_refused(content, sentence, mountpoint, tmp_path):
    path = tmp_path / "x.o"
    path.write_bytes(content)
    result = run("bpfmetafs", path, mountpoint)
    assert (result.returncode, result.stdout) == (32, "")
    assert result.stderr == "bpfmetafs: " + sentence.format(path) + "\n"
    assert not is_mounted(mountpoint)


def test_no_bpf_object(mountpoint):
    result = run("bpfmetafs", "/bin/true", mountpoint)
    assert result.returncode == 32
    assert result.stderr.startswith("bpfmetafs: '/bin/true' is an ELF file for ")
    assert result.stderr.endswith(", not for BPF\n")


def test_mounted_by_mount(compiled, mountpoint):
    ok("mount", "-t", "bpfmetafs", compiled("hello"), mountpoint)
    assert (mountpoint / "hello" / "oncall").read_text() == "net-team\n"


@pytest.fixture
def fuse_for_all(tmp_path):
    """Everybody may open /dev/fuse, as distributions have it."""
    device = pathlib.Path("/dev/fuse")
    if device.stat().st_mode & 0o006 == 0o006:
        yield
        return
    open_to_all = tmp_path / "fuse"
    os.mknod(open_to_all, 0o600 | stat.S_IFCHR, device.stat().st_rdev)
    open_to_all.chmod(0o666)
    ok("mount", "--bind", open_to_all, device)
    yield
    # A daemon has it open for a moment after its tree is unmounted.
    eventually(lambda: run("umount", device).returncode == 0)


def test_ordinary_user(compiled, fuse_for_all):
    """Nobody in particular mounts an object that they may read, and sees it. Not one that they may
    not."""
    user = pwd.getpwnam("nobody")
    home = pathlib.Path("/tmp") / f"bpfmetafs-user-{os.getpid()}"
    mnt, path, secret = home / "mnt", home / "app.bpf.o", home / "secret.bpf.o"
    home.mkdir(mode=0o755)
    mnt.mkdir()
    try:
        for copy in (path, secret):
            shutil.copy(compiled("hello"), copy)
        path.chmod(0o644)
        secret.chmod(0o600)
        for one in (home, mnt):
            os.chown(one, user.pw_uid, user.pw_gid)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        result = run(*as_user, "bpfmetafs", secret, mnt)
        assert result.returncode == 32
        assert "Permission denied" in result.stderr
        ok(*as_user, "bpfmetafs", path, mnt)
        assert ok(*as_user, "cat", mnt / "hello" / "oncall") == "net-team\n"
        ok(*as_user, "fusermount3", "-u", mnt)
        eventually(lambda: not is_mounted(mnt))
    finally:
        if is_mounted(mnt):
            ok("umount", "-l", mnt)
        shutil.rmtree(home)
