# SPDX-License-Identifier: GPL-2.0-or-later
"""What all commands have in common: how they start whatever their parent leaves behind, and the options
that every tool of GNU has."""

import itertools
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from conftest import daemons, eventually, is_mounted, ok, run

PROJECT = pathlib.Path(__file__).resolve().parents[2]
MAN = PROJECT / "man"

# Each with its manual page, if it has one.
COMMANDS = {
    "bpfmetafs": "bpfmetafs.8",
    "mount.bpfmetafs": "mount.bpfmetafs.8",
    "bpfmeta-annotate": "bpfmeta-annotate.8",
    "bpfmeta-check": "bpfmeta-check.1",
    "bpfmeta-cflags": "bpfmeta-cflags.1",
    PROJECT / "quickstart": None,
}
NAMES = [str(command).rsplit("/", maxsplit=1)[-1] for command in COMMANDS]

MOUNT_OPTIONS = {"allow_other", "uid", "gid", "mode", "memory", "noevents", "contents", "netns",
                 "log", "rules"}


# --help and --version.

@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_help(command):
    told = ok(command, "--help")
    assert ok(command, "-h") == told
    assert told.startswith("Usage: ")
    lines = told.splitlines()
    # On the smallest screen the first line is still there when the prompt is back.
    assert len(lines) < 24
    assert max(map(len, lines)) < 80
    for option in ("-h, --help ", "-V, --version "):
        assert any(line.startswith(f"  {option}") for line in lines), option


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_version(command):
    version = (PROJECT / "VERSION").read_text().strip()
    name = str(command).rsplit("/", maxsplit=1)[-1]
    for option in ("--version", "-V"):
        assert ok(command, option).splitlines()[0] == f"{name} {version}"


@pytest.mark.parametrize("command", ["bpfmetafs", "mount.bpfmetafs"])
def test_help_has_a_line_for_each_mount_option(command):
    lines = ok(command, "--help").split("Mount options")[1].splitlines()
    assert {re.match(r"  -o (\w+)", line)[1] for line in lines[1:]} == MOUNT_OPTIONS


@pytest.mark.parametrize("command", [command for command in COMMANDS if COMMANDS[command]],
                         ids=NAMES[:-1])
def test_every_option_is_in_the_page(command):
    """With each of its names, and no option that there is not."""
    told = re.findall(r"^  (-\S.*?)(?:  |$)", ok(command, "--help"), re.M)
    told = {word for line in told if not line.startswith("-o ") and line != "-n, -r, -w"
            for word in re.findall(r"--?([\w-]+)", line)}
    page = set()
    for line in (MAN / COMMANDS[command]).read_text().splitlines():
        if line.startswith(".It Fl "):
            page |= set(re.findall(r"Fl (?:Fl )?([\w-]+)", line))
    assert told <= page
    assert page - told <= {"n", "no-mtab", "r", "read-only", "w", "read-write", "rw"}


@pytest.mark.parametrize("word, part", [
    ("-x", "the option '-x' is not known"),
    ("-sx", "the option '-x' is not known"),
    ("--nosuch", "the option '--nosuch' is not known"),
    ("--he\x1b[m", r"the option '--he\033[m' is not known"),
    ("--help=more", "the option '--help=more' takes no value"),
    ("-o", "the option '-o' needs a value"),
    ("--options", "the option '--options' needs a value"),
])
@pytest.mark.parametrize("command", ["bpfmetafs", "mount.bpfmetafs"])
def test_refused_option(mountpoint, command, word, part):
    done = run(command, "bpf", mountpoint, word)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{command}: {part}; {command} --help lists the options\n"


@pytest.mark.parametrize("command", ["bpfmeta-check", "bpfmeta-cflags", PROJECT / "quickstart"],
                         ids=NAMES[3:])
def test_option_refused_by_a_script(command):
    done = run(command, "--nosuch")
    assert done.returncode != 0
    assert "--nosuch" in done.stderr and "--help" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [
    ("bpfmetafs", "--sloppy", "--options=mode=0400,nosuch", "bpf"),
    ("bpfmetafs", "--options", "mode=0400", "bpf"),
    ("mount.bpfmetafs", "bpf", "--no-mtab", "--read-only", "--read-write", "--rw", "--sloppy",
     "--types=bpfmetafs", "--options=mode=0400,nosuch"),
    ("mount.bpfmetafs", "bpf", "--opt", "mode=0400"),
], ids=" ".join)
def test_long_options(mountpoint, program, command):
    ok(*command, mountpoint)
    path = mountpoint / str(program.id) / "oncall"
    assert path.read_text() == "net-team\n"
    assert path.stat().st_mode & 0o777 == 0o400


def test_long_options_of_the_helper(mountpoint):
    out = ok("mount.bpfmetafs", "bpf", mountpoint, "--fake", "--verbose")
    assert "running" in out
    assert not is_mounted(mountpoint)
    assert run("mount.bpfmetafs", "bpf", mountpoint, "--namespace=/nonexistent").returncode == 2


@pytest.mark.parametrize("option", ["--foreground", "--debug"])
def test_long_options_of_the_foreground(mountpoint, option):
    with subprocess.Popen(["bpfmetafs", option, "bpf", mountpoint],
                          stderr=subprocess.DEVNULL) as process:
        eventually(lambda: is_mounted(mountpoint))
        ok("umount", mountpoint)
        assert process.wait(20) == 0


# Descriptors 0 to 2.

CLOSED = [closed for count in (1, 2, 3) for closed in itertools.combinations(range(3), count)]


def without(closed, *argv):
    """The command as a shell runs it that has closed these descriptors. Others of 0 to 2 are pipes."""
    return ["sh", "-c", f'exec "$@" {" ".join(f"{fd}>&-" for fd in closed)}', "sh", *map(str, argv)]


def cpu_ticks(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(words[11]) + int(words[12])


@pytest.mark.parametrize("closed", CLOSED, ids=str)
@pytest.mark.parametrize("command", [("bpfmetafs", "bpf"), ("mount.bpfmetafs", "bpf"),
                                     ("mount", "-t", "bpfmetafs", "bpf")], ids=" ".join)
def test_closed_descriptors(mountpoint, program, command, closed):
    done = subprocess.run(without(closed, *command, mountpoint), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (pid,) = daemons(mountpoint)
    for fd in range(3):
        assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
    # It sleeps while nobody asks.
    before = cpu_ticks(pid)
    time.sleep(0.3)
    assert cpu_ticks(pid) - before < 15
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not is_mounted(mountpoint))
    eventually(lambda: not daemons(mountpoint))


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_closed_descriptors_in_the_foreground(mountpoint, program, closed):
    with subprocess.Popen(without(closed, "bpfmetafs", "-f", "bpf", mountpoint),
                          stdin=subprocess.DEVNULL) as process:
        try:
            path = mountpoint / str(program.id) / "oncall"
            eventually(path.exists)
            before = cpu_ticks(process.pid)
            time.sleep(0.3)
            assert cpu_ticks(process.pid) - before < 15
            ok("umount", mountpoint)
            assert process.wait(20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_closed_descriptors_change_no_answer(mountpoint, program, compiled, tmp_path, closed):
    """What each command decides does not depend on whether somebody listens."""
    (tmp_path / "bad").touch()
    hello = compiled("hello")
    for status, argv in (
            (1, ("bpfmetafs", "bpf", mountpoint, "-o", "nosuch")),
            (32, ("bpfmetafs", tmp_path / "bad", mountpoint)),
            (1, ("mount.bpfmetafs", "bpf", mountpoint, "-o", "nosuch")),
            (0, ("mount.bpfmetafs", "bpf", mountpoint, "-f")),
            (0, ("bpfmeta-check", hello, "oncall")),
            (1, ("bpfmeta-check", hello, "nosuch")),
            (0, ("bpfmeta-annotate", "-n", program.id, "note=x")),
            (1, ("bpfmeta-annotate", "-n", program.id, "oncall=x")),
            (2, ("bpfmeta-annotate", "-n", 0, "note=x")),
            (2, ("bpfmeta-check", tmp_path / "bad", "oncall")),
            (0, ("bpfmeta-cflags", PROJECT, "--", "true")),
            (1, ("bpfmeta-cflags", PROJECT, "--", "false"))):
        done = subprocess.run(without(closed, *argv), capture_output=True, timeout=10)
        assert done.returncode == status, argv
    assert not is_mounted(mountpoint)


# Signals.

ENDS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def hold_back(how):
    if how == "blocked":
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    else:
        for number in (*ENDS, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)


@pytest.mark.parametrize("command", [("bpfmetafs", "bpf"), ("mount.bpfmetafs", "bpf"),
                                     ("mount", "-t", "bpfmetafs", "bpf")], ids=" ".join)
@pytest.mark.parametrize("how", ["blocked", "ignored"])
@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_signals_that_the_parent_held_back(mountpoint, program, command, how, number):
    done = subprocess.run([*command, mountpoint], preexec_fn=lambda: hold_back(how), timeout=10,
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (pid,) = daemons(mountpoint)
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
    os.kill(pid, number)
    eventually(lambda: not is_mounted(mountpoint))
    eventually(lambda: not daemons(mountpoint))


def test_failure_is_told_where_children_are_ignored(mountpoint, tmp_path):
    """The process that was started waits for its daemon's end, which SIGCHLD ignored would hide."""
    (tmp_path / "bad").touch()
    done = subprocess.run(["bpfmetafs", tmp_path / "bad", mountpoint],
                          preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
                          capture_output=True, text=True)
    assert done.returncode == 32
    assert len(done.stderr.splitlines()) == 1
