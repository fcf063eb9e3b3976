"""Which field an entry of a history means, where the history may name fields without their ids (docs/jira.md 3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from capa_sync.mapping.texts import fold, has_word, squash
from capa_sync.model.amounts import count_of
from capa_sync.model.light import light
from capa_sync.model.site import FieldDef, SiteFacts
from capa_sync.model.ticket import Origin, RawChange, SourceTicket
from capa_sync.model.values import BLANK, Raw

_BY_NAME = "name:"
_RENAME = "rename the other field in the tracker, or delete it there"
_ONE_ENTRY = "leave the name to one field of the mapping"
_SAY_WHOSE = "write it into the `aliases` of the field whose past it is, if it is the past of one alone"


class SharedName(NamedTuple):
    """A field name in a history that several fields share, or shared one after the other (`had`)."""

    name: str
    ids: tuple[str, ...]
    way_out: str = _RENAME
    had: bool = False

    @property
    def reason(self) -> str:
        """Return why such a history is ambiguous, and what a person can do."""
        fields, have = count_of(len(self.ids), "field"), "have or had" if self.had else "have"
        return (
            f"the change history names '{self.name}' without its id, and {fields} {have} this name "
            f"({', '.join(self.ids)}): {self.way_out}"
        )


class EarlierName(NamedTuple):
    """A name in a ticket's history that is probably an earlier name of a mapped field, which the mapping lacks."""

    name: str
    label: str

    @property
    def reason(self) -> str:
        """Return why the field's history on this ticket cannot be told, and what a person can do."""
        return (
            f"the change history ends under the name '{self.name}' with the value with which '{self.label}' begins: "
            f"if that is an earlier name of this field, write '{self.name}' into its `aliases` in the mapping"
        )


class Claim(NamedTuple):
    """A field of the mapping, the name or id that the mapping gives it, and its earlier names there."""

    field: FieldDef
    name: str
    aliases: tuple[str, ...]


@light
class NamedHistory:
    """A site whose history names custom fields by name alone; an id in a change was found by the names of its read.

    Attributes:
        custom: ids of all custom fields ever seen. holders: `name:…` -> custom fields that have this name today.
        lost: `name:…` that a field was seen to lose. mapped: custom field of the mapping -> its label.
    """

    custom: frozenset[str]
    holders: Mapping[str, tuple[str, ...]]
    lost: frozenset[str]
    mapped: Mapping[str, str]

    def id_of(self, change: RawChange) -> str:
        """Return the id of a change as the tracker's history gives it: a custom field's is its name."""
        is_named = change.field_id in self.custom and change.origin is Origin.HISTORY
        return f"{_BY_NAME}{change.field_name}" if is_named else change.field_id

    def broken(
        self, ticket: SourceTicket, changes: Mapping[str, Sequence[RawChange]], last: Mapping[str, RawChange]
    ) -> dict[str, EarlierName]:
        """Return the mapped fields that probably had another name before our first contact, each with that name.

        A name that ends with a value that is not its holder's, and with which a mapped field begins, tells of a
        rename. A name without such a sequel is of another field, and keeps nothing from being judged. `changes` are
        those of the mapping's fields, by field id; `last` the last one under each `name:…` that the mapping lacks.
        """
        found: dict[str, EarlierName] = {}
        for holder, change in self._unexplained(ticket, changes, last):
            for field_id, label in self.mapped.items():
                own = changes.get(field_id)
                begin = own[0].old if own else ticket.values.get(field_id, BLANK)
                is_later = own is None or change.order < own[0].order
                if field_id != holder and is_later and _is_same(change.new, begin):
                    found[field_id] = EarlierName(change.field_name, label)
                    if holder:
                        found[holder] = found[field_id]
        return found

    def _unexplained(
        self, ticket: SourceTicket, changes: Mapping[str, Sequence[RawChange]], last: Mapping[str, RawChange]
    ) -> Iterable[tuple[str, RawChange]]:
        """Yield the last change of each name that ends with content which its holder has not; a holder if mapped."""
        for key, change in last.items():
            if key not in self.lost and not change.new.is_blank:
                now = (ticket.values.get(field_id, BLANK) for field_id in self.holders.get(key, ()))
                if not any(_is_same(change.new, raw) for raw in now):
                    yield "", change
        for field_id, own in changes.items():
            change, held = own[-1], ticket.values.get(field_id)
            is_told = held is not None and field_id in self.mapped and change.origin is Origin.HISTORY
            if is_told and not change.new.is_blank and not _is_same(change.new, held or BLANK):
                yield field_id, change


def _is_same(first: Raw, second: Raw) -> bool:
    """Return whether two values have the same content, and have any."""
    if not has_word(first.text):
        return False
    if first.text == second.text or (first.ids and first.ids == second.ids):
        return True
    return _initial(first.text) == _initial(second.text) and squash(first.text) == squash(second.text)


def _initial(text: str) -> str:
    """Return the first letter or digit: most texts differ there, and need not be compared in whole."""
    return next(filter(str.isalnum, text), "").casefold()[:1]


class FieldsInHistory(NamedTuple):
    """How a history names the fields of a mapping; attributes as in `BoundMapping`."""

    ids: dict[str, str]
    shared: dict[str, SharedName]
    named: NamedHistory | None

    def facts(self) -> Iterable[object]:
        """Yield what of a site's names influences records, where its history has names alone."""
        if self.named is not None:
            yield sorted(self.ids.items())
            yield sorted(self.named.holders.items())
            yield sorted(self.named.lost)


def fields_in_history(facts: SiteFacts, claims: Sequence[Claim]) -> FieldsInHistory:
    """Work out which field each name of the mapping's fields means in this site's history."""
    if facts.history_has_ids:
        ids, shared = _Names(facts, claims).resolved()
        return FieldsInHistory(ids, shared, None)
    custom = [claim for claim in claims if claim.field.custom]
    ids, shared = _Names(facts, [claim for claim in claims if not claim.field.custom]).resolved()
    own, own_shared = _Names(facts, custom).resolved()
    ids = {key: id_ for key, id_ in ids.items() if key not in own_shared} | own
    shared = {key: found for key, found in shared.items() if key not in own} | own_shared
    return FieldsInHistory(ids, shared, _named(facts, custom))


def _named(facts: SiteFacts, claims: Iterable[Claim]) -> NamedHistory:
    holders = defaultdict[str, list[str]](list)
    now = {field.id: history_name(field.name) for field in facts.fields if field.custom}
    for field_id, key in now.items():
        holders[key].append(field_id)
    lost = {history_name(seen.name) for seen in facts.names_seen if now.get(seen.id) != history_name(seen.name)}
    return NamedHistory(
        frozenset(now) | {seen.id for seen in facts.names_seen},
        {key: tuple(ids) for key, ids in holders.items()},
        frozenset(lost),
        {claim.field.id: claim.field.name or claim.field.id for claim in claims},
    )


class _Names:
    """The names of a mapping's fields, of one kind: a history tells a system field from a custom one.

    Whose a name is: `sure` those that have it today or in the mapping, `said` those with it as an alias, `once`
    those that were seen with it earlier, and those from whom a field of the mapping took it over.
    """

    def __init__(self, facts: SiteFacts, claims: Sequence[Claim]) -> None:
        self._claims = claims
        self._mapped = {claim.field.id for claim in claims}
        is_apart = not facts.history_has_ids and any(claim.field.custom for claim in claims)
        self._today = defaultdict[str, set[str]](set)
        for field in facts.fields:
            if field.custom or not is_apart:
                self._today[history_name(field.name)].add(field.id)
        self._since: dict[tuple[str, str], int] = {}
        self._once = defaultdict[str, set[str]](set)
        self._shown: dict[str, str] = {}
        for seen in () if facts.history_has_ids else facts.names_seen:
            key = history_name(seen.name)
            self._since[seen.id, key] = min(seen.since, self._since.get((seen.id, key), seen.since))
            self._once[key].add(seen.id)
            self._shown.setdefault(key, seen.name)

    def resolved(self) -> tuple[dict[str, str], dict[str, SharedName]]:
        """Return history id -> field id, and the names that mean several fields."""
        sure, said, once = (defaultdict[str, set[str]](set) for _ in range(3))
        for field, written, aliases in self._claims:
            names = (field.id, field.name, written, *aliases)
            for key, name in ((history_name(name), name) for name in names):
                self._shown.setdefault(key, name)
                sure[key] |= {field.id, *self._today[key]}
                once[key] |= self._before(field.id, key)
            for name in aliases:
                said[history_name(name)].add(field.id)
        for key, held in self._once.items():
            for field_id in held & self._mapped:
                once[key] |= {field_id, *self._today[key], *self._before(field_id, key)}
        ids = {claim.field.id: claim.field.id for claim in self._claims}
        shared: dict[str, SharedName] = {}
        for key in sorted(sure.keys() | once.keys()):
            known = sure[key] | once[key]
            if len(sure[key]) > 1 or (len(known) > 1 and not said[key]):
                way_out = self._way_out(key, sure[key], once[key])
                had = known != self._today[key]
                shared[key] = SharedName(self._shown[key], tuple(sorted(known)), way_out, had)
            else:
                [ids[key]] = said[key] or known
        return ids, shared

    def _before(self, field_id: str, key: str) -> set[str]:
        """Return the fields that had a name before this field was first seen with it."""
        if field_id not in self._today[key] and (field_id, key) not in self._since:
            return set()
        since = self._since.get((field_id, key), 0)
        return {other for other in self._once[key] - {field_id} if self._since[other, key] < since}

    def _way_out(self, key: str, sure: set[str], once: set[str]) -> str:
        if not self._today[key] and len(sure) > 1:
            return _ONE_ENTRY
        without_others = (sure - (self._today[key] - self._mapped)) | (once & self._mapped)
        stays = once - self._mapped - self._today[key]
        return _SAY_WHOSE if len(sure) <= 1 and (len(without_others) > 1 or stays) else _RENAME


def history_name(name: str) -> str:
    """Return the form in which a history id `name:<field name>` is compared."""
    return f"{_BY_NAME}{fold(name)}"
