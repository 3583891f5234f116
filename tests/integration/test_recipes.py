# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command of the README does what a reader expects of it, and so does the quickstart."""

import contextlib
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
from conftest import SLOWNESS, eventually, is_mounted, ok, run

PROJECT = pathlib.Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
LAYER = PROJECT / "tests/layer"
COMMIT = "5eca1e5"


def blocks(language):
    """The code blocks of the README in that language: (heading, code) pairs."""
    found, heading, code = [], None, None
    for line in README.splitlines():
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


# The programs that the recipes are about: the README's own example, and one that says nothing.

@pytest.fixture(scope="session")
def drops(tmp_path_factory):
    """The object file of the README's example, stamped with COMMIT."""
    ((_, source),) = blocks("c")
    directory = tmp_path_factory.mktemp("readme")
    (directory / "drops.bpf.c").write_text(source)
    ok("clang", "-g", "-O2", "-Wall", "-Werror", "-target", "bpf", "-I", PROJECT / "include",
       "-idirafter", "/usr/include/" + ok("gcc", "-print-multiarch").strip(),
       f'-DBPFMETA_BUILD_COMMIT="{COMMIT}"', "-c", directory / "drops.bpf.c",
       "-o", directory / "drops.bpf.o")
    return directory / "drops.bpf.o"


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
                                loaded=loaded, program=by_name["drop_all"],
                                second=by_name["drop_large"], map=maps["drops"],
                                rodata=maps["drops.rodata"], plain=load("plain").id)
    if is_mounted(other):
        ok("umount", other)


def placed(code, host):
    """The code for this host: the README's paths and ids stand for others."""
    words = {"/bpfmeta": host.root, "/tmp": host.tmp, "/mnt": host.other, "131": host.program,
             "132": host.second, "30": host.map, "31": host.rodata, "drops.bpf.o": host.object}
    pattern = r"/bpfmeta\b|/tmp\b|/mnt\b|\b13[12]\b|\b3[01]\b|drops\.bpf\.o"
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
    assert {f"{path(host, host.program)}/oncall", f"{path(host, host.second)}/oncall"} <= set(lines)
    assert f"{path(host, host.plain)}/oncall" not in lines


def which_have_no_owner(host, lines):
    assert f"{path(host, host.plain)}: socket_filter" in lines
    assert path(host, host.program) not in "\n".join(lines)


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
    assert {f"{path(host, host.program)}/build_commit",
            f"{path(host, host.second)}/build_commit"} <= set(lines)
    assert all(re.fullmatch(f"{host.root}/[0-9]+/build_commit", line) for line in lines)


def which_is_loaded_twice(host, lines):
    tags = dict(reversed(line.split()) for line in lines)
    assert int(tags[(host.root / str(host.plain) / "info/tag").read_text().strip()]) >= 2
    assert (host.root / str(host.single) / "info/tag").read_text().strip() not in tags


def what_costs_most(host, lines):
    assert len(lines) <= 5
    costs = [int(line.split()[0]) for line in lines]
    assert costs == sorted(costs, reverse=True)
    info = host.root / str(host.program) / "info"
    cost, runs = int((info / "run_time_ns").read_text()), int((info / "run_cnt").read_text())
    assert cost > 0 and runs >= 100000
    mine = f"{cost} ns in {runs} runs: {path(host, host.program)}"
    # On a machine in use others may cost more.
    assert mine in lines or (len(costs) == 5 and costs[-1] >= cost)


def how_much_memory(host, lines):
    (total,) = lines
    mine = sum(int((host.root / "maps" / str(number) / "info/bytes_memlock").read_text())
               for number in (host.map, host.rodata))
    assert int(total) >= mine > 0


def take_a_snapshot(host, lines):
    assert f"{host.tmp}/incident/{host.program}/oncall" in lines
    copy = host.tmp / "incident" / str(host.program)
    assert copy.stat().st_mtime == pytest.approx((host.root / str(host.program)).stat().st_mtime)
    assert (copy / "info/name").read_text() == "drop_all\n"


def what_has_changed(host, lines):
    assert f"Only in {host.root}: {host.new}" in lines
    assert not [line for line in lines if f"/{host.program}/" in line]


def inventory_as_csv(host, lines):
    assert lines[0] == "id,type,name,tag,oncall,build_commit"
    tag = (host.root / str(host.program) / "info/tag").read_text().strip()
    assert f"{host.program},xdp,drop_all,{tag},net-team,{COMMIT}" in lines
    (plain,) = [line for line in lines if line.startswith(f"{host.plain},")]
    assert re.fullmatch(r"\d+,socket_filter,plain,[0-9a-f]{16},,", plain)


def inventory_as_json(host, lines):
    inventory = json.loads("\n".join(lines))
    assert inventory[str(host.program)]["oncall"] == "net-team"
    assert inventory[str(host.program)]["info/type"] == "xdp"
    assert inventory[str(host.program)]["runbook"] == "https://wiki.example.org/net/drops"
    assert "oncall" not in inventory[str(host.plain)]


def in_what_do_hosts_differ(host, lines):
    assert [line for line in lines if line[0] in "<>"] == [
        "< xdp,drop_all,0123456789abcdef,net-team,5eca1e5",
        "> xdp,drop_all,fedcba9876543210,net-team,c0ffee1"]


def what_will_it_load(host, lines):
    assert lines == [COMMIT, COMMIT]
    assert not is_mounted(host.other)


EXPECTED = {
    "Who owns this program?": who_owns_this_program,
    "What do its authors say about it?": what_do_its_authors_say,
    "Which programs belong to a team?": which_belong_to_a_team,
    "Which programs have no owner?": which_have_no_owner,
    "What was loaded today?": what_was_loaded_today,
    "What was loaded in the last ten minutes, by whom?": what_was_loaded_lately,
    "What is the newest program?": what_is_the_newest,
    "Which programs use this map?": which_use_this_map,
    "Which programs share a map?": which_share_a_map,
    "Which programs were built from this commit?": which_were_built_from,
    "Which program is loaded more than once?": which_is_loaded_twice,
    "What costs most?": what_costs_most,
    "How much memory do maps take?": how_much_memory,
    "Take a snapshot, and search it later": take_a_snapshot,
    "What has changed since a snapshot?": what_has_changed,
    "An inventory as CSV": inventory_as_csv,
    "An inventory as JSON": inventory_as_json,
    "In what do two hosts differ?": in_what_do_hosts_differ,
    "What will this object file load?": what_will_it_load,
}

# Recipes with a test of their own below.
APART = {"Tell when a program is unloaded", "Watch programs come and go", "Install and mount"}


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


def prepare(title, host, load, fds):
    """What has to have happened before the recipe."""
    if title == "What costs most?":
        run_often(host, fds)
    elif title == "Which program is loaded more than once?":
        load("plain")
        # One that nobody else can have loaded.
        returns = struct.pack("<BBhi", 0xB7, 0, 0, os.getpid())
        fds.append(bpf.prog_load(returns + bpf.RETURN_0[8:]))
        host.single = bpf.object_id(fds[-1])
    elif title == "What has changed since a snapshot?":
        run("cp", "-a", f"{host.root}/.", host.tmp / "incident", timeout=600)
        host.new = load("plain").id
    elif title == "In what do two hosts differ?":
        head = "id,type,name,tag,oncall,build_commit\n"
        same = "xdp,drop_large,0011223344556677,net-team,5eca1e5\n"
        (host.tmp / "web1.csv").write_text(
            f"{head}3,xdp,drop_all,0123456789abcdef,net-team,5eca1e5\n4,{same}")
        (host.tmp / "web2.csv").write_text(
            f"{head}81,{same}82,xdp,drop_all,fedcba9876543210,net-team,c0ffee1\n")


@pytest.mark.parametrize("title", EXPECTED)
def test_recipe(daemon, host, load, fds, title):
    daemon()
    prepare(title, host, load, fds)
    EXPECTED[title](host, recipe(title, host))


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


def test_the_screen_is_what_one_sees(host, hand):
    if bpf.info_length(hand()[0]) < INFO_LENGTH:
        pytest.skip("this kernel tells less of a program than the README shows")
    ((_, code),) = [block for block in blocks("console") if block[0] == "A look around"]
    seen = commands(code)
    assert len(seen) > 5
    for command, output in seen:
        done = ok("sh", "-c", placed(command, host))
        done = done.replace(str(host.object.parent), "/usr/src")
        done = done.replace(str(host.loaded.pins), "/sys/fs/bpf")
        assert shape(done) == shape(output), command


# What the README tells a newcomer to do.

@pytest.mark.files
def test_console_commands_exist():
    told = [(heading, command) for heading, code in blocks("console")
            for command, _ in commands(code) if heading != "A look around"]
    assert told[:2] == [("Start", "sudo ./quickstart"), ("Start", "sudo tests/run")]
    assert {heading for heading, _ in told} == {"Start", "Install and mount"}
    assert os.access(PROJECT / "quickstart", os.X_OK)
    assert os.access(PROJECT / "tests/run", os.X_OK)


def test_installing_by_hand(tmp_path):
    (code,) = [code for heading, code in blocks("console") if heading == "Install and mount"]
    environment = {**os.environ, "DESTDIR": str(tmp_path / "root")}
    for command, _ in commands(code):
        words = command.removeprefix("sudo ").replace(" build", f" {tmp_path}/build")
        done = run("sh", "-c", words, cwd=PROJECT, env=environment, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    assert ok(tmp_path / "root/usr/local/sbin/bpfmetafs", "-V").startswith("bpfmetafs ")
    for name in ("sbin/mount.bpfmetafs", "usr/local/share/man/man8/bpfmetafs.8",
                 "usr/local/share/man/man5/bpfmetafs.5", "usr/local/include/bpfmeta.h"):
        assert (tmp_path / "root" / name).is_file()


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
        self.pin = pathlib.Path(f"/sys/fs/bpf/bpfmetafs-test-{os.getpid()}-quickstart")
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


def test_quickstart(machine):
    assert not any(machine.has(name) for name in INSTALLED)
    ids = []
    for _ in range(2):
        done = machine.quickstart()
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
