# SPDX-License-Identifier: GPL-2.0-or-later
"""bpfmeta-annotate: notes on programs that are loaded, as bpfmetafs and bpftool see them."""

import json
import os
import pathlib
import shlex

import pytest

import bpf
from bpf import BTF_FUNC, BTF_STRUCT
from conftest import BPFFS, eventually, ok, run
from test_links import veth  # noqa: F401: a fixture

STRUCT_OPS, TRACING, EXT, LSM = 27, 26, 28, 29

# Of the types that are for one thing of the kernel: attach type, and what it is for.
TARGETS = {
    TRACING: (24, BTF_FUNC, b"vfs_unlink"),
    LSM: (27, BTF_FUNC, b"bpf_lsm_file_open"),
    STRUCT_OPS: (None, BTF_STRUCT, b"tcp_congestion_ops"),
}
F_SLEEPABLE = 1 << 4


def annotate(*words):
    """Annotates. Returns what it said."""
    return ok("bpfmeta-annotate", *words)


def refusal(*words, status=2):
    """The sentence with which it refuses."""
    done = run("bpfmeta-annotate", *words)
    assert (done.returncode, done.stdout) == (status, "")
    name, _, sentence = done.stderr.partition(": ")
    assert name == "bpfmeta-annotate" and sentence.count("\n") == 1
    return sentence.rstrip("\n")


def metadata(program):
    return {path.name: path.read_text() for path in program.iterdir() if path.is_file()}


def bpftool_metadata(number):
    return json.loads(ok("bpftool", "-j", "prog", "show", "id", number)).get("metadata")


def test_a_note_is_seen(tree, hand):
    _, number = hand(b"stamped")
    assert annotate(number, "oncall=net-team", "runbook=https://wiki.example.org/x?a=b") == \
        (f"program {number} (socket_filter stamped) has oncall=net-team until it is unloaded\n"
         f"program {number} (socket_filter stamped) has runbook=https://wiki.example.org/x?a=b "
         "until it is unloaded\n")
    assert metadata(tree / str(number)) == {"oncall": "net-team\n",
                                            "runbook": "https://wiki.example.org/x?a=b\n"}
    assert bpftool_metadata(number) == {"oncall": "net-team",
                                        "runbook": "https://wiki.example.org/x?a=b"}
    (held,) = (tree / str(number) / "maps").glob("[0-9]*")
    assert (held / "info/frozen").read_text() == "1\n"
    assert (held / "info/name").read_text() == "bpfmeta.rodata\n"


def kinds():
    """A program of each type that this kernel loads: type and descriptor."""
    types = bpf.KernelTypes()
    for kind in range(1, 64):
        attach_types, target = range(64), None
        if kind in TARGETS:
            attach_type, *target = TARGETS[kind]
            target = types.find(*target)
            attach_types = range(64) if attach_type is None else [attach_type]
        for attach_type in attach_types:
            try:
                fd = bpf.prog_load(name=b"any", kind=kind, attach_type=attach_type,
                                   attach_btf_id=target or 0,
                                   flags=F_SLEEPABLE if kind == 31 else 0)
            except OSError:
                continue
            yield kind, fd
            break
    types.free()


def test_every_type(tree, fds):
    programs = {}
    for kind, fd in kinds():
        fds.append(fd)
        programs[kind] = bpf.object_id(fd)
    assert len(programs) > 15, "so few types are no test"
    for kind, number in programs.items():
        annotate(number, f"oncall=team-{kind}")
    for kind, number in programs.items():
        assert metadata(tree / str(number)) == {"oncall": f"team-{kind}\n"}
        assert bpftool_metadata(number) == {"oncall": f"team-{kind}"}


def test_what_the_authors_say_is_not_hidden(tree, program):
    held = (tree / str(program.id) / "info/map_ids").read_text()
    where = f"program {program.id} (xdp hello)"
    for words in (("-n",), ()):
        assert refusal(*words, program.id, "oncall=other", "note=x", status=1) == \
            f"{where} has oncall already; --force binds another, which is seen as oncall~2"
    assert (tree / str(program.id) / "info/map_ids").read_text() == held
    assert annotate("--force", program.id, "oncall=other", "note=x") == \
        f"{where} has oncall~2=other until it is unloaded\n{where} has note=x until it is unloaded\n"
    assert (tree / str(program.id) / "oncall").read_text() == "net-team\n"
    assert (tree / str(program.id) / "oncall~2").read_text() == "other\n"
    assert (tree / str(program.id) / "note").read_text() == "x\n"


def test_a_struct_of_the_authors_is_a_name(load):
    """The entry's name counts, not the variable's."""
    loaded = load("sections")
    assert "has ownership already" in refusal(loaded.id, "ownership=x", status=1)


def test_an_earlier_note_is_not_hidden(tree, hand):
    _, number = hand()
    annotate(number, "oncall=first")
    assert "has oncall already" in refusal(number, "oncall=second", status=1)
    annotate(number, "-f", "oncall=second")
    assert "is seen as oncall~3" in refusal(number, "oncall=third", status=1)
    assert metadata(tree / str(number)) == {"oncall": "first\n", "oncall~2": "second\n"}


def test_data_that_programs_can_write_is_no_name(tree, hand, fds):
    """What bpfmetafs does not show is in nobody's way."""
    fd, number = hand()
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "no")], flags=0, freeze=False))
    bpf.bind(fd, fds[-1])
    annotate(number, "oncall=net-team")
    assert metadata(tree / str(number)) == {"oncall": "net-team\n"}
    # A map in front that is frozen late has its names first.
    bpf.map_freeze(fds[-1])
    assert metadata(tree / str(number)) == {"oncall": "no\n", "oncall~2": "net-team\n"}


def test_dry_run(tree, hand):
    _, number = hand()
    assert annotate("-n", number, "oncall=net-team") == \
        f"program {number} (socket_filter by_hand) would have oncall=net-team until it is unloaded\n"
    assert metadata(tree / str(number)) == {}
    assert (tree / str(number) / "info/map_ids").read_text() == "\n"


@pytest.mark.parametrize("note, fault", [
    ("oncall", "the note 'oncall' is not NAME=VALUE"),
    ("=x", "the name '' is empty"),
    ("a/b=x", "the name 'a/b' has other characters than letters, digits and '_'"),
    ("..=x", "the name '..' has other characters than letters, digits and '_'"),
    ("n\x1b[m=x", r"the name 'n\x1b[m' has other characters than letters, digits and '_'"),
    ("info=x", "the name 'info' is the filesystem's own"),
    ("maps=x", "the name 'maps' is the filesystem's own"),
    ("n" * 116 + "=x", f"the name '{'n' * 116}' is longer than 115 bytes"),
    ("oncall=", "the value of 'oncall' is empty"),
    ("oncall=\x1b[2J", "the value of 'oncall' has characters that do not print"),
    (b"oncall=\xff", "the value of 'oncall' is not UTF-8"),
    ("oncall=" + "x" * 65536, "a call takes 256 notes with 65536 bytes in all"),
])
def test_a_wrong_note(hand, note, fault):
    fd, number = hand()
    words = ["bpfmeta-annotate", str(number), "first=x", note]
    done = run(*words) if isinstance(note, str) else \
        run("sh", "-c", f"bpfmeta-annotate {number} \"$(printf 'oncall=\\377')\"")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"bpfmeta-annotate: {fault}\n")
    assert bpf.bound_map_ids(fd) == []


def test_a_name_twice(hand):
    _, number = hand()
    assert refusal(number, "a=1", "b=2", "a=3") == "the name 'a' is given twice"


def test_the_most(tree, hand):
    _, number = hand()
    longest = "n" * 115
    notes = {longest: "v" * 60000, "text": "a\tb\nc ü\\", "131": "number"}
    notes |= {f"note{i}": str(i) for i in range(256 - len(notes))}
    annotate(number, *[f"{name}={value}" for name, value in notes.items()])
    shown = {name: value + "\n" for name, value in notes.items()}
    shown["text"] = "a\tb\nc ü\\\\\n"
    assert metadata(tree / str(number)) == shown
    assert "takes 256 notes" in refusal(number, "-f", *[f"x{i}=x" for i in range(257)])


def test_what_is_no_program(tmp_path, hand, fds):
    assert refusal(0, "a=b") == "0 is not the id of a program"
    assert refusal(1 << 32, "a=b") == "4294967296 is not the id of a program"
    assert refusal((1 << 31) - 1, "a=b") == \
        "no program 2147483647 is loaded; bpftool prog lists them"
    assert refusal(tmp_path / "none", "a=b") == \
        f"'{tmp_path}/none' is not there; a program is given by its id or by the path of a pin"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file", "a=b") == f"'{tmp_path}/file' is no pin in a bpffs, or may not be opened"
    fds.append(bpf.map_create())
    pin = BPFFS / f"annotate-map-{os.getpid()}"
    bpf.obj_pin(fds[-1], pin)
    try:
        assert refusal(pin, "a=b") == f"'{pin}' is the pin of a map or link, not of a program"
    finally:
        pin.unlink()


@pytest.fixture
def pinned():
    """A program that only a pin keeps, whose owner is nobody, below directories that all may search:
    pin and id."""
    directory = pathlib.Path("/tmp") / f"bpfmeta-annotate-{os.getpid()}"
    directory.mkdir(mode=0o755)
    ok("mount", "-t", "bpf", "-o", "mode=0755", "bpf", directory)
    pin = directory / "pinned"
    fd = bpf.prog_load(name=b"pinned")
    bpf.obj_pin(fd, pin)
    os.chown(pin, 65534, 65534)
    yield pin, bpf.object_id(fd)
    os.close(fd)
    ok("umount", directory)
    directory.rmdir()


WITH_CAP_BPF = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+cap_39",
                "--ambient-caps=-all,+cap_39", "--bounding-set=-all,+cap_39"]


def test_what_a_tree_has_is_no_pin(tree, hand):
    """The name of a program's directory is its id, and that is what has to be given."""
    _, number = hand()
    for path in (tree / str(number), f"{tree / str(number)}/", tree, tree / "maps", BPFFS):
        assert refusal(path, "note=it") == \
            (f"'{path}' is a directory: a program is given by its id, which is the name of its directory in a "
             "tree, or by the path of a pin")
    path = tree / str(number) / "info/id"
    assert refusal(path, "note=it") == f"'{path}' is no pin in a bpffs, or may not be opened"
    assert metadata(tree / str(number)) == {}


def test_by_a_pin(tree, pinned):
    pin, number = pinned
    assert annotate(pin, "oncall=net-team").startswith(f"program {number} (socket_filter pinned) has ")
    assert metadata(tree / str(number)) == {"oncall": "net-team\n"}


def test_rights(tree, pinned):
    """By a path, CAP_BPF alone will do, as long as nobody else's maps are bound."""
    pin, number = pinned
    command = [*WITH_CAP_BPF, "bpfmeta-annotate"]
    done = run(*command, number, "oncall=net-team")
    assert (done.returncode, done.stderr) == (2, (
        f"bpfmeta-annotate: program {number} cannot be opened by its id without CAP_SYS_ADMIN: be "
        "root, or give the path of a pin\n"))
    ok(*command, pin, "oncall=net-team")
    assert metadata(tree / str(number)) == {"oncall": "net-team\n"}

    # Which names there are now takes more.
    done = run(*command, pin, "runbook=x")
    assert done.returncode == 2
    assert "cannot be told" in done.stderr and "that takes CAP_SYS_ADMIN" in done.stderr
    ok(*command, "--force", pin, "runbook=x")
    assert metadata(tree / str(number)) == {"oncall": "net-team\n", "runbook": "x\n"}

    done = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bpfmeta-annotate", pin,
               "other=x")
    assert done.returncode == 2
    assert "CAP_" in done.stderr


def test_after_ip_link(tree, veth, compiled):  # noqa: F811
    """As the page shows it."""
    done = run("ip", "link", "set", "dev", veth, "xdp", "obj", compiled("hello"), "sec", "xdp")
    if done.returncode != 0:
        pytest.skip(f"this ip loads no programs: {done.stderr}")
    number = json.loads(ok("ip", "-j", "link", "show", "dev", veth))[0]["xdp"]["prog"]["id"]
    annotate(number, "note=x")
    assert (tree / str(number) / "note").read_text() == "x\n"
    assert (tree / str(number) / "oncall").read_text() == "net-team\n"


def test_nothing_is_kept(hand):
    """The program goes when its owner lets it go."""
    fd, number = hand()
    annotate(number, "oncall=net-team")
    maps = bpf.bound_map_ids(fd)
    assert len(maps) == 1
    os.close(fd)
    eventually(lambda: number not in bpf.prog_ids() and maps[0] not in bpf.map_ids())


@pytest.mark.parametrize("words", [[], ["131"], ["--nosuch"]], ids=shlex.join)
def test_a_wrong_command_line(words):
    assert "bpfmeta-annotate --help" in refusal(*words)


def test_the_page_has_the_limits():
    """What the page says is what the code does."""
    page = (pathlib.Path(__file__).resolve().parents[2] / "man/bpfmeta-annotate.8").read_text()
    for number in ("115 bytes", "256 notes", "65536 bytes"):
        assert number in page
