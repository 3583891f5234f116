# SPDX-License-Identifier: GPL-2.0-or-later
"""bpfmeta-check: alone, and in the builds of the examples, which it fails."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess

import pytest

import test_examples
from conftest import eventually, ok, run
from test_object import fuse_for_all  # noqa: F401

PROJECT = pathlib.Path(__file__).resolve().parents[2]

EMPTY = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile const char bpf_metadata_oncall[8] = "";
volatile const char bpf_metadata_blank[] = " \\t ";
volatile const int bpf_metadata_severity = 0;

SEC("socket") int first(void *ctx) { return 0; }
SEC("xdp") int second(void *ctx) { return 0; }
"""


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """Compiles a source to an object of that name."""
    directory = tmp_path_factory.mktemp("check")

    def build(name, source, *options):
        (directory / "x.bpf.c").write_text(source)
        ok("clang", *(options or ["-g"]), "-O2", "-target", "bpf", "-idirafter",
           "/usr/include/" + ok("gcc", "-print-multiarch").strip(),
           "-c", directory / "x.bpf.c", "-o", directory / name)
        return directory / name

    return build


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """Whatever a check mounts is unmounted, and its directory is gone."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    yield place
    assert list(place.iterdir()) == []
    assert str(place) not in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def check(*words, **options):
    """Its exit status and what it says, without its name."""
    done = run("bpfmeta-check", *words, **options)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    return done.returncode, [line.removeprefix("bpfmeta-check: ") for line in lines]


def test_all_is_there(compiled):
    assert check(compiled("object-full"), "oncall", "revision", "build", "build/commit") == (0, [])


def test_each_lack_is_a_sentence(compiled):
    path = compiled("object-full")
    status, said = check(path, "oncall", "build_commit", "build/host")
    assert status == 1
    assert sorted(said) == sorted(
        f"program {program} of {path} lacks {name}."
        for program in ("order_through_calls", "order_through_callback", "attached")
        for name in ("build_commit", "build/host"))


def test_no_value_is_a_lack(objects):
    path = objects("empty.bpf.o", EMPTY)
    status, said = check(path, "oncall", "blank", "severity")
    assert status == 1
    assert sorted(said) == sorted(f"program {program} of {path} has no value for {name}."
                                  for program in ("first", "second") for name in ("oncall", "blank"))


def test_missing_btf_is_said(objects, tmp_path):
    path = objects("bare.bpf.o", EMPTY, "-g0")
    status, said = check(path, "oncall")
    assert status == 1
    assert said == [f"program {program} of {path} lacks oncall: the object has no BTF, compile it with -g."
                    for program in ("first", "second")]
    junk, broken = tmp_path / "junk", tmp_path / "broken.bpf.o"
    junk.write_bytes(b"\xff" * 100)
    ok("llvm-objcopy", f"--update-section=.BTF={junk}", objects("empty.bpf.o", EMPTY), broken)
    status, said = check(broken, "oncall")
    assert status == 1
    assert said == [f"program {program} of {broken} lacks oncall: the object's BTF can't be read."
                    for program in ("first", "second")]


def test_what_cannot_be_shown_is_a_lack(compiled, tmp_path):
    """Even if other bytes seem to be its value."""
    path = tmp_path / "changed.bpf.o"
    ok("llvm-objcopy", "--remove-section=.rel.BTF", "--redefine-sym=bpf_metadata_severity=x",
       compiled("object-places"), path)
    status, said = check(path, "oncall", "severity")
    assert status == 1
    warning, *lacks = said
    assert warning.startswith(f"bpfmetafs: '{path}': where 'bpf_metadata_severity' is ")
    assert lacks == [f"severity of program {program} of {path} can't be shown: where it is in the file is "
                     "not known." for program in ("other", "places")]


def test_what_a_loader_refuses_is_a_warning(objects):
    path = objects("static.bpf.o", EMPTY.replace("int second", "static int second").replace(
        'SEC("xdp") ', 'SEC("xdp") __attribute__((used)) '))
    assert check(path, "severity") == (0, [
        f"bpfmetafs: '{path}': libbpf refuses the program 'second' in section 'xdp': it is static"])


@pytest.mark.skipif(not shutil.which("bpf-ld"), reason="bpf-ld is not installed")
def test_more_than_one_btf_is_a_warning(objects, tmp_path):
    """What is linked with a linker that knows no BTF loses the metadata of all but the first."""
    first = objects("first.bpf.o", 'int one __attribute__((section(".rodata"))) = 1;')
    second = objects("second.bpf.o", EMPTY)
    path = tmp_path / "both.bpf.o"
    ok("bpf-ld", "-r", "-o", path, first, second)
    status, said = check(path, "severity")
    assert status == 1
    assert said[0] == (f"bpfmetafs: '{path}': it has more than one .BTF, and only the first is read: what the "
                       "others describe is lost; link objects with 'bpftool gen object'")
    assert said[1:] == [f"program {program} of {path} lacks severity." for program in ("first", "second")]


def test_no_program_is_a_lack(objects):
    path = objects("none.bpf.o", 'const char text[] __attribute__((section("license"))) = "GPL";\n')
    assert check(path, "oncall") == (1, [f"{path} has no programs."])


def test_a_file_named_like_the_kernel(compiled, tmp_path):
    """The programs that are loaded are not what it is about."""
    shutil.copy(compiled("hello"), tmp_path / "bpf")
    assert check("bpf", "oncall", cwd=tmp_path) == (0, [])
    status, said = check("none", "oncall", cwd=tmp_path)
    assert status == 2
    assert len(said) == 1 and "none" in said[0]


@pytest.mark.parametrize("content", [None, b"", b"no object\n", b"\x7fELF"],
                         ids=["missing", "empty", "text", "truncated"])
def test_what_is_no_object(content, tmp_path):
    path = tmp_path / "x.o"
    if content is not None:
        path.write_bytes(content)
    status, said = check(path, "oncall")
    assert status == 2
    assert len(said) == 1 and str(path) in said[0]


@pytest.mark.parametrize("words", [
    [], ["x.o"], ["-x", "x.o", "oncall"], ["x.o", ""], ["x.o", "../other/oncall"], ["x.o", "/etc/passwd"],
])
def test_a_wrong_command_line(words):
    status, said = check(*words)
    assert status == 2
    assert len(said) == 1 and said[0].endswith("see bpfmeta-check --help.")


def test_help():
    assert ok("bpfmeta-check", "--help").startswith("Usage: bpfmeta-check OBJECT NAME ...\n")


def test_a_signal_unmounts(tmp_path, compiled, nothing_is_left):
    """It ends while the object is mounted: a grep that never returns keeps it there."""
    tools = tmp_path / "tools"
    tools.mkdir()
    grep = tools / "grep"
    grep.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid.new\nmv {tmp_path}/pid.new {tmp_path}/pid\n"
                    "exec sleep 1000\n")
    grep.chmod(0o755)
    process = subprocess.Popen(["bpfmeta-check", compiled("hello"), "oncall"],
                               env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    eventually((tmp_path / "pid").exists)
    (directory,) = nothing_is_left.iterdir()
    assert (directory / "hello/oncall").read_text() == "net-team\n"
    process.send_signal(signal.SIGTERM)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM


def test_ordinary_user(compiled, fuse_for_all):  # noqa: F811
    """Nobody in particular builds, with a PATH that has no directory of administrators."""
    user = pwd.getpwnam("nobody")
    home = pathlib.Path("/tmp") / f"bpfmeta-check-user-{os.getpid()}"
    home.mkdir(mode=0o755)
    try:
        path = home / "hello.bpf.o"
        shutil.copy(compiled("hello"), path)
        path.chmod(0o644)
        (home / "place").mkdir()
        os.chown(home / "place", user.pw_uid, user.pw_gid)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
                   "env", "PATH=/usr/bin:/bin", f"TMPDIR={home}/place", "bpfmeta-check"]
        ok(*as_user, path, "oncall")
        done = run(*as_user, path, "oncall", "build_commit")
        assert (done.returncode, done.stderr) == \
            (1, f"bpfmeta-check: program hello of {path} lacks build_commit.\n")
        assert list((home / "place").iterdir()) == []
    finally:
        shutil.rmtree(home)


# The examples.

BUILDS = test_examples.BUILDS
env = test_examples.env


@pytest.fixture(params=BUILDS)
def example(request, tmp_path, env):  # noqa: F811
    """A fresh checkout of one, and how it is built."""
    directory = tmp_path / "hello"
    shutil.copytree(test_examples.EXAMPLES / request.param, directory)
    (directory / ".gitignore").write_text("build/\n*.o\n")
    test_examples.git(directory, env, "init", "--quiet")
    test_examples.git(directory, env, "add", ".")
    test_examples.git(directory, env, "commit", "--quiet", "--message=m")

    def build():
        """Its exit status and all that it says."""
        commands, _ = BUILDS[request.param]
        for command in commands:
            done = run(*command, cwd=directory, env=dict(env, TMPDIR=os.environ["TMPDIR"]))
            if done.returncode != 0:
                break
        return done.returncode, done.stdout + done.stderr

    return directory, build


def take_out(directory, macro):
    source = directory / "hello.bpf.c"
    text, count = re.subn(rf"^{macro}\(.*\);\n", "", source.read_text(), flags=re.M)
    assert count == 1
    source.write_text(text)


@pytest.mark.parametrize("macro, name", [("BPF_METADATA_ONCALL", "oncall"),
                                         ("BPF_METADATA_BUILD", "build_commit")])
def test_a_build_fails_until_it_is_there(example, macro, name):
    directory, build = example
    whole = (directory / "hello.bpf.c").read_text()
    take_out(directory, macro)
    # A second try finds no object that seems to be up to date.
    for _ in range(2):
        status, said = build()
        assert status != 0
        assert re.search(rf"bpfmeta-check: program hello of \S*hello\.bpf\.o lacks {name}\.", said)
        assert said.count("bpfmeta-check: ") == 1
    (directory / "hello.bpf.c").write_text(whole)
    status, said = build()
    assert status == 0, said


def test_a_build_fails_after_one_that_did_not(example):
    directory, build = example
    status, said = build()
    assert status == 0, said
    source = directory / "hello.bpf.c"
    take_out(directory, "BPF_METADATA_ONCALL")
    os.utime(source, (source.stat().st_mtime + 10,) * 2)
    status, said = build()
    assert status != 0
    assert "lacks oncall." in said


def test_a_build_without_a_commit_fails(example):
    """Sources that are in no checkout."""
    directory, build = example
    shutil.rmtree(directory / ".git")
    status, said = build()
    assert status != 0
    assert "lacks build_commit." in said


@pytest.mark.parametrize("name, language", [("make/Makefile", "make"), ("meson/meson.build", "meson"),
                                            ("cmake/CMakeLists.txt", "cmake")])
def test_the_recipe_has_the_lines_of_the_example(name, language):
    """The builds above are of the lines that readers see."""
    page = (PROJECT / "docs" / "recipes.md").read_text(encoding="utf-8")
    ((code),) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)
    assert "bpfmeta-check" in code or "bpfmeta_check" in code
    example = (test_examples.EXAMPLES / name).read_text().splitlines()
    assert [line for line in code.splitlines() if line not in example] == []
