"""Binds a mapping to one site: resolves names to ids, builds option and status tables, reports missing fields."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace

from capa_sync.errors import Problem
from capa_sync.mapping.entries import ACTION_FIELDS
from capa_sync.mapping.fields import option_words
from capa_sync.mapping.history_names import FieldsInHistory, NamedHistory, SharedName, fields_in_history
from capa_sync.mapping.people import People
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.schema import ActionMapping, FieldMapping, FieldSource, MappingFile, Options
from capa_sync.mapping.sections import Sections
from capa_sync.mapping.site import SiteFields, is_day
from capa_sync.mapping.statuses import BoundStage, OptionSet, bind_stage, status_set
from capa_sync.mapping.texts import fold
from capa_sync.mapping.unknown_names import unknown_names
from capa_sync.mapping.values import Converter, constant, converter
from capa_sync.model.catalogue import FIELDS, FieldSpec
from capa_sync.model.light import light
from capa_sync.model.record import ActionKind
from capa_sync.model.site import Account, FieldDef, SiteFacts
from capa_sync.model.values import EMPTY, Value, ValueState


@light
class BoundFieldSource:
    """One place of a canonical field on this site: a field id with its converter, a constant, or link types."""

    field_id: str
    label: str
    convert: Converter | None = None
    constant: Callable[[PeopleDirectory], Value] | None = None
    links: frozenset[str] = frozenset()


@light
class BoundField:
    """A canonical field with the places (at least one) that this site has, and the label of the first."""

    name: str
    parts: tuple[BoundFieldSource, ...]
    label: str


@light
class BoundAction:
    """An action entry on this site."""

    entry: ActionMapping
    id: str
    kind: ActionKind | BoundFieldSource
    text: BoundFieldSource
    owner: BoundFieldSource | None
    due_at: BoundFieldSource | None
    done_at: BoundFieldSource | None
    evidence: BoundFieldSource | None
    status_id: str
    started: OptionSet
    done: OptionSet
    cancelled: tuple[tuple[str, OptionSet], ...]
    fills: tuple[BoundField, ...] = ()

    @property
    def field_ids(self) -> tuple[str, ...]:
        """The ids of all fields that describe the action."""
        kind = self.kind if isinstance(self.kind, BoundFieldSource) else None
        parts = (self.text, self.owner, self.due_at, self.done_at, self.evidence, kind)
        own = [part.field_id for part in parts if part is not None]
        return tuple(filter(None, (*own, self.status_id, *(field_id for field_id, _ in self.cancelled))))


@light
class BoundMapping:
    """A mapping bound to one site.

    Attributes:
        mapping: the file. facts: what the site reports about itself. fields, stage, actions: ready to map with;
            `stage` is None when the site lacks the status field (every ticket is then quarantined).
        unmapped: for every canonical field without a place, its `unmapped` value with the reason.
        labels: canonical field -> the tracker's own field label. pins: `canonical:reference` -> field id.
        history_ids: every id that a history may use for a bound field -> its field id. shared: `name:…` history ids
            that several fields share. named: set where the history has names alone.
        same_as_id: field that names the duplicate, "" for none.
        problems: mistakes that `sync` and `plan` list. notes: drift and names that the site lacks; drifts: the first;
            slips: of the others those that are mistakes.
        hash: over the mapping and everything of the site that influences a record.
        places: (field id, field) for every field; the id is "" unless the field has exactly one place and that is a
            tracker field.
        blank_values: the value of every canonical field on a ticket without any values.
        provenance: name and hash of the mapping, for records.
    """

    mapping: MappingFile
    facts: SiteFacts
    fields: tuple[BoundField, ...]
    stage: BoundStage | None
    actions: tuple[BoundAction, ...]
    unmapped: Mapping[str, Value]
    labels: Mapping[str, str]
    pins: Mapping[str, str]
    history_ids: Mapping[str, str]
    shared: Mapping[str, SharedName]
    named: NamedHistory | None
    same_as_id: str
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    drifts: tuple[Problem, ...]
    slips: tuple[Problem, ...]
    hash: str
    places: tuple[tuple[str, BoundField], ...]
    blank_values: Mapping[str, Value]
    provenance: str
    _directories: dict[tuple[str, str], tuple[People, PeopleDirectory]] = field(default_factory=dict, compare=False)

    @property
    def confidential(self) -> tuple[BoundFieldSource, ...]:
        """The fields of a ticket that say whether it is confidential."""
        return tuple(
            part for bound in self.fields if bound.name == "confidential" for part in bound.parts if part.field_id
        )

    def with_accounts(self, accounts: tuple[Account, ...]) -> BoundMapping:
        """Return the same mapping with these accounts of the site.

        The hash stays: `SourceContext.accounts_version` tells whether verdicts of other tickets may differ.
        """
        return replace(self, facts=replace(self.facts, accounts=accounts), _directories={})

    def directory(self, source: str, people: People, own: str) -> PeopleDirectory:
        """Return the people directory of a source; it is made once."""
        cached = self._directories.get((source, own))
        if cached is None or cached[0] is not people:
            ignored = [name for name, _ in self.mapping.ignore_accounts]
            own_ids = {own, self.facts.me.id, *self.facts.me.aliases} - {""}
            directory = PeopleDirectory(source, people, self.facts.accounts, ignored, own_ids)
            cached = self._directories[source, own] = (people, directory)
        return cached[1]


def bind(mapping: MappingFile, facts: SiteFacts, pins: Mapping[str, str] | None = None) -> BoundMapping:
    """Bind a mapping to the fields, statuses and options of a site.

    Args:
        mapping: as loaded.
        facts: as the source reported them.
        pins: field ids that an earlier binding pinned, as stored in the register.
    """
    binder = _Binder(mapping, facts, pins or {})
    fields = tuple(filter(None, map(binder.record_field, mapping.record.values())))
    stage = bind_stage(mapping, facts, binder.site)
    actions = tuple(filter(None, (binder.action(index, entry) for index, entry in enumerate(mapping.actions))))
    duplicate = mapping.same_as and binder.site.find("same_as", mapping.same_as.ref)
    site = binder.site
    history = fields_in_history(facts, site.claims)
    filled = tuple(field for action in actions for field in action.fills)
    unmapped = binder.unmapped((*fields, *filled))
    unknown = unknown_names(mapping, facts, site.pins)
    return BoundMapping(
        mapping,
        facts,
        fields,
        stage,
        actions,
        unmapped,
        binder.labels((*fields, *filled), actions, stage),
        site.pins,
        *history,
        duplicate.id if duplicate else "",
        tuple(site.problems),
        (*site.notes, *(name.problem for name in unknown)),
        tuple(site.drifts),
        tuple(name.problem for name in unknown if name.is_slip),
        _bound_hash(mapping, facts, site.pins, history),
        tuple((bound.parts[0].field_id if len(bound.parts) == 1 else "", bound) for bound in fields),
        {**unmapped, **{bound.name: EMPTY for bound in (*fields, *filled)}},
        f"{mapping.name}@{mapping.hash[:12]}",
    )


class _Binder:
    def __init__(self, mapping: MappingFile, facts: SiteFacts, pins: Mapping[str, str]) -> None:
        self.mapping = mapping
        self.facts = facts
        self.site = SiteFields(mapping.file, facts, pins)

    def record_field(self, entry: FieldMapping, of: str = "", *, child: bool = False) -> BoundField | None:
        """Return a field of the record; `of`: the action whose ticket holds it, `child`: in a table of its own."""
        spec, name = FIELDS[entry.name], f"{of}.{entry.name}" if of else entry.name
        parts = tuple(filter(None, (self.part(name, part, spec, child=child) for part in entry.parts)))
        label = next((part.label for part in parts if part.label), "")
        return BoundField(entry.name, parts, label) if parts else None

    def part(self, name: str, part: FieldSource, spec: FieldSpec, *, child: bool = False) -> BoundFieldSource | None:
        if part.constant is not None:
            return BoundFieldSource("", "", constant=constant(spec, part.constant))
        if part.ref is None:
            return BoundFieldSource("", "linked tickets", links=frozenset(map(fold, part.links)))
        found = self.site.column(name, part.ref) if child else self.site.find(name, part.ref)
        if found is None:
            return None
        label = found.name or found.id
        if not part.heading:
            return BoundFieldSource(found.id, label, self._converter(part, found, spec))
        sections, convert = Sections(part.heading, self._headings(part)), self._converter(part, found, spec)
        return BoundFieldSource(
            found.id,
            f"{label}, under “{part.heading[0]}”",
            lambda raw, people: convert(sections.of(raw), people),
        )

    def _headings(self, part: FieldSource) -> set[str]:
        """Return every heading that the mapping names in the same field of the tracker."""
        parts = [other for entry in self.mapping.record.values() for other in entry.parts]
        parts += [entry.text for entry in self.mapping.actions]
        same = [other for other in parts if other.ref and part.ref and fold(other.ref.name) == fold(part.ref.name)]
        return {heading for other in same for heading in other.heading}

    def _converter(self, part: FieldSource, found: FieldDef, spec: FieldSpec) -> Converter:
        words = option_words(part.values)
        if part.values and words and found.options:
            words = {**words, **self._option_ids(part.values, found)}
        where = f"{self.mapping.file}:{part.line}"
        return converter(
            spec, words=words, template=part.template, split=part.split, where=where, day_only=is_day(found)
        )

    def _option_ids(self, options: Options, found: FieldDef) -> dict[str, str]:
        """Add the raw value of every option that is listed by its name (ServiceNow's audit contains raw values)."""
        ids: dict[str, str] = {}
        for option, word, _line in options:
            same = [value for value, name in found.options if option == value or fold(option) == fold(name)]
            ids.update(dict.fromkeys(same, word))
        return ids

    def action(self, index: int, entry: ActionMapping) -> BoundAction | None:
        name = f"actions[{index}]"
        has_categories = self.mapping.children.has_categories
        child = self.mapping.children.has_own_fields and entry.status is not None

        def own(key: str, part: FieldSource | None) -> BoundFieldSource | None:
            return None if part is None else self.part(f"{name}.{key}", part, ACTION_FIELDS[key], child=child)

        text = own("text", entry.text)
        kind = entry.kind if isinstance(entry.kind, ActionKind) else own("kind", entry.kind)
        if text is None or kind is None:
            return None
        status = entry.status and (self.site.column if child else self.site.find)(f"{name}.status", entry.status)
        cancelled = tuple(self._cancelled(name, entry, status.id if status else "", child=child))
        return BoundAction(
            entry,
            f"field:{_slug(entry.text.ref.name if entry.text.ref else name)}",
            kind,
            text,
            own("owner", entry.owner),
            own("due_at", entry.due_at),
            own("done_at", entry.done_at),
            own("evidence", entry.evidence),
            status.id if status else "",
            status_set(self.facts, entry.started, "indeterminate" if has_categories else ""),
            status_set(self.facts, entry.done, "done" if has_categories else ""),
            cancelled,
            tuple(filter(None, (self.record_field(field, f"{name}.fills", child=child) for field in entry.fills))),
        )

    def _cancelled(
        self, name: str, entry: ActionMapping, status_id: str, *, child: bool
    ) -> Iterable[tuple[str, OptionSet]]:
        for condition in entry.cancelled:
            if condition.ref is None:
                yield status_id, status_set(self.facts, condition.options, "")
                continue
            find = self.site.column if child else self.site.find
            found = find(f"{name}.cancelled", condition.ref)
            if found is not None:
                yield found.id, OptionSet.of(condition.options, found.options)

    def unmapped(self, fields: Iterable[BoundField]) -> dict[str, Value]:
        bound = {mapped.name for mapped in fields}
        values: dict[str, Value] = {}
        for name in FIELDS:
            if name in bound:
                continue
            entry = self.mapping.record.get(name)
            refs = [part.ref.name for part in entry.parts if part.ref] if entry else []
            reasons = [self.site.missing[ref] for ref in refs if ref in self.site.missing]
            where = f"{self.mapping.file}:{entry.line if entry else self.mapping.record_line}"
            reason = f"{where}: {', '.join(reasons)}" if reasons else f"{where} names no field for it"
            values[name] = Value(ValueState.UNMAPPED, reason=reason)
        return values

    def labels(
        self, fields: Iterable[BoundField], actions: Iterable[BoundAction], stage: BoundStage | None
    ) -> dict[str, str]:
        labels = {mapped.name: mapped.label for mapped in fields}
        first = next((action.text.label for action in actions if action.status_id == ""), "")
        if any(True for _ in actions):
            labels["actions"] = first or "Actions"
        if stage is not None:
            labels |= {"stage": stage.label, "source_status": stage.label}
        return {name: label for name, label in labels.items() if label}


def _slug(name: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in name.casefold()).split())


def _bound_hash(mapping: MappingFile, facts: SiteFacts, pins: Mapping[str, str], history: FieldsInHistory) -> str:
    digest, shared = hashlib.sha256(mapping.hash.encode()), sorted(history.shared.items())
    content = (
        sorted(pins.items()),
        sorted((status.id, status.name, status.category) for status in facts.statuses),
        sorted(
            (pinned.id, pinned.name, pinned.type, pinned.options)
            for pinned in facts.fields
            if pinned.id in pins.values()
        ),
        # of a register of an earlier version, until its first sign-in
        ()
        if facts.accounts_apart
        else sorted((account.id, account.name, str(account.active)) for account in facts.accounts),
        facts.me.id,
        facts.absent_is_empty,
        facts.history_readable,
        facts.fields_complete,
        *([shared] if shared else ()),
        *history.facts(),
    )
    digest.update(repr(content).encode())
    return digest.hexdigest()
