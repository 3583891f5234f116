# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks under systemd share: they use the integration suite's fixtures."""

import pathlib
import sys

INTEGRATION = "/srv/bpfmetafs/tests/integration"
sys.path.insert(0, INTEGRATION)

import bpf  # noqa: E402, F401
from conftest import BPFFS, bpffs, compiled, eventually, load, ok, program, run  # noqa: E402, F401

TREE = pathlib.Path("/bpfmeta")
UNIT = "bpfmeta.mount"


def state(unit=UNIT):
    return ok("systemctl", "show", "--value", "--property=ActiveState", unit).strip()


def result(unit=UNIT):
    return ok("systemctl", "show", "--value", "--property=Result", unit).strip()


def mounted():
    """Type and source of what is mounted at the tree's place; None if nothing is."""
    shown = run("findmnt", "--noheadings", "--output", "FSTYPE,SOURCE", "--mountpoint", TREE)
    return tuple(shown.stdout.split()) or None


def daemons():
    return [int(pid) for pid in run("pgrep", "-x", "bpfmetafs").stdout.split()]


def shows(loaded):
    """True if the loaded program is in the tree."""
    return (TREE / str(loaded.id) / "oncall").read_text() == f"{loaded.oncall}\n"
