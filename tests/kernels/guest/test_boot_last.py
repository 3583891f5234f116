# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot after a restart with the tree in use: the enabled unit, and what the journal tells of the
shutdown."""

import pathlib

from systemd import (UNIT, bpffs, compiled, daemons, load, mounted, ok, program, run, shows, state)


def test_enabled_unit_at_boot(program):
    assert pathlib.Path("/etc/fstab").read_text() == ""
    assert state() == "active"
    assert mounted() == ("fuse.bpfmetafs", "bpf")
    assert shows(program)
    assert len(daemons()) == 1
    assert "bpfmeta" not in run("systemctl", "--failed", "--plain", "--no-legend").stdout


def test_restart_did_not_wait_for_the_tree():
    said = ok("journalctl", "--no-pager", "--boot=-1")
    assert "tree-user.service" in said
    assert "System is rebooting" in said or "systemd-shutdown" in said or "reboot.target" in said
    for line in said.splitlines():
        assert "timed out" not in line.lower(), line
        assert "sigkill" not in line.lower() or "bpfmeta" not in line, line


def test_no_oops():
    said = ok("journalctl", "--no-pager", "--boot=-1", "--dmesg")
    assert not any(word in said for word in ("BUG:", "WARNING:", "Oops", "hung task")), said
