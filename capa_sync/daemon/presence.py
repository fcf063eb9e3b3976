"""Tells from a census what became of tickets that were not in it (CONTRACT.md 5; facts/jira.md 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass

from capa_sync.model.ticket import Census, Presence

VANISH_SHARE = 0.5
"""From this share of a container's tickets on, a vanishing is not believed (facts/jira.md 4c)."""

_COUNTED = frozenset({Presence.PRESENT, Presence.UNOBSERVED})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a census says of one ticket: its presence and the proof in words."""

    presence: Presence
    proof: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a census: ticket id -> sighting for changed ones, and alarms in words."""

    sightings: Mapping[str, Sighting]
    alarms: tuple[str, ...]


def judge_census(
    mirrored: Mapping[str, tuple[Presence, str]], census: Census, still_readable: Callable[[list[str]], Set[str]]
) -> Judgement:
    """Compare the mirror with a complete census.

    Args:
        mirrored: ticket id -> (presence now, container).
        census: a completed sweep.
        still_readable: asked for ids that are missing while their container is visible; returns those that
            answer when read one by one (they exist and merely left the query).

    Returns:
        Sightings for tickets whose presence changes, and one alarm a container that lost access or much at once.
    """
    missing = [ticket for ticket in mirrored if ticket not in census.ids and not _is_proven(ticket, mirrored, census)]
    suspicious = _suspicious_containers(mirrored, missing, census)
    doubtful = [each for each in missing if _needs_asking(mirrored[each][1], each, census, suspicious)]
    readable = still_readable(doubtful) if doubtful else frozenset()
    seen = {ticket: Sighting(Presence.PRESENT, "in the census") for ticket in mirrored if ticket in census.ids}
    seen |= {each: _explain(each, mirrored[each][1], census, suspicious, readable) for each in missing}
    changed = {each: sighting for each, sighting in seen.items() if sighting.presence is not mirrored[each][0]}
    return Judgement(changed, _alarms(mirrored, seen, suspicious))


def judge_roster(mirrored: Mapping[str, tuple[Presence, str]], containers: Mapping[str, str]) -> Judgement:
    """Say what a list of visible containers alone proves, where the tickets in them could not be swept."""
    hidden = {each: told for each, told in mirrored.items() if containers.get(told[1]) != "live"}
    return judge_census(hidden, Census(frozenset(), containers), lambda _ids: frozenset())


def _is_proven(ticket: str, mirrored: Mapping[str, tuple[Presence, str]], census: Census) -> bool:
    """Tell whether its deletion was proven once: trackers forget the proof in time, and the register does not.

    What was gone before its container vanished says no more by that, either.
    """
    presence, container = mirrored[ticket]
    if presence is Presence.DELETED:
        return True
    return presence is Presence.DELETED_OR_HIDDEN and not _is_live(container, census) and ticket not in census.deleted


def _is_live(container: str, census: Census) -> bool:
    return census.containers.get(container) == "live"


def _suspicious_containers(
    mirrored: Mapping[str, tuple[Presence, str]], missing: list[str], census: Census
) -> frozenset[str]:
    """Return visible containers of which half or more of the tickets vanished at once, unproven.

    Those that vanished so before and have not come back count on: a second census proves no more than the first.
    """
    counted = {each: container for each, (presence, container) in mirrored.items() if presence in _COUNTED}
    present = Counter(counted.values())
    gone = Counter(counted[each] for each in missing if each in counted and each not in census.deleted)
    return frozenset(
        name
        for name, count in gone.items()
        if _is_live(name, census) and count > 1 and count >= VANISH_SHARE * present[name]
    )


def _needs_asking(container: str, ticket: str, census: Census, suspicious: frozenset[str]) -> bool:
    return _is_live(container, census) and container not in suspicious and ticket not in census.deleted


def _explain(ticket: str, container: str, census: Census, suspicious: frozenset[str], readable: Set[str]) -> Sighting:
    """Say what became of one missing ticket."""
    state = census.containers.get(container)
    if ticket in census.deleted:
        return Sighting(Presence.DELETED, census.deleted[ticket])
    if state is None:
        return Sighting(Presence.ACCESS_LOST, f"{container} is no longer visible to us")
    if state == "archived":
        return Sighting(Presence.ARCHIVED, f"{container} is archived")
    if state == "deleted":
        return Sighting(Presence.DELETED_OR_HIDDEN, f"{container} is in the trash")
    if container in suspicious:
        return Sighting(Presence.UNOBSERVED, f"half or more of {container} was missing in one census")
    if ticket in readable:
        return Sighting(Presence.OUT_OF_SCOPE, "it exists and the query no longer holds")
    return Sighting(Presence.DELETED_OR_HIDDEN, f"it does not answer while {container} is visible")


def _alarms(
    mirrored: Mapping[str, tuple[Presence, str]], seen: Mapping[str, Sighting], suspicious: frozenset[str]
) -> tuple[str, ...]:
    """Word one alarm a container that lost access or lost half of its tickets in one census, as long as it lasts."""
    lost = Counter(mirrored[each][1] for each, told in seen.items() if told.presence is Presence.ACCESS_LOST)
    words = [f"{name} is no longer visible to us ({count} tickets)" for name, count in sorted(lost.items())]
    words += [f"half or more of {name} vanished in one census; nothing is believed" for name in sorted(suspicious)]
    return tuple(words)
