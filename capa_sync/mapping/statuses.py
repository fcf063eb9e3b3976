"""Maps statuses to stages: by id or name, with validity in time, side states, and periods on hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from datetime import UTC, date, datetime, time
from functools import lru_cache

from capa_sync.mapping.schema import Condition, MappingFile, StatusRule
from capa_sync.mapping.site import SiteFields
from capa_sync.mapping.texts import fold
from capa_sync.model.light import light
from capa_sync.model.record import Stage
from capa_sync.model.site import SiteFacts
from capa_sync.model.values import EMPTY, Raw, Value, ValueState


@light
class OptionSet:
    """Some options or statuses, by id and by name."""

    ids: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, options: Iterable[str], known: Iterable[tuple[str, str]] = ()) -> OptionSet:
        """Make a set of listed options; `known` (id, name) pairs of the site add the ids of listed names."""
        listed = tuple(options)
        names = frozenset(map(fold, listed))
        return cls(frozenset(listed) | {option_id for option_id, name in known if fold(name) in names}, names)

    def __contains__(self, raw: Raw) -> bool:
        if not self.ids.isdisjoint(raw.ids):
            return True
        names = raw.names or ((raw.text,) if raw.text else ())
        return any(fold(name) in self.names for name in names) if names else False

    def __bool__(self) -> bool:
        return bool(self.ids or self.names)


def status_set(facts: SiteFacts, listed: tuple[str, ...], category: str) -> OptionSet:
    """Return the listed statuses; where none is listed, all of the tracker's category ("" for no default)."""
    if not listed and category:
        ids = frozenset(status.id for status in facts.statuses if status.category == category)
        return OptionSet(ids, frozenset())
    return OptionSet.of(listed, ((status.id, status.name) for status in facts.statuses))


@light
class SideState:
    """A side state and its condition: a field (by id) holds one of some options."""

    stage: Stage
    field_id: str
    options: OptionSet


@light
class StageSignal:
    """What one value of a watched field means for the stage.

    Attributes:
        holds: the value puts the ticket on hold. side: index of the first side state whose condition the value
            meets, the number of side states when there is none. rules: the rules for it as a status, ids before
            names. name: the name of the status, EMPTY when there is none.
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


@light
class BoundStage:
    """How the claimed stage is read on this site.

    A site has few statuses and resolutions, and each step of a ticket's history needs them; `signal` therefore caches
    the result for each value.
    """

    field_id: str
    label: str
    rules: dict[str, tuple[StatusRule, ...]]
    names: dict[str, str]
    on_hold: tuple[tuple[str, OptionSet], ...]
    sides: tuple[SideState, ...]
    where: str
    watched: tuple[str, ...] = field(init=False)
    _cached: Callable[[str, tuple[str, ...], tuple[str, ...], str], StageSignal] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        others = (*(side.field_id for side in self.sides), *(field_id for field_id, _ in self.on_hold))
        object.__setattr__(self, "watched", tuple(dict.fromkeys((self.field_id, *others))))
        object.__setattr__(self, "_cached", lru_cache(maxsize=1_000)(self._signal_of))

    def signal(self, field_id: str, raw: Raw) -> StageSignal:
        """Return what a value of a watched field means for the stage."""
        return self._cached(field_id, raw.ids, raw.names, raw.text)

    def _signal_of(self, field_id: str, ids: tuple[str, ...], names: tuple[str, ...], text: str) -> StageSignal:
        raw, is_status = Raw(ids, names, text), self.field_id == field_id
        sides = (place for place, side in enumerate(self.sides) if side.field_id == field_id and raw in side.options)
        rules = [rule for key in self._keys_of(raw) for rule in self.rules.get(key, ())] if is_status else []
        return StageSignal(
            any(raw in options for held_field, options in self.on_hold if held_field == field_id),
            next(sides, len(self.sides)),
            tuple(rules),
            self._name_of(raw) if is_status else EMPTY,
        )

    def _keys_of(self, status: Raw) -> Iterable[str]:
        """Yield ids before names, and the names of this value before the site's present name of the id."""
        yield from status.ids
        yield from (fold(name) for name in (*status.names, status.text) if name)
        yield from (fold(self.names[status_id]) for status_id in status.ids if status_id in self.names)

    def _name_of(self, status: Raw) -> Value:
        """Return the tracker's own name of a status."""
        given = status.names[0] if status.names else ""
        known = self.names.get(status.ids[0], "") if status.ids else ""
        name = given or known or status.text or (status.ids[0] if status.ids else "")
        return Value(ValueState.FILLED, name, name) if name else EMPTY


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def bind_stage(mapping: MappingFile, facts: SiteFacts, site: SiteFields) -> BoundStage | None:
    """Bind `stage:`; return None when the site lacks its field."""
    found = site.find("stage", mapping.stage.ref)
    if found is None:
        return None
    # the field's own options come first: the statuses of a ServiceNow site include those of child tables
    names = dict(found.options)
    for status in facts.statuses:
        names.setdefault(status.id, status.name)
    rules: dict[str, tuple[StatusRule, ...]] = {}
    for rule in mapping.stage.rules:
        for key in {rule.status, fold(rule.status)}:
            rules[key] = (*rules.get(key, ()), rule)

    def conditions(name: str, listed: tuple[Condition, ...]) -> list[tuple[str, OptionSet]]:
        places = [
            (found if condition.ref is None else site.find(f"stage.{name}", condition.ref), condition)
            for condition in listed
        ]
        return [
            (place.id, OptionSet.of(condition.options, names.items() if condition.ref is None else place.options))
            for place, condition in places
            if place is not None
        ]

    sides = [
        SideState(stage, *condition)
        for stage, listed in mapping.stage.sides.items()
        for condition in conditions(stage.value, listed)
    ]
    hold = tuple(conditions("on_hold", mapping.stage.on_hold))
    return BoundStage(found.id, found.name, rules, names, hold, tuple(sides), f"{mapping.file}:{mapping.stage.line}")
