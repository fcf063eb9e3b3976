"""Reads the file of reviewed waivers; every mistake becomes one Problem with file, line and hint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from capa_sync.errors import MappingFileError
from capa_sync.mapping.people import People
from capa_sync.mapping.reading import YamlReader, line_of
from capa_sync.model.light import light
from capa_sync.model.near import near_or_all
from capa_sync.model.visible import seen
from capa_sync.model.waiver import SHORTEST_REASON

_KEYS = ("ticket", "rule", "until", "because", "by", "approved_by")
_NEEDED = _KEYS[:-1]
_WORDS = {
    "expires": "until",
    "expiry": "until",
    "issue": "ticket",
    "key": "ticket",
    "person": "by",
    "reason": "because",
}
MOST_ENTRIES = 1_000
"""Waivers of a file, at most."""


@light
class WaiverEntry:
    """One waiver as the file writes it.

    Attributes:
        ticket: `KEY` or `SOURCE:KEY`. approved_by: "" without a second person. line: where it begins.
    """

    ticket: str
    rule: str
    until: date
    reason: str
    by: str
    approved_by: str
    line: int

    @property
    def key(self) -> str:
        """Return what identifies the entry: everything that it says, so that an edited entry is a new one."""
        parts = [self.ticket, self.rule, str(self.until), self.reason, self.by, self.approved_by]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def load_waivers(path: Path, shown: str, people: Sequence[People], rules: Collection[str]) -> tuple[WaiverEntry, ...]:
    """Read a file of waivers. Raises MappingFileError with every mistake in it.

    Args:
        path: the file.
        shown: how the settings name it.
        people: the people files; a person must belong to the waiver group of one of them.
        rules: ids of the rules that there are.
    """
    reader = YamlReader(shown, "waivers")
    data = reader.load(path)
    entries: list[WaiverEntry] = []
    if data is not None:
        reader.keys(data, ("waivers",), "a waivers file")
        entries = _entries(reader, data, _members(people), rules)
    if reader.problems:
        raise MappingFileError(reader.problems)
    return tuple(entries)


def _members(people: Sequence[People]) -> dict[str, bool]:
    """Return person id -> whether he or she may waive."""
    found: dict[str, bool] = {}
    for file in people:
        allowed = set(file.groups.get(file.waiver_group, ())) - file.gone
        for person in file.names:
            found[person] = found.get(person, False) or person in allowed
    return found


def _entries(
    reader: YamlReader, data: CommentedMap, members: dict[str, bool], rules: Collection[str]
) -> list[WaiverEntry]:
    found: list[WaiverEntry] = []
    lines: dict[tuple[str, str], int] = {}
    for item, line in reader.items_at(data, "waivers"):
        if not isinstance(item, CommentedMap):
            reader.add(line, "a waiver must hold `name: value` pairs", "begin with `- ticket: CAPA-12`")
            continue
        entry = _entry(reader, item, line, members, rules)
        if entry is None:
            continue
        place = (entry.ticket.lower(), entry.rule)
        if place in lines:
            what = f"{entry.rule} on {entry.ticket} is waived on line {lines[place]} already"
            reader.add(line, what, "keep one of the two")
        lines.setdefault(place, line)
        found.append(entry)
    if len(found) > MOST_ENTRIES:
        what = f"a waivers file holds {MOST_ENTRIES} waivers at most"
        reader.add(found[MOST_ENTRIES].line, what, "delete those that have ended")
    return found


def _entry(
    reader: YamlReader, item: CommentedMap, line: int, members: dict[str, bool], rules: Collection[str]
) -> WaiverEntry | None:
    known = len(reader.problems)
    meant = reader.keys(item, _KEYS, "a waiver", _WORDS)
    for key in _NEEDED:
        if key not in item and key not in meant:
            reader.add(line, f"the waiver has no `{key}`", f"a waiver needs {', '.join(_NEEDED)}")
    ticket, rule = reader.text_at(item, "ticket"), reader.text_at(item, "rule")
    reason = " ".join(reader.text_at(item, "because").split())
    until = reader.day_at(item, "until")
    by, approved_by = reader.text_at(item, "by"), reader.text_at(item, "approved_by")
    if rule and rule not in rules:
        reader.add(line_of(item, "rule"), f"there is no rule '{rule}'", near_or_all(rule, rules))
    if reason and len(seen(reason)) < SHORTEST_REASON:
        what = f"the reason has {len(seen(reason))} characters"
        reader.add(line_of(item, "because"), what, f"write at least {SHORTEST_REASON}")
    for key, person in (("by", by), ("approved_by", approved_by)):
        if person and not members.get(person, False):
            _add_person(reader, line_of(item, key), person, members)
    if by and by == approved_by:
        reader.add(line_of(item, "approved_by"), f"'{by}' cannot approve the own waiver", "name another person")
    if len(reader.problems) > known or until is None:
        return None
    return WaiverEntry(ticket, rule, until, reason, by, approved_by, line)


def _add_person(reader: YamlReader, line: int, person: str, members: dict[str, bool]) -> None:
    allowed = [member for member, may_waive in members.items() if may_waive]
    if person in members:
        what, hint = f"'{person}' is no active member of the waiver group", f"its members are {', '.join(allowed)}"
        reader.add(line, what, hint if allowed else "write `waiver_group: …` into the people file")
    else:
        reader.add(line, f"there is no person '{person}' in the people file", near_or_all(person, allowed))
