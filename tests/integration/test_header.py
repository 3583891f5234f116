# SPDX-License-Identifier: GPL-2.0-or-later
"""bpfmeta.h and bpfmeta-cflags, as installed: what their users' programs carry into the kernel."""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import SLOWNESS

PROGRAMS = Path(__file__).resolve().parent.parent / "bpf"
MAN = Path(__file__).resolve().parents[2] / "man"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"

NAMES = {
    "BPFMETA_REPOSITORY": "repository",
    "BPFMETA_BUILD_COMMIT": "build_commit",
    "BPFMETA_COMMIT_TIME": "commit_time",
    "BPFMETA_BUILD_TIME": "build_time",
    "BPFMETA_BUILD_HOST": "build_host",
}

# Texts that a shell, make, CMake, Meson, Ninja or C would take for something of their own.
HOSTILE = [
    "/srv/a b",
    "/srv/'; touch pwned; '",
    '/srv/"; touch pwned; "',
    "/srv/$(touch pwned)`touch pwned`${HOME}$HOME$$",
    "/srv/$(shell touch pwned)",
    '/srv/"; int pwned; char x[] = "',
    "/srv/back\\slash\\n\\",
    "/srv/two\nlines\n#define PWNED",
    "/srv/tab\tbell\a%s%n",
    "/srv/*?[a-z]{1,2}~!#&|;<>()",
    "/srv/??/trigraph",
    "/srv/@INPUT@/@OUTPUT@",
    "/srv/caf\u00e9/\u732b",
    "-Dpwned",
]


# --- Helpers -----------------------------------------------------------------------------------


@pytest.fixture
def env(tmp_path):
    """A user without settings of their own, at no set time."""
    home = tmp_path / "home"
    home.mkdir()
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "SUDO_")) and name not in ("SOURCE_DATE_EPOCH", "LC_ALL")
    }
    env.update(HOME=str(home), GIT_CONFIG_NOSYSTEM="1", XDG_CONFIG_HOME=str(home))
    return env


@pytest.fixture
def checkout(tmp_path, env):
    """A git checkout with one commit and one file, and no remote."""
    directory = tmp_path / "checkout"
    directory.mkdir()
    git(directory, env, "init", "--quiet", "--initial-branch=main")
    (directory / "file").write_text("one\n")
    git(directory, env, "add", "file")
    commit(directory, env)
    return directory


def git(directory, env, *args):
    command = ["git", "-C", str(directory), "-c", "user.name=N", "-c", "user.email=n@example.org"]
    return run([*command, *args], env=env).stdout.strip()


def commit(directory, env):
    dated = dict(env, GIT_COMMITTER_DATE="1600000000 +0200", GIT_AUTHOR_DATE="1500000000 +0200")
    git(directory, dated, "commit", "--quiet", "--allow-empty", "--message=m")


def run(command, check=True, **kwargs):
    """Like subprocess.run(), with what was said in the assertion."""
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120 * SLOWNESS, **kwargs
    )
    assert not check or done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done


def header_flags():
    # The directory is also said where it is a system directory: a cross compiler has another one.
    env = dict(os.environ, PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1")
    return run(["pkg-config", "--cflags", "bpfmeta"], env=env).stdout.split()


def clang_command(*args):
    multiarch = f"/usr/include/{platform.machine()}-linux-gnu"
    return ["clang", "-g", "-O2", "-target", "bpf", "-Wall", "-Wextra", "-Werror",
            *header_flags(), "-idirafter", multiarch, *args]  # fmt: skip


def clang(name, out, *args, check=True, **kwargs):
    command = clang_command("-c", str(PROGRAMS / f"{name}.bpf.c"), "-o", str(out), *args)
    return run(command, check=check, **kwargs)


def metadata_pairs(loaded, program):
    """What bpftool shows as a loaded program's metadata: two variables of one name are two."""
    done = run(["bpftool", "-j", "prog", "show", "pinned", str(loaded.pins / program)])
    shown = json.loads(done.stdout, object_pairs_hook=lambda pairs: pairs)
    return dict(shown).get("metadata", [])


def metadata(loaded, program):
    pairs = metadata_pairs(loaded, program)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def kernel_bytes(loaded):
    """The bytes of the .rodata map: bpftool's metadata can't show every text."""
    for map_id in map(str, loaded.map_ids):
        shown = json.loads(run(["bpftool", "-j", "map", "show", "id", map_id]).stdout)
        if shown["name"].endswith(".rodata"):
            dump = json.loads(run(["bpftool", "-j", "map", "dump", "id", map_id]).stdout)
            return bytes(int(byte, 16) for byte in dump[0]["value"])
    raise AssertionError("no .rodata")


def cflags(directory, env, *args, check=True):
    return run(["bpfmeta-cflags", *args, str(directory)], env=env, check=check)


def lines(directory, env, *args):
    return cflags(directory, env, "--format=lines", *args).stdout.splitlines()


def text(initialiser):
    """A define's value, a string literal without escapes or a list of bytes, as text."""
    if initialiser.startswith('"'):
        return initialiser[1:-1]
    *values, end = initialiser.replace("(char)", "").strip("{}").split(",")
    assert end == "0"
    return bytes(map(int, values)).decode()


def texts(directory, env, *args):
    """What bpfmeta-cflags tells: the texts by their names."""
    pairs = [line[len("-D"):].split("=", 1) for line in lines(directory, env, *args)]
    return {NAMES[name]: text(value) for name, value in pairs}


# --- The header --------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["-std=gnu11"], ["-std=gnu17", "-pedantic"], ["-Os"]])
@pytest.mark.parametrize("program", ["header_first", "header_second"])
def test_every_macro_is_metadata_of_every_program(load, tmp_path, args, program):
    clang("header_macros", tmp_path / "o", *args)
    assert metadata(load(tmp_path / "o"), program) == {
        "owner": "Grace",
        "app": "firewall",
        "description": 'drops, "quotes" and 100 %',
        "oncall": "net-team",
        "version": "1.2",
        "repository": "https://example.org/firewall",
        "build_commit": "0123abc",
        "commit_time": "2020-01-01T00:00:00Z",
        "build_time": "2020-01-02T00:00:00Z",
        "build_host": "builder",
        "runbook": "https://wiki.example.org/drops",
        "empty": "",
        "severity": -2,
        "budget": 1 << 40,
        "experimental": True,
        "stage": "WIDE",
        "release": [("major", 5), ("minor", 9), ("codename", "lion")],
        "next": [("major", 6), ("minor", 1), ("codename", "owl")],
        "ports": [80, 443, 8080],
        "teams": ["net", "kernel"],
        "nothing": 0,
    }


def test_a_pointer_is_not_taken_for_a_text(tmp_path):
    source = tmp_path / "x.bpf.c"
    source.write_text(
        '#include <bpfmeta.h>\nstatic const char *name = "x";\nBPF_METADATA(owner, name);\n'
    )
    assert run(clang_command("-c", str(source), "-o", "/dev/null"), check=False).returncode != 0


def test_build_leaves_out_what_is_not_defined(load, tmp_path):
    clang("header_build", tmp_path / "none")
    assert metadata(load(tmp_path / "none"), "header_build") == {}

    clang("header_build", tmp_path / "one", '-DBPFMETA_BUILD_COMMIT="0123abc"')
    assert metadata(load(tmp_path / "one"), "header_build") == {"build_commit": "0123abc"}


def test_build_takes_every_define(load, tmp_path):
    defines = [f'-D{define}="the {name}"' for define, name in NAMES.items()]
    clang("header_build", tmp_path / "o", *defines)
    expected = {name: f"the {name}" for name in NAMES.values()}
    assert metadata(load(tmp_path / "o"), "header_build") == expected


def test_files_linked_into_one_object_keep_all_their_variables(load, tmp_path):
    host = '-DBPFMETA_BUILD_HOST="a"'
    clang("header_build", tmp_path / "first", '-DBPFMETA_BUILD_COMMIT="1"', host)
    clang("header_part", tmp_path / "second", '-DBPFMETA_BUILD_COMMIT="2"')
    parts = [str(tmp_path / "first"), str(tmp_path / "second")]
    run(["bpftool", "gen", "object", str(tmp_path / "linked.o"), *parts])
    assert metadata_pairs(load(tmp_path / "linked.o"), "header_build") == [
        ("build_commit", "1"),
        ("build_host", "a"),
        ("part", "second"),
        ("build_commit", "2"),
    ]


# --- C++ ---------------------------------------------------------------------------------------

def cxx_compilers():
    """The clang++ of all releases that are there: they do not agree on which names they mangle."""
    found = {}
    for directory in os.get_exec_path():
        for path in sorted(Path(directory).glob("clang++*")):
            if re.fullmatch(r"clang\+\+(-\d+)?", path.name):
                found.setdefault(path.resolve(), path.name)
    return sorted(found.values())


CXX = cxx_compilers()


def cxx(compiler, *args, check=True):
    return run([compiler, *clang_command(*args)[1:]], check=check)


def test_there_is_a_compiler_of_cxx():
    assert "clang++" in CXX


@pytest.mark.parametrize("standard", ["c++11", "gnu++17", "c++20"])
@pytest.mark.parametrize("compiler", CXX)
def test_cxx_makes_plain_names(load, tmp_path, compiler, standard):
    cxx(compiler, f"-std={standard}", "-pedantic", '-DBPFMETA_BUILD_COMMIT="0123abc"', "-c",
        str(PROGRAMS / "header_cxx.bpf.cpp"), "-o", str(tmp_path / "o"))  # fmt: skip
    assert metadata(load(tmp_path / "o"), "header_cxx") == {
        "oncall": "net-team",
        "runbook": "https://wiki.example.org/drops",
        "severity": -2,
        "experimental": True,
        "ports": [80, 443],
        "nothing": 0,
        "owner": "Grace",
        "release": [("major", 5), ("minor", 9), ("codename", "lion")],
        "version": "1.2",
        "app": "firewall",
        "teams": ["net", "kernel"],
        "build_commit": "0123abc",
    }


@pytest.mark.parametrize("compiler", CXX)
def test_cxx_files_linked_into_one_object_keep_all_their_variables(load, tmp_path, compiler):
    for n in "12":
        source = tmp_path / f"{n}.bpf.cpp"
        licence = 'char LICENSE[] __attribute__((section("license"), used)) = "GPL";'
        source.write_text(f'''#include <bpfmeta.h>
            BPF_METADATA_VERSION("{n}");
            extern "C" {{
            __attribute__((section("socket"), used)) int part_{n}(void *context)
            {{
                return context ? {n} : 0;
            }}
            {licence if n == "1" else ""}
            }}''')
        cxx(compiler, "-c", str(source), "-o", str(tmp_path / n))
    run(["bpftool", "gen", "object", str(tmp_path / "linked.o"), str(tmp_path / "1"),
         str(tmp_path / "2")])  # fmt: skip
    assert metadata_pairs(load(tmp_path / "linked.o"), "part_1") == [("version", "1"), ("version", "2")]


@pytest.mark.parametrize("compiler", CXX)
def test_cxx_says_where_the_dimensions_have_to_be(tmp_path, compiler):
    """The name of the variable can't be told from dimensions behind it."""
    source = tmp_path / "x.bpf.cpp"
    source.write_text("#include <bpfmeta.h>\nBPF_METADATA_VALUE(int, ports[2], { 80, 443 });\n")
    done = cxx(compiler, "-c", str(source), "-o", "/dev/null", check=False)
    assert done.returncode != 0
    assert "write the dimensions in the type" in done.stderr


@pytest.mark.parametrize("compiler", CXX)
def test_cxx_that_is_too_old_is_told_so(tmp_path, compiler):
    source = tmp_path / "x.bpf.cpp"
    source.write_text('#include <bpfmeta.h>\nBPF_METADATA(owner, "Grace");\n')
    done = cxx(compiler, "-std=c++98", "-c", str(source), "-o", "/dev/null", check=False)
    assert done.returncode != 0
    assert "compile with -std=c++11" in done.stderr


# --- The pages ---------------------------------------------------------------------------------


def test_every_macro_is_in_the_page():
    header = Path(header_flags()[0].removeprefix("-I")) / "bpfmeta.h"
    page = (MAN / "bpfmeta.h.3").read_text()
    macros = re.findall(r"^#define (BPF_METADATA\w*)\(", header.read_text(), re.MULTILINE)
    assert len(macros) == 13
    assert set(macros) == set(re.findall(r"^\.Fn (BPF_METADATA\w*)", page, re.MULTILINE))
    defines = set(re.findall(r"^#ifdef (BPFMETA_\w+)", header.read_text(), re.MULTILINE))
    assert defines == set(NAMES)
    assert [define for define in defines if f".It Dv {define}\n" not in page] == []


def test_every_option_is_in_the_page(env):
    page = (MAN / "bpfmeta-cflags.1").read_text()
    options = set(re.findall(r"--([a-z]+)", run(["bpfmeta-cflags", "--help"], env=env).stdout))
    assert options == {"host", "format", "help", "version"}
    assert [option for option in options if f"Fl Fl {option}" not in page] == []


def test_the_page_s_example_is_a_program(load, tmp_path):
    example = (MAN / "bpfmeta.h.3").read_text().split(".Bd -literal -offset indent\n")[1]
    program = 'SEC("socket") int page(struct __sk_buff *skb) { return skb->len; }'
    (tmp_path / "x.c").write_text(example.split(".Ed\n")[0] + program)
    run(clang_command("-c", str(tmp_path / "x.c"), "-o", str(tmp_path / "o")))
    assert metadata(load(tmp_path / "o"), "page") == {
        "oncall": "net-team",
        "runbook": "https://wiki.example.org/net/drops",
        "severity": 2,
        "ports": [80, 443],
        "limits": [("packets", 10), ("bytes", 4096)],
    }


# --- gcc ---------------------------------------------------------------------------------------

# What follows is for the second compiler that can build BPF programs, which few have.
needs_gcc = pytest.mark.skipif(not shutil.which("bpf-gcc"), reason="bpf-gcc is not installed")


def gcc(out, *args, check=True):
    command = ["bpf-gcc", "-gbtf", "-O2", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-pedantic",
               *header_flags(), *args, "-o", str(out),
               "-c", str(PROGRAMS / "header_gcc.bpf.c")]  # fmt: skip
    return run(command, check=check)


@needs_gcc
def test_gcc(load, tmp_path):
    gcc(tmp_path / "o", "-funsigned-char", '-DBPFMETA_BUILD_COMMIT="0123abc"')
    assert metadata(load(tmp_path / "o"), "header_gcc") == {
        "oncall": "net-team",
        "severity": -2,
        "release": [("major", 5), ("minor", 9)],
        "build_commit": "0123abc",
    }


@needs_gcc
def test_gcc_whose_signed_char_the_kernel_refuses_is_told_so(tmp_path):
    version = int(run(["bpf-gcc", "-dumpversion"]).stdout.split(".")[0])
    done = gcc(tmp_path / "o", "-fsigned-char", check=False)
    assert (done.returncode != 0) == (version < 13)
    assert ("compile with -funsigned-char" in done.stderr) == (version < 13)


# --- bpfmeta-cflags: what it tells -------------------------------------------------------------


def test_checkout(checkout, env):
    git(checkout, env, "remote", "add", "origin", "https://example.org/team/firewall.git")
    (checkout / "below").mkdir()
    told = texts(checkout / "below", env)
    assert re.fullmatch(TIME, told.pop("build_time"))
    assert told == {
        "repository": "https://example.org/team/firewall.git",
        "build_commit": git(checkout, env, "rev-parse", "HEAD"),
        "commit_time": "2020-09-13T12:26:40Z",
    }


def test_the_current_directory_is_the_default(checkout, env):
    done = run(["bpfmeta-cflags"], env=env, cwd=checkout)
    assert git(checkout, env, "rev-parse", "HEAD") in done.stdout


def test_changed_files_make_it_dirty(checkout, env):
    head = git(checkout, env, "rev-parse", "HEAD")
    (checkout / "untracked.o").write_text("made by the build\n")
    assert texts(checkout, env)["build_commit"] == head

    (checkout / "file").write_text("two\n")
    assert texts(checkout, env)["build_commit"] == head + "-dirty"
    git(checkout, env, "add", "file")
    assert texts(checkout, env)["build_commit"] == head + "-dirty"


def test_a_checkout_that_cannot_be_compared_is_dirty(checkout, env):
    (checkout / ".git" / "index").write_text("broken")
    assert texts(checkout, env)["build_commit"].endswith("-dirty")


def test_looking_at_a_checkout_leaves_it_alone(checkout, env):
    os.utime(checkout / "file", (1, 1))
    before = (checkout / ".git" / "index").read_bytes()
    cflags(checkout, env)
    assert (checkout / ".git" / "index").read_bytes() == before


def test_outside_a_checkout(tmp_path, env):
    done = cflags(tmp_path, env, "--format=lines")
    assert re.fullmatch(f'-DBPFMETA_BUILD_TIME="{TIME}"\n', done.stdout)
    assert done.stderr == ""


def test_a_repository_without_files_is_outside(checkout, env, tmp_path):
    git(tmp_path, env, "clone", "--quiet", "--bare", str(checkout), "bare.git")
    assert list(texts(tmp_path / "bare.git", env)) == ["build_time"]
    assert list(texts(checkout / ".git", env)) == ["build_time"]


def test_before_the_first_commit(tmp_path, env):
    git(tmp_path, env, "init", "--quiet", "new")
    git(tmp_path / "new", env, "remote", "add", "origin", "https://example.org/new")
    done = cflags(tmp_path / "new", env)
    assert done.stderr == ""
    assert list(texts(tmp_path / "new", env)) == ["repository", "build_time"]


def test_without_git(checkout, env, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "od", "date", "uname", "cat", "bpfmeta-cflags"):
        (tools / tool).symlink_to(shutil.which(tool))
    done = cflags(checkout, dict(env, PATH=str(tools)), "--format=lines")
    assert re.fullmatch(f'-DBPFMETA_BUILD_TIME="{TIME}"\n', done.stdout)
    assert "git is not installed" in done.stderr


def test_a_checkout_that_git_refuses_to_read(checkout, env):
    for path in [checkout, *checkout.rglob("*")]:
        os.chown(path, 65534, 65534, follow_symlinks=False)
    done = cflags(checkout, env, "--format=lines")
    assert re.fullmatch(f'-DBPFMETA_BUILD_TIME="{TIME}"\n', done.stdout)
    assert re.fullmatch("bpfmeta-cflags: git does not read this checkout, .*\n", done.stderr)

    env["GIT_CONFIG_GLOBAL"] = str(checkout.parent / "config")
    run(["git", "config", "--global", "safe.directory", str(checkout)], env=env)
    assert "build_commit" in texts(checkout, env)


def test_a_build_that_a_git_hook_of_another_repository_runs(checkout, env, tmp_path):
    git(tmp_path, env, "init", "--quiet", "other")
    commit(tmp_path / "other", env)
    hook = dict(env, GIT_DIR=str(tmp_path / "other/.git"), GIT_WORK_TREE=str(tmp_path / "other"))
    assert texts(checkout, hook)["build_commit"] == git(checkout, env, "rev-parse", "HEAD")


def test_what_a_checkout_configures_is_not_run(checkout, env, tmp_path):
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/pwned'\n")
    hook.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand"):
        git(checkout, env, "config", name, str(hook))
    (tmp_path / "pwned").unlink(missing_ok=True)
    cflags(checkout, env)
    assert not (tmp_path / "pwned").exists()


def test_settings_of_the_user_do_not_show(checkout, env):
    git(checkout, env, "remote", "add", "origin", "https://example.org/x")
    plain = texts(checkout, env)
    env["GIT_CONFIG_GLOBAL"] = str(checkout.parent / "config")
    for name, value in {
        "url.https://token@mirror.example.org/.insteadOf": "https://example.org/",
        "log.showSignature": "true",
        "status.branch": "true",
        "color.ui": "always",
        "log.date": "relative",
    }.items():
        run(["git", "config", "--global", name, value], env=env)
    changed = texts(checkout, env)
    del plain["build_time"], changed["build_time"]
    assert changed == plain


def test_the_first_of_several_urls_is_the_one_that_is_fetched_from(checkout, env):
    git(checkout, env, "remote", "add", "origin", "https://example.org/first")
    git(checkout, env, "remote", "set-url", "--add", "origin", "https://example.org/second")
    assert texts(checkout, env)["repository"] == "https://example.org/first"


@pytest.mark.parametrize(
    "url, public",
    [
        ("https://user:s3cret@example.org/x.git", "https://example.org/x.git"),
        ("https://s3cret@example.org:8443/x", "https://example.org:8443/x"),
        ("https://s3cret@[::1]:8443/x", "https://[::1]:8443/x"),
        ("https://user:s3cret@s3cret@example.org/x", "https://example.org/x"),
        ("https://user:s3cret?s3cret#s3cret@example.org/x", "https://example.org/x"),
        ("https://example.org/x?private_token=s3cret", "https://example.org/x"),
        ("https://example.org/x#s3cret", "https://example.org/x"),
        ("https://example.org/@scope/x", "https://example.org/@scope/x"),
        ("HTTPS://u:s3cret@example.org", "HTTPS://example.org"),
        ("ssh://git@example.org:2222/x", "ssh://git@example.org:2222/x"),
        ("ssh://git:s3cret@example.org/x", "ssh://git@example.org/x"),
        ("git+ssh://git:s3cret@example.org/x", "git+ssh://git@example.org/x"),
        ("git@example.org:team/x.git", "git@example.org:team/x.git"),
        ("example.org:team/x.git", "example.org:team/x.git"),
        ("../x", "../x"),
        ("/srv/git/x@2", "/srv/git/x@2"),
        ("file:///srv/git/x", "file:///srv/git/x"),
        # It can't be told what is a secret in these.
        ("https://user:s3/cret@example.org/x", None),
        ("https://proxy.example.org/https://s3cret@example.org/x", None),
        ("user:s3cret@example.org/x", None),
        ("user:s3cret@example.org:x", None),
        (" https://user:s3cret@example.org/x", None),
        ("ext::sh -c 'echo s3cret'", None),
        ("ext::https://u:s3cret@example.org/x", None),
    ],
)
def test_no_secret_of_the_url_is_told(checkout, env, url, public):
    git(checkout, env, "config", "remote.origin.url", url)
    done = cflags(checkout, env, "--format=lines")
    assert "s3cret" not in done.stdout + done.stderr
    assert texts(checkout, env).get("repository") == public
    assert ("may hold a secret" in done.stderr) == (public is None)


# --- bpfmeta-cflags: times and hosts -----------------------------------------------------------


def test_source_date_epoch_is_the_build_time(checkout, env):
    env["SOURCE_DATE_EPOCH"] = "86400"
    assert texts(checkout, env)["build_time"] == "1970-01-02T00:00:00Z"
    assert texts(checkout, dict(env, TZ="America/New_York"))["build_time"] == "1970-01-02T00:00:00Z"


@pytest.mark.parametrize("value", ["", "yesterday", "-1", "1 day", "$(id)", "9" * 40])
def test_source_date_epoch_that_is_no_time_fails(checkout, env, value):
    env["SOURCE_DATE_EPOCH"] = value
    done = cflags(checkout, env, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch("bpfmeta-cflags: SOURCE_DATE_EPOCH is .*\n", done.stderr)


def test_the_host_is_told_only_if_asked_for(checkout, env):
    assert "build_host" not in texts(checkout, env)
    assert texts(checkout, env, "--host")["build_host"] == os.uname().nodename


def test_two_builds_of_one_commit_are_the_same(checkout, env, tmp_path):
    git(checkout, env, "remote", "add", "origin", "https://example.org/x")
    git(tmp_path, env, "clone", "--quiet", str(checkout), "copy")
    git(tmp_path / "copy", env, "config", "remote.origin.url", "https://example.org/x")
    objects = []
    for directory, settings in (
        (checkout, {"TZ": "UTC", "LC_ALL": "C"}),
        (tmp_path / "copy", {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "USER": "someone"}),
    ):
        built = dict(env, SOURCE_DATE_EPOCH="1600000001", **settings)
        obj = tmp_path / f"{len(objects)}.o"
        defines = shlex.split(cflags(directory, built).stdout)
        clang("header_build", obj, *defines, env=built)
        objects.append(obj.read_bytes())
    assert objects[0] == objects[1]
    assert b"2020-09-13T12:26:41Z\0" in objects[0]


# --- bpfmeta-cflags: the way to the compiler ---------------------------------------------------


def by_shell(source, out, checkout, env, cwd):
    command = shlex.join(clang_command("-c", str(source), "-o", str(out)))
    line = f'eval "{command} $(bpfmeta-cflags {shlex.quote(str(checkout))})"'
    run(["sh", "-c", line], env=env, cwd=cwd)


def by_make(source, out, checkout, env, cwd):
    command = shlex.join(clang_command("-c", str(source), "-o", str(out)))
    (cwd / "Makefile").write_text(
        f"STAMP := $(shell bpfmeta-cflags {shlex.quote(str(checkout))})\n"
        f"export STAMP\nall:\n\t$(MAKE) -f Makefile again\nagain:\n\t{command} $(STAMP)\n"
    )
    run(["make"], env=env, cwd=cwd)


def by_lines(source, out, checkout, env, cwd):
    defines = lines(checkout, env)
    run(clang_command("-c", str(source), "-o", str(out), *defines), env=env, cwd=cwd)


def by_cmake(source, out, checkout, env, cwd):
    command = " ".join(f"[[{word}]]" for word in clang_command("-c", str(source), "-o", str(out)))
    (cwd / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(x LANGUAGES NONE)\n"
        f"execute_process(COMMAND bpfmeta-cflags --format=lines [[{checkout}]]\n"
        "  OUTPUT_VARIABLE stamp)\n"
        'string(REPLACE "\\n" ";" stamp "${stamp}")\n'
        f"add_custom_target(x ALL COMMAND {command} ${{stamp}} VERBATIM)\n"
    )
    run(["cmake", "-B", "build", "-G", "Unix Makefiles"], env=env, cwd=cwd)
    run(["cmake", "--build", "build"], env=env, cwd=cwd)


def by_meson(source, out, checkout, env, cwd):
    command = ", ".join(f"'{word}'" for word in clang_command("-c", str(source), "-o", "@OUTPUT@"))
    (cwd / "meson.build").write_text(
        "project('x')\n"
        f"stamp = run_command('bpfmeta-cflags', '--format=lines', '{checkout}', check: true)\n"
        f"custom_target('x', output: '{out.name}', build_by_default: true,\n"
        f"  command: [{command}] + stamp.stdout().strip().split('\\n'))\n"
    )
    run(["meson", "setup", "build"], env=env, cwd=cwd)
    run(["ninja", "-C", "build"], env=env, cwd=cwd)
    (cwd / "build" / out.name).rename(out)


def by_command(source, out, checkout, env, cwd):
    command = clang_command("-c", str(source), "-o", str(out))
    run(["bpfmeta-cflags", str(checkout), "--", *command], env=env, cwd=cwd)


@pytest.mark.parametrize("build", [by_shell, by_make, by_lines, by_command])
@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_reaches_the_kernel_as_it_is(load, checkout, env, tmp_path, build, text):
    reaches_the_kernel(load, checkout, env, tmp_path, build, text)


# Most in one, as configuring takes its time. The placeholder alone, as it has no other odd byte.
@pytest.mark.parametrize("build", [by_cmake, by_meson])
@pytest.mark.parametrize("text", ["".join(HOSTILE), "/srv/@OUTPUT@"], ids=["all", "placeholder"])
def test_any_text_passes_through_a_build_system(load, checkout, env, tmp_path, build, text):
    reaches_the_kernel(load, checkout, env, tmp_path, build, text)


def reaches_the_kernel(load, checkout, env, tmp_path, build, text):
    git(checkout, env, "config", "remote.origin.url", text)
    work = tmp_path / "work"
    work.mkdir()
    out = tmp_path / "x.o"
    build(PROGRAMS / "header_build.bpf.c", out, checkout, env, work)
    assert text.encode() + b"\0" in kernel_bytes(load(out))
    assert b"pwned" not in run(["bpftool", "btf", "dump", "file", str(out)]).stdout.encode()
    assert not list(tmp_path.rglob("pwned"))


def test_a_hostile_branch_name_is_not_told(checkout, env):
    plain = texts(checkout, env)["build_commit"]
    git(checkout, env, "checkout", "--quiet", "-b", "x$(touch${IFS}pwned)'\"`id`")
    assert texts(checkout, env)["build_commit"] == plain


def test_a_plain_url_stands_there_readably(checkout, env):
    git(checkout, env, "remote", "add", "origin", "git@example.org:team/x.git")
    done = cflags(checkout, env)
    assert done.stdout.startswith("-DBPFMETA_REPOSITORY='\"git@example.org:team/x.git\"' ")
    assert done.stdout.count("\n") == 1


SHELLS = list(filter(shutil.which, ["dash", "bash", "busybox", "mksh", "ksh", "yash"]))


@pytest.mark.parametrize("shell", SHELLS)
def test_any_posix_shell_runs_it(checkout, env, shell):
    git(checkout, env, "config", "remote.origin.url", "".join(HOSTILE))
    env["SOURCE_DATE_EPOCH"] = "0"
    expected = lines(checkout, env)
    applet = ["sh"] if shell == "busybox" else []
    command = [shell, *applet, shutil.which("bpfmeta-cflags"), "--format=lines", str(checkout)]
    assert run(command, env=env).stdout.splitlines() == expected


# --- bpfmeta-cflags: its command line ----------------------------------------------------------


def test_a_command_gets_the_defines_last_and_the_environment_as_it_was(tmp_path, env):
    env.update(SOURCE_DATE_EPOCH="0", LC_ALL="C.UTF-8", GIT_DIR="/nowhere")
    script = 'printf "%s\\n" "$LC_ALL" "$GIT_DIR" "$@"; exit 7'
    command = ["sh", "-c", script, "sh", "a b", "'*"]
    done = run(["bpfmeta-cflags", "--host", str(tmp_path), "--", *command], env=env, check=False)
    assert done.returncode == 7
    assert done.stdout.splitlines() == [
        "C.UTF-8", "/nowhere", "a b", "'*",
        '-DBPFMETA_BUILD_TIME="1970-01-01T00:00:00Z"',
        f'-DBPFMETA_BUILD_HOST="{os.uname().nodename}"',
    ]  # fmt: skip

    del env["LC_ALL"]
    done = run(["bpfmeta-cflags", "--", "sh", "-c", 'echo "${LC_ALL-none}"'], env=env, cwd=tmp_path)
    assert done.stdout == "none\n"


def test_help(env):
    done = run(["bpfmeta-cflags", "--help"], env=env)
    assert done.stdout.startswith("Usage: bpfmeta-cflags ")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "args",
    [["--colour"], ["--format=json"], ["/nonexistent"], [""], ["/", "/"], ["--"], ["/", "--"]],
)
def test_a_wrong_command_line_is_told_in_one_sentence(tmp_path, env, args):
    done = run(["bpfmeta-cflags", *args], env=env, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch("bpfmeta-cflags: .*\\.\n", done.stderr)


def test_pkg_config_names_the_command(env):
    done = run(["pkg-config", "--variable=bpfmeta_cflags", "bpfmeta"], env=env)
    assert os.path.samefile(done.stdout.strip(), shutil.which("bpfmeta-cflags"))
