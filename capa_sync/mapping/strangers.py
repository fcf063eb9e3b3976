"""Sources that a mapping or its people file names and the settings do not."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from capa_sync.errors import Problem
from capa_sync.mapping.reading import did_you_mean
from capa_sync.mapping.schema import MappingFile


def unknown_sources(mapping: MappingFile, known: Collection[str]) -> list[Problem]:
    """Return one note for each name that is no source of the settings: a slip, or of a source not set up here.

    Args:
        mapping: with its people file.
        known: names of the sources in the settings.
    """
    return [
        Problem(file, line, f"the settings have no source '{name}', so {what}", did_you_mean(name, known))
        for name, file, line, what in _named(mapping)
        if name not in known
    ]


def _named(mapping: MappingFile) -> Iterator[tuple[str, str, int, str]]:
    """Yield each source named, with its place and what it means that there is none."""
    if mapping.same_as is not None:
        what = "`same_as` joins no tickets"
        yield mapping.same_as.source, mapping.file, mapping.same_as.ref.line, what
    for name, (file, line) in mapping.people.sources.items():
        yield name, file, line, "its accounts count for nobody"
