"""`rules twin`: what the tracker itself could demand, so that a rule is not broken in the first place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    check_rule,
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_setup,
    say,
)
from capa_sync.cli.verbs import VerbCommand
from capa_sync.kinds import Prevention, kind_named
from capa_sync.mapping import MappingFile
from capa_sync.rules import Twin, twin_of
from capa_sync.rules.rule import Rule
from capa_sync.store import register_exists
from capa_sync.wiring import Setup, configured


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync rules twin root-cause-before-action", "in words, and for each source of the settings"),),
)
@click.argument("rule_id", metavar="ID")
@config_option
@json_option
def twin(rule_id: str, config: Path, test_clock: str | None, as_json: bool) -> None:
    """Print what the tracker itself could demand.

    capa-sync finds and warns; it never stops anybody. The preventive twin of a rule is what the tracker could demand
    before a ticket moves on: in words, and for each source in its own form where there is one, as validators of a
    Jira workflow or a data policy of ServiceNow. An admin of the tracker decides whether to use it.
    """
    setup, clock = read_setup(config, with_secrets=False, needs_source=False), clock_from(test_clock)
    configuration = configured(setup)
    check_rule(configuration, rule_id)
    rule = next(rule for rule in configuration.rules.rules if rule.id == rule_id)
    pins: dict[str, dict[str, str]] = {}
    ids: dict[str, dict[str, str]] = {}
    if register_exists(setup.register_path):
        with open_for_reading(setup.register_path, clock) as register:
            for name in setup.settings.sources:
                pins[name] = register.facts.pins(name)
                facts = register.facts.load(name)
                ids[name] = {status.name: status.id for status in facts.statuses} if facts is not None else {}
    found = twin_of(rule)
    forms = {
        name: _form(setup, name, mapping, rule, found, pins.get(name, {}), ids.get(name, {}))
        for name, mapping in configuration.mappings.items()
    }
    if as_json:
        print_json(_as_dict(rule, found, forms))
        return
    for line in _lines(rule, found, forms):
        say(line)


def _form(
    setup: Setup,
    source: str,
    mapping: MappingFile,
    rule: Rule,
    found: Twin,
    pins: dict[str, str],
    ids: dict[str, str],
) -> list[str]:
    """Return the twin in the form of one source's tracker; empty where it has none."""
    fields = dict(_fields(mapping, found.mandatory, pins))
    statuses = {status: ids.get(status, status) for status in _statuses(mapping, found)}
    if not fields or (found.stages and not statuses):
        return []
    wanted = Prevention(
        rule.id,
        rule.title,
        setup.settings.sources[source].table,
        pins.get(f"stage:{mapping.stage.ref.name}", mapping.stage.ref.name),
        statuses,
        fields,
    )
    return kind_named(mapping.kind).prevent(wanted)


def _fields(mapping: MappingFile, names: Sequence[str], pins: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the label and id of the tracker's field behind each of our fields that has just one."""
    for name in names:
        entry = mapping.record.get(name)
        refs = [part.ref.name for part in entry.parts if part.ref is not None] if entry is not None else []
        if entry is not None and len(refs) == 1 == len(entry.parts):
            yield refs[0], pins.get(f"{name}:{refs[0]}", refs[0])


def _statuses(mapping: MappingFile, found: Twin) -> tuple[str, ...]:
    """Return the statuses of the mapping that mean one of the stages, without former names."""
    return tuple(
        status.status for status in mapping.stage.rules if status.stage in found.stages and not status.is_alias
    )


def _as_dict(rule: Rule, found: Twin, forms: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "title": rule.title,
        "stages": list(found.stages),
        "demands": list(found.demands),
        "only_while": list(found.only_while),
        "mandatory": list(found.mandatory),
        "afterwards": list(found.afterwards),
        "sources": [{"source": name, "form": form} for name, form in forms.items()],
    }


def _lines(rule: Rule, found: Twin, forms: dict[str, list[str]]) -> Iterator[str]:
    yield f"{rule.id}: {rule.title}"
    when = f"before a ticket moves on to {' or '.join(found.stages)}" if found.stages else "at any time"
    yield f"In words: {when}, the tracker demands:"
    yield from (f"  {demand}" for demand in found.demands)
    if found.only_while:
        yield "but only while:"
        yield from (f"  {condition}" for condition in found.only_while)
    if found.afterwards:
        yield "A tracker can demand no more than that a field is filled; these show afterwards, to this rule:"
        yield from (f"  {demand}" for demand in found.afterwards)
    for name, form in forms.items():
        yield ""
        if form:
            yield f"{name}: {form[0]}"
            yield from (f"  {line}" for line in form[1:])
        else:
            yield f"{name}: its tracker cannot demand this by itself"
