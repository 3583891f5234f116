# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command of the README and of the pages in docs/ does what a reader expects of it, and so does the
quickstart."""

import contextlib
import csv
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import tempfile
import time
import types

import pytest

import bpf
from conftest import BPFFS, SLOWNESS, eventually, is_mounted, ok, run
from receiving import LOG, own_dev
from test_links import CGROUP_INET_EGRESS, LINK_CREATE, cgroup, skb  # noqa: F401: some are fixtures
from test_loader import child, group, mounted  # noqa: F401: fixtures

PROJECT = pathlib.Path(__file__).resolve().parents[2]
# docs/authors.md has tests of its own.
PAGES = [PROJECT / "README.md", *(path for path in sorted((PROJECT / "docs").glob("*.md"))
                                  if path.name != "authors.md")]
LAYER = PROJECT / "tests/layer"
COMMIT = "5eca1e5"


def blocks(language):
    """The code blocks of all pages in that language: (heading, code) pairs."""
    found, heading, code = [], None, None
    for line in "".join(page.read_text(encoding="utf-8") for page in PAGES).splitlines():
        if code is not None:
            if line == "```":
                if inside == language:
                    found.append((heading, "\n".join(code) + "\n"))
                code = None
            else:
                code.append(line)
        elif line.startswith("```"):
            inside, code = line[3:], []
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
    return found


def commands(code):
    """The commands of a console block and what they print: (command, output) pairs."""
    found = []
    for line in code.splitlines():
        if re.match("[#$] ", line):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return [(command, "\n".join(output)) for command, output in found]


RECIPES = dict(blocks("sh"))


# The programs that the recipes are about: two that share all they have, and one that says nothing.

@pytest.fixture(scope="session")
def drops(tmp_path_factory):
    """The object file of tests/bpf/header_drops.bpf.c, stamped with COMMIT."""
    target = tmp_path_factory.mktemp("recipes") / "drops.bpf.o"
    compile_with_header(PROJECT / "tests/bpf/header_drops.bpf.c", target, f'-DBPFMETA_BUILD_COMMIT="{COMMIT}"')
    return target


def compile_with_header(source, target, *defines):
    ok("clang", "-g", "-O2", "-Wall", "-Werror", "-target", "bpf", "-I", PROJECT / "include",
       "-idirafter", "/usr/include/" + ok("gcc", "-print-multiarch").strip(), *defines, "-c", source, "-o", target)


@pytest.fixture
def host(drops, load, mountpoint, tmp_path):
    """What a recipe meets: loaded programs, and places for the paths that it names."""
    loaded = load(drops)
    by_name = {program["name"]: program["id"] for program in loaded.programs}
    maps = {ok("bpftool", "map", "show", "id", number).split("name ")[1].split()[0]: number
            for number in loaded.map_ids}
    other = tmp_path / "other"
    other.mkdir()
    yield types.SimpleNamespace(root=mountpoint, tmp=tmp_path, other=other, object=drops,
                                textfile=tmp_path, loaded=loaded, program=by_name["drop_all"],
                                second=by_name["drop_large"], map=maps["drops"],
                                rodata=maps["drops.rodata"], plain=load("plain").id,
                                interface="eth0", cgroup="/system.slice/edge-agent.service",
                                tag=loaded.programs[0]["tag"])
    if is_mounted(other):
        ok("umount", other)


def placed(code, host):
    """The code for this host: the paths and ids of the pages stand for others."""
    words = {"/bpfmeta": host.root, "/system.slice/edge-agent.service": host.cgroup,
             "/var/lib/prometheus/node-exporter": host.textfile,
             "/tmp": host.tmp, "/mnt": host.other, "131": host.program,
             "132": host.second, "133": host.plain, "30": host.map, "31": host.rodata,
             "hello.bpf.o": host.object, "eth0": host.interface, "d812b1a3dc0f9a8c": host.tag}
    pattern = (r"/bpfmeta\b|/system\.slice/edge-agent\.service|/var/lib/prometheus/node-exporter|/tmp\b|"
               r"/mnt\b|\b13[123]\b|\b3[01]\b|"
               r"hello\.bpf\.o|\beth0\b|\bd812b1a3dc0f9a8c\b")
    return re.sub(pattern, lambda match: str(words[match[0]]), code)


def recipe(title, host):
    """What the recipe prints, as lines. Other programs may vanish while it runs, and then it says so
    on stderr and in its exit status."""
    return run("sh", "-c", placed(RECIPES[title], host), cwd=host.tmp,
               timeout=600).stdout.splitlines()


@contextlib.contextmanager
def running(title, host):
    """Runs a recipe that does not end by itself."""
    process = subprocess.Popen(["sh", "-c", placed(RECIPES[title], host)], cwd=host.tmp,
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def path(host, number):
    return f"{host.root}/{number}"


# One function a recipe.

def who_owns_this_program(host, lines):
    assert lines == ["net-team"]


def what_do_its_authors_say(host, lines):
    assert sorted(lines) == [f"{path(host, host.program)}/{text}" for text in (
        "app:firewall", f"build_commit:{COMMIT}", "oncall:net-team",
        "runbook:https://wiki.example.org/net/drops", "severity:2")]


def which_belong_to_a_team(host, lines):
    assert {str(host.program), str(host.second)} <= set(lines)
    assert str(host.plain) not in lines


def symbol_of_a_function(host, lines):
    """Both programs call that function."""
    assert {f"{path(host, number)}/info/functions" for number in (host.program, host.second)} <= set(lines)
    assert f"{path(host, host.plain)}/info/functions" not in lines


def symbol_of_bpf(host, lines):
    assert {f"{host.program}/info/name:drop_all", f"{host.program}/oncall:net-team"} <= set(lines)
    assert not [line for line in lines if line.startswith(f"{host.second}/")]


def message_with_a_name(host, lines):
    assert f"{host.program}/oncall:net-team" in lines
    assert not [line for line in lines if line.startswith(f"{host.second}/")]


def something_with_an_interface(host, lines):
    place = f"xdp {host.interface}/{host.program}"
    assert {f"{place}/info/name:drop_all", f"{place}/oncall:net-team"} <= set(lines)
    assert all(line.startswith(place) for line in lines)


def where_does_it_occur(host, lines):
    mine = [line for line in lines if line.startswith(path(host, host.program) + "/")]
    assert mine == [f"{path(host, host.program)}/oncall:net-team"]


def which_have_no_owner(host, lines):
    assert f"{host.plain} lacks oncall: match-type=socket_filter match-name=plain" in lines
    assert not [line for line in lines if line.startswith(f"{host.program} ")]


def give_an_owner(host, lines):
    assert lines == [f"program {host.plain} (socket_filter plain) has oncall=net-team until it is unloaded"]
    assert (host.root / str(host.plain) / "oncall").read_text() == "net-team\n"


def what_was_loaded_today(host, lines):
    assert {path(host, host.program), path(host, host.plain)} <= set(lines)
    assert all(re.fullmatch(f"{host.root}/[0-9]+", line) for line in lines)


def what_was_loaded_lately(host, lines):
    mine = [line for line in lines if line.endswith(f" {path(host, host.program)}")]
    assert len(mine) == 1
    assert re.match(r"\d\d:\d\d:\d\d\.\d+ root ", mine[0])
    assert lines == sorted(lines)


def what_is_the_newest(host, lines):
    assert len(lines) == 1
    assert int(lines[0].rsplit("/", 1)[1]) >= host.plain


def which_use_this_map(host, lines):
    assert sorted(lines) == sorted([str(host.program), str(host.second)])


def which_share_a_map(host, lines):
    for number in (host.map, host.rodata):
        (mine,) = [line for line in lines if line.startswith(f"map {number}: ")]
        assert sorted(mine.split()[3:]) == sorted([str(host.program), str(host.second)])


def which_were_built_from(host, lines):
    directory = f"{host.root}/by/build_commit/{COMMIT}"
    assert {f"{directory}/{host.program}", f"{directory}/{host.second}"} <= set(lines)
    # In a crowd, there may be a program with more metadata than by/ shows.
    assert all(re.fullmatch(fr"{directory}/([0-9]+|\(cannot be shown\))", line) for line in lines)


def which_is_loaded_twice(host, lines):
    # Others may have the same instructions, as programs of another type or name.
    groups = [(tag, set(programs.split(", "))) for tag, programs in (line.split(": ") for line in lines)]
    tag = (host.root / str(host.plain) / "info/tag").read_text().strip()
    assert any(one == tag and {f"{host.plain} plain", f"{host.twin} plain"} <= twice for one, twice in groups)
    single = (host.root / str(host.single) / "info/tag").read_text().strip()
    assert single not in {one for one, _ in groups}


def what_costs_most(host, lines):
    assert len(lines) <= 5
    costs = [int(line.split()[0]) for line in lines]
    assert costs == sorted(costs, reverse=True)
    info = host.root / str(host.program) / "info"
    cost, runs = int((info / "run_time_ns").read_text()), int((info / "run_cnt").read_text())
    assert cost > 0 and runs >= 100000
    mine = f"{cost} ns in {runs} runs: {host.program} drop_all"
    # On a machine in use others may cost more.
    assert mine in lines or (len(costs) == 5 and costs[-1] >= cost)


def how_much_memory(host, lines):
    (total,) = lines
    mine = sum(int((host.root / "maps" / str(number) / "info/bytes_memlock").read_text())
               for number in (host.map, host.rodata))
    assert int(total) >= mine > 0


def which_maps_take_most(host, lines):
    size = (host.root / "maps" / str(host.large) / "info/bytes_memlock").read_text().strip()
    assert 0 < len(lines) <= 5
    assert f"{size} bytes: {host.large} large, of {host.user} net-team" in lines


def what_is_in_a_map(host, lines):
    assert re.search(rf"^{host.other}/maps/{host.map}/entries/0(/0)?:0$", lines[0])
    assert json.loads(lines[-1])["key"] == 0
    assert not is_mounted(host.other)


def take_a_snapshot(host, lines):
    assert f"{host.tmp}/incident/{host.program}/oncall" in lines
    copy = host.tmp / "incident" / str(host.program)
    assert copy.stat().st_mtime == pytest.approx((host.root / str(host.program)).stat().st_mtime)
    assert (copy / "info/name").read_text() == "drop_all\n"


def what_has_changed(host, lines):
    assert f"Only in {host.root}: {host.new}" in lines
    assert not [line for line in lines if f"/{host.program}/" in line]


# Text that tools which go by lines, commas or quotes take for something else.
AWKWARD = 'the "core" team, on call\nby night\ttoo \\n'


def inventory_as_csv(host, lines):
    assert lines == []
    with open(host.tmp / "inventory.csv", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["id", "type", "name", "tag", "oncall", "build_commit"]
    assert all(len(row) == len(head) for row in rows)
    rows = {row[0]: row[1:] for row in rows}
    tag = (host.root / str(host.program) / "info/tag").read_text().strip()
    assert rows[str(host.program)] == ["xdp", "drop_all", tag, "net-team", COMMIT]
    assert rows[str(host.plain)][:2] + rows[str(host.plain)][3:] == ["socket_filter", "plain", "", ""]
    assert rows[str(host.awkward)][3:] == [AWKWARD, ""]
    assert rows[str(host.struct)][3:] == ['{"first":"net-team"}', ""]


def inventory_as_json(host, lines):
    inventory = {program["id"]: program for program in json.loads("\n".join(lines))}
    assert inventory[host.program]["metadata"]["oncall"] == "net-team"
    assert inventory[host.program]["type"] == "xdp"
    assert inventory[host.program]["metadata"]["runbook"] == "https://wiki.example.org/net/drops"
    assert "metadata" not in inventory[host.plain]
    assert inventory[host.awkward]["metadata"] == {"oncall": AWKWARD, "build_commit": ""}
    assert inventory[host.struct]["metadata"] == {"oncall": {"first": "net-team"}}


def figures_for_prometheus(host, lines):
    found = [line for line in lines if line.startswith('bpf_programs{name="drop_all",type="xdp",')]
    assert len(found) == 1 and int(found[0].split()[-1]) >= 1


def in_what_do_hosts_differ(host, lines):
    found = [line.split("\t") for line in lines if line[0] in "<>"]
    assert [(words[0], words[1]) for words in found] == [("< xdp", "empty"), ("< xdp", "lines"),
                                                         ("> xdp", "empty"), ("> xdp", "lines")]


def what_will_it_load(host, lines):
    assert lines == ["net-team", "net-team"]
    assert not is_mounted(host.other)


EXPECTED = {
    "Who owns this program?": who_owns_this_program,
    "What do its authors say about it?": what_do_its_authors_say,
    "Which programs belong to a team?": which_belong_to_a_team,
    "No program has the tag of this symbol of perf": symbol_of_a_function,
    "A profile has a symbol of BPF": symbol_of_bpf,
    "A message names a program": message_with_a_name,
    "Something is wrong with an interface": something_with_an_interface,
    "Where does this text occur?": where_does_it_occur,
    "Which programs have no owner?": which_have_no_owner,
    "Give an owner to a program whose authors name none": give_an_owner,
    "What was loaded today?": what_was_loaded_today,
    "It began some minutes ago": what_was_loaded_lately,
    "What is the newest program?": what_is_the_newest,
    "Which programs use this map?": which_use_this_map,
    "Which programs share a map?": which_share_a_map,
    "Which programs were built from this commit?": which_were_built_from,
    "Which program is loaded more than once?": which_is_loaded_twice,
    "What costs most?": what_costs_most,
    "How much memory do maps take?": how_much_memory,
    "Which maps take most, and whose are they?": which_maps_take_most,
    "What is in a map?": what_is_in_a_map,
    "Take a snapshot, and search it later": take_a_snapshot,
    "What has changed since a snapshot?": what_has_changed,
    "An inventory as CSV": inventory_as_csv,
    "An inventory as JSON": inventory_as_json,
    "Figures for Prometheus": figures_for_prometheus,
    "In what do two hosts differ?": in_what_do_hosts_differ,
    "What will this object file load?": what_will_it_load,
}

# Recipes with a test of their own below.
APART = {"Who owns what on this host, complete?", "Tell when a program is unloaded", "Watch programs come and go",
         "Install and mount", "What has this service loaded?", "What was loaded at three, and is gone by now?",
         "What BPF is on this cgroup?"}


@pytest.mark.files
def test_every_recipe_is_tested():
    assert set(RECIPES) == EXPECTED.keys() | APART
    assert len(RECIPES) == len(blocks("sh"))


def run_often(host, fds):
    """Has the program run, and counted."""
    fds.append(bpf.call(32, struct.pack("<I", 0))[0])  # BPF_ENABLE_STATS, run time
    packet = host.tmp / "packet"
    packet.write_bytes(bytes(64))
    ok("bpftool", "prog", "run", "id", host.program, "data_in", packet, "repeat", "100000")


@pytest.fixture
def interface():
    """The name of an interface of the test's own."""
    name = f"br{os.getpid() % 100000}"
    made = run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p")
    yield name if made.returncode == 0 else None
    run("ip", "link", "del", name)


def prepare(title, host, load, fds):
    """What has to have happened before the recipe."""
    if title == "What costs most?":
        run_often(host, fds)
    elif title == "Which program is loaded more than once?":
        host.twin = load("plain").id
        # One that nobody else can have loaded.
        returns = struct.pack("<BBhi", 0xB7, 0, 0, os.getpid())
        fds.append(bpf.prog_load(returns + bpf.RETURN_0[8:]))
        host.single = bpf.object_id(fds[-1])
    elif title == "Which maps take most, and whose are they?":
        fds.append(bpf.map_create(value=32768, entries=2000, name=b"large"))
        host.large, large = bpf.object_id(fds[-1]), fds[-1]
        host.user = with_metadata(fds, bpf.metadata_map([("bpf_metadata_oncall", "net-team")]))
        bpf.bind(fds[-1], large)
    elif title == "What has changed since a snapshot?":
        run("cp", "-a", f"{host.root}/.", host.tmp / "incident", timeout=600)
        host.new = load("plain").id
    elif title in ("An inventory as CSV", "An inventory as JSON"):
        host.awkward = with_metadata(fds, bpf.metadata_map([("bpf_metadata_oncall", AWKWARD),
                                                            ("bpf_metadata_build_commit", "")]))
        btf = bpf.Btf()
        text = btf.array(btf.int("char", 1), 9, btf.int("__ARRAY_SIZE_TYPE__", 4))
        oncall = btf.var("bpf_metadata_oncall", btf.struct("oncall", 9, [("first", text, 0)]))
        section = btf.datasec(".rodata", 9, [(oncall, 0, 9)])
        host.struct = with_metadata(fds, bpf.typed_map(btf, section, b"net-team\0"))
    elif title == "In what do two hosts differ?":
        for name, first, empty, lines in ("web1", 3, {}, "one\nline"), ("web2", 81, {"note": ""}, "one\ntwo"):
            programs = [{"id": first + n, "type": "xdp", "name": key, "tag": "0011223344556677", "loaded_at": first,
                         "metadata": {"oncall": 'a "b", c', **more}}
                        for n, (key, more) in enumerate((("same", {}), ("empty", empty), ("lines", {"note": lines})))]
            programs.append({"id": 9 * first, "type": "xdp", "name": "plain", "tag": "8899aabbccddeeff"})
            (host.tmp / f"{name}.json").write_text(json.dumps(programs if first < 4 else programs[::-1]))


def with_metadata(fds, map_fd):
    """The id of a new program with that map."""
    fds.append(map_fd)
    fds.append(bpf.prog_load(name=b"with_metadata"))
    bpf.bind(fds[-1], map_fd)
    return bpf.object_id(fds[-1])


@pytest.mark.parametrize("title", EXPECTED)
def test_recipe(daemon, host, load, fds, interface, title):
    if title == "Something is wrong with an interface":
        if not interface:
            pytest.skip("no veth can be made")
        host.interface = interface
        ok("ip", "link", "set", "dev", interface, "xdpgeneric", "pinned",
           host.loaded.pins / "drop_all")
    daemon()
    prepare(title, host, load, fds)
    EXPECTED[title](host, recipe(title, host))


def test_costs_without_statistics(daemon, host):
    """It says so, and is not silent."""
    daemon()
    said = run("sh", "-c", placed(RECIPES["What costs most?"], host)).stderr
    is_on = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled").read_text().strip() == "1"
    assert said == ("" if is_on else "figures may be old: kernel.bpf_stats_enabled is 0\n")


def test_recipe_tell_when_a_program_is_unloaded(daemon, host):
    daemon()
    with running("Tell when a program is unloaded", host) as process:
        time.sleep(0.1)
        assert process.poll() is None
        host.loaded.unload()
        assert process.stdout.readline() == f"{host.program} is gone\n"
        assert process.wait(timeout=20 * SLOWNESS) == 0


def test_recipe_watch_programs_come_and_go(daemon, host, load):
    daemon()
    with running("Watch programs come and go", host) as process:
        eventually((host.tmp / "last").exists)
        eventually(lambda: str(host.program) in (host.tmp / "last").read_text().split())
        new = load("plain")
        host.loaded.unload()
        seen = set()
        while not {f"> {new.id}\n", f"< {host.program}\n"} <= seen:
            line = process.stdout.readline()
            assert re.fullmatch(r"[<>] \d+\n", line)
            seen.add(line)


JOURNALD = pathlib.Path("/lib/systemd/systemd-journald")


@pytest.fixture
def journal(tmp_path):
    """The system's log is a journal of the test's own, in a /dev and a /run of its own."""
    if not JOURNALD.exists() or run("journalctl", "--version").returncode != 0:
        pytest.skip("there is no journald")
    with own_dev(tmp_path / "dev"):
        ok("mount", "-t", "tmpfs", "run", "/run")
        pathlib.Path("/run/systemd/journald.conf.d").mkdir(parents=True)
        pathlib.Path("/run/systemd/journal").mkdir()
        # Nothing of the machine is changed or read.
        pathlib.Path("/run/systemd/journald.conf.d/test.conf").write_text(
            "[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=no\nForwardToWall=no\n")
        LOG.symlink_to("/run/systemd/journal/dev-log")
        with subprocess.Popen([JOURNALD], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            eventually(LOG.exists)
            yield
            process.terminate()
        ok("umount", "-l", "/run")


def test_recipe_what_is_gone_by_now(journal, daemon, host, load):
    recipe_of = RECIPES["What was loaded at three, and is gone by now?"]
    assert "02:55" in recipe_of and "03:05" in recipe_of
    code = recipe_of.replace("02:55", "-1h").replace("03:05", "+1h")
    ok("bpfmetafs", "bpf", host.root, "-o", "log")
    gone, there = load(host.object), load("plain")
    numbers = [program["id"] for program in gone.programs]

    def lines():
        return run("sh", "-c", placed(code, host), timeout=600).stdout.splitlines()

    # They are there, and have lines.
    eventually(lambda: f" id={there.id} " in ok("journalctl", "-q", "-t", "bpfmetafs"))
    assert not [line for line in lines() for number in numbers if f" id={number} " in line]
    gone.unload()
    for number in numbers:
        eventually(lambda one=number: any(f" id={one} " in line for line in lines()))
        (line,) = [line for line in lines() if f" id={number} " in line]
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* \S+ bpfmetafs\[\d+\]: event=load ", line)
        assert " type=xdp name=drop_" in line and line.endswith(" oncall=net-team")
    assert not [line for line in lines() if f" id={there.id} " in line]
    ok("umount", host.root)


def test_mount_by_hand(host):
    lines = recipe("Install and mount", host)
    assert lines[0].split() == ["TARGET", "SOURCE", "FSTYPE", "OPTIONS"]
    assert [str(host.root), "bpf", "fuse.bpfmetafs"] in [line.split()[:3] for line in lines]
    assert not is_mounted(host.root)


def shape(text):
    """The words of a screen without what differs from host to host."""
    text = re.sub(r"\b[0-9a-f]{16}\b", "TAG", text)
    return set(re.sub(r"[0-9]+", "0", text).split())


# Where struct bpf_prog_info ends that has verified_insns.
INFO_LENGTH = 220


def screens(heading):
    """The commands of a page's screens below that heading, and what they print."""
    return [pair for title, code in blocks("console") if title == heading for pair in commands(code)]


def typed(seen, host):
    """What each command prints if all are typed into one shell."""
    script = "".join(f"{placed(command, host)}\nprintf '\\001'\n" for command, _ in seen)
    done = run("sh", "-c", script)
    return done.stdout.split("\001")[:-1], done.stderr


@pytest.fixture
def quickstarted_program(host, tmp_path):
    """The program that quickstart loads. Its name is the test's own, for others load a hello as well."""
    name = f"tour{os.getpid()}"
    source = PROJECT / "examples/make/hello.bpf.c"
    pin = BPFFS / f"bpfmetafs-{name}"
    compile_with_header(source, tmp_path / "hello.bpf.o", f"-Dhello={name}")
    assert run("bpftool", "prog", "load", tmp_path / "hello.bpf.o", pin).returncode == 0
    yield types.SimpleNamespace(name=name, pin=pin)
    pin.unlink()


def test_a_look_around(daemon, host, hand, quickstarted_program):
    if bpf.info_length(hand()[0]) < INFO_LENGTH:
        pytest.skip("this kernel tells less of a program than the page shows")
    daemon()
    seen = [(command.replace("/hello/", f"/{quickstarted_program.name}/"), output)
            for command, output in screens("A look around")]
    assert len(seen) > 5
    printed, said = typed(seen, host)
    assert said == "" and len(printed) == len(seen)
    for (command, output), done in zip(seen, printed):
        for here, there in ((str(quickstarted_program.pin), "/sys/fs/bpf/bpfmetafs-hello"),
                            (str(PROJECT / "examples/make"), "/usr/src"), (quickstarted_program.name, "hello"),
                            # In a crowd, there may be a program with more metadata than by/ shows.
                            ("(cannot be shown)\n", "")):
            done = done.replace(here, there)
        assert shape(done) == shape(output), command


# Attaches a program to the process's own cgroup, by a link.
ATTACH = """
fd = bpf.prog_load(struct.pack("<BBhi", 0xB7, 0, 0, 1) + bpf.RETURN_0[8:], b"count_bytes", 8)
bpf.call(bpf.LINK_CREATE, struct.pack("<IIII", fd, os.open("{directory}", os.O_RDONLY), 1, 0))
print(bpf.object_id(fd), flush=True)
"""


@pytest.fixture
def agent(mounted, host, group, child):
    """A service that has loaded a program without metadata: host.plain."""
    directory = group("system.slice/edge-agent.service")
    agent = child(before=f"import struct\nopen('{directory}/cgroup.procs', 'w').write('0')\n"
                         "libc.prctl(15, b'edge-agent', 0, 0, 0)",
                  how=ATTACH.format(directory=directory))
    host.plain = agent.load()
    eventually((mounted / str(host.plain) / "info/loader/comm").exists)


def test_whose_is_it(host, agent):
    seen = screens("Whose is it?")
    assert len(seen) == 5
    printed, _ = typed(seen, host)
    for (command, output), done in zip(seen, printed):
        assert shape(done.replace(str(host.root), "/bpfmeta")) == shape(output), command


def test_recipe_what_has_this_service_loaded(host, agent):
    assert recipe("What has this service loaded?", host) == [
        f"{host.root}/by/unit/edge-agent.service/{host.plain}/info/name:count_bytes"]


def test_recipe_what_is_on_this_cgroup(daemon, host, cgroup, skb, fds):  # noqa: F811
    daemon()
    path, above = cgroup
    below = path / "agent.service"
    below.mkdir()
    try:
        fds.append(os.open(below, os.O_RDONLY))
        linked = []
        for directory in fds[-1], above:
            prog, number = skb()
            linked.append((number, bpf.call(LINK_CREATE, struct.pack("<IIII", prog, directory,
                                                                     CGROUP_INET_EGRESS, 0))[0]))
        host.cgroup = f"/{path.name}/{below.name}"
        printed = recipe("What BPF is on this cgroup?", host)
        for _, link in linked:
            os.close(link)
        assert [re.sub(r" link \d+$", "", line) for line in printed if path.name in line] == [
            f"{host.root}/{linked[0][0]}/info/attached:cgroup_inet_egress {host.cgroup}",
            f"{host.root}/{linked[1][0]}/info/attached:cgroup_inet_egress /{path.name}"]
    finally:
        eventually(lambda: run("rmdir", below).returncode == 0)


@pytest.mark.files
def test_the_readme_has_lines_of_the_example():
    (code,) = [code for _, code in blocks("c")]
    assert set(code.splitlines()) <= set((PROJECT / "examples/make/hello.bpf.c").read_text().splitlines())


# What the README tells a newcomer to do.

@pytest.mark.files
def test_console_commands_exist():
    told = [(heading, command) for heading, code in blocks("console")
            for command, _ in commands(code) if heading not in ("A look around", "Whose is it?")]
    assert told[:2] == [("Start", "sudo ./quickstart"), ("Start", "sudo tests/run")]
    assert {heading for heading, _ in told} == {"Start", "Install and mount"}
    assert os.access(PROJECT / "quickstart", os.X_OK)
    assert os.access(PROJECT / "tests/run", os.X_OK)


class Machine:
    """A machine as it is without bpfmetafs, whatever is installed on this one: mounts and processes of
    its own, and a layer over /usr that is gone with it."""

    setup = """set -e
        [ "$(findmnt -n -o FSTYPE -M /usr | tail -n 1)" != overlay ] || umount -l /usr
        "$0" "$1"
        echo ready
        exec sleep infinity"""

    def __init__(self, directory):
        self.mountpoint = directory / "bpfmeta"
        self.build = directory / "build"
        self.pin = pathlib.Path(f"/sys/fs/bpf/bpfmetafs-test-{os.getpid()}-{directory.name}")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
             self.setup, LAYER, directory], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        self.child = children.read_text().strip()

    def run(self, *argv, **environment):
        return run("nsenter", "--mount", "--pid", f"--target={self.child}", "--", *argv,
                   timeout=600, env={**os.environ, "MOUNTPOINT": str(self.mountpoint),
                                     "PIN": str(self.pin), "BUILD": str(self.build),
                                     **environment})

    def quickstart(self, *words, **environment):
        return self.run(PROJECT / "quickstart", *words, **environment)

    def has(self, name):
        return self.run("test", "-e", name).returncode == 0

    def stop(self):
        self.process.kill()
        self.process.communicate()
        self.pin.unlink(missing_ok=True)


@pytest.mark.files
def test_what_is_installed_does_not_get_into_the_way(tmp_path):
    """An older bpfmetafs in /usr/local would be the first that is found."""
    tree = tmp_path / "usr"
    for name in ("local/sbin/bpfmetafs", "sbin/mount.bpfmetafs", "local/include/bpfmeta.h",
                 "local/share/doc/bpfmetafs/fstab.example", "share/man/man1/bpfmeta-check.1",
                 "sbin/mount.other"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    seen = ok("unshare", "--mount", "--propagation", "private", "sh", "-ec",
              '"$0" "$1" "$2"; find "$2" -type f', LAYER, tmp_path, tree)
    assert seen.split() == [str(tree / "sbin/mount.other")]
    assert (tree / "local/sbin/bpfmetafs").exists()


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.stop()


INSTALLED = ("/sbin/mount.bpfmetafs", "/usr/local/sbin/bpfmetafs",
             "/usr/local/share/man/man8/bpfmetafs.8")


@pytest.fixture(scope="module")
def quickstarted(tmp_path_factory):
    """A machine on which quickstart has been run, and what it said."""
    machine = Machine(tmp_path_factory.mktemp("quickstart"))
    try:
        assert not any(machine.has(name) for name in INSTALLED)
        # Not optimized, it is compiled in half the time.
        yield machine, machine.quickstart(CFLAGS="-O0")
    finally:
        machine.stop()


def test_installing_by_hand(quickstarted, tmp_path):
    """Quickstart has built with the same options, so there is nothing left to compile."""
    machine, _ = quickstarted
    (code,) = [code for heading, code in blocks("console") if heading == "Install and mount"]
    (options,) = re.findall("^[$] meson setup build (.*)$", code, re.M)
    assert f" {options}\n" in (PROJECT / "quickstart").read_text()
    environment = {**os.environ, "DESTDIR": str(tmp_path / "root")}
    for command, _ in commands(code):
        words = command.removeprefix("sudo ").replace(" build", f" {machine.build}/meson")
        done = run("sh", "-c", words, cwd=PROJECT, env=environment, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    assert ok(tmp_path / "root/usr/local/sbin/bpfmetafs", "-V").startswith("bpfmetafs ")
    for name in ("sbin/mount.bpfmetafs", "usr/local/share/man/man8/bpfmetafs.8",
                 "usr/local/share/man/man5/bpfmetafs.5", "usr/local/include/bpfmeta.h"):
        assert (tmp_path / "root" / name).is_file()


def test_quickstart(quickstarted):
    """Twice, and back."""
    machine, first = quickstarted
    ids = []
    for done in first, None:
        done = done or machine.quickstart()
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        mounting, reading, value = done.stdout.splitlines()[-3:]
        assert mounting == f"$ mount -t bpfmetafs bpf {machine.mountpoint}"
        assert value == "net-team"
        ids.append(re.fullmatch(rf"\$ cat {machine.mountpoint}/(\d+)/oncall", reading)[1])
        # What was loaded is there to stay, and what was there before is not.
        listed = machine.run("ls", machine.mountpoint).stdout.split()
        assert [number for number in ids if number in listed] == ids[-1:]
        types_there = machine.run("findmnt", "-n", "-o", "FSTYPE", machine.mountpoint).stdout
        assert types_there.split() == ["fuse.bpfmetafs"]
    assert all(machine.has(name) for name in INSTALLED)

    done = machine.quickstart("--undo")
    assert (done.returncode, done.stderr) == (0, "")
    assert not any(machine.has(name) for name in (*INSTALLED, machine.pin, machine.build,
                                                  machine.mountpoint))
    with pytest.raises(FileNotFoundError):
        os.close(bpf.call(bpf.PROG_GET_FD_BY_ID, struct.pack("<III", int(ids[-1]), 0, 0))[0])


def one_sentence(done):
    assert done.returncode == 1
    assert re.fullmatch(r"quickstart: [^\n]+\n", done.stderr)
    return done.stderr


def test_quickstart_says_what_fails(machine):
    assert "'--wrong' is not known" in one_sentence(machine.quickstart("--wrong"))
    assert "nothing to undo" in one_sentence(machine.quickstart("--undo"))
    as_nobody = machine.run("setpriv", "--reuid=65534", "--clear-groups", PROJECT / "quickstart")
    assert "needs root: sudo ./quickstart" in one_sentence(as_nobody)
    assert "Usage: sudo ./quickstart" in machine.quickstart("--help").stdout

    # A directory that is in use already is left alone.
    (machine.mountpoint / "mine").mkdir(parents=True)
    assert "is not empty" in one_sentence(machine.quickstart())
    assert (machine.mountpoint / "mine").is_dir()
    (machine.mountpoint / "mine").rmdir()
    machine.run("mount", "-t", "tmpfs", "tmpfs", machine.mountpoint)
    assert "something else is mounted" in one_sentence(machine.quickstart())
    machine.run("umount", machine.mountpoint)

    # A tool that fails: the log has its words. What there is of a build is taken back.
    broken = pathlib.Path(tempfile.mkdtemp(dir=machine.build.parent))
    (broken / "meson").write_text("#!/bin/sh\necho no luck today >&2\nexit 1\n")
    (broken / "meson").chmod(0o755)
    done = machine.quickstart(PATH=f"{broken}:{os.environ['PATH']}")
    assert "configuring the build failed" in one_sentence(done)
    assert "no luck today" in (machine.build / "log").read_text()
    assert machine.quickstart("--undo").returncode == 0
    assert not machine.build.exists()
    assert machine.mountpoint.is_dir()
