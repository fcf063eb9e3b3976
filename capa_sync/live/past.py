"""Which verdict set was live at a past instant, and which one a person means by a hash, a day or a path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.live.changing import rules_of_paths
from capa_sync.live.files import configuration_of, verdict_set_of, with_verdict_settings
from capa_sync.model.days import utc_words
from capa_sync.model.light import light
from capa_sync.model.near import did_you_mean
from capa_sync.model.verdict_set import Activation, PartKind, VerdictSet
from capa_sync.settings import load_settings
from capa_sync.store import Register
from capa_sync.wiring import Configuration, Setup, configured

_SHORT = 12
"""Hex digits of a hash that a person reads."""
_SHORTEST = 4
"""Hex digits of a hash that a person may write."""
_SETTINGS = "capa-sync.toml"


@light
class PastSet:
    """A verdict set to judge the past by.

    Attributes:
        verdict_set: its texts. configuration: loaded from them. note: which set it is, in words.
    """

    verdict_set: VerdictSet
    configuration: Configuration
    note: str


def set_at(setup: Setup, register: Register, at: datetime) -> PastSet:
    """Return the set that was live at an instant; before the first one was live, the oldest that is stored.

    Raises UserError: the register has no set, or this version finds mistakes in it.
    """
    done, is_oldest = activation_at(register, at)
    return _stored(setup, register, done, is_oldest=is_oldest)


def set_of_activation(setup: Setup, register: Register, done: Activation) -> PastSet:
    """Return the set of an activation. Raises UserError: this version finds mistakes in it."""
    return _stored(setup, register, done, is_oldest=False)


def set_of_hash(setup: Setup, register: Register, wanted: str) -> PastSet:
    """Return the stored set whose hash, or whose rules' hash, begins with these digits; the latest of several.

    Raises UserError: none does, or this version finds mistakes in it.
    """
    past = register.verdict_sets.activations()
    found = [done for done in past if wanted in (done.set_hash[: len(wanted)], done.rule_set[: len(wanted)])]
    if not found:
        known = [short for done in past for short in (done.set_hash[:_SHORT], done.rule_set[:_SHORT])]
        hint = did_you_mean(wanted, known) or "`capa-sync history --json` lists `set` and `rule_set` of each"
        raise UserError([Problem("", 0, f"no set that was ever live has the hash {wanted}", hint)])
    return _stored(setup, register, found[-1], is_oldest=False)


def set_of_path(setup: Setup, register: Register, path: Path, at: datetime) -> PastSet:
    """Return the set of a path: rules in a file or folder change the set that was live at an instant.

    A settings file, or a folder that holds a capa-sync.toml, is a whole set. The tests of rules that are unchanged
    since then passed then. Raises UserError, with every mistake.
    """
    settings = path / _SETTINGS if path.is_dir() and (path / _SETTINGS).is_file() else path
    if settings.suffix == ".toml":
        configuration = configured(with_verdict_settings(setup, load_settings(settings, os.environ), settings))
        wanted = verdict_set_of(configuration)
    else:
        done, _ = activation_at(register, at)
        stored = register.verdict_sets.load(done.set_hash)
        wanted = rules_of_paths(setup, stored, [path])
        configuration = configuration_of(_for_the_past(setup), wanted, passed=_unchanged(stored, wanted))
    return PastSet(wanted, configuration, f"judged by {path} (set {wanted.hash[:_SHORT]})")


def _unchanged(stored: VerdictSet, wanted: VerdictSet) -> set[str]:
    """Return the ids of the rules that have the same text in both sets."""
    texts = {key: part.text for (_, key), part in stored.of(PartKind.RULE).items()}
    return {key for (_, key), part in wanted.of(PartKind.RULE).items() if texts.get(key) == part.text}


def is_hash(text: str) -> bool:
    """Return whether a text looks like the beginning of a hash."""
    return len(text) >= _SHORTEST and set(text) <= set("0123456789abcdef")


def activation_at(register: Register, at: datetime) -> tuple[Activation, bool]:
    """Return the activation that counted at an instant, and whether none had happened yet.

    Raises UserError: the register has no set.
    """
    past = register.verdict_sets.activations()
    if not past:
        raise UserError([Problem("", 0, "no set is live yet", "run `capa-sync sync` first")])
    before: Sequence[Activation] = [done for done in past if done.at <= at]
    return (before[-1], False) if before else (past[0], True)


def _stored(setup: Setup, register: Register, done: Activation, *, is_oldest: bool) -> PastSet:
    stored = _with_later_sources(register, done)
    configuration = configuration_of(_for_the_past(setup), stored, tested_with=done.rule_set)
    name = f"set {done.set_hash[:_SHORT]} (number {done.number})"
    since = utc_words(done.at)
    note = f"judged by {name}, live since {since}"
    if is_oldest:
        note = f"no set was live then: judged by the oldest stored one, {name}, live since {since}"
    return PastSet(stored, configuration, note)


def _with_later_sources(register: Register, done: Activation) -> VerdictSet:
    """Return the set of an activation; a source that it had no mapping for has the first one that it got later."""
    stored = register.verdict_sets.load(done.set_hash)
    for later in register.verdict_sets.activations()[done.number :]:
        known = stored.of(PartKind.MAPPING)
        parts = register.verdict_sets.load(later.set_hash).of(PartKind.MAPPING, PartKind.PEOPLE)
        stored = stored.with_parts(part for (_, key), part in parts.items() if (PartKind.MAPPING, key) not in known)
    return stored


def _for_the_past(setup: Setup) -> Setup:
    """Return the setup without the rules that nobody may waive: they decide no verdict, and older sets lack some."""
    waivers = setup.settings.waivers.model_copy(update={"unwaivable": []})
    return replace(setup, settings=setup.settings.model_copy(update={"waivers": waivers}))
