# SPDX-License-Identifier: GPL-2.0-or-later
"""The first boot, with the shipped line in fstab; then the shipped units."""

import os
import pathlib
import shutil
import signal

import pytest

from systemd import (BPFFS, INTEGRATION, TREE, UNIT, bpf, bpffs, compiled, daemons, eventually, load,
                     mounted, ok, program, result, run, shows, state)

FSTAB = pathlib.Path("/etc/fstab")
SERVICE = "bpfmetafs.service"
UNITS = pathlib.Path("/etc/systemd/system")
EXAMPLES = pathlib.Path("/usr/share/doc/bpfmetafs/examples")


def test_fstab_line_at_boot(program):
    assert state() == "active"
    assert mounted() == ("fuse.bpfmetafs", "bpf")
    assert "/etc/fstab" in ok("systemctl", "show", "--property=SourcePath", UNIT)
    assert shows(program)
    assert "bpfmeta" not in run("systemctl", "--failed", "--plain", "--no-legend").stdout


def test_daemon_belongs_to_the_unit():
    (pid,) = daemons()
    assert pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip().endswith(f"/{UNIT}")


def test_stop_and_start_of_the_fstab_mount(program):
    ok("systemctl", "stop", UNIT)
    assert mounted() is None
    assert (state(), result()) == ("inactive", "success")
    eventually(lambda: not daemons())
    ok("systemctl", "start", UNIT)
    assert shows(program)


@pytest.fixture(scope="module")
def unit():
    """The shipped unit instead of the line in fstab."""
    ok("systemctl", "stop", UNIT)
    FSTAB.write_text("")
    shutil.copy(EXAMPLES / UNIT, UNITS)
    ok("systemctl", "daemon-reload")


def test_unit_is_well_formed(unit):
    ok("systemd-analyze", "verify", "--man=no", UNITS / UNIT)


def test_unit(unit, program):
    ok("systemctl", "start", UNIT)
    assert mounted() == ("fuse.bpfmetafs", "bpf")
    assert shows(program)
    assert len(daemons()) == 1


def test_unit_of_a_loader(unit):
    """A service loads a program. The tree knows which service it was, also when that has ended."""
    pin = BPFFS / "of-a-service"
    code = f"import bpf, time; bpf.obj_pin(bpf.prog_load(), '{pin}'); time.sleep(10000)"
    ok("systemctl", "start", UNIT)
    ok("systemd-run", "--quiet", "--collect", "--unit=loads", f"--setenv=PYTHONPATH={INTEGRATION}",
       "python3", "-B", "-c", code)
    eventually(pin.exists)
    fd = bpf.obj_get(pin)
    pin.unlink()
    directory = TREE / str(bpf.object_id(fd)) / "info/loader"
    eventually((directory / "unit").exists)
    for name, text in (("unit", "loads.service"), ("cgroup", "/system.slice/loads.service"),
                       ("comm", "python3")):
        assert (directory / name).read_text() == f"{text}\n"
    ok("systemctl", "stop", "loads")
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    assert (directory / "unit").read_text() == "loads.service\n"
    os.close(fd)


def test_stop_while_in_use(unit, program):
    """umount refuses, and systemd says so; the tree still works, and stops when it is free."""
    with open(TREE / str(program.id) / "oncall", encoding="utf-8") as file:
        run("systemctl", "stop", UNIT)
        assert file.read() == f"{program.oncall}\n"
    ok("systemctl", "stop", UNIT)
    assert mounted() is None
    eventually(lambda: not daemons())


def test_reload_remounts(unit, program):
    ok("systemctl", "start", UNIT)
    (before,) = daemons()
    ok("systemctl", "reload", UNIT)
    assert state() == "active"
    assert daemons() == [before]
    assert ok("findmnt", "--mountpoint", TREE, "--noheadings", "--output", "TARGET").split() \
        == [str(TREE)]
    assert shows(program)


def test_restart_after_the_daemon_was_killed(unit, program):
    (pid,) = daemons()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not daemons())
    eventually(lambda: not mounted())
    eventually(lambda: state() == "inactive")
    ok("systemctl", "restart", UNIT)
    assert shows(program)


def test_wrong_option_fails_the_unit_with_a_sentence(unit):
    ok("systemctl", "stop", UNIT)
    drop = UNITS / f"{UNIT}.d"
    drop.mkdir()
    (drop / "wrong.conf").write_text("[Mount]\nOptions=mode=999\n")
    ok("systemctl", "daemon-reload")
    try:
        assert run("systemctl", "start", UNIT).returncode != 0
        assert state() == "failed"
        assert "must be an octal number" in ok("journalctl", "--no-pager", "--unit", UNIT)
    finally:
        shutil.rmtree(drop)
        ok("systemctl", "daemon-reload")
        ok("systemctl", "reset-failed", UNIT)


def test_automount(unit, program):
    """The shipped line for it."""
    (UNITS / UNIT).unlink()
    (line,) = [line for line in (EXAMPLES / "fstab.example").read_text().splitlines()
               if "x-systemd.automount" in line]
    FSTAB.write_text(line.lstrip("#") + "\n")
    ok("systemctl", "daemon-reload")
    ok("systemctl", "start", "bpfmeta.automount")
    try:
        assert not daemons()
        assert shows(program)
        assert len(daemons()) == 1
    finally:
        ok("systemctl", "stop", "bpfmeta.automount", UNIT)
        FSTAB.write_text("")
        shutil.copy(EXAMPLES / UNIT, UNITS)
        ok("systemctl", "daemon-reload")


@pytest.fixture
def service(unit):
    """The shipped service, which expects the daemon where it is built to by default."""
    ok("systemctl", "stop", UNIT)
    text = (EXAMPLES / SERVICE).read_text()
    (UNITS / SERVICE).write_text(text.replace("/usr/local/sbin/", "/usr/sbin/"))
    ok("systemctl", "daemon-reload")
    yield
    run("systemctl", "stop", SERVICE)
    (UNITS / SERVICE).unlink()
    ok("systemctl", "daemon-reload")


def test_service(service, program):
    ok("systemd-analyze", "verify", "--man=no", UNITS / SERVICE)
    ok("systemctl", "start", SERVICE)
    eventually(mounted)
    assert shows(program)
    (pid,) = daemons()
    assert pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip().endswith(f"/{SERVICE}")

    os.kill(pid, signal.SIGKILL)
    eventually(lambda: daemons() not in ([], [pid]))
    eventually(lambda: mounted() and shows(program))

    ok("systemctl", "stop", SERVICE)
    assert mounted() is None
    assert (state(SERVICE), result(SERVICE)) == ("inactive", "success")
    assert not daemons()


def test_enable_for_the_next_boot(unit, program):
    assert run("systemctl", "enable", "--now", UNIT).returncode == 0
    assert shows(program)
