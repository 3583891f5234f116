# SPDX-License-Identifier: GPL-2.0-or-later
"""The option log: a line in the system's log for each load and unload, read as a user would."""

import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import time

import pytest

import bpf
from conftest import SLOWNESS, eventually, is_mounted, ok, processes, run
from receiving import LOG, Receiver, own_dev, unescaped
from test_kinds import in_time_namespace
from test_loader import PR_SET_NAME, child, group  # noqa: F401: fixtures

FACTS = {"event", "id", "type", "name", "tag", "uid"}
PROCESS = {"pid", "comm", "unit", "user_unit", "comm_age_s"}


@pytest.fixture
def dev(tmp_path):
    with own_dev(tmp_path / "dev"):
        yield


@pytest.fixture
def log(dev):
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(autouse=True)
def nobody_else():
    """The daemons of the tests before have ended, and so have this one's at its end."""
    eventually(lambda: not processes())
    yield
    eventually(lambda: not processes())


class Logged:
    """A daemon in the background with the option."""

    def __init__(self, path, options=""):
        self.path = path
        ok("bpfmetafs", "bpf", path, "-o", f"log{options and ','}{options}")
        assert is_mounted(path)
        self.pids = {name: pid for pid, name in processes().items()}
        assert len(self.pids) == 3

    def end(self):
        ok("umount", self.path)
        eventually(lambda: not processes())


@pytest.fixture
def logged(log, mountpoint):
    """Mounts with the option and more of them: logged(options). What was loaded before is known then."""

    def start(options=""):
        before = len(log.of("start"))
        one = Logged(mountpoint, options)
        eventually(lambda: len(log.of("start")) > before)
        return one

    yield start
    while is_mounted(mountpoint):
        ok("umount", "-l", mountpoint)


def tag_of(number):
    text = ok("bpftool", "-j", "prog", "show", "id", number)
    return re.search('"tag":"([0-9a-f]{16})"', text)[1]


def load_and_bind(hand, fds, value, after=0.0):
    """Loads a program and binds its metadata so many seconds later, before its line is written: on a busy machine,
    that takes more than one attempt. Returns its descriptor and its id."""
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", value)]))
    bound = fds[-1]
    for _ in range(100):
        begin = time.monotonic()
        fd, number = hand()
        time.sleep(after)
        bpf.bind(fd, bound)
        if time.monotonic() - begin < 0.08:
            return fd, number
    raise AssertionError("this machine is too slow")


def close(fd, fds):
    """The program goes; its number stays taken."""
    assert fd in fds
    os.dup2(os.open("/dev/null", os.O_RDONLY), fd)


# What is said

def test_load_and_unload(logged, log, load):
    logged()
    begin = time.monotonic()
    loaded = load("hello")
    line = log.one("load", id=loaded.id)
    assert line["type"] == "xdp"
    assert line["name"] == "hello"
    assert line["uid"] == "0"
    assert line["tag"] == tag_of(loaded.id)
    assert line["oncall"] == "net-team"
    # The process that has loaded it may have ended before anybody could look at it.
    assert line["pid"].isdigit()
    assert line.get("comm", "bpftool") == "bpftool"
    assert set(line) <= FACTS | PROCESS | {"oncall"}

    loaded.unload()
    gone = log.one("unload", id=loaded.id)
    assert 0 <= float(gone["lived_s"]) <= time.monotonic() - begin + 0.002
    # The same, and how it ended.
    assert {key: gone[key] for key in line if key != "event"} == \
        {key: line[key] for key in line if key != "event"}
    assert set(gone) - set(line) <= {"lived_s", "run_time_ns", "run_cnt", "run_age_s"}
    assert len(log.of("load", id=loaded.id)) == len(log.of("unload", id=loaded.id)) == 1


def test_who_has_loaded_it(logged, log, group, child):  # noqa: F811
    logged()
    unit = f"bpfmetafs-{os.getpid()}.service"
    directory = group(unit)
    one = child(before=f"open('{directory}/cgroup.procs', 'w').write('0')")
    number = one.load()
    line = log.one("load", id=number)
    comm = pathlib.Path(f"/proc/{one.pid}/comm").read_text().strip()
    assert (line["pid"], line["comm"]) == (str(one.pid), comm)
    own = pathlib.Path(f"/proc/{one.pid}/cgroup").read_text().splitlines()[-1]
    if own.count("/") == 1:
        assert line["unit"] == unit
    # It is known until the end, also when the process has ended.
    one.end()
    one.pin.unlink()
    gone = log.one("unload", id=number)
    assert (gone["pid"], gone["comm"], gone.get("unit")) == (line["pid"], line["comm"], line.get("unit"))


def test_one_that_ends_at_once(logged, log, child):  # noqa: F811
    """Facts that were seen at an earlier load of the process are told, with their age."""
    logged()
    for _ in range(10):
        one = child(how="first = bpf.prog_load(name=b'by_the_same')\ntime.sleep(0.05)\nload()\nos._exit(0)",
                    before="import time")
        number = one.load()
        line = log.one("load", id=number)
        # On a busy machine, its event may be lost, or it may have ended before the first look.
        assert line.get("pid", str(one.pid)) == str(one.pid)
        if "comm" in line:
            break
    assert line["comm"].startswith("python")
    if "comm_age_s" in line:
        assert 0.04 <= float(line["comm_age_s"]) <= 1


def test_bound_late(logged, log, hand, fds):
    logged()
    fd, number = load_and_bind(hand, fds, "late-team")
    assert log.one("load", id=number)["oncall"] == "late-team"
    close(fd, fds)
    assert log.one("unload", id=number)["oncall"] == "late-team"


def test_bound_after_the_line(logged, log, hand, fds, mountpoint):
    """What a reader has seen is known at the end."""
    logged()
    fd, number = hand()
    assert "oncall" not in log.one("load", id=number)
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "later-team")]))
    bpf.bind(fd, fds[-1])
    with open(mountpoint / str(number) / "oncall", encoding="utf-8") as file:
        assert file.read() == "later-team\n"
        close(fd, fds)
        assert log.one("unload", id=number)["oncall"] == "later-team"


def test_rules(logged, log, hand, tmp_path):
    comm = pathlib.Path("/proc/self/comm").read_text().strip()
    (tmp_path / "rules").write_text(
        f"[process]\nmatch-name = by_comm\nmatch-comm = {comm}\noncall = process-team\n"
        "[other]\nmatch-name = by_comm\noncall = other-team\n"
        "[name]\nmatch-name = by_name\noncall = name-team\n")
    logged(f"rules={tmp_path}/rules")
    for name, team in ((b"by_comm", "process-team"), (b"by_name", "name-team"), (b"by_none", None)):
        _, number = hand(name)
        assert log.one("load", id=number).get("oncall") == team


def test_authors_come_first(logged, log, hand, fds, tmp_path):
    """Also if rules gave the name a moment before."""
    (tmp_path / "rules").write_text("[all]\nmatch-type = *\noncall = all-team\n")
    logged(f"rules={tmp_path}/rules")
    _, number = load_and_bind(hand, fds, "author-team", after=0.04)
    assert log.one("load", id=number)["oncall"] == "author-team"


def test_rules_that_cannot_be_known(logged, log, hand, tmp_path):
    """Nobody looks where a program is attached or pinned: then the log says nothing rather than what may
    be wrong."""
    (tmp_path / "rules").write_text(
        "[attached]\nmatch-name = by_place\nmatch-attached = xdp*\noncall = place-team\n"
        "[none]\nmatch-name = by_none\nmatch-attached = xdp*\nmatch-comm = nobody-has-this\noncall = no-team\n"
        "[all]\nmatch-type = *\noncall = all-team\n")
    logged(f"rules={tmp_path}/rules")
    _, number = hand(b"by_place")
    assert "oncall" not in log.one("load", id=number)
    # Here another key says that the rule does not match.
    _, number = hand(b"by_none")
    assert log.one("load", id=number)["oncall"] == "all-team"


def test_before_the_mount(logged, log, load, mountpoint):
    """There is no line for the load, but one for the unload, with what is known of it."""
    # Programs that were there before are looked at one after the other, and there may be many.
    for seconds in (0.2, 1, 5, 25):
        program = load("hello")
        one = logged()
        time.sleep(seconds)
        program.unload()
        line = log.one("unload", id=program.id)
        assert not log.of("load", id=program.id)
        if "type" in line:
            break
        one.end()
    assert (line["type"], line["name"], line["oncall"]) == ("xdp", "hello", "net-team")
    assert float(line["lived_s"]) > 0
    assert not set(line) & PROCESS


def test_counters(logged, log, hand, fds, mountpoint):
    """As somebody has last seen them, and how long ago."""
    logged()
    fd, number = hand()
    fds.append(bpf.enable_run_stats())
    for _ in range(3):
        bpf.run_once(fd)
    info = mountpoint / str(number) / "info"
    runs, spent = (info / "run_cnt").read_text().strip(), (info / "run_time_ns").read_text().strip()
    assert int(runs) >= 3
    begin = time.monotonic()
    time.sleep(0.1)
    close(fd, fds)
    line = log.one("unload", id=number)
    assert (line["run_cnt"], line["run_time_ns"]) == (runs, spent)
    assert 0.09 <= float(line["run_age_s"]) <= time.monotonic() - begin + 1


def test_counters_that_nobody_has_seen(logged, log, hand, fds):
    logged()
    fd, number = hand()
    log.one("load", id=number)
    fds.append(bpf.enable_run_stats())
    bpf.run_once(fd)
    close(fd, fds)
    assert "run_cnt" not in log.one("unload", id=number)


# What lives for a moment

def test_short_lived(logged, log):
    """With a name, it has both lines."""
    logged()
    for _ in range(20):
        fd = bpf.prog_load(name=b"for_a_moment")
        number = bpf.object_id(fd)
        time.sleep(0.02)
        os.close(fd)
        eventually(lambda one=number: log.of("unload", id=one) or mentioned(log, one))
        # On a busy machine, nobody can look in time.
        if log.of("unload", id=number):
            break
    assert log.one("load", id=number)["name"] == "for_a_moment"
    assert float(log.one("unload", id=number)["lived_s"]) < 1


def mentioned(log, number):
    return [line for line in log.of("brief") if str(number) in line["ids"].split(",")]


def test_probes(logged, log, fds):
    """Without a name, those of a process are in one line."""
    logged()
    numbers = []
    for _ in range(5):
        fd = bpf.prog_load()
        numbers.append(bpf.object_id(fd))
        os.close(fd)
    # One that lives longer, because the machine is busy, has lines of its own.
    eventually(lambda: all(mentioned(log, number) or log.of("unload", id=number) for number in numbers))
    lines = log.of("brief", pid=os.getpid())
    assert len(lines) in (1, 2)
    ids = [int(word) for line in lines for word in line["ids"].split(",")]
    assert len(ids) >= 3 and set(ids) <= set(numbers)
    assert [int(line["programs"]) for line in lines] == [len(line["ids"].split(",")) for line in lines]
    fds.append(bpf.prog_load())
    assert all(set(line["tags"].split(",")) == {tag_of(bpf.object_id(fds[-1]))} for line in lines)
    assert lines[0]["comm"] == pathlib.Path("/proc/self/comm").read_text().strip()
    assert not any(log.of(event, id=number) for event in ("load", "unload") for number in ids)


def test_nameless_that_stays(logged, log, fds):
    logged()
    fds.append(bpf.prog_load())
    number = bpf.object_id(fds[-1])
    line = log.one("load", id=number)
    assert "name" not in line and line["type"] == "socket_filter"
    close(fds[-1], fds)
    log.one("unload", id=number)


# Others' text

@pytest.mark.parametrize("value", [
    "net team", "", "a=b", 'say "hi"', "one\nevent=load id=1", "tab\there", "\\x41\\", "caf\u00e9 \u20ac",
    "\x1b[2Jgone", "\u2028line", "x" * 500, "\\" * 300,
])
def test_hostile_values(logged, log, hand, fds, value):
    logged()
    _, number = load_and_bind(hand, fds, value)
    shown = unescaped(log.one("load", id=number)["oncall"])
    if len(value) < 100:
        assert shown == value.encode()
    else:
        assert shown.endswith(b"...") and value.encode().startswith(shown[:-3])
    assert all(text.isprintable() for text in log.texts)
    assert all(len(text) < 1500 for text in log.texts)


def test_hostile_name_of_a_process(logged, log, child):  # noqa: F811
    logged()
    one = child(before=f"libc.prctl({PR_SET_NAME}, b'a\" id=1\\n\\x1b\\xff', 0, 0, 0)")
    number = one.load()
    line = log.one("load", id=number)
    assert unescaped(line["comm"]) == b'a" id=1\n\x1b\xff'
    assert line["id"] == str(number)
    assert all(text.isprintable() for text in log.texts)


# Storms

N = 300


def storm(name=b"stormy"):
    """Loads and unloads as fast as it can."""
    for i in range(N):
        if i % 100 == 0:
            bpf.let_free()
        os.close(bpf.prog_load(name=name))


def counted(log):
    """How many loads the lines tell of, all in all."""
    return sum({"load": 1, "brief": int(line.get("programs", 0)), "storm": int(line.get("loads", 0))}
               .get(line["event"], 0) for line in log.lines)


def test_a_storm_is_summed_up(logged, log, mountpoint, program):
    logged()
    begin = time.monotonic()
    storm()
    # Whatever the log does, the tree answers.
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
    eventually(lambda: counted(log) >= N)
    seconds = time.monotonic() - begin + 3
    assert len(log.lines) < 310 * seconds
    # After it, each has its line again.
    time.sleep(1)
    fd = bpf.prog_load(name=b"after_it")
    number = bpf.object_id(fd)
    eventually(lambda: log.of("load", id=number) or log.of("storm"))
    os.close(fd)


def test_a_storm_is_told_apart(logged, log):
    """Of many programs that stay and go at once, the first have lines, and the sum says who made the
    others."""
    logged()
    # A machine that is busy may load them too slowly for a storm.
    for _ in range(10):
        before, loaded = counted(log), [bpf.prog_load(name=b"many") for _ in range(N)]
        eventually(lambda: counted(log) >= before + N)
        for fd in loaded:
            os.close(fd)
        bpf.let_free()
        sums = log.of("storm")
        if sum(int(line["loads"]) for line in sums) > 0:
            break
    assert sum(int(line["loads"]) for line in sums) > 0
    assert all(float(line["in_s"]) < 30 * SLOWNESS for line in sums)
    assert all(int(line.get("most", 0)) <= int(line["loads"]) + int(line["unloads"]) for line in sums)
    # Others may make a greater one at the same time.
    comm = pathlib.Path("/proc/self/comm").read_text().strip()
    assert any(line.get("most_by_comm") == comm or int(line.get("most", 0)) > N // 10 for line in sums)


# The receiver

def test_the_receiver_is_started_anew(logged, log, hand):
    logged()
    for _ in range(3):
        log.stop()
        log.start()
        _, number = hand()
        log.one("load", id=number)
    log.stop()
    _, number = hand()
    time.sleep(0.5)
    log.start()
    log.one("load", id=number)


def test_a_receiver_that_never_reads(dev, mountpoint, program):
    """The tree answers, and the daemon ends when it is told to; what is lost is counted."""
    receiver = Receiver(reads=False)
    one = Logged(mountpoint)
    for _ in range(3):
        storm()
        for _ in range(20):
            assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
            assert str(program.id) in os.listdir(mountpoint)
        time.sleep(1)
    receiver.read()
    fd = bpf.prog_load(name=b"at_the_end")
    number = bpf.object_id(fd)
    eventually(lambda: receiver.of("load", id=number) or receiver.of("storm"))
    one.end()
    receiver.one("stop")
    receiver.stop()
    os.close(fd)


def test_it_ends_while_nobody_reads(dev, mountpoint):
    receiver = Receiver(reads=False)
    one = Logged(mountpoint)
    storm()
    time.sleep(0.5)
    one.end()
    receiver.stop()


def test_nobody_receives(dev, mountpoint, hand, program):
    """Neither then does anything wait."""
    assert not LOG.exists()
    one = Logged(mountpoint)
    hand()
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
    one.end()


@pytest.mark.parametrize("offset", [86400, -5])
def test_time_namespace(log, mountpoint, hand, fds, offset):
    """Both ends of a life are told by the same clock."""
    with subprocess.Popen([*in_time_namespace(offset), "bpfmetafs", "bpf", mountpoint, "-f", "-o", "log"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        log.one("start")
        begin = time.monotonic()
        fd, number = hand()
        log.one("load", id=number)
        close(fd, fds)
        assert 0 < float(log.one("unload", id=number)["lived_s"]) <= time.monotonic() - begin + 0.002
        ok("umount", mountpoint)
        assert process.wait(timeout=30 * SLOWNESS) == 0


# The process

def test_processes(logged, log, mountpoint):
    one = logged()
    assert set(one.pids) == {"bpfmetafs", "bpfmeta-broker", "bpfmeta-log"}
    pid = one.pids["bpfmeta-log"]
    assert ok("ps", "-o", "args=", "-p", pid).split() == ["bpfmeta-log"]
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    for wanted in (r"Seccomp:\s+2", r"NoNewPrivs:\s+1", r"CapEff:\s+0+", r"CapPrm:\s+0+", r"CapBnd:\s+0+"):
        assert re.search(f"^{wanted}$", status, re.M), status
    # Its end of the socket to the daemon, and one to the receiver. A sanitizer needs /proc.
    links = sorted(os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    assert links[:3] == ["/dev/null"] * 3
    links = [link for link in links[3:] if not link.startswith("/proc/")]
    assert len(links) <= 2 and all(link.startswith("socket:") for link in links)
    # Lines are the daemon's.
    assert f"bpfmetafs[{one.pids['bpfmetafs']}]: event=start" in log.texts[0]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    one.end()
    line = log.one("stop")
    assert line == {"event": "stop"}
    assert log.lines[-1] == line


def test_killed_logger(logged, log, mountpoint, hand, program):
    """The tree goes on without it, and says so."""
    one = logged()
    os.kill(one.pids["bpfmeta-log"], signal.SIGKILL)
    eventually(lambda: one.pids["bpfmeta-log"] not in processes())
    hand()
    eventually(lambda: "the log of loads has ended: the process bpfmeta-log has ended" in " ".join(log.texts))
    _, number = hand()
    assert (mountpoint / str(number) / "info/name").read_text() == "by_hand\n"
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"
    time.sleep(0.3)
    assert not log.of("load", id=number)
    assert " ".join(log.texts).count("the log of loads has ended") == 1
    one.end()


def test_killed_daemon(logged, log, mountpoint):
    one = logged()
    os.kill(one.pids["bpfmetafs"], signal.SIGKILL)
    eventually(lambda: not processes())
    eventually(lambda: not is_mounted(mountpoint))
    assert not log.of("stop")


def test_killed_broker(logged, log, hand):
    """Without it there are no events, and the log says that it ends."""
    one = logged()
    os.kill(one.pids["bpfmeta-broker"], signal.SIGKILL)
    line = log.one("stop")
    assert line["error"] == "Broken pipe"
    hand()
    assert log.lines[-1] == line


def test_idle(logged, log, mountpoint, program):
    """It sleeps."""
    one = logged()
    assert (mountpoint / str(program.id) / "oncall").read_text() == "net-team\n"

    def switches(name):
        return re.findall(r"ctxt_switches:\s+(\d+)", pathlib.Path(f"/proc/{one.pids[name]}/status").read_text())

    def sleeps():
        before, said = [switches(name) for name in ("bpfmetafs", "bpfmeta-log")], len(log.texts)
        time.sleep(0.5)
        # Others may load meanwhile.
        return len(log.texts) > said or [switches(name) for name in ("bpfmetafs", "bpfmeta-log")] == before

    eventually(sleeps)


def test_foreground(dev, mountpoint, hand):
    """Lines go to standard error as well."""
    receiver = Receiver()
    with subprocess.Popen(["bpfmetafs", "bpf", mountpoint, "-f", "-o", "log"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        receiver.one("start")
        _, number = hand()
        line = receiver.one("load", id=number)
        ok("umount", mountpoint)
        said = process.communicate(timeout=30 * SLOWNESS)[1].splitlines()
    assert process.returncode == 0
    (mine,) = [text for text in said if f"event=load id={number} " in text]
    assert mine.startswith(f"bpfmetafs[{process.pid}]: event=load")
    assert line["name"] in mine
    receiver.stop()


# Refusals

def refused(*words):
    done = run("bpfmetafs", *words)
    assert done.stderr.startswith("bpfmetafs: the option 'log' ") and done.stderr.count("\n") == 1
    return done.returncode, done.stderr


def test_refused_without_events(mountpoint):
    for options in ("log,noevents", "noevents,log"):
        code, said = refused("bpf", mountpoint, "-o", options)
        assert code == 1 and "needs load and unload events" in said
    done = run("mount", "-t", "bpfmetafs", "-o", "log,noevents", "bpf", mountpoint)
    assert done.returncode == 1 and "needs load and unload events" in done.stderr
    assert not is_mounted(mountpoint)


# Runs a command that may not open events, as in a container: BPF_LD, BPF_JEQ, BPF_RET of a filter of seccomp.
WITHOUT_EVENTS = """
import ctypes, os, struct, sys
code = b"".join(struct.pack("<HBBI", *one) for one in (
    (0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (6, 0, 0, 0x00050001), (6, 0, 0, 0x7fff0000)))
code = ctypes.create_string_buffer(code, len(code))
program = ctypes.create_string_buffer(struct.pack("@HP", 4, ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execvp(sys.argv[2], sys.argv[2:])
"""
SYS_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}[platform.machine()]


def test_refused_if_events_are_not_permitted(mountpoint):
    under = [sys.executable, "-B", "-c", WITHOUT_EVENTS, str(SYS_PERF_EVENT_OPEN)]
    done = run(*under, "bpfmetafs", "bpf", mountpoint, "-o", "log")
    assert done.returncode == 2
    assert done.stderr.startswith("bpfmetafs: the option 'log' needs load and unload events: following BPF events "
                                  "is not permitted")
    assert done.stderr.count("\n") == 1
    assert not is_mounted(mountpoint)
    # Without the option it goes on.
    ok(*under, "bpfmetafs", "bpf", mountpoint)
    assert is_mounted(mountpoint)


def test_refused_for_an_object_file(mountpoint, compiled):
    code, said = refused(compiled("hello"), mountpoint, "-o", "log")
    assert code == 1 and "object file" in said
    assert not is_mounted(mountpoint)
