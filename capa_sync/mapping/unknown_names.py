"""Finds the names in a mapping that its tracker does not have: statuses, options, types, links, columns of tables.

Names of fields are looked up while the mapping is bound (`site.py`). What a list of the tracker does not show is
claimed only where that list is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from capa_sync.errors import Problem
from capa_sync.mapping.schema import ActionMapping, Condition, FieldMapping, FieldRef, FieldSource, MappingFile
from capa_sync.mapping.texts import fold
from capa_sync.model.light import light
from capa_sync.model.near import did_you_mean, near_or_all
from capa_sync.model.record import ActionKind, ActionOrigin
from capa_sync.model.site import FieldDef, SiteFacts, SiteLists

Pairs = Sequence[tuple[str, str]]
"""(id, name) of options, statuses or columns; a mapping may name them by either."""
Listed = Iterable[tuple[str, int]]
"""Names of a mapping with their lines."""
_STATUS = "status"
_UNLESS_HELD = "take out what no older ticket holds"
_UNLESS_PAST = "take it out, or write `until: DATE` where it was in use before"
_UNLESS_PAST_ALL = "take them out, or write `until: DATE` where one was in use before"


@light
class UnknownName:
    """A name that the site lacks; `is_slip`: it resembles one that the site has, or nothing is read without it.

    Others are most often names of the shipped file, or of former years, that this site never had or no longer has.
    """

    problem: Problem
    is_slip: bool


@light
class _Place:
    """Names that stand together in a mapping, and what the site has there.

    Attributes:
        says: the sentence, `{}` for the names. listed: the names. known: what the site has. hint, hints: what to do
            with one name that resembles nothing there, and with several. is_needed: a wrong name reads nothing.
    """

    says: str
    listed: tuple[tuple[str, int], ...]
    known: Pairs
    hint: str = ""
    hints: str = ""
    is_needed: bool = False

    def unknown(self, file: str) -> Iterator[UnknownName]:
        """Yield each slip alone, and the other unknown names together."""
        ours = {fold(name) for name, _line in self.listed}
        known = {fold(word) for pair in self.known for word in _words(*pair)}
        pairs = [pair for pair in self.known if ours.isdisjoint(map(fold, pair))]
        free = [word for pair in pairs for word in _words(*pair) if fold(word) not in ours]
        others: list[tuple[str, int]] = []
        for name, line in self.listed:
            if fold(name) in known:
                continue
            hint = did_you_mean(name, free)
            if hint or self.is_needed:
                hint = hint or near_or_all(name, [shown or id_ for id_, shown in self.known])
                yield UnknownName(Problem(file, line, self.says.format(f"'{name}'"), hint), is_slip=True)
            else:
                others.append((name, line))
        if others:
            names = ", ".join(f"'{name}'" for name, _line in others)
            hint = self.hint if len(others) == 1 else self.hints or self.hint
            yield UnknownName(Problem(file, others[0][1], self.says.format(names), hint), is_slip=False)


def _words(id_: str, name: str) -> Iterator[str]:
    """Yield what a mapping may write for an option; of one in a cascading list also parent and child alone."""
    yield from filter(None, (id_, name, *name.split(" - ")))


class _Site:
    """What a site's own lists have; None and nothing where a list is not known."""

    no_option = "'{label}' has no option {{}} on this site"

    def __init__(self, facts: SiteFacts, pins: Mapping[str, str]) -> None:
        self.lists = facts.lists
        self._facts = facts
        self._pins = pins
        self._fields = {field.id: field for field in facts.fields}
        self._tables = {table.name: table for table in facts.lists.tables if table.is_complete}

    def field(self, canonical: str, ref: FieldRef | None) -> str:
        """Return the id of a field of the mapping, "" where the site has none."""
        return "" if ref is None else self._pins.get(f"{canonical}:{ref.name}", "")

    def label(self, field_id: str, table: str = "") -> str:
        """Return what people call a field."""
        known = {field.id: field for field in self._tables[table].fields} if table in self._tables else self._fields
        return known[field_id].name if field_id in known else field_id

    def options(self, field_id: str, table: str = "") -> Pairs:
        """Return every option of a field, of a table of actions where one is named; none where they are not known."""
        if table:
            columns = self.columns(table)
            return next((field.options for field in columns or () if field.id == field_id), ())
        listed = dict(self.lists.options).get(field_id)
        if listed:
            return listed
        known = self._fields.get(field_id)
        return known.options if known is not None and self._facts.fields_complete else ()

    def statuses(self, field_id: str, table: str = "") -> Pairs:
        """Return the options of a field of statuses: those of the site where it is the tracker's own one."""
        known = self._fields.get(field_id)
        if table or known is None or _STATUS not in (known.id, known.type):
            return self.options(field_id, table)
        listed = self._facts.statuses if self._facts.fields_complete else ()
        return self.options(field_id) or [(status.id, status.name) for status in listed]

    def columns(self, table: str) -> Sequence[FieldDef] | None:
        """Return the columns of a table of actions; None where they are not known."""
        return self._tables[table].fields if table in self._tables else None


class _Screens(_Site):
    """What the screens of tickets in scope offer, for fields whose options the site's own lists do not have."""

    no_option = "the tickets that were looked at offer no option {{}} in '{label}'"

    def __init__(self, facts: SiteFacts, pins: Mapping[str, str], offered: Mapping[str, Pairs]) -> None:
        super().__init__(facts, pins)
        self._offered = offered
        self.lists = SiteLists()
        self._listed = _Site(facts, pins)

    def options(self, field_id: str, table: str = "") -> Pairs:
        """Return what screens offer; see the base class."""
        is_listed = table or self._listed.options(field_id) or self._listed.statuses(field_id)
        return () if is_listed else self._offered.get(field_id, ())

    def statuses(self, field_id: str, table: str = "") -> Pairs:
        """Return what screens offer; see the base class."""
        return self.options(field_id, table)

    def columns(self, table: str) -> None:  # noqa: ARG002 - as the base class
        """Return None: no screen shows columns."""
        return


def unknown_names(mapping: MappingFile, facts: SiteFacts, pins: Mapping[str, str]) -> list[UnknownName]:
    """Return every name of a mapping that the lists of its site lack, in the order of the file.

    Not looked for: names of former years (`aliases`, a status with `until`), and ignored accounts, since a tracker
    shows accounts only as it meets them. `pins`: `canonical:reference` -> field id.
    """
    return _unknown(mapping, _Site(facts, pins))


def unoffered_names(
    mapping: MappingFile, facts: SiteFacts, pins: Mapping[str, str], offered: Mapping[str, Pairs]
) -> list[UnknownName]:
    """Return the options of a mapping that no screen which was looked at offers; `offered`: field id -> options."""
    return _unknown(mapping, _Screens(facts, pins, offered))


def _unknown(mapping: MappingFile, site: _Site) -> list[UnknownName]:
    places = [*_record(mapping, site), *_stage(mapping, site)]
    places += [place for index, entry in enumerate(mapping.actions) for place in _action(index, entry, site)]
    found = [name for place in places for name in place.unknown(mapping.file)]
    return sorted(found, key=lambda name: name.problem.line)


def _listing(says: str, listed: Listed, known: Pairs, hint: str = "", hints: str = "") -> Iterator[_Place]:
    """Yield the place where what the site has there is known."""
    names = tuple(listed)
    if names and known:
        yield _Place(says, names, known, hint, hints)


def _types(says: str, listed: Listed, known: Sequence[str] | None) -> Iterator[_Place]:
    """Yield the place of names without which nothing is read."""
    names = tuple(listed)
    if names and known is not None:
        yield _Place(says, names, [("", name) for name in known], is_needed=True)


# --- the parts of a mapping ----------------------------------------------------------------------------------------
def _record(mapping: MappingFile, site: _Site) -> Iterator[_Place]:
    for entry in mapping.record.values():
        yield from _field(entry, entry.name, site)


def _field(entry: FieldMapping, canonical: str, site: _Site, table: str = "") -> Iterator[_Place]:
    for part in entry.parts:
        yield from _types(_NO_LINK, ((name, part.line) for name in part.links), site.lists.link_types)
        yield from _values(part, canonical, site, table)


_NO_LINK = "the site has no link type {}"


def _values(part: FieldSource, canonical: str, site: _Site, table: str = "") -> Iterator[_Place]:
    field_id = site.field(canonical, part.ref)
    listed = ((option, line) for option, _word, line in part.values or ())
    says = site.no_option.format(label=_braceless(site.label(field_id, table)))
    yield from _listing(says, listed, site.options(field_id, table), _UNLESS_HELD)


def _braceless(label: str) -> str:
    """Return a label that `format` leaves as it is."""
    return label.replace("{", "{{").replace("}", "}}")


def _stage(mapping: MappingFile, site: _Site) -> Iterator[_Place]:
    stage = mapping.stage
    field_id = site.field("stage", stage.ref)
    statuses = site.statuses(field_id)
    now = ((rule.status, rule.line) for rule in stage.rules if rule.until is None and not rule.is_alias)
    yield from _listing(_NO_STATUS, now, statuses, _UNLESS_PAST, _UNLESS_PAST_ALL)
    sides = {**{side.value: listed for side, listed in stage.sides.items()}, "on_hold": stage.on_hold}
    for name, listed in sides.items():
        yield from _conditions(listed, f"stage.{name}", statuses, site)


_NO_STATUS = "the site has no status {}"


def _conditions(
    listed: Iterable[Condition], canonical: str, statuses: Pairs, site: _Site, table: str = ""
) -> Iterator[_Place]:
    plain = [(name, found.line) for found in listed if found.ref is None for name in found.options]
    yield from _listing(_NO_STATUS, plain, statuses, _UNLESS_HELD)
    for condition in listed:
        if condition.ref is not None:
            names = [(name, condition.line) for name in condition.options]
            field_id = site.field(canonical, condition.ref)
            says = site.no_option.format(label=_braceless(site.label(field_id, table)))
            yield from _listing(says, names, site.options(field_id, table), _UNLESS_HELD)


def _action(index: int, entry: ActionMapping, site: _Site) -> Iterator[_Place]:
    canonical, table, lists = f"actions[{index}]", entry.table, site.lists
    if entry.origin is ActionOrigin.SUBTASK:
        says = "the site has no type of sub-tasks {}"
        yield from _types(says, entry.listed("types"), lists.subtask_types)
    if entry.origin is ActionOrigin.LINK:
        yield from _types(_NO_LINK, entry.listed("types"), lists.link_types)
        yield from _types("the site has no issue type {}", entry.listed("issue_types"), lists.issue_types)
    yield from _columns(entry, site)
    if isinstance(entry.kind, FieldSource):
        yield from _values(entry.kind, f"{canonical}.kind", site, table)
    statuses = site.statuses(site.field(f"{canonical}.status", entry.status), table)
    for key in ("started", "done"):
        yield from _listing(_NO_STATUS, entry.listed(key), statuses, _UNLESS_HELD)
    yield from _conditions(entry.cancelled, f"{canonical}.cancelled", statuses, site, table)
    for field in entry.fills:
        yield from _field(field, f"{canonical}.fills.{field.name}", site, table)


def _columns(entry: ActionMapping, site: _Site) -> Iterator[_Place]:
    """Yield the columns of a table of actions, which no other check looks for."""
    columns = site.columns(entry.table) if entry.table else None
    parts = (entry.text, entry.owner, entry.due_at, entry.done_at, entry.evidence, entry.kind)
    refs = [part.ref for part in parts if part is not None and not isinstance(part, ActionKind)]
    refs += [entry.status, *(condition.ref for condition in entry.cancelled)]
    refs += [part.ref for field in entry.fills for part in field.parts]
    if columns:
        pairs = [(column.id, column.name) for column in columns]
        says = f"the table '{_braceless(entry.table)}' has no column {{}}"
        for ref in filter(None, refs):
            yield _Place(says, ((ref.name, ref.line),), pairs, is_needed=True)
