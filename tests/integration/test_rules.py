# SPDX-License-Identifier: GPL-2.0-or-later
"""The option rules=: what the administrator says of programs whose authors say nothing."""

import json
import os
import struct
import time

import pytest

import bpf
from conftest import eventually, is_mounted, ok, run
from test_loader import child, group  # noqa: F401: fixtures
from test_links import cgroup, cgroup_link, skb  # noqa: F401: fixtures
from test_pids import hold  # noqa: F401: a fixture
from test_pinned import place  # noqa: F401: a fixture
from test_truth import forbid  # noqa: F401: a fixture


@pytest.fixture(params=["events", "noevents"])
def ruled(request, daemon, mountpoint, tmp_path):
    """Mounts with rules, given as a text or a path: with events and without. Returns the tree."""

    def start(rules):
        if isinstance(rules, str):
            (tmp_path / "rules").write_text(rules)
            rules = tmp_path / "rules"
        daemon(options=f"rules={rules}" + (",noevents" if request.param == "noevents" else ""))
        return mountpoint

    return start


def entries(program):
    return sorted(set(os.listdir(program)) - {"info", "maps"})


def rules_of(program):
    """info/rules, as name: (rule, place)."""
    lines = [line.split("\t") for line in (program / "info/rules").read_text().splitlines()]
    return {name: (rule, where) for name, rule, where in lines}


# Who gets what.

def test_a_rule_gives_a_name(ruled, hand, tmp_path):
    tree = ruled("# who owns what\n[by hand]\nmatch-name = by_*\noncall = platform\n"
                 "runbook = https://wiki.example.org/x?a=b;c\n")
    _, number = hand()
    program = tree / str(number)
    assert (program / "oncall").read_text() == "platform\n"
    assert entries(program) == ["oncall", "runbook"]
    assert (program / "runbook").read_text() == "https://wiki.example.org/x?a=b;c\n"
    assert (program / "info/rules").read_text() == (
        f"oncall\tby hand\t{tmp_path}/rules:4\nrunbook\tby hand\t{tmp_path}/rules:5\n")
    # As any other metadata.
    assert f"{program}/oncall" in ok("grep", "-lrx", "platform", program).splitlines()
    attr, directory = (program / "oncall").stat(), program.stat()
    assert (attr.st_size, attr.st_uid, attr.st_mtime) == (9, directory.st_uid, directory.st_mtime)
    assert attr.st_mode & 0o777 == 0o444
    assert not (program / "nothing").exists()


def test_without_rules_there_is_no_file_of_them(tree, hand):
    _, number = hand()
    assert "rules" not in os.listdir(tree / str(number) / "info")
    assert not (tree / str(number) / "info/rules").exists()


FIXED = [("name", "hello", "hell"), ("type", "xdp", "xd"), ("uid", "0", "1"),
         ("source", "*/hello.bpf.c", "hello.bpf.c")]


@pytest.mark.parametrize("key, right, wrong", FIXED, ids=[key for key, _, _ in FIXED])
def test_what_never_changes(ruled, program, key, right, wrong):
    tree = ruled(f"[wrong]\nmatch-{key} = {wrong};{wrong}?x\nteam = wrong\n"
                 f"[right]\nmatch-{key} = {wrong};{right}\nteam = right\n")
    assert (tree / str(program.id) / "team").read_text() == "right\n"
    assert rules_of(tree / str(program.id))["team"][0] == "right"


def test_the_tag(ruled, hand):
    _, number = hand()
    tag = json.loads(ok("bpftool", "-j", "prog", "show", "id", number))["tag"]
    tree = ruled(f"[tag]\nmatch-tag = {tag}\nteam = of the tag\n[other]\nmatch-tag = *\nteam = other\n")
    assert (tree / str(number) / "team").read_text() == "of the tag\n"


def test_a_type_that_libbpf_may_not_know(ruled, fds):
    """It has the name that newer versions of libbpf give it, wherever a type stands."""
    try:
        fds.append(bpf.prog_load(kind=32, attach_type=45))
    except OSError:
        pytest.skip("this kernel loads no programs for netfilter")
    number = bpf.object_id(fds[-1])
    tree = ruled("[number]\nmatch-type = 32\noncall = number-team\n"
                 "[name]\nmatch-type = netfilter\noncall = firewall-team\n")
    program = tree / str(number)
    assert (program / "info/type").read_text() == "netfilter\n"
    assert (program / "oncall").read_text() == "firewall-team\n"
    assert str(number) in os.listdir(tree / "by/type/netfilter")
    (listed,) = [one for one in json.loads((tree / "programs.json").read_text()) if one["id"] == number]
    assert listed["type"] == "netfilter"
    assert 'type="netfilter"' in (tree / "metrics.prom").read_text()


def test_a_long_name_is_whole(ruled, load):
    loaded = load("long-names")
    names = {program["name"]: program["id"] for program in loaded.programs}
    name = max(names, key=len)
    assert len(name) > 15
    tree = ruled(f"[long]\nmatch-name = {name}\nteam = long\n")
    assert (tree / str(names[name]) / "team").read_text() == "long\n"


def test_what_has_no_name(ruled, hand):
    tree = ruled("[nameless]\nmatch-name =\nteam = nameless\n"
                 "[named]\nmatch-name = *\nteam = named\n")
    for name, team in (b"", "nameless\n"), (b"named", "named\n"):
        _, number = hand(name)
        assert (tree / str(number) / "team").read_text() == team


ATTACHED = "[a]\nmatch-attached = cgroup_inet_egress */bpfmetafs-test-*\nteam = attached\n"


def test_attached(ruled, cgroup, skb):  # noqa: F811
    """What a program is given goes with the attachment."""
    tree = ruled(ATTACHED + "[b]\nmatch-type = cgroup_skb\nteam = idle\n")
    prog, number = skb()
    team = tree / str(number) / "team"
    assert team.read_text() == "idle\n"
    before = team.stat()
    time.sleep(0.01)
    link = bpf.call(bpf.LINK_CREATE, struct.pack("<IIII", prog, cgroup[1], 1, 0))[0]
    eventually(lambda: team.read_text() == "attached\n")
    assert rules_of(team.parent)["team"][0] == "a"
    # Backup tools see that it has changed.
    assert team.stat().st_mtime > before.st_mtime
    assert team.stat().st_ino != before.st_ino
    os.close(link)
    eventually(lambda: team.read_text() == "idle\n")


def test_an_attachment_gives_what_nothing_else_gives(ruled, cgroup_link):  # noqa: F811
    tree = ruled(ATTACHED)
    fd, _, number = cgroup_link
    assert (tree / str(number) / "team").read_text() == "attached\n"
    assert entries(tree / str(number)) == ["team"]
    os.close(fd)
    eventually(lambda: not (tree / str(number) / "team").exists())
    assert entries(tree / str(number)) == []
    assert (tree / str(number) / "info/rules").read_text() == ""


def need_pins(program):
    """Skips the test where pins can't be looked at."""
    if "(" in (program / "info/pinned").read_text():
        pytest.skip("this kernel can't look without changing times of access")


def test_pinned(ruled, hand, place):  # noqa: F811
    tree = ruled(f"[pinned]\nmatch-pinned = {place}/*\nteam = pinned\n"
                 "[not]\nmatch-pinned =\nteam = not pinned\n")
    fd, number = hand()
    team = tree / str(number) / "team"
    need_pins(team.parent)
    assert team.read_text() == "not pinned\n"
    bpf.obj_pin(fd, place / "x")
    assert team.read_text() == "pinned\n"
    (place / "x").rename(place.parent / f"elsewhere-{os.getpid()}")
    assert not team.exists()
    (place.parent / f"elsewhere-{os.getpid()}").unlink()
    assert team.read_text() == "not pinned\n"


# Only events tell who loads.

@pytest.mark.parametrize("key, right, wrong", [
    ("comm", "rules-agent", "rules-agen"), ("unit", "{unit}", "{unit}x"), ("cgroup", "*/{unit}", "/{unit}/*"),
    ("container", "*{container}", "x{container}")], ids=["comm", "unit", "cgroup", "container"])
def test_the_loader(daemon, mountpoint, tmp_path, child, group, key, right, wrong):  # noqa: F811
    """What it was is kept when it has ended."""
    container = "0123456789abcdef" * 4
    unit = f"docker-{container}.scope"
    right, wrong = (text.format(unit=unit, container=container) for text in (right, wrong))
    (tmp_path / "rules").write_text(
        f"[wrong]\nmatch-{key} = {wrong}\nteam = wrong\n"
        f"[right]\nmatch-name = by_*\nmatch-{key} = {right}\nteam = right\n"
        f"[unknown]\nmatch-{key} =\nteam = nobody\n")
    before = child()
    older = before.load()
    before.end()
    daemon(options=f"rules={tmp_path}/rules")
    directory = group(f"{unit}")
    one = child(before=f"libc.prctl(15, b'rules-agent', 0, 0, 0)\n"
                       f"open('{directory}/cgroup.procs', 'w').write('0')")
    number = one.load()
    team = mountpoint / str(number) / "team"
    if key == "unit" and not (mountpoint / str(number) / "info/loader/unit").exists():
        pytest.skip("the tests are in a unit")
    assert team.read_text() == "right\n"
    one.end()
    assert team.read_text() == "right\n"
    # Nobody saw who loaded what was there before, and only a pin holds it.
    assert (mountpoint / str(older) / "team").read_text() == "nobody\n"


def test_a_loader_in_parentheses(daemon, mountpoint, tmp_path, child):  # noqa: F811
    (tmp_path / "rules").write_text("[r]\nmatch-comm = (sd-pam)\nteam = right\n")
    daemon(options=f"rules={tmp_path}/rules")
    number = child(before="libc.prctl(15, b'(sd-pam)', 0, 0, 0)").load()
    assert (mountpoint / str(number) / "team").read_text() == "right\n"


def test_without_events_nobody_knows_the_loader(daemon, mountpoint, tmp_path, child):  # noqa: F811
    (tmp_path / "rules").write_text("[r]\nmatch-comm = *\nteam = right\n"
                                    "[s]\nmatch-comm =\nmatch-unit =\nteam = unknown\n")
    daemon(options=f"rules={tmp_path}/rules,noevents")
    one = child()
    number = one.load()
    one.end()
    assert (mountpoint / str(number) / "team").read_text() == "unknown\n"


@pytest.mark.parametrize("mode", ["", ",noevents"])
def test_who_holds_it(daemon, mountpoint, tmp_path, hand, hold, mode):  # noqa: F811
    """Also one to which a descriptor was passed. One process has to match all."""
    (tmp_path / "rules").write_text("[two]\nmatch-comm = first-one\nmatch-unit = second-*\nteam = x\n"
                                    "[one]\nmatch-comm = second-*;third\nteam = held\n"
                                    "[none]\nmatch-name = by_hand\nteam = not held\n")
    fd, number = hand()
    daemon(options=f"rules={tmp_path}/rules{mode}")
    team = mountpoint / str(number) / "team"
    assert team.read_text() == "not held\n"
    hold(fd, name="first-one")
    holder = hold(fd, name="second-one")
    eventually(lambda: team.read_text() == "held\n")
    holder.end()
    eventually(lambda: team.read_text() == "not held\n")


# Who goes first.

def test_the_first_rule_wins(ruled, hand):
    tree = ruled("[uid]\nmatch-name = by_hand\nmatch-uid = 1000\nteam = wrong\n"
                 "[first]\nmatch-name = by_*\nteam = first\n"
                 "[second]\nmatch-name = by_hand\nteam = second\nrunbook = second\n"
                 "[last]\nmatch-type = *\nteam = last\nrunbook = last\nother = last\n")
    _, number = hand()
    program = tree / str(number)
    assert {name: (program / name).read_text() for name in entries(program)} == \
        {"team": "first\n", "runbook": "second\n", "other": "last\n"}
    assert {name: rule for name, (rule, _) in rules_of(program).items()} == \
        {"team": "first", "runbook": "second", "other": "last"}
    _, number = hand(b"else")
    assert {(tree / str(number) / name).read_text() for name in entries(tree / str(number))} == \
        {"last\n"}


def test_authors_win(ruled, program, load):
    tree = ruled("[all]\nmatch-type = *\noncall = platform\nownership = x\nnote = x\n")
    assert (tree / str(program.id) / "oncall").read_text() == "net-team\n"
    assert os.listdir(tree / str(program.id)).count("oncall") == 1
    assert set(rules_of(tree / str(program.id))) == {"ownership", "note"}
    # Also where they say it with a struct.
    other = load("sections").id
    assert (tree / str(other) / "ownership").is_dir()
    assert set(rules_of(tree / str(other))) == {"note"}


def test_authors_who_are_late_win(ruled, hand, fds):
    """No event tells of a bind, and all the same nobody sees the rule's value after it."""
    tree = ruled("[all]\nmatch-type = *\noncall = platform\n")
    fd, number = hand()
    program = tree / str(number)
    oncall = program / "oncall"
    for _ in range(3):
        assert oncall.read_text() == "platform\n"
        assert entries(program) == ["oncall"]
    before = oncall.stat()
    time.sleep(0.01)
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "net-team")]))
    with oncall.open() as opened:
        bpf.bind(fd, fds[-1])
        assert oncall.read_text() == "net-team\n"
        assert opened.read() == "platform\n"
    assert entries(program) == ["oncall"]
    assert (program / "info/rules").read_text() == ""
    assert oncall.stat().st_mtime > before.st_mtime


def test_a_directory_that_comes_late_wins(ruled, hand, fds):
    tree = ruled("[all]\nmatch-type = *\nbuild = nobody\n")
    fd, number = hand()
    assert (tree / str(number) / "build").read_text() == "nobody\n"
    btf = bpf.Btf()
    kind = btf.struct("bpf_prog_metadata_build", 4, [("n", btf.int("int", 4), 0)])
    section = btf.datasec(".rodata", 4, [(btf.var("any", kind), 0, 4)])
    fds.append(bpf.typed_map(btf, section, b"\x07\0\0\0"))
    bpf.bind(fd, fds[-1])
    assert (tree / str(number) / "build/n").read_text() == "7\n"


def test_a_note_wins(ruled, hand):
    tree = ruled("[all]\nmatch-type = *\noncall = platform\n")
    _, number = hand()
    assert (tree / str(number) / "oncall").read_text() == "platform\n"
    ok("bpfmeta-annotate", number, "oncall=net-team")
    assert (tree / str(number) / "oncall").read_text() == "net-team\n"


def test_what_cannot_be_opened(ruled, hand, fds, forbid):  # noqa: F811
    """A map that can't be opened counts as one without metadata, as it does without rules."""
    tree = ruled("[all]\nmatch-name = by_hand\noncall = platform\n")
    fd, number = hand()
    _, other = hand()
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "net-team")]))
    bpf.bind(fd, fds[-1])
    forbid(bpf.object_id(fds[-1]), other)
    assert (tree / str(number) / "oncall").read_text() == "platform\n"
    assert os.listdir(tree / str(other)) == ["(cannot be shown)"]
    forbid(0, 0)
    assert (tree / str(number) / "oncall").read_text() == "net-team\n"
    assert (tree / str(other) / "oncall").read_text() == "platform\n"


def test_unloaded(ruled, hand):
    tree = ruled("[all]\nmatch-name = by_hand\noncall = platform\n")
    fd, number = hand()
    assert (tree / str(number) / "oncall").read_text() == "platform\n"
    os.close(fd)
    eventually(lambda: not (tree / str(number)).exists())
    with pytest.raises(FileNotFoundError):
        (tree / str(number) / "oncall").read_text()


def in_json(tree, number):
    (found,) = [one for one in json.loads((tree / "programs.json").read_text()) if one["id"] == number]
    return found.get("rules"), found.get("metadata")


def test_programs_json(ruled, program, hand, fds, place):  # noqa: F811
    """The administrator's word and the authors' are apart, and both are of now."""
    tree = ruled('[all]\nmatch-type = *\noncall = a "b" \\t\\\\\n'
                 f"[pinned]\nmatch-pinned = {place}/*\nwhere = x\n")
    fd, number = hand()
    for _ in range(2):
        assert in_json(tree, number) == ({"oncall": 'a "b" \t\\'}, None)
        rules, metadata = in_json(tree, program.id)
        assert rules is None and metadata["oncall"] == "net-team"
    need_pins(tree / str(number))
    bpf.obj_pin(fd, place / "x")
    eventually(lambda: in_json(tree, number)[0].get("where") == "x")
    (place / "x").unlink()
    eventually(lambda: "where" not in in_json(tree, number)[0])
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "net-team")]))
    bpf.bind(fd, fds[-1])
    eventually(lambda: in_json(tree, number) == (None, {"oncall": "net-team"}))


# Files of rules.

def test_a_directory(ruled, hand, tmp_path):
    rules = tmp_path / "rules.d"
    rules.mkdir()
    for name, team in {"20-b.rules": "b", "10-a.rules": "a", "30-c.rules": "c"}.items():
        (rules / name).write_text(f"[r]\nmatch-name = by_hand\nteam = {team}\nonly-{team} = x\n")
    (rules / "05.rules~").write_text("not a rule")
    (rules / ".05.rules").write_text("not a rule")
    (rules / "README").write_text("not a rule")
    tree = ruled(rules)
    _, number = hand()
    assert (tree / str(number) / "team").read_text() == "a\n"
    assert rules_of(tree / str(number)) == {
        "team": ("r", f"{rules}/10-a.rules:3"), "only-a": ("r", f"{rules}/10-a.rules:4"),
        "only-b": ("r", f"{rules}/20-b.rules:4"), "only-c": ("r", f"{rules}/30-c.rules:4")}


def test_an_empty_directory(ruled, hand, tmp_path):
    (tmp_path / "rules.d").mkdir()
    tree = ruled(tmp_path / "rules.d")
    _, number = hand()
    assert entries(tree / str(number)) == []
    assert (tree / str(number) / "info/rules").read_text() == ""


RULE = "[r]\nmatch-name = by_hand\nteam = hands\n"


@pytest.mark.parametrize("command", [("bpfmetafs", "bpf"), ("mount.bpfmetafs", "bpf"),
                                     ("mount", "-t", "bpfmetafs", "bpf")], ids=" ".join)
def test_a_path_from_here(mountpoint, tmp_path, hand, command):
    (tmp_path / "my,rules").write_text(RULE)
    (tmp_path / "over").write_text(RULE.replace("hands", "others"))
    ok(*command, mountpoint, "-o", "rules=over,mode=0400,rules=my\\,rules", cwd=tmp_path)
    _, number = hand()
    assert (mountpoint / str(number) / "team").read_text() == "hands\n"
    assert rules_of(mountpoint / str(number))["team"] == ("r", f"{tmp_path}/my,rules:3")


def test_another_namespace(mountpoint, tmp_path, hand):
    """The rules are those of here."""
    (tmp_path / "rules").write_text(RULE)
    _, number = hand()
    ok("mount.bpfmetafs", "bpf", mountpoint, "-N", os.getpid(), "-o", "rules=rules", cwd=tmp_path)
    assert (mountpoint / str(number) / "team").read_text() == "hands\n"


def test_they_are_read_once(ruled, hand, tmp_path):
    tree = ruled(RULE)
    (tmp_path / "rules").write_text("not a rule")
    _, number = hand()
    assert (tree / str(number) / "team").read_text() == "hands\n"
    done = run("mount", "-o", f"remount,rules={tmp_path}/rules", tree)
    assert done.returncode == 32
    assert "the option 'rules' cannot be changed while" in done.stderr


@pytest.mark.parametrize("text, fault", [
    ("[r]\nmatch-nam = x\nteam = x\n", "rules:2: 'match-nam' is not known: it can be one of name, "),
    ("[r]\nteam = x\n", "rules:1: the rule 'r' does not say for which programs it is: write "),
    ("[r]\nmatch-name = x\n", "rules:1: the rule 'r' gives no name"),
    ("\n\nnot a rule\n", "rules:3: this is neither a rule's name in brackets, nor a key, = and a value"),
    ("[r\n", "rules:1: this is neither "),
    ("team = x\n", "rules:1: 'team' is in no rule: "),
    (RULE + RULE, "rules:4: the rule 'r' is there already, in line 1"),
    (RULE + "team = other\n", "rules:4: the key 'team' is there already, in line 3"),
    (RULE + "info = x\n", "rules:4: 'info' is the filesystem's own"),
    (RULE + "../x = y\n", "rules:4: '../x' cannot be the name of a file"),
    (RULE + "x = \x1b[2J\n", "rules:4: the value of 'x' has characters that do not print"),
    (RULE + "x = \\q\n", "rules:4: the value of 'x' has a backslash that means nothing"),
    (RULE + "x =\n", "rules:4: 'x' has no value"),
    (RULE + "# \0\n", "rules:4: this is not UTF-8"),
    (RULE + "# \udcff\n", "rules:4: this is not UTF-8"),
    ("#" * (1 << 20) + "\n", "rules:1: the file has more than 1048576 bytes"),
    ("".join(f"[{i}]\nmatch-name=x\nx=1\n" for i in range(4097)),
     "rules:12289: there are more than 4096 rules"),
    ("[r]\nmatch-name=x\n" + "".join(f"n{i}=1\n" for i in range(1025)),
     "rules:1027: there are more than 1024 names"),
    ("".join(f"[{i}]\nmatch-name=x\n" + "".join(f"n{j}=1\n" for j in range(1000))
             for i in range(17)), "rules:16419: the rules give more than 16384 values"),
], ids=range(19))
def test_a_fault(mountpoint, tmp_path, text, fault):
    (tmp_path / "rules").write_bytes(text.encode("utf-8", "surrogateescape"))
    for command in (("bpfmetafs", "bpf"), ("mount", "-t", "bpfmetafs", "bpf")):
        done = run(*command, mountpoint, "-o", f"rules={tmp_path}/rules")
        assert (done.returncode, done.stdout) == (32, "")
        assert done.stderr.startswith(f"bpfmetafs: {tmp_path}/{fault}")
        assert done.stderr.count("\n") == 1
        assert not is_mounted(mountpoint)


def test_what_are_no_rules(mountpoint, tmp_path, compiled):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x.rules").mkdir()
    (tmp_path / "many").mkdir()
    for i in range(257):
        (tmp_path / f"many/{i}.rules").touch()
    for path, why in {"none": "No such file or directory", "fifo": "it is not a regular file",
                      "\x1b[2J": "No such file or directory",
                      "many": "the directory has more than 256 files of rules"}.items():
        done = run("bpfmetafs", "bpf", mountpoint, "-o", f"rules={tmp_path}/{path}")
        shown = path.replace("\x1b", "\\x1b")
        assert (done.returncode, done.stderr) == (
            32, f"bpfmetafs: the rules '{tmp_path}/{shown}' cannot be read: {why}\n")
    done = run("bpfmetafs", "bpf", mountpoint, "-o", f"rules={tmp_path}/d")
    assert done.stderr == (f"bpfmetafs: the rules '{tmp_path}/d/x.rules' cannot be read: it is not a "
                           "regular file\n")
    done = run("bpfmetafs", "bpf", mountpoint, "-o", "rules=")
    assert done.returncode == 1 and "the path of a file or directory" in done.stderr
    done = run("bpfmetafs", compiled("hello"), mountpoint, "-o", "rules=/none")
    assert (done.returncode, done.stderr) == (1, (
        "bpfmetafs: the option 'rules' is for the programs of the kernel, not for those of an object "
        "file\n"))
    assert not is_mounted(mountpoint)


def test_many_rules(ruled, hand):
    """The limits can be reached, and a program that gets all that there is can be listed."""
    tree = ruled("".join(f"[{i}]\nmatch-name = by_hand\nname{i % 1024} = {i}\n" for i in range(4096)))
    _, number = hand()
    assert set(entries(tree / str(number))) == {f"name{i}" for i in range(1024)}
    assert (tree / str(number) / "name1023").read_text() == "1023\n"
    assert len(rules_of(tree / str(number))) == 1024
    _, number = hand(b"other")
    assert entries(tree / str(number)) == []


def test_two_hundred_rules(ruled, hand):
    tree = ruled("".join(f"[{i}]\nmatch-name = hand{i}\nmatch-type = *filter\noncall = team{i}\n"
                         for i in range(200)))
    for i in 0, 100, 199:
        _, number = hand(f"hand{i}".encode())
        assert (tree / str(number) / "oncall").read_text() == f"team{i}\n"


# Reports.

def test_an_owner_by_rule_is_an_owner(ruled, hand):
    """Only programs without any count as such that lack one."""
    tree = ruled("[by hand]\nmatch-name = owned_*\noncall = platform\n")
    hand(b"owned_by_rule")
    hand(b"owned_by_no")
    _, number = hand(b"ownerless")
    samples = {}
    for line in (tree / "metrics.prom").read_text().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = int(float(value))
    without = [name for name in samples if name.startswith("bpf_programs{") and 'oncall=""' in name]
    assert samples['bpf_programs{name="owned_by_rule",type="socket_filter",oncall="platform"}'] == 1
    assert not [name for name in without if '"owned_' in name]
    assert [name for name in without if '"ownerless"' in name]
    assert samples["bpf_programs_without_owner"] == sum(samples[name] for name in without)


def test_metrics(ruled, hand, fds):
    tree = ruled("[by hand]\nmatch-name = by_*\noncall = platform\n")
    fd, _ = hand()
    assert 'name="by_hand",type="socket_filter",oncall="platform"' in \
        (tree / "metrics.prom").read_text()
    # What its authors say counts, and comes late.
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "net-team")]))
    bpf.bind(fd, fds[-1])
    time.sleep(0.004)
    assert 'name="by_hand",type="socket_filter",oncall="net-team"' in \
        (tree / "metrics.prom").read_text()
