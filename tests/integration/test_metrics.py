# SPDX-License-Identifier: GPL-2.0-or-later
"""metrics.prom: what Prometheus' own tools make of it, and that it says what bpftool says."""

import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

import pytest

import bpf
from conftest import eventually, is_mounted, ok, run
from test_hostile import REFUSALS, TYPES, load_section

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "prometheus"
EXPORTER = "prometheus-node-exporter"
USER = 65534
GROUP = 64999

SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def unescaped(text):
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), text)


def parsed(text):
    """{metric: {labels: value}}; labels are a sorted tuple of pairs."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        key = tuple(sorted((label, unescaped(text)) for label, text in LABEL.findall(labels or "")))
        assert key not in found.setdefault(name, {})
        found[name][key] = float(value)
    return found


def metrics(tree):
    time.sleep(0.004)
    return parsed((tree / "metrics.prom").read_text())


def mine(name):
    """A name that no test has which runs beside this one."""
    return f"{name}{os.getpid()}"


def labels(name="", kind="socket_filter", oncall=""):
    return (("name", name), ("oncall", oncall), ("type", kind))


def need(command):
    if not shutil.which(command):
        pytest.skip(f"there is no {command}")


def check(text):
    need("promtool")
    assert ok("promtool", "check", "metrics", input=text) == ""


@pytest.fixture
def own(hand, fds):
    """Loads a program of that name, and binds metadata to it. Returns its descriptor and id."""

    def load(name, **metadata):
        fd, number = hand(name.encode())
        if metadata:
            fds.append(bpf.metadata_map([(f"bpf_metadata_{key}", text)
                                         for key, text in metadata.items()], name=name.encode()))
            bpf.bind(fd, fds[-1])
        return fd, number

    return load


@pytest.fixture
def stats():
    """Run times are counted."""
    fd = bpf.enable_run_stats()
    yield
    os.close(fd)


def test_every_metric_has_its_type(tree, own):
    own(mine("typed"), oncall="net-team")
    text = (tree / "metrics.prom").read_text()
    check(text)
    types = dict(re.findall(r"# TYPE (\w+) (\w+)", text))
    assert types == {
        "bpf_programs": "gauge", "bpf_program_memory_bytes": "gauge",
        "bpf_program_run_time_seconds_total": "counter", "bpf_program_runs_total": "counter",
        "bpf_program_recursion_misses_total": "counter", "bpf_programs_without_owner": "gauge",
        "bpf_maps": "gauge", "bpf_map_memory_bytes": "gauge"}
    assert set(types) == set(re.findall(r"# HELP (\w+) ", text)) == set(parsed(text))


def test_programs_are_summed(tree, own):
    key = labels(mine("summed"), oncall="net-team")
    fds = [own(mine("summed"), oncall="net-team")[0] for _ in range(3)]
    own(mine("summed"), oncall="other-team")
    own(mine("summed"))
    found = metrics(tree)
    assert found["bpf_programs"][key] == 3
    assert found["bpf_programs"][labels(mine("summed"), oncall="other-team")] == 1
    assert found["bpf_programs"][labels(mine("summed"))] == 1
    assert found["bpf_maps"][labels(mine("summed"), "array", "net-team")] == 3
    os.close(fds[0])
    eventually(lambda: metrics(tree)["bpf_programs"][key] == 2, 2)


def test_figures_are_those_of_bpftool(tree, own, stats):
    for _ in range(2):
        for _ in range(3):
            bpf.run_once(own(mine("compared"), oncall="net-team")[0])
    found = metrics(tree)
    programs = [one for one in json.loads((tree / "programs.json").read_text())
                if one.get("name") == mine("compared")]
    theirs = [json.loads(ok("bpftool", "-j", "prog", "show", "id", one["id"])) for one in programs]
    maps = [json.loads(ok("bpftool", "-j", "map", "show", "id", one["map_ids"][0]))
            for one in theirs]
    key = labels(mine("compared"), oncall="net-team")
    assert found["bpf_programs"][key] == len(theirs) == 6
    assert found["bpf_program_memory_bytes"][key] == sum(one["bytes_memlock"] for one in theirs)
    assert found["bpf_program_runs_total"][key] == sum(one["run_cnt"] for one in theirs) == 6
    assert found["bpf_program_run_time_seconds_total"][key] == \
        pytest.approx(sum(one["run_time_ns"] for one in theirs) / 1e9, abs=1e-9)
    of_maps = labels(mine("compared"), "array", "net-team")
    assert found["bpf_maps"][of_maps] == 6
    assert found["bpf_map_memory_bytes"][of_maps] == sum(one["bytes_memlock"] for one in maps)


def test_all_programs_and_maps_are_in_it(tree, own):
    """Each once, as in the other reports, as soon as others leave theirs alone for a moment."""
    own(mine("all"), oncall="net-team")

    def all_are_there():
        found = metrics(tree)
        assert found["bpf_programs_without_owner"][()] == sum(
            n for key, n in found["bpf_programs"].items() if ("oncall", "") in key)
        return sum(found["bpf_programs"].values()) == len(bpf.prog_ids()) and \
            sum(found["bpf_maps"].values()) == len(bpf.map_ids())

    eventually(all_are_there)


def test_an_owner_comes_late(tree, own, fds):
    fd, _ = own(mine("late"))
    assert metrics(tree)["bpf_programs"][labels(mine("late"))] == 1
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "late-team")]))
    bpf.bind(fd, fds[-1])
    found = metrics(tree)
    assert labels(mine("late")) not in found["bpf_programs"]
    assert found["bpf_programs"][labels(mine("late"), oncall="late-team")] == 1


def test_counters_do_not_go_backwards(tree, own, stats):
    """What an unloaded program had counted when it was last looked at counts on."""
    key = labels(mine("counter"), oncall="net-team")
    last = 0
    for n in range(1, 4):
        fd, _ = own(mine("counter"), oncall="net-team")
        for _ in range(n):
            bpf.run_once(fd)
        now = metrics(tree)["bpf_program_runs_total"][key]
        assert now == last + n
        last = now
        os.close(fd)
        eventually(lambda: metrics(tree)["bpf_programs"].get(key, 0) == 0, 2)
        assert metrics(tree)["bpf_program_runs_total"][key] == last
    assert metrics(tree)["bpf_program_run_time_seconds_total"][key] > 0


def test_what_counted_nothing_goes(tree, own):
    # Without any program there is no such metric.
    own(mine("stays"))
    fd, _ = own(mine("nothing"), oncall="net-team")
    assert labels(mine("nothing"), oncall="net-team") in metrics(tree)["bpf_programs"]
    os.close(fd)
    eventually(lambda: labels(mine("nothing"), oncall="net-team") not in metrics(tree)["bpf_programs"], 2)


def test_the_time_is_that_of_the_report(tree):
    """Also if nothing has changed: it is how Prometheus sees that nobody makes it any more."""
    times = []
    for _ in range(3):
        before = time.time()
        times.append((tree / "metrics.prom").stat().st_mtime)
        assert before - 0.1 <= times[-1] <= time.time() + 0.1
        time.sleep(0.02)
    assert times == sorted(set(times))


@pytest.mark.parametrize("text", [
    '"', "\\", "a\nb", "a\tb", "{}", 'x"} 1\nbpf_programs 7', "Zürich 東京", "é" * 300, "\x1b[31m",
    "# HELP a b", " ", "a,b=\"c\""], ids=range(12))
def test_labels(tree, own, text):
    own(mine("label"), oncall=text)
    raw = (tree / "metrics.prom").read_text()
    check(raw)
    shown = [dict(key)["oncall"] for key in parsed(raw)["bpf_programs"] if ("name", mine("label")) in key]
    # As the file has it.
    wanted = text.replace("\\", r"\\").replace("\x1b", r"\x1b")
    assert shown == [wanted if len(wanted.encode()) <= 255 else "é" * 127]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", raw)


def test_hostile_programs(tree, fds):
    """promtool reads it whatever the kernel takes."""
    for name, add in TYPES.items():
        btf = bpf.Btf()
        kind, size = add(btf)
        try:
            load_section(fds, btf, [(btf.var("bpf_metadata_oncall", kind), 0, size)], size,
                         bytes([0xF1]) * size)
        except OSError as refused:
            assert refused.errno in REFUSALS
    for name in (b"..", b".", b"maps", b"1", b""):
        fds.append(bpf.prog_load(name=name))
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "x" * 4000)]))
    fds.append(bpf.prog_load(name=b"long"))
    bpf.bind(fds[-1], fds[-2])
    text = (tree / "metrics.prom").read_text()
    check(text)
    assert parsed(text)["bpf_programs"][labels("long", oncall="x" * 255)] == 1


def test_an_owner_that_changes(tree, own, fds):
    """Its counts stay with the owner of that time, and no sum goes backwards."""
    btf = bpf.Btf()
    section = btf.datasec(".rodata", 4, [(btf.var("bpf_metadata_oncall", btf.int("int", 4)), 0, 4)])
    fd, _ = own(mine("changes"))
    fds.append(bpf.typed_map(btf, section, struct.pack("<I", 1), freeze=False))
    bpf.bind(fd, fds[-1])
    for level in (1, 2, 1):
        bpf.map_update(fds[-1], 0, struct.pack("<I", level))
        found = metrics(tree)["bpf_programs"]
        assert found[labels(mine("changes"), oncall=str(level))] == 1


# node_exporter

@pytest.fixture
def public():
    """A directory that every user can reach."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="bpfmetafs-metrics-"))
    path.chmod(0o755)
    for name in "tree", "textfile":
        (path / name).mkdir()
    yield path
    while is_mounted(path / "tree"):
        ok("umount", "-l", path / "tree")
    shutil.rmtree(path)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def scraped(directory):
    """What a node_exporter says that runs as a user of its own."""
    need(EXPORTER)
    address = f"127.0.0.1:{free_port()}"
    words = ["setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups", "--inh-caps=-all",
             "--bounding-set=-all", EXPORTER, f"--web.listen-address={address}",
             "--collector.disable-defaults", "--collector.textfile",
             f"--collector.textfile.directory={directory}"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as exporter:
        answers = []

        def answer():
            assert exporter.poll() is None, exporter.stderr.read().decode()[-1000:]
            try:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
                    answers.append(response.read().decode())
            except OSError:
                return False
            return True

        try:
            eventually(answer)
        finally:
            exporter.terminate()
        exporter.wait()
    return parsed(answers[-1])


@pytest.mark.parametrize("through", ["symlink", "directory"])
def test_node_exporter(daemon, public, own, stats, through):
    """It needs no right but to read the file: by the mount's group."""
    daemon(options=f"allow_other,gid={GROUP},mode=0440", path=public / "tree")
    fd, _ = own(mine("scraped"), oncall="net-team")
    bpf.run_once(fd)
    own(mine("scraped"), oncall="net-team")
    (public / "textfile" / "bpf.prom").symlink_to(public / "tree" / "metrics.prom")
    found = scraped(public / ("tree" if through == "directory" else "textfile"))
    key = labels(mine("scraped"), oncall="net-team")
    assert found["bpf_programs"][key] == 2
    assert found["bpf_program_runs_total"][key] == 1
    assert found["bpf_program_memory_bytes"][key] == 2 * 4096
    assert found["node_textfile_scrape_error"][()] == 0
    (age,) = (time.time() - at for at in found["node_textfile_mtime_seconds"].values())
    assert age < 60


def test_node_exporter_without_the_group(daemon, public, own):
    daemon(options="allow_other,mode=0440", path=public / "tree")
    own(mine("hidden"))
    (public / "textfile" / "bpf.prom").symlink_to(public / "tree" / "metrics.prom")
    found = scraped(public / "textfile")
    assert "bpf_programs" not in found
    assert found["node_textfile_scrape_error"][()] == 1


# The examples

@pytest.mark.files
def test_the_rules_are_prometheus_rules():
    need("promtool")
    assert "SUCCESS" in ok("promtool", "check", "rules", EXAMPLES / "rules.yml")


def test_the_rules_and_the_dashboard_know_the_metrics(tree, own):
    # A host without programs or maps has fewer metrics.
    own(mine("known"), oncall="net-team")
    known = set(parsed((tree / "metrics.prom").read_text()))
    for name in "rules.yml", "dashboard.json":
        used = set(re.findall(r"(?<![\w.])bpf_\w+", (EXAMPLES / name).read_text()))
        assert used and used <= known, name
    assert json.loads((EXAMPLES / "dashboard.json").read_text())["panels"]


@pytest.mark.files
def test_the_rules_fire(tmp_path):
    """promtool tries them on numbers."""
    need("promtool")
    assert "SUCCESS" in run("promtool", "test", "rules", EXAMPLES / "rules-test.yml").stdout
