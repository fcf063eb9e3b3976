"""Settles which verdict set of a register is live, and loads it."""

from __future__ import annotations

from datetime import datetime

from capa_sync.errors import Problem, UserError
from capa_sync.live.changing import activate
from capa_sync.live.compare import unactivated
from capa_sync.live.files import configuration_of, mapping_parts, verdict_set_of
from capa_sync.mapping import bind
from capa_sync.model.light import light
from capa_sync.model.verdict_set import Activation, How, PartKind, VerdictSet
from capa_sync.store import Register
from capa_sync.wiring import Configuration, Setup, configured

_FIRST = "the configured rules, mappings and settings are live from now on"
_SAME = "the set that this register was last judged by is live: the configured files are the same"
_UNKNOWN = (
    "this register does not hold the rules and mappings that it was last judged by: the configured ones are live from"
    " now on, and may judge differently; `capa-sync plan` shows what that writes"
)


@light
class Settled:
    """The configuration with the live set.

    Attributes:
        note: what became live just now, in words; "" when nothing did.
        waiting: how the files of the settings differ from the live set, in words.
        refused: mistakes for which a saved set did not become live.
    """

    configuration: Configuration
    note: str = ""
    waiting: tuple[str, ...] = ()
    refused: tuple[Problem, ...] = ()


def settle(
    setup: Setup,
    register: Register,
    now: datetime,
    by: str,
    *,
    stores: bool,
    is_lenient: bool = False,
    keeps_live: bool = False,
    first: Configuration | None = None,
) -> Settled:
    """Return the configuration with the register's live set; a register without one takes the configured set.

    Args:
        setup: the settings.
        register: the register whose live set is wanted.
        now: when a set becomes live.
        by: the operating system's user.
        stores: make a set live in the register where that is due; needs the register's lock. Otherwise the result is
            the same, and the register stays as it is.
        keeps_live: with `rules_live = "on_save"`, leave the live set, though the files differ.
        first: the configured set, where it is loaded already.
        is_lenient: with `rules_live = "on_save"`, go on with the live set while the files have mistakes.

    Raises:
        UserError: with the mistakes of the live set, of a first set, or of a saved one.
    """
    live = register.verdict_sets.live()
    if live is None:
        return _first(first or configured(setup), register, now, by, stores=stores)
    stored = register.verdict_sets.load(live.set_hash)
    waiting = tuple(unactivated(setup.settings, setup.folder, stored))
    refused: tuple[Problem, ...] = ()
    if waiting and setup.settings.rules_live == "on_save" and not keeps_live:
        try:
            saved = configured(setup)
        except UserError as error:
            if not is_lenient:
                raise
            refused = tuple(error.problems)
        else:
            _make_live(register, saved, verdict_set_of(saved), now, by, How.ON_SAVE, stores=stores)
            return Settled(saved, f"live from now on, as saved: {', '.join(waiting)}")
    return _of_stored(setup, register, live, stored, now, by, stores=stores, waiting=waiting, refused=refused)


def _first(configuration: Configuration, register: Register, now: datetime, by: str, *, stores: bool) -> Settled:
    _make_live(register, configuration, verdict_set_of(configuration), now, by, How.FIRST, stores=stores)
    if not any(register.queue.judged_with(name) for name in configuration.mappings):
        return Settled(configuration, _FIRST)
    return Settled(configuration, _SAME if _was_judged_by(register, configuration) else _UNKNOWN)


def _was_judged_by(register: Register, configuration: Configuration) -> bool:
    """Return whether the verdicts of the register come from these rules and mappings."""
    for name, mapping in configuration.mappings.items():
        fingerprint, facts = register.queue.judged_with(name), register.facts.load(name)
        bound = bind(mapping, facts, register.facts.pins(name)).hash if facts is not None else ""
        rules, mapping_hash, *_ = [*fingerprint.split(":"), ""]
        known = {configuration.rules.hash, *configuration.rules.former_hashes}
        if fingerprint and (rules not in known or mapping_hash != bound):
            return False
    return True


def _of_stored(
    setup: Setup,
    register: Register,
    live: Activation,
    stored: VerdictSet,
    now: datetime,
    by: str,
    *,
    stores: bool,
    waiting: tuple[str, ...],
    refused: tuple[Problem, ...],
) -> Settled:
    """Load the live set, and give it the configured mapping of each source that it has none for."""
    configuration = configuration_of(setup, stored, tested_with=live.rule_set)
    parts = stored.of(PartKind.MAPPING, PartKind.PEOPLE)
    new = {
        name: mapping
        for name, mapping in configuration.mappings.items()
        if (known := parts.get((PartKind.MAPPING, name))) is None or known.text != mapping.text
    }
    if not new:
        return Settled(configuration, "", waiting, refused)
    whole = stored.with_parts(part for name, mapping in new.items() for part in mapping_parts(name, mapping))
    _make_live(register, configuration, whole, now, by, How.NEW_SOURCE, stores=stores)
    note = f"live from now on, for the live set had no mapping for {', '.join(new)}: the configured one"
    return Settled(configuration, note, tuple(unactivated(setup.settings, setup.folder, whole)), refused)


def _make_live(
    register: Register,
    configuration: Configuration,
    verdict_set: VerdictSet,
    now: datetime,
    by: str,
    how: How,
    *,
    stores: bool,
) -> None:
    if stores:
        activate(register, verdict_set, configuration, now, by, how)
