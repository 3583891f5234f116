# SPDX-License-Identifier: GPL-2.0-or-later
"""The packages: that they can be built, that the linters find nothing, and what the Debian ones do to a
machine that has never seen bpfmetafs."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import ok, run

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BUILD = PROJECT / "packaging" / "build"
VERSION = (PROJECT / "VERSION").read_text().strip()
COMMANDS = ["/usr/sbin/bpfmetafs", "/usr/sbin/bpfmeta-annotate", "/usr/bin/bpfmeta-check", "/usr/bin/bpfmeta-cflags"]

pytestmark = pytest.mark.files


def build(kind, directory):
    # To optimize less takes less time, and the linters say the same. Debian's hardening needs some of it.
    environment = {"deb": {"DEB_CFLAGS_APPEND": "-O1 -g1"}, "rpm": {"CFLAGS": "-O0"}}[kind]
    done = run(BUILD, kind, directory, timeout=600, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert not re.search("warning: ", done.stderr)
    return directory


@pytest.fixture(scope="module")
def debs(tmp_path_factory):
    return build("deb", tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="module")
def rpms(tmp_path_factory):
    return build("rpm", tmp_path_factory.mktemp("rpm"))


def test_lintian_finds_nothing(debs):
    (changes,) = debs.glob("*.changes")
    done = run("lintian", "--allow-root", "--fail-on", "error,warning", changes)
    assert done.returncode == 0, done.stdout
    assert not re.search("^[EW]: ", done.stdout, re.MULTILINE)


def test_rpmlint_finds_nothing(rpms):
    done = run("rpmlint", "-c", PROJECT / "packaging" / "rpmlint.toml", *rpms.glob("*.rpm"), rpms / "bpfmetafs.spec")
    assert done.returncode == 0, done.stdout
    assert "3 packages and 1 specfiles checked; 0 errors, 0 warnings" in done.stdout


def test_both_kinds_have_the_same_files(debs, rpms):
    """Apart from what each distribution keeps elsewhere."""

    def interesting(paths):
        return {re.sub(r"^/(lib|sbin)/", r"/usr/\1/", path.removesuffix(".gz")) for path in paths
                if re.search(r"/(s?bin|include|system|man\d|pkgconfig)/[^/]+$", path)}

    def of_deb(path):
        lines = ok("dpkg-deb", "--contents", path).splitlines()
        return [line.split()[5].removeprefix(".") for line in lines if not line.startswith("d")]

    deb = {path for name in (f"bpfmetafs_{VERSION}_*.deb", f"libbpfmeta-dev_{VERSION}_all.deb")
           for package in debs.glob(name) for path in of_deb(package)}
    rpm = {path for package in rpms.glob("*.rpm") if ".src." not in package.name
           for path in run("rpm", "-qlp", package).stdout.splitlines()}
    assert interesting(deb) == interesting(rpm)
    assert interesting(deb) >= {*COMMANDS, "/usr/sbin/mount.bpfmetafs", "/usr/include/bpfmeta.h"}


class CleanRoot:
    """The machine as it is without bpfmetafs, in a layer that takes all changes."""

    def __init__(self, directory):
        self.layer, self.root = directory / "layer", directory / "root"
        self.layer.mkdir()
        self.root.mkdir()
        ok("mount", "-t", "tmpfs", "tmpfs", self.layer)
        for name in "upper", "work", "packages":
            (self.layer / name).mkdir()
        ok("mount", "-t", "overlay", "-o",
           f"lowerdir=/,upperdir={self.layer}/upper,workdir={self.layer}/work", "overlay", self.root)
        for name in "proc", "sys", "dev":
            ok("mount", "--rbind", f"/{name}", self.root / name)
        ok("mount", "-t", "tmpfs", "tmpfs", self.root / "tmp")
        # The index of all manuals would be made anew each time, which is no work of these packages.
        (self.root / "var/lib/man-db/auto-update").unlink(missing_ok=True)
        # What was installed by hand, or by quickstart.
        ok("sh", "-c", "find usr etc bpfmeta -xdev -name '*bpfmeta*' -prune -exec rm -rf {} + 2>/dev/null || :",
           cwd=self.root)

    def run(self, *argv):
        return run("chroot", self.root, *argv, timeout=300, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive",
                   "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TMPDIR": "/tmp"})

    def ok(self, *argv):
        done = self.run(*argv)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self):
        """What there is of bpfmetafs where packages put things, and what dpkg knows of it."""
        found = self.ok("find", "/usr", "/etc", "/var/lib", "/run", "-name", "*bpfmeta*").splitlines()
        status = (self.root / "var/lib/dpkg/status").read_text()
        return sorted(found) + re.findall("^Package: .*bpfmeta.*", status, re.MULTILINE)

    def end(self):
        subprocess.run(["umount", "--recursive", "--lazy", self.root], check=False)
        subprocess.run(["umount", "--lazy", self.layer], check=False)


@pytest.fixture
def clean(tmp_path):
    root = CleanRoot(tmp_path)
    yield root
    root.end()


def test_the_debian_packages_come_and_go(debs, clean):
    before = clean.files()
    assert not before
    names = [path.name for path in debs.glob("*.deb") if "dbgsym" not in path.name]
    for name in names:
        (clean.root / "tmp" / name).write_bytes((debs / name).read_bytes())
    clean.ok("dpkg", "--install", *(f"/tmp/{name}" for name in names))
    for command in COMMANDS:
        assert clean.ok(command, "--version").splitlines()[0] == f"{pathlib.Path(command).name} {VERSION}"
    # Nothing is mounted or started at once, nor at the next boot.
    assert "bpfmeta" not in clean.ok("find", "/etc/systemd", "-name", "*bpfmeta*")
    unit = (clean.root / "lib/systemd/system/bpfmetafs.service").read_text()
    assert "\nExecStart=/usr/sbin/bpfmetafs " in unit
    # What Debian would run with the packages installed.
    (clean.root / "tmp" / "read").write_bytes((PROJECT / "packaging/debian/tests/read").read_bytes())
    (clean.root / "tmp" / "read").chmod(0o755)
    clean.ok("/tmp/read")
    clean.ok("dpkg", "--purge", "libbpfmeta-dev", "bpfmetafs")
    assert clean.files() == before


@pytest.mark.parametrize("words", [[], ["tgz", "."], ["deb"]])
def test_what_to_build_has_to_be_named(words):
    done = run(BUILD, *words)
    assert done.returncode == 2 and re.fullmatch(r"packaging/build: [^\n]+\n", done.stderr)
