# SPDX-License-Identifier: GPL-2.0-or-later
"""bpfmeta-check of a mounted tree: which programs lack an owner, and what a rule for them would say."""

import os
import re
import shutil
import subprocess
import time

import pytest

import bpf
from conftest import ok, run
from test_loader import child  # noqa: F401: a fixture
from test_recipes import PROJECT, RECIPES, drops, host, placed  # noqa: F401: some are fixtures
from test_truth import forbid  # noqa: F401: a fixture


def check(*words):
    """What it lists, by program."""
    done = run("bpfmeta-check", *words)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert done.returncode == (1 if lines else 0)
    return dict(line.split(" ", 1) for line in lines)


def test_who_lacks_an_owner(tree, program, load, hand):
    plain = load("plain")
    _, nameless = hand(b"")
    listed = check(tree, "oncall")
    # The loader may be known as well.
    assert re.fullmatch(r"lacks oncall: match-type=socket_filter match-name=plain( match-\w+=.*)?",
                        listed[str(plain.id)])
    assert re.fullmatch(r"lacks oncall: match-type=socket_filter match-name=( match-\w+=.*)?",
                        listed[str(nameless)])
    assert str(program.id) not in listed
    assert check(tree, "oncall", "build_commit", "note")[str(program.id)].startswith(
        "lacks build_commit note: match-type=xdp match-name=hello")


def test_who_has_loaded_it(daemon, mountpoint, child):  # noqa: F811
    daemon()
    number = child(before="libc.prctl(15, b'an agent', 0, 0, 0)").load()
    loader = mountpoint / str(number) / "info/loader"
    last = f"match-unit={(loader / 'unit').read_text().strip()}" if (loader / "unit").exists() else \
        "match-comm=an agent"
    assert check(mountpoint, "oncall")[str(number)] == \
        f"lacks oncall: match-type=socket_filter match-name=by_a_child {last}"


def test_rules_that_are_written_from_it_help(daemon, mountpoint, tmp_path, load, hand):
    mine = {str(load("plain").id), str(hand(b"")[1])}
    serving = daemon()
    listed = check(mountpoint, "oncall")
    serving.stop()
    assert set(listed) >= mine
    rules = {tuple(listed[number].split(": ")[1].split(" ")[:2]) for number in mine}
    (tmp_path / "rules").write_text("".join(
        f"[{number}]\n{kind}\n{name}\noncall = me\n" for number, (kind, name) in enumerate(rules)))
    daemon(options=f"rules={tmp_path}/rules")
    assert not set(check(mountpoint, "oncall")) & mine


def test_everything_has_it(daemon, mountpoint, tmp_path, load):
    plain = load("plain")
    (tmp_path / "rules").write_text("[all]\nmatch-type = *\noncall = me\n")
    daemon(options=f"rules={tmp_path}/rules")
    assert str(plain.id) not in check(mountpoint, "oncall")


def test_a_program_that_goes_while_it_is_looked_at(tmp_path):
    """Like what goes before, it is not mentioned."""
    for name in "maps", "links", "131/info", "132/info":
        (tmp_path / name).mkdir(parents=True)
    os.mkfifo(tmp_path / "131/info/type")
    with subprocess.Popen(["bpfmeta-check", tmp_path, "oncall"], stdout=subprocess.PIPE, text=True) as process:
        with open(tmp_path / "131/info/type", "w", encoding="utf-8"):
            shutil.rmtree(tmp_path / "131")
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, "132 lacks oncall: match-type= match-name=\n")


@pytest.mark.parametrize("value, lacks", [("", True), (" \t\n ", True), ("\n x", False), ("-n", False)])
def test_values(tree, hand, fds, value, lacks):
    fd, number = hand()
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", value)]))
    bpf.bind(fd, fds[-1])
    assert (str(number) in check(tree, "oncall")) == lacks


def test_a_struct(tree, load):
    """One member with a value is enough."""
    assert str(load("sections").id) not in check(tree, "ownership")


def test_what_cannot_be_looked_at(tree, hand, forbid):  # noqa: F811
    _, number = hand()
    forbid(0, number)
    assert check(tree, "oncall")[str(number)] == "lacks oncall: it cannot be looked at"


def test_an_object_that_is_mounted_has_no_loaded_programs(daemon, mountpoint, compiled):
    daemon(source=compiled("hello"))
    done = run("bpfmeta-check", mountpoint, "oncall")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (f"bpfmeta-check: {mountpoint} shows an object file: give bpfmeta-check the "
                           "file.\n")


def test_no_tree(tmp_path):
    done = run("bpfmeta-check", tmp_path, "oncall")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (f"bpfmeta-check: no bpfmetafs is mounted on {tmp_path}: mount it with mount "
                           f"-t bpfmetafs bpf {tmp_path}.\n")


def test_a_tree_with_odd_paths(daemon, tmp_path, load):
    path = tmp_path / "-a b*"
    path.mkdir()
    plain = load("plain")
    daemon(path=path)
    done = run("bpfmeta-check", "--", path.name, "oncall", cwd=tmp_path)
    assert f"{plain.id} lacks oncall: match-type=socket_filter match-name=plain" in done.stdout
    assert done.stderr == ""


def test_programs_that_go_meanwhile(tree):
    """Nothing is said of them."""
    pid = os.fork()
    if pid == 0:
        while True:
            os.close(bpf.prog_load(name=b"brief"))
            time.sleep(0.03)
    try:
        for _ in range(10):
            check(tree, "oncall")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


# The shipped rules.

@pytest.fixture
def complete(host, tmp_path, hand):  # noqa: F811
    """What the recipe prints: a list of lines, on a host that has what many have."""

    def run_it():
        code = placed(RECIPES["Who owns what on this host, complete?"], host)
        code = code.replace("/etc/bpfmetafs", str(tmp_path / "etc"))
        return run("sh", "-c", code, cwd=PROJECT).stdout.splitlines()

    yield run_it
    ok("umount", host.root)


def test_the_recipe_for_a_whole_host(complete, host, hand, fds):  # noqa: F811
    of_systemd = [hand(name)[1] for name in (b"sd_fw_ingress", b"restrict_filesy")]
    fds.append(bpf.prog_load(name=b"", kind=15))  # BPF_PROG_TYPE_CGROUP_DEVICE
    lines = complete()
    assert f"{host.plain} lacks oncall: match-type=socket_filter match-name=plain" in lines
    assert f"{host.root}/{host.program}/oncall:net-team" in lines
    for number in of_systemd:
        assert f"{host.root}/{number}/oncall:platform" in lines
    container = host.root / str(bpf.object_id(fds[-1]))
    assert (container / "oncall").read_text() == "platform\n"
    assert (container / "app").read_text() == "container runtime\n"
    assert (container / "info/rules").read_text().split("\t")[1] == "container devices"


def test_the_shipped_rules_are_installed(daemon, hand, mountpoint):
    daemon(options="rules=/usr/share/doc/bpfmetafs/examples/host.rules")
    _, number = hand(b"sd_devices")
    assert (mountpoint / str(number) / "oncall").read_text() == "platform\n"
