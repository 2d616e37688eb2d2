"""Campaign files to try: the table of wrong ones in `wrong_campaigns.txt`, and one with every kind of message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

TABLE = Path(__file__).with_name("wrong_campaigns.txt")


@dataclass
class Case:
    """`lines`: what is written on lines of the good file, by number; `said`: `line: what`, in order."""

    name: str
    lines: dict[int, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def text(self, good: Case | None = None) -> str:
        lines = {**(good.lines if good else {}), **self.lines}
        return "".join(f"{lines[number]}\n" for number in sorted(lines))


def read_table() -> tuple[Case, list[Case]]:
    """The good file and the wrong ones."""
    cases: list[Case] = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            cases.append(Case(line[2:]))
        elif found := re.fullmatch(r" *([0-9]+) \| ?(.*)", line):
            number = int(found[1])
            cases[-1].lines[number] = found[2]
        elif found := re.fullmatch(r"    \| (.*)", line):
            cases[-1].lines[number] += f"\n{found[1]}"
        elif found := re.fullmatch(r"    > (.*)", line):
            cases[-1].said.append(found[1])
    return cases[0], cases[1:]


GOOD, WRONG = read_table()

MESSAGES = """\
campaign: mau
title: Mẫu
issuer: UBND tỉnh
starts: 2026-01-01
ends: 2026-12-31
phases:
  - {id: g1, title: Một, starts: 2026-04-01, ends: 2026-06-30}
targets:
  - {id: a, title: A, measure: external, goal: 10-15%, baseline: 60, scope: {agency: Sở Y tế, unit: 01}}
  - {id: b, title: B, measure: external, goal: {rank: 70}, by: 2026-06-30}
  - {id: c, title: C, measure: external, goal: "+20%", baseline: 60}
  - {id: d, title: D, measure: external, goal: -10-15, baseline: 60}
  - {id: e, title: E, measure: external, goal: {at_most: 30%}}
  - {id: f, title: F, measure: external, goal: {at_most: 0}, baseline: 300}
  - {id: g, title: G, measure: external, goal: done}
  - {id: h, title: H, measure: guided, goal: 5000}
  - {id: i, title: I, measure: satisfaction, goal: none, baseline: 80}
messages:
  - {id: cron, phase: g1, segment: rural, template: x, channels: [loudspeaker, sms], schedule: {cron: "0 17 * * 5"}}
  - {id: at, segment: {unit: 01}, text: {email: {subject: Chào, body: "<p>Chào"}}, channels: [email],
     class: emergency, schedule: {at: [2026-05-02 08:30, 2026-05-01T08:30]}}
  - {id: launch, segment: rural, text: {sms: Chào, telegram: Chào}, channels: [sms, telegram], mode: all,
     schedule: {at: launch}}
  - {id: case, segment: {case.state: open}, template: x, channels: [zalo_zns, sms], wait: 30m, not_after: 2d,
     schedule: {before: case.due_at, days: 2, at: "08:30", until: 2026-11-30}}
"""
