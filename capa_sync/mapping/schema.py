"""The content of a loaded mapping file: frozen, with the line number of everything a person may have to fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import date

from capa_sync.errors import Problem
from capa_sync.kinds import ChildTickets, kind_named
from capa_sync.mapping.people import People
from capa_sync.model.language import CHECKED
from capa_sync.model.light import light
from capa_sync.model.record import ActionKind, ActionOrigin, Stage
from capa_sync.model.settings import ChildSpec

Options = tuple[tuple[str, str, int], ...]
"""(option id or name, our word, line number): the entries under `values:`."""

NOTHING = "empty"
"""An option that `values:` maps to this word counts as no value."""


@light
class FieldRef:
    """A tracker's field, by name or id; `aliases` are its earlier names, which old history entries still contain."""

    name: str
    line: int
    aliases: tuple[str, ...] = ()


@light
class FieldSource:
    """One place that a canonical field is read from: a field, a constant, or the record's links of some types."""

    line: int
    ref: FieldRef | None = None
    constant: str | None = None
    links: tuple[str, ...] = ()
    values: Options | None = None
    template: tuple[str, ...] = ()
    split: str = ""
    heading: tuple[str, ...] = ()


@light
class FieldMapping:
    """A canonical field and the places it is read from; the first filled place counts."""

    name: str
    line: int
    parts: tuple[FieldSource, ...]


@light
class StatusRule:
    """Maps a status (by id or name) to a stage, from `since` to before `until` (UTC days) if they are given."""

    status: str
    stage: Stage
    line: int
    since: date | None = None
    until: date | None = None
    is_alias: bool = False


@light
class Condition:
    """A field holds one of these options (by id or name); without a field, the status is one of them."""

    options: tuple[str, ...]
    line: int
    ref: FieldRef | None = None


@light
class StageMapping:
    """The field and the status rules that the claimed stage is read from."""

    ref: FieldRef
    rules: tuple[StatusRule, ...]
    sides: Mapping[Stage, tuple[Condition, ...]]
    on_hold: tuple[Condition, ...]
    line: int


@light
class ActionMapping:
    """One place that a record's actions are read from; `kind` is a word, or a field of the child with `values`.

    `also_record`: whether a linked ticket that the query returns too is also a record of its own. `fills`: fields of
    the record that are read from the action's ticket. `check_list`: the field holds one action a line. `lines`: key
    -> the line of each name under it.
    """

    origin: ActionOrigin
    line: int
    kind: ActionKind | FieldSource
    text: FieldSource
    owner: FieldSource | None = None
    due_at: FieldSource | None = None
    done_at: FieldSource | None = None
    evidence: FieldSource | None = None
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
    fills: tuple[FieldMapping, ...] = ()
    check_list: bool = False
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False)

    def listed(self, key: str) -> Iterator[tuple[str, int]]:
        """Yield the names under `types`, `issue_types`, `started` or `done`, each with its line."""
        names: tuple[str, ...] = getattr(self, key)
        yield from zip(names, self.lines.get(key) or (self.line,) * len(names), strict=True)


@light
class SameAs:
    """The field that names the other ticket of the same nonconformity, and the source of that other ticket."""

    ref: FieldRef
    source: str


@light
class MappingFile:
    """A mapping file that has no mistakes.

    Attributes:
        name, kind: as written. file: the path as the user named it. hash: over the content of this file and its
            people file, without comments and layout. record_line: the line of `record:`.
        language: that the texts of the tickets are in. text: the whole text of the file.
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
    language: str = CHECKED
    text: str = ""

    @property
    def children(self) -> ChildTickets:
        """How the tickets of this kind of source contain actions."""
        return kind_named(self.kind).children

    def problems_with_table(self, table: str) -> list[Problem]:
        """Return a problem for each action place that reads the table which the records themselves come from."""
        what = f"the records come from the table '{table}' too, so a ticket would be a record and an action at once"
        hint = "name the table of the actions here, or the table of the records as `table` in the settings"
        return [
            Problem(self.file, entry.line, what, hint) for entry in self.actions if table and entry.table == table
        ]

    def child_specs(self) -> tuple[ChildSpec, ...]:
        """Return where the source finds this mapping's action tickets."""
        return tuple(
            ChildSpec(entry.origin.value, entry.types, entry.table, entry.reference, f"{self.file}:{entry.line}")
            for entry in self.actions
            if entry.origin is not ActionOrigin.FIELD
        )
