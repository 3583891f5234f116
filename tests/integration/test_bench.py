# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark in its short form: everything that it promises to measure can be measured. What the
figures are is not judged here."""

import json
import os
import pathlib
import re
import signal
import subprocess

from conftest import eventually, run

BENCH = pathlib.Path(__file__).parent.parent / "bench" / "run"
PAGE = (BENCH.parents[2] / "docs" / "speed.md").read_text(encoding="utf-8")

# Names of rows, and how many figures each has.
ROWS = {"read": 2, "grep": 2, "by": 1, "grep-cold": 1, "grep-all": 1, "cat-cold": 1, "entries": 1, "list": 1,
        "report": 1, "report-jq": 1, "report-cold": 1, "report-read": 1, "report-scale": 1, "gone": 2,
        "there": 1, "look": 1, "attached": 1, "pinned": 1, "pids": 1, "links": 1, "beside": 1, "scale": 2, "rules": 2, "memory": 2, "idle": 1,
        "cost": 4}


def bench(*arguments):
    # While others have loaded programs with odd metadata, bpftool prints broken JSON, or more than jq can hold.
    for _ in range(5):
        result = run(BENCH, *arguments, timeout=400)
        if "bpftool" not in result.stderr:
            break
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_row_is_measured(tmp_path):
    path = tmp_path / "result.json"
    table = bench("--short", "--json", path)
    result = json.loads(path.read_text())
    rows = {row["name"]: row for row in result["rows"]}
    assert {name: len(row["figures"]) for name, row in rows.items()} == ROWS
    for row in rows.values():
        assert row["title"] in table
        # There it is about more programs and seconds.
        assert re.split("[0-9]", row["title"])[0] in PAGE
        assert all(figure["value"] >= 0 and figure["limit"] >= 0 for figure in row["figures"])
    assert not result["judged"]
    assert "| met" not in table
    # What is waited for has to come, however slow the machine is.
    for name in "gone", "there":
        assert rows[name]["details"]["count"] == 10
        assert rows[name]["details"]["missed"] == 0


def test_only_the_rows_that_are_wanted(tmp_path):
    path = tmp_path / "result.json"
    table = bench("--short", "--json", path, "--rows", "pi*", "--rows", "links")
    names = [row["name"] for row in json.loads(path.read_text())["rows"]]
    assert names == ["pinned", "pids", "links"]
    assert table.count("\n") == 2 + len(names)
    result = run(BENCH, "--rows", "links", "--rows", "nothing*")
    assert result.returncode == 2
    assert "nothing*" in result.stderr and "grep-cold" in result.stderr


def test_requests_are_counted():
    table = bench("--short", "--requests")
    assert table.count("cold: ") == table.count("warm: ") == 7
    assert " LOOKUP\n" in table


def processes_of(directory):
    """The command lines in which the directory occurs: the daemon, the loader, a probe."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return [line for line in found if str(directory) in line]


def test_a_signal_leaves_nothing_behind(tmp_path):
    with subprocess.Popen([BENCH, "--short"], env={**os.environ, "TMPDIR": str(tmp_path)},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        eventually(lambda: any(tmp_path.glob("*/log")))
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


def test_a_missing_daemon_is_said():
    result = run(BENCH, "--daemon", "/nonexistent/bpfmetafs")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "/nonexistent/bpfmetafs" in result.stderr
    assert result.stdout == ""
