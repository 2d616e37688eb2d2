"""Whether the goal of a target fits its measure and its baseline."""

from __future__ import annotations

from outreach.domain.definition.goals import Goal
from outreach.domain.definition.parts import Measure
from outreach.domain.mistakes import Mistakes
from outreach.domain.shape import Record


def check_goal(target: Record, mistakes: Mistakes) -> None:
    """Note a goal its measure can never reach, and a change without the figure it counts from."""
    goal, measure, line = target.get("goal"), target.get("measure"), target.at("goal")
    if goal is None or measure is None or goal.none:
        return
    if measure.of_people:
        _share(goal, measure, line, mistakes)
    elif measure is Measure.GUIDED:
        _count(goal, line, mistakes)
    _baseline(target, goal, mistakes)
    baseline = target.get("baseline")
    if measure.of_people and baseline is not None:
        _possible(target, goal, measure, baseline, mistakes)


def _share(goal: Goal, measure: Measure, line: int, mistakes: Mistakes) -> None:
    if goal.done or goal.downwards or not (goal.percent or goal.change):
        plain = not goal.done and not goal.downwards
        example = f"{goal.least:g}%" if plain else "80%"
        mistakes.add(line, f'the goal of "{measure}" is a share of people; write a percentage like {example}')
    elif not goal.change and max(goal.least, goal.most or 0) > 100:
        mistakes.add(line, f'the goal of "{measure}" is a share of people; {goal} is more than all of them')


def _count(goal: Goal, line: int, mistakes: Mistakes) -> None:
    if goal.done or goal.downwards or (goal.percent and not goal.change):
        mistakes.add(line, f'the goal of "{Measure.GUIDED}" is a number of people; write a figure like 5000')


def _baseline(target: Record, goal: Goal, mistakes: Mistakes) -> None:
    if goal.change and "baseline" not in target:
        mistakes.add(
            target.at("goal"),
            f'the goal "{goal}" counts from "baseline", which is missing; add it, or make the figure itself the goal',
        )
    elif goal.done and "baseline" in target:
        mistakes.add(target.at("baseline"), 'what is done or not has no "baseline"; remove it')
    elif goal.change and goal.percent and target.get("baseline") == 0:
        mistakes.add(target.at("baseline"), f'"{goal}" of a baseline of 0 is 0; write the change in units, as +20')


def _possible(target: Record, goal: Goal, measure: Measure, baseline: float, mistakes: Mistakes) -> None:
    if not 0 <= baseline <= 100:
        mistakes.add(
            target.at("baseline"), f'the baseline of "{measure}" is a percentage from 0 to 100, not {baseline:g}'
        )
        return
    needed = goal.needed(baseline)
    if goal.change and needed is not None and needed > 100:
        mistakes.add(
            target.at("goal"),
            f'the goal "{goal}" on a baseline of {baseline:g}% makes {needed:g}%, more than everybody',
        )
