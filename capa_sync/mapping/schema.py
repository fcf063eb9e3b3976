"""What a mapping file says, once read: frozen, with the line of everything a person may have to mend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from capa_sync.mapping.people import People
from capa_sync.model.record import ActionKind, ActionOrigin, Stage
from capa_sync.model.settings import ChildSpec

Options = tuple[tuple[str, str, int], ...]
"""(option by id or name, our word, line): the lines under `values:`."""

NOTHING = "empty"
"""The word that, written for an option under `values:`, makes that option count as no value."""


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A tracker's field, by name or id; `aliases` are names it had before, as old history entries tell them."""

    name: str
    line: int
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One place a canonical field comes from: a field, a constant, or the record's links of some types."""

    line: int
    ref: FieldRef | None = None
    constant: str | None = None
    links: tuple[str, ...] = ()
    values: Options | None = None
    template: tuple[str, ...] = ()
    split: str = ""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """A canonical field and its places, the first filled of which counts."""

    name: str
    line: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class StatusRule:
    """A status by id or name means a stage; between `since` and `until` (UTC days, `until` excluded) if given."""

    status: str
    stage: Stage
    line: int
    since: date | None = None
    until: date | None = None
    is_alias: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A field holds one of these options (by id or name); without a field the status itself does."""

    options: tuple[str, ...]
    line: int
    ref: FieldRef | None = None


@dataclass(frozen=True, slots=True)
class StageMapping:
    """Where the claimed stage comes from."""

    ref: FieldRef
    rules: tuple[StatusRule, ...]
    sides: Mapping[Stage, tuple[Condition, ...]]
    on_hold: tuple[Condition, ...]
    line: int


@dataclass(frozen=True, slots=True)
class ActionMapping:
    """One place a record's actions come from; `kind` is a word, or a field of the child with values.

    `also_record`: whether a linked ticket that the query names too is a record of its own besides.
    """

    origin: ActionOrigin
    line: int
    kind: ActionKind | Part
    text: Part
    owner: Part | None = None
    due_at: Part | None = None
    done_at: Part | None = None
    evidence: Part | None = None
    inherit: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    issue_types: tuple[str, ...] = ()
    table: str = ""
    reference: str = ""
    status: FieldRef | None = None
    started: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    cancelled: tuple[Condition, ...] = ()
    also_record: bool = True


@dataclass(frozen=True, slots=True)
class SameAs:
    """The field that names the other ticket of the same nonconformity, and the source that other one is in."""

    ref: FieldRef
    source: str


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping file without mistakes.

    Attributes:
        name, kind: as written. file: the path as the user would name it. hash: over what it and its people file
            say, not over comments and layout. record_line: where `record:` stands.
    """

    name: str
    kind: str
    file: str
    record: Mapping[str, FieldMapping]
    stage: StageMapping
    actions: tuple[ActionMapping, ...]
    people: People
    ignore_accounts: tuple[tuple[str, int], ...] = ()
    same_as: SameAs | None = None
    hash: str = ""
    record_line: int = 1

    def child_specs(self) -> tuple[ChildSpec, ...]:
        """Return where the source finds this mapping's action tickets."""
        return tuple(
            ChildSpec(entry.origin.value, entry.types, entry.table, entry.reference)
            for entry in self.actions
            if entry.origin is not ActionOrigin.FIELD
        )
