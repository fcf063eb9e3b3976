"""Reads the settings of a test inside a rule file, such as its time zone, deadlines and period of recurrence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from capa_sync.model.near import did_you_mean
from capa_sync.model.settings import DEFAULT_DEADLINES, RECURS_WITHIN, Days, JudgeOptions
from capa_sync.model.similar import LONGEST_WITHIN_DAYS
from capa_sync.rules.profiles import PROFILES
from capa_sync.rules.reading import check_keys, days_of, names_of, text_of, when_of, word_of
from capa_sync.rules.yaml_lines import Problems, Text, Tree, YamlTable

SETTING_KEYS = ("timezone", "holidays", "deadlines", "profile", "recurs_within")


def read_settings(tree: Tree | None, problems: Problems) -> JudgeOptions:
    """Return the settings under which a test is evaluated; record each mistake with its line."""
    options = JudgeOptions()
    if tree is None:
        return options
    if not isinstance(tree, YamlTable):
        problems.add(tree.line, "'settings' must hold `name: value` pairs", "such as `{timezone: Europe/London}`")
        return options
    check_keys(tree, SETTING_KEYS, "the settings of a test have no key", problems)
    if (zone := tree.get("timezone")) is not None:
        options = replace(options, timezone=_zone(zone, problems))
    if (profile := tree.get("profile")) is not None:
        word = word_of(profile, PROFILES, "profile", problems, profile.line)
        options = replace(options, profile=word or "standard")
    if (period := tree.get("recurs_within")) is not None:
        options = replace(options, recurs_within=_period(period, problems))
    days = [_day(name, problems) for name in names_of(tree.get("holidays"), "holidays", problems)]
    return replace(
        options,
        holidays=frozenset(day for day in days if day is not None),
        deadlines=_deadlines(tree.get("deadlines"), problems),
    )


def _zone(tree: Tree, problems: Problems) -> str:
    name = text_of(tree, "timezone", problems, tree.line)
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ZoneInfoNotFoundError, ValueError):
        near = did_you_mean(name, available_timezones())
        problems.add(tree.line, f"'{name}' is no time zone", near or "such as Europe/London")
        return "UTC"


def _period(tree: Tree, problems: Problems) -> int:
    days = days_of(tree.value) if isinstance(tree, Text) else None
    if days is None or days.business or not 1 <= days.count <= LONGEST_WITHIN_DAYS:
        what = "cannot read the period of recurrence"
        problems.add(tree.line, what, f"write a number of days from 1d to {LONGEST_WITHIN_DAYS}d, such as 365d")
        return RECURS_WITHIN
    return days.count


def _day(text: Text, problems: Problems) -> date | None:
    when = when_of(text, "holidays", problems, text.line)
    return when.day if when else None


def _deadlines(tree: Tree | None, problems: Problems) -> dict[str, dict[str, Days]]:
    merged = {name: dict(grades) for name, grades in DEFAULT_DEADLINES.items()}
    for name, grades in tree if isinstance(tree, YamlTable) else ():
        if name.value not in merged:
            check_keys(YamlTable(((name, grades),), name.line), tuple(merged), "there is no deadline", problems)
            continue
        for grade, length in grades if isinstance(grades, YamlTable) else ():
            days = days_of(length.value) if isinstance(length, Text) else None
            if days is None or grade.value not in merged[name.value]:
                what = f"cannot read the deadline of '{grade.value}'"
                problems.add(grade.line, what, "such as `{major: 5bd, minor: 10}`; bd are business days")
            else:
                merged[name.value][grade.value] = days
    return merged
