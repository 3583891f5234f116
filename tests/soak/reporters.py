# SPDX-License-Identifier: GPL-2.0-or-later
"""Who reads what is made of all objects at once, and follows by/ to single programs."""

import json
import random
import re
import time

from bpf import SLOWNESS
from programs import PREFIX, Program
from roles import PAUSE, Role, Shared, Undisturbed

# A line of Prometheus' text format, as this daemon writes it.
SAMPLE = re.compile(r'(\w+)(\{\w+="(?:[^"\\\n]|\\[\\"n])*"(?:,\w+="(?:[^"\\\n]|\\[\\"n])*")*\})? ([0-9.]+)')
# What stands as it is in a name of by/, for it needs no escape and is not too long.
PLAIN = re.compile(r"[\w -]{1,200}", re.ASCII)
NOTE = "(cannot be shown)"
BIND_LAG = 0.1 * SLOWNESS  # BY_LAG_MS, and more


class Reporter(Role):
    """Has a program of its own, which stays: it has to be wherever all are."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.program = None
        self.totals = {}

    def turn(self):
        if not self.program:
            self.program = Program(self.name)
            time.sleep(BIND_LAG)
        self.check_objects("programs.json")
        self.check_objects(random.choice(("maps.json", "links.json")))
        self.check_metrics()
        self.check_own()
        self.follow()
        time.sleep(PAUSE)

    def end(self):
        self.program.close()

    def lines(self, name):
        """Those of a report, which has to be whole. None if the daemon has died meanwhile."""
        text = self.read(name)
        if text is not None and not text.endswith(b"\n"):
            self.complain(f"{name} is not whole: it ends in {text[-80:]}")
        return text and text.decode(errors="replace").split("\n")[:-1]

    # JSON

    def check_objects(self, name):
        up, lines = self.undisturbed(), self.lines(name)
        if lines is None:
            return
        try:
            found = json.loads("\n".join(lines))
            ids = [one["id"] for one in found]
        except (ValueError, LookupError, TypeError) as error:
            self.complain(f"{name} is no JSON of objects: {error}")
            return
        if lines[0] != "[" or lines[-1] != "]" or len(lines) != len(ids) + 2 or ids != sorted(set(ids)):
            self.complain(f"{name} is not an object a line in the order of ids")
        if name == "programs.json":
            self.check_programs(found, up)
        self.counts[name] += 1

    def check_programs(self, found, up):
        for one in found:
            name = one.get("name", "")
            # It may not be bound yet.
            oncall = one.get("metadata", {}).get("oncall")
            if name.startswith(PREFIX) and oncall and not re.fullmatch(re.escape(name) + " [a-z]", oncall) and up:
                self.complain(f"programs.json: {one['id']}: name {name}, oncall {oncall}")
        own = [one["metadata"]["oncall"] for one in found if one["id"] == self.program.id]
        if own != [self.program.text.decode()] and up:
            self.complain(f"programs.json lacks {self.program.name}: {own}")

    # Prometheus

    def check_metrics(self):
        up, lines = Undisturbed(self.shared, Shared.DOWN), self.lines("metrics.prom")
        if lines is None:
            return
        metric, kinds, samples = None, {}, {}
        for line in lines:
            if line.startswith("# HELP "):
                metric = line.split()[2]
            elif found := re.fullmatch(r"# TYPE (\w+) (counter|gauge)", line):
                if found[1] != metric or metric in kinds:
                    self.complain(f"metrics.prom: {line}: not once, or not after its HELP")
                kinds[metric] = found[2]
            elif not (found := SAMPLE.fullmatch(line)) or found[1] != metric or metric not in kinds:
                self.complain(f"metrics.prom: {line}: no sample of {metric}")
            elif (series := found[1] + (found[2] or "")) in samples:
                self.complain(f"metrics.prom: {series}: more than once")
            else:
                samples[series] = float(found[3])
        self.check_totals({series: value for series, value in samples.items()
                           if kinds[series.partition("{")[0]] == "counter"}, up)
        self.counts["metrics.prom"] += 1

    def check_totals(self, totals, up):
        """A counter never falls as long as the daemon lives."""
        before, life = self.totals.get("values", {}), self.totals.get("life")
        for series, value in before.items() if life else ():
            if totals.get(series, value) < value and up:
                self.complain(f"metrics.prom: {series} has fallen from {value} to {totals[series]}")
        self.totals = {"values": totals, "life": up}

    # by/

    def check_own(self):
        """Nothing that comes and goes hides it."""
        path = f"by/oncall/{self.program.text.decode()}"
        up = self.undisturbed()
        names = self.list(path)
        if str(self.program.id) not in names and NOTE not in names and NOTE not in self.list("by") and up:
            self.complain(f"{path} lacks {self.program.id}: {names}")

    def follow(self):
        """One value of one key: each symlink leads to a program that has it, or has gone."""
        key = random.choice(("oncall", "name", "type", "tag", *(self.list("by") or ["oncall"])))
        values = self.list(f"by/{key}")
        own = [value for value in values if value.startswith(PREFIX)]
        if not values or key == NOTE:
            return
        value = random.choice(own if own and random.random() < 0.7 else values)
        for name in self.list(f"by/{key}/{value}"):
            if name.isdigit():
                self.check_link(key, value, name)

    def check_link(self, key, value, name):
        path = f"by/{key}/{value}/{name}"
        up = self.undisturbed()
        number = self.read(f"{path}/info/id")
        if number is not None and number != f"{name}\n".encode() and up:
            self.complain(f"{path} leads to {number}")
        where = {"oncall": "oncall", "name": "info/name", "type": "info/type", "tag": "info/tag"}.get(key)
        text = self.read(f"{path}/{where}") if where and PLAIN.fullmatch(value) else None
        self.counts["followed"] += number is not None
        # A value that has changed is another one, and by then the program is not there any more.
        if text is not None and text != f"{value}\n".encode() and self.stat(path) is not None and up:
            self.complain(f"{path} leads to {text[:80]}")
