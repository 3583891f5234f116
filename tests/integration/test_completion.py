# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion, in a shell with a terminal: what a user sees who types a tab."""

import os
import pathlib
import pty
import re
import select
import signal
import time

import pytest

import bpf
from conftest import SLOWNESS, compile_object, ok

# So often in a row, fifty times a second, a shell has to have nothing to do.
QUIET = 5
BASH = ["bash", "--norc", "--noprofile", "-i"]
ZSH = ["zsh", "-f", "-i"]
START = {
    "bash": (BASH, "PS1='ready> '; bind 'set bell-style none'; bind 'set page-completions off'; "
             "bind 'set completion-query-items 0'; . /usr/share/bash-completion/completions/bpfmetafs"),
    "zsh": (ZSH, "PS1='ready> '; fpath=(/usr/share/zsh/site-functions $fpath); LISTMAX=0; unsetopt beep zle_bracketed_paste; "
            "autoload -Uz compinit && compinit -u -D"),
}


class Shell:
    def __init__(self, argv, start, directory):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(directory)
            os.environ.update(TERM="dumb", LC_ALL="C.UTF-8", COLUMNS="200", HOME=str(directory))
            os.execvp(argv[0], argv)
        self.send(f"{start}; echo be''gin\n")
        self.wait_for("begin")

    def send(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, words, seconds=20):
        """Reads until the words have come, and returns all that was read."""
        seen, end = "", time.monotonic() + seconds * SLOWNESS
        while words not in seen:
            assert time.monotonic() < end, f"{words!r} does not come: {seen!r}"
            if select.select([self.terminal], [], [], 0.1)[0]:
                seen += os.read(self.terminal, 65536).decode(errors="replace")
        return seen

    def waits(self):
        """Whether the shell sleeps, and runs nothing."""
        proc = pathlib.Path(f"/proc/{self.process}")
        return (proc / "stat").read_text().rpartition(")")[2].split()[0] == "S" and \
            not (proc / f"task/{self.process}/children").read_text()

    def settle(self):
        """Reads until nothing more comes, for a while in which the shell waits: what is typed meanwhile may
        end a completion."""
        seen, quiet = "", 0
        while quiet < QUIET:
            if select.select([self.terminal], [], [], 0.02)[0]:
                seen += os.read(self.terminal, 65536).decode(errors="replace")
                quiet = 0
            else:
                quiet = quiet + 1 if self.waits() else 0
        return seen

    def complete(self, line, tabs=1):
        """The line that a tab makes of it."""
        self.send(line)
        seen = self.settle()
        for _ in range(tabs):
            self.send("\t")
            seen += self.settle()
        # To the beginning of the line: then it is printed, and not run.
        self.send("\x01printf '<%s>' \x05; echo; echo e''nd\n")
        return seen + self.wait_for("\nend")

    def end(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)


@pytest.fixture(params=["bash", "zsh"])
def shell(request, tmp_path):
    argv, start = START[request.param]
    started = Shell(argv, start, tmp_path)
    yield started
    started.end()


def words_of(seen):
    """The words of the line as the shell took them."""
    return re.findall("<(.*?)>", seen.rpartition("\n<")[2] and "<" + seen.rpartition("\n<")[2])


def test_an_option(shell):
    assert words_of(shell.complete("bpfmetafs --fore")) == ["bpfmetafs", "--foreground"]
    assert words_of(shell.complete("bpfmeta-annotate --dry")) == ["bpfmeta-annotate", "--dry-run"]
    assert words_of(shell.complete("bpfmeta-check --ver")) == ["bpfmeta-check", "--version"]


def test_a_mount_option_after_others(shell):
    assert words_of(shell.complete("bpfmetafs -o mode=440,noev")) == ["bpfmetafs", "-o", "mode=440,noevents"]
    assert words_of(shell.complete("mount.bpfmetafs bpf /mnt -o allow_o"))[-1] == "allow_other"


def test_the_path_of_rules(shell, tmp_path):
    (tmp_path / "host.rules").touch()
    for line in "bpfmetafs -o rules=ho", "mount.bpfmetafs bpf /mnt -o mode=440,rules=ho":
        assert words_of(shell.complete(line))[-1] == line.split()[-1] + "st.rules"


@pytest.fixture
def shown(daemon, hand, fds):
    """A program with metadata in a tree that is mounted, and another, for a shell shows hints only where
    there is a choice."""
    daemon()
    hand(b"another")
    program, number = hand(b"completed")
    fds.append(bpf.metadata_map([("bpf_metadata_zz_oncall", "net-team")]))
    bpf.bind(program, fds[-1])
    return number


def test_a_program_by_id_with_its_name_as_the_hint(shell, shown):
    assert words_of(shell.complete(f"bpfmeta-annotate {shown}"))[:2] == ["bpfmeta-annotate", str(shown)]
    seen = shell.complete("bpfmeta-annotate ", tabs=4)
    assert re.search(rf"\b{shown}\b[ -]+completed\b", seen)


def first_tree():
    """The one that completion reads."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    return next(pathlib.Path(where) for what, where, kind, *_ in mounts
                if kind == "fuse.bpfmetafs" and not what.startswith("/"))


def test_a_program_that_goes_meanwhile(shell, shown, hand):
    """An empty directory in place of its own: nothing can be read there. There is no word of it, and the others
    are offered."""
    _, gone = hand(b"gone")
    info = first_tree() / str(gone) / "info"
    ok("mount", "-t", "tmpfs", "none", info)
    try:
        seen = shell.complete("bpfmeta-annotate ", tabs=4)
    finally:
        ok("umount", info)
    assert re.search(rf"\b{shown}\b[ -]+completed\b", seen)
    assert "no such file" not in seen.lower()
    assert not re.search(rf"\b{gone}\b", seen)


def test_names_of_metadata_of_the_tree(shell, shown, mountpoint):
    assert words_of(shell.complete("bpfmeta-annotate 7 zz_on"))[-1] == "zz_oncall="
    assert words_of(shell.complete(f"bpfmeta-check {mountpoint} zz_o"))[-1] == "zz_oncall"


def test_names_of_metadata_of_an_object(shell, tmp_path):
    compile_object("hello", tmp_path)
    assert words_of(shell.complete("bpfmeta-check hello.bpf.o onc"))[-1] == "oncall"
    assert words_of(shell.complete("bpfmeta-check hello.b"))[-1] == "hello.bpf.o"


@pytest.mark.parametrize("path, argv", [("/usr/share/bash-completion/completions/bpfmetafs", ["bash", "-n"]),
                                        ("/usr/share/zsh/site-functions/_bpfmetafs", ["zsh", "-n"])])
def test_it_is_valid(path, argv):
    ok(*argv, path)
