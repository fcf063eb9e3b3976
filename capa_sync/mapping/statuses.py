"""Statuses to stages: by id or name, with validity in time, side states, and stretches on hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache

from capa_sync.errors import Problem
from capa_sync.mapping.reading import did_you_mean
from capa_sync.mapping.schema import Condition, MappingFile, StatusRule
from capa_sync.mapping.site import SiteFields
from capa_sync.mapping.texts import fold
from capa_sync.model.record import Stage
from capa_sync.model.ticket import SiteFacts
from capa_sync.model.values import EMPTY, Raw, Value, ValueState


@dataclass(frozen=True, slots=True)
class OptionSet:
    """Some options or statuses, by id and by name."""

    ids: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, options: Iterable[str], known: Iterable[tuple[str, str]] = ()) -> OptionSet:
        """Make a set of what a mapping lists; `known` (id, name) pairs of the site add the ids behind names."""
        listed = tuple(options)
        names = frozenset(map(fold, listed))
        return cls(frozenset(listed) | {each for each, name in known if fold(name) in names}, names)

    def __contains__(self, raw: Raw) -> bool:
        if not self.ids.isdisjoint(raw.ids):
            return True
        told = raw.names or ((raw.text,) if raw.text else ())
        return any(fold(each) in self.names for each in told) if told else False

    def __bool__(self) -> bool:
        return bool(self.ids or self.names)


def status_set(facts: SiteFacts, listed: tuple[str, ...], category: str) -> OptionSet:
    """Return the listed statuses; where none is listed, all of the tracker's own category ("" for no default)."""
    if not listed and category:
        return OptionSet(frozenset(each.id for each in facts.statuses if each.category == category), frozenset())
    return OptionSet.of(listed, ((each.id, each.name) for each in facts.statuses))


@dataclass(frozen=True, slots=True)
class SideState:
    """A side state and the condition for it: a field (by id) holding one of some options."""

    stage: Stage
    field_id: str
    options: OptionSet


@dataclass(frozen=True, slots=True)
class Told:
    """What a value of a watched field says of the stage.

    Attributes:
        holds: the ticket is on hold. side: place among the side states of the first whose condition it meets, their
            number when none. rules: what it means as a status, ids before names. name: the status's own, EMPTY
            without any.
    """

    holds: bool
    side: int
    rules: tuple[StatusRule, ...]
    name: Value

    def stage_at(self, at: datetime) -> Stage | None:
        """Return the stage of a status entered at an instant; None when it is not listed for that time."""
        for rule in self.rules:
            if (rule.since is None or at >= _start(rule.since)) and (rule.until is None or at < _start(rule.until)):
                return rule.stage
        return None


@dataclass(frozen=True, slots=True)
class BoundStage:
    """Where the claimed stage comes from on this site.

    A site has few statuses and resolutions, and a ticket is asked for them at each step of its life: what a value
    says is worked out once (`told`).
    """

    field_id: str
    label: str
    rules: dict[str, tuple[StatusRule, ...]]
    names: dict[str, str]
    on_hold: tuple[tuple[str, OptionSet], ...]
    sides: tuple[SideState, ...]
    where: str
    watched: tuple[str, ...] = field(init=False)
    _told: Callable[[str, tuple[str, ...], tuple[str, ...], str], Told] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        others = (*(side.field_id for side in self.sides), *(each for each, _ in self.on_hold))
        object.__setattr__(self, "watched", tuple(dict.fromkeys((self.field_id, *others))))
        object.__setattr__(self, "_told", lru_cache(maxsize=1_000)(self._tell))

    def told(self, field_id: str, raw: Raw) -> Told:
        """Return what a value of a watched field says."""
        return self._told(field_id, raw.ids, raw.names, raw.text)

    def _tell(self, field_id: str, ids: tuple[str, ...], names: tuple[str, ...], text: str) -> Told:
        raw, held = Raw(ids, names, text), self.field_id == field_id
        sides = (place for place, side in enumerate(self.sides) if side.field_id == field_id and raw in side.options)
        rules = [rule for key in self._keys_of(raw) for rule in self.rules.get(key, ())] if held else []
        return Told(
            any(raw in options for each, options in self.on_hold if each == field_id),
            next(sides, len(self.sides)),
            tuple(rules),
            self._name_of(raw) if held else EMPTY,
        )

    def _keys_of(self, status: Raw) -> Iterable[str]:
        """Ids before names, and the names told before the site's present name of the id."""
        yield from status.ids
        yield from (fold(each) for each in (*status.names, status.text) if each)
        yield from (fold(self.names[each]) for each in status.ids if each in self.names)

    def _name_of(self, status: Raw) -> Value:
        """Return the tracker's own name of a status."""
        told = status.names[0] if status.names else ""
        known = self.names.get(status.ids[0], "") if status.ids else ""
        name = told or known or status.text or (status.ids[0] if status.ids else "")
        return Value(ValueState.FILLED, name, name) if name else EMPTY


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def bind_stage(mapping: MappingFile, facts: SiteFacts, site: SiteFields) -> BoundStage | None:
    """Bind `stage:`; None when the site lacks its field."""
    found = site.find("stage", mapping.stage.ref)
    if found is None:
        return None
    # the field's own options first: a ServiceNow site's statuses hold those of child tables as well
    names = dict(found.options)
    for each in facts.statuses:
        names.setdefault(each.id, each.name)
    rules: dict[str, tuple[StatusRule, ...]] = {}
    for rule in mapping.stage.rules:
        for key in {rule.status, fold(rule.status)}:
            rules[key] = (*rules.get(key, ()), rule)

    def conditions(name: str, listed: tuple[Condition, ...]) -> list[tuple[str, OptionSet]]:
        places = [(found if each.ref is None else site.find(f"stage.{name}", each.ref), each) for each in listed]
        return [
            (held.id, OptionSet.of(each.options, names.items() if each.ref is None else held.options))
            for held, each in places
            if held is not None
        ]

    sides = [
        SideState(stage, *condition)
        for stage, listed in mapping.stage.sides.items()
        for condition in conditions(stage.value, listed)
    ]
    _note_absent_statuses(mapping, names, site)
    hold = tuple(conditions("on_hold", mapping.stage.on_hold))
    return BoundStage(found.id, found.name, rules, names, hold, tuple(sides), mapping.file)


def _note_absent_statuses(mapping: MappingFile, names: dict[str, str], site: SiteFields) -> None:
    """Note listed statuses that the site lacks, but for past ones with an end: slips one by one, others together."""
    if not names:
        return
    known = {*names, *map(fold, names.values())}
    retired: list[StatusRule] = []
    for rule in mapping.stage.rules:
        if rule.until is None and not rule.is_alias and rule.status not in known and fold(rule.status) not in known:
            hint = did_you_mean(rule.status, names.values())
            if hint.startswith("did"):
                site.notes.append(Problem(mapping.file, rule.line, f"the site has no status '{rule.status}'", hint))
            else:
                retired.append(rule)
    if retired:
        listed = ", ".join(f"'{rule.status}'" for rule in retired)
        what = f"the site has no status {listed}"
        hint = "take them out, or write `until: DATE` where one was in use before" if len(retired) > 1 else ""
        site.notes.append(Problem(mapping.file, retired[0].line, what, hint))
