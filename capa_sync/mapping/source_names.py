"""Finds sources that a mapping or its people file names, but not the settings."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

from capa_sync.errors import Problem
from capa_sync.mapping.schema import MappingFile
from capa_sync.model.near import near_or_all

_ALIKE = 0.8
"""With this ratio, `servicnow` is similar to `servicenow`, and `jira-dc` is not similar to `jira`."""


def unknown_sources(mapping: MappingFile, known: Collection[str]) -> list[Problem]:
    """Return one note for each name that is no source in the settings and looks like a typing error.

    A company shares one people file between installations: accounts in a tracker that is not set up here are no
    mistake, unless the name is similar to a source here, or a source here has no account in the whole file.

    Args:
        mapping: with its people file.
        known: names of the sources in the settings.
    """
    return [
        Problem(file, line, f"the settings have no source '{name}', so {what}", near_or_all(name, known))
        for name, file, line, what in _named(mapping)
        if name not in known and (file == mapping.file or _is_slip(name, mapping.people.sources, known))
    ]


def _is_slip(name: str, named: Collection[str], known: Collection[str]) -> bool:
    return bool(difflib.get_close_matches(name, known, cutoff=_ALIKE)) or any(source not in named for source in known)


def _named(mapping: MappingFile) -> Iterator[tuple[str, str, int, str]]:
    """Yield each named source with its file and line, and the consequence when the source does not exist."""
    if mapping.same_as is not None:
        what = "`same_as` joins no tickets"
        yield mapping.same_as.source, mapping.file, mapping.same_as.ref.line, what
    for name, (file, line) in mapping.people.sources.items():
        yield name, file, line, "its accounts count for nobody"
