"""What a look at a tracker shows before any ticket is mirrored: checks for people, and lists for a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from capa_sync.model.light import light
from capa_sync.model.site import FieldDef, StatusDef


class CheckState(StrEnum):
    """The result of a check, the harmless ones first.

    `unproven`: nothing can show it without a write, or with our rights. `advice`: capa-sync works, and something can
    be better. `mistake`: settings, mapping or rules are wrong. `problem`: the tracker cannot be read, or does not let
    us do what the settings ask for.
    """

    OK = "ok"
    UNPROVEN = "unproven"
    ADVICE = "advice"
    MISTAKE = "mistake"
    PROBLEM = "problem"


@light
class Check:
    """One check: its name (stable, for programs), what was found, why it matters, and what to do ("" nothing)."""

    name: str
    state: CheckState
    what: str
    why: str
    do: str = ""


@light
class ChildKind:
    """A way in which tickets of a source name others, as the key `from` of an action place has it.

    Attributes:
        relation: `subtask`, `link` or `child`. name: issue type, link type as read from the record, or table.
        reference: of a child table, the column that points at the record. label: for people.
    """

    relation: str
    name: str
    reference: str = ""
    label: str = ""


@light
class Inspection:
    """What a source's package found when it looked at its tracker; nothing is written there.

    Attributes:
        tickets: how many tickets were looked at, the newest ones in scope. keys: their keys, newest first.
        fields: fields that tickets in scope may have, with their options where the tracker lists them.
        statuses: those that tickets in scope may have; None where the tracker does not tell.
        samples: field id -> different values of these tickets, as a person reads them.
        children: how tickets in scope may name others.
        offered: field id -> (id, name) of the options that these tickets' screens offer, of fields for which the
            tracker shows them there alone. subtasks: type of sub-tasks -> how many these tickets have.
        checks: what only the source's package can check: rights, history, notifications.
    """

    tickets: int = 0
    keys: tuple[str, ...] = ()
    fields: tuple[FieldDef, ...] = ()
    statuses: tuple[StatusDef, ...] | None = None
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    children: tuple[ChildKind, ...] = ()
    offered: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    subtasks: Mapping[str, int] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
