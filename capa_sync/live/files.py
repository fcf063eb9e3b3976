"""A verdict set of a loaded configuration, and the configuration of a stored set."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import date
from pathlib import Path

from capa_sync.live.compare import DATES, settings_text
from capa_sync.mapping import MappingFile, People, load_mapping, mapping_from, people_from
from capa_sync.model.settings import RECURS_WITHIN, JudgeOptions
from capa_sync.model.verdict_set import PartKind, SetPart, VerdictSet
from capa_sync.rules import RuleSet, rules_from
from capa_sync.settings import Settings
from capa_sync.settings.units import parse_days
from capa_sync.wiring import Configuration, Setup, assembled

_DECIDING = ("rules", "rules_live", "profile", "timezone", "holidays", "deadlines", "recurs_within")
"""Settings that decide verdicts, or which files do."""


def with_verdict_settings(setup: Setup, other: Settings, file: Path) -> Setup:
    """Return a setup in which what decides a verdict comes from other settings, and all else stays.

    A source that the other settings do not name keeps its mapping. `file` is the other settings file.
    """
    before, folder = setup.settings, file.resolve().parent

    def mapping_of(name: str) -> str:
        own = setup.folder / before.sources[name].mapping
        return other.sources[name].mapping if name in other.sources else str(own)

    sources = {
        name: source.model_copy(update={"mapping": mapping_of(name)}) for name, source in before.sources.items()
    }
    deciding: dict[str, object] = {name: getattr(other, name) for name in _DECIDING}
    if before.waivers.file:
        own = str(setup.folder / before.waivers.file)
        deciding["waivers"] = before.waivers.model_copy(update={"file": own})
    settings = before.model_copy(update={**deciding, "sources": sources})
    return replace(setup, settings=settings, file=file, folder=folder)


def verdict_set_of(configuration: Configuration) -> VerdictSet:
    """Return the texts that a configuration was loaded from."""
    parts = [
        *rule_parts(configuration.rules),
        _settings_part(configuration.settings, configuration.options),
        *(part for name, mapping in configuration.mappings.items() for part in mapping_parts(name, mapping)),
    ]
    return VerdictSet(tuple(parts))


def rule_parts(rules: RuleSet) -> list[SetPart]:
    """Return the texts of loaded rules."""
    return [SetPart(PartKind.RULE, rule.id, rule.file, rules.texts[rule.id]) for rule in rules.rules]


def mapping_parts(source: str, mapping: MappingFile) -> list[SetPart]:
    """Return the texts of a source's mapping and of the people file that it names."""
    parts = [SetPart(PartKind.MAPPING, source, mapping.file, mapping.text)]
    people = mapping.people
    return [*parts, SetPart(PartKind.PEOPLE, source, people.file, people.text)] if people.file else parts


def configuration_of(
    setup: Setup, verdict_set: VerdictSet, *, tested_with: str = "", passed: Collection[str] = ()
) -> Configuration:
    """Load the texts of a set, and check that they fit the settings; `tested_with` and `passed` as in `assembled`.

    The files of the settings count for a source that the set has no mapping for, or one for another kind of source.

    Raises:
        UserError: with every mistake.
    """
    parts = verdict_set.of()
    options = options_of(verdict_set, setup.settings)

    def mapping_of(name: str) -> MappingFile:
        source, part = setup.settings.sources[name], parts.get((PartKind.MAPPING, name))
        stored = mapping_from(part.text, part.name, _people_of(parts.get((PartKind.PEOPLE, name)))) if part else None
        if stored is not None and stored.kind == source.kind:
            return stored
        return load_mapping(setup.folder / source.mapping, source.mapping)

    return assembled(
        setup,
        lambda: rules_of(verdict_set, setup.settings, are_tested=bool(tested_with)),
        options,
        mapping_of,
        tested_with=tested_with,
        passed=passed,
    )


def rules_of(verdict_set: VerdictSet, settings: Settings, *, are_tested: bool = False) -> RuleSet:
    """Load the rules of a set; `are_tested` as in `rules_from`. Raises UserError with every mistake."""
    texts = {part.name: part.text for part in verdict_set.of(PartKind.RULE).values()}
    return rules_from(texts, options_of(verdict_set, settings), are_tested=are_tested)


def _people_of(part: SetPart | None) -> People:
    return people_from(part.text, part.name) if part is not None else People()


def options_of(verdict_set: VerdictSet, settings: Settings) -> JudgeOptions:
    """Return what the rules of a set may read besides the record.

    What decides no verdict is that of the settings now: the baseline, and which rules may not be waived.
    """
    stored = json.loads(verdict_set.of()[PartKind.SETTINGS, ""].text)
    return JudgeOptions(
        timezone=stored["timezone"],
        holidays=frozenset(date.fromisoformat(day) for day in stored[DATES]),
        deadlines={
            name: {grade: parse_days(length) for grade, length in by_grade.items()}
            for name, by_grade in stored["deadlines"].items()
        },
        profile=stored["profile"],
        recurs_within=stored.get("recurs_within", RECURS_WITHIN),
        baseline=settings.baseline,
        unwaivable=frozenset(settings.waivers.unwaivable),
    )


def _settings_part(settings: Settings, options: JudgeOptions) -> SetPart:
    dates = sorted(day.isoformat() for day in options.holidays)
    return SetPart(PartKind.SETTINGS, "", "", settings_text(settings, dates))
