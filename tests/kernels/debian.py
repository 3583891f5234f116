# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's archive, as this machine's apt knows it, with package lists of its own: nothing of the
machine's own packages is looked at or changed."""

import functools
import os
import pathlib
import re
import shutil
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Where a kernel of each series may be: the archive's label, and the suites.
SUITES = {
    "Debian-Security": ["bullseye-security", "bookworm-security", "trixie-security"],
    "Debian": ["bookworm", "trixie", "trixie-backports", "sid"],
}


class Problem(Exception):
    """A sentence for the user."""


def archives():
    """The addresses of Debian's archives by their label, from the machine's configuration."""
    lines = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
         "Created-By: Packages"], check=True, capture_output=True, text=True).stdout.splitlines()
    found = {}
    for line in lines:
        origin, label, address = line.split("|", 2)
        if origin == "Debian":
            found.setdefault(label, address)
    missing = [label for label in SUITES if label not in found]
    if missing:
        raise Problem(f"this machine's apt has no archive labelled {' or '.join(missing)}: enter it "
                      "in /etc/apt and run apt-get update")
    return found


def sources(label_suites):
    """Lines of a sources.list for (label, suite) pairs."""
    found = archives()
    return [f"deb [signed-by={KEYRING}] {found[label]} {suite} main"
            for label, suite in label_suites]


def version_order(first, second):
    older = subprocess.run(["dpkg", "--compare-versions", first, "lt", second], check=False)
    return -1 if older.returncode == 0 else int(first != second)


class Kernels:
    """The kernel packages of the archive, and those that were downloaded before."""

    def __init__(self, cache):
        self.cache = pathlib.Path(cache)
        self.apt = self.cache / "apt"
        self.environment = dict(os.environ, APT_CONFIG=str(self.apt / "apt.conf"), LC_ALL="C")

    def update(self):
        for directory in ("lists/partial", "cache/archives/partial", "empty"):
            (self.apt / directory).mkdir(parents=True, exist_ok=True)
        (self.apt / "status").touch()
        pairs = [(label, suite) for label, suites in SUITES.items() for suite in suites]
        (self.apt / "sources.list").write_text("\n".join(sources(pairs)) + "\n")
        settings = {"State": "", "State::lists": "/lists", "State::status": "/status",
                    "Cache": "/cache", "Etc::sourcelist": "/sources.list",
                    "Etc::sourceparts": "/empty", "Etc::preferencesparts": "/empty",
                    "Etc::preferences": "/none"}
        (self.apt / "apt.conf").write_text(
            "".join(f'Dir::{key} "{self.apt}{path}";\n' for key, path in settings.items()) +
            'APT::Sandbox::User "root";\nAPT::Architecture "amd64";\n')
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=self.environment)

    def query(self, *words):
        return subprocess.run(["apt-cache", *words], check=True, env=self.environment,
                              capture_output=True, text=True).stdout

    def newest(self, series):
        """The newest release of a series ("6.1"), or of all ("newest"): "6.1.0-56"."""
        names = self.query("pkgnames", "linux-image-").split()
        names += [path.name for path in (self.cache / "kernels").glob("linux-image-*")]
        prefix = r"\d+\.\d+" if series == "newest" else re.escape(series)
        pattern = re.compile(rf"linux-image-({prefix}\.\d.*)-cloud-amd64")
        releases = [match[1] for name in names if (match := pattern.fullmatch(name))]
        if not releases:
            raise Problem(f"the archive has no kernel {series}, and none was downloaded before")
        return max(releases, key=functools.cmp_to_key(version_order))

    def get(self, series):
        """Downloads and unpacks; returns the release and the directory with boot and modules."""
        release = self.newest(series) + "-cloud-amd64"
        target = self.cache / "kernels" / f"linux-image-{release}"
        if not target.exists():
            partial = target.with_name("partial-" + target.name)
            shutil.rmtree(partial, ignore_errors=True)
            (partial / "debs").mkdir(parents=True)
            # Since 6.19 the image itself is in packages of its own.
            names = [f"linux-image-{release}"]
            depends = self.query("show", names[0])
            # A package that the archive has not any more may be one that says only what others need.
            names += [name for name in
                      sorted(set(re.findall(r"\b(linux-(?:base|binary|modules)-\S+)", depends)))
                      if self.query("madison", name)]
            subprocess.run(["apt-get", "download", "-qq", *names], check=True,
                           cwd=partial / "debs", env=self.environment)
            for package in (partial / "debs").iterdir():
                subprocess.run(["dpkg-deb", "--extract", package, partial], check=True)
            shutil.rmtree(partial / "debs")
            if not list(partial.rglob("vmlinuz*")):
                raise Problem(f"the archive has not all packages of Linux {release}")
            partial.rename(target)
        return release, target
