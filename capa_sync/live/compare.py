"""Compares the files of the settings with a stored verdict set; nothing is parsed, so that `status` stays quick."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from capa_sync.errors import UserError
from capa_sync.model.settings import RECURS_WITHIN
from capa_sync.model.userfile import decoded, read_user_file, yaml_files
from capa_sync.model.verdict_set import PartKind, SetPart, VerdictSet, differences
from capa_sync.settings import Settings
from capa_sync.settings.units import days_text
from capa_sync.starter import rule_paths

DATES = "holiday_dates"
"""Key of the settings' part that holds the days behind the codes: another version of the calendars may differ."""
_MOST = 1_024 * 1_024
"""Bytes of a file that are compared; no loader accepts a file of this size."""


def settings_text(settings: Settings, dates: Sequence[str]) -> str:
    """Return the text of the settings' part of a set; `dates` are the days of the holidays."""
    return json.dumps({**_settings_of(settings), DATES: dates}, indent=1, sort_keys=True) + "\n"


def _settings_of(settings: Settings) -> dict[str, Any]:
    """Return the settings that decide verdicts, as they were written.

    The period of recurrence stands there only where it is not the default: sets stored before there was such a
    setting are then the same as now.
    """
    own_period = {"recurs_within": settings.recurs_within} if settings.recurs_within != RECURS_WITHIN else {}
    return {
        **own_period,
        "profile": settings.profile,
        "timezone": settings.timezone,
        "holidays": [str(entry) for entry in settings.holidays],
        "deadlines": {
            str(name): {str(grade): days_text(days) for grade, days in by_grade.items()}
            for name, by_grade in settings.deadlines.items()
        },
    }


def unactivated(settings: Settings, folder: Path, live: VerdictSet) -> list[str]:
    """Return in words how the files of the settings differ from the live set.

    `folder` is where relative paths of the settings start.
    """
    names = settings.sources
    known = tuple(part for part in live.parts if part.kind in (PartKind.RULE, PartKind.SETTINGS) or part.key in names)
    return differences(VerdictSet(known), VerdictSet(tuple(_parts_now(settings, folder, live))))


def _parts_now(settings: Settings, folder: Path, live: VerdictSet) -> Iterator[SetPart]:
    parts = live.of()
    for file in yaml_files(rule_paths(settings.rules, folder)):
        yield SetPart(PartKind.RULE, file.stem, str(file), _text_now(file))
    for name, source in settings.sources.items():
        yield SetPart(PartKind.MAPPING, name, source.mapping, text := _text_now(folder / source.mapping))
        mapping, people = parts.get((PartKind.MAPPING, name)), parts.get((PartKind.PEOPLE, name))
        if people is not None:  # another mapping may name another file: then the mapping differs anyway
            is_same = mapping is not None and mapping.text == text
            now = _text_now(folder / people.name) if is_same else people.text
            yield SetPart(PartKind.PEOPLE, name, people.name, now)
    if (stored := parts.get((PartKind.SETTINGS, ""))) is not None:
        yield SetPart(PartKind.SETTINGS, "", "", settings_text(settings, json.loads(stored.text)[DATES]))


def _text_now(file: Path) -> str:
    """Return the text of a file; for one that cannot be read a text that no set holds."""
    try:
        return decoded(read_user_file(file, str(file), _MOST), str(file))
    except UserError as error:
        return f"\0{error}"
