"""Tells from a census what became of tickets that were not in it (CONTRACT.md 5; facts/jira.md 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass

from capa_sync.model.ticket import Census, Presence

VANISH_SHARE = 0.5
"""From this share of a container's tickets on, a vanishing is not believed (facts/jira.md 4c)."""

_ANSWERED = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST, Presence.DELETED_OR_HIDDEN})
_COUNTED = frozenset({Presence.PRESENT, Presence.UNOBSERVED})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a census says of one ticket: its presence and the proof in words."""

    presence: Presence
    proof: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a census.

    Attributes:
        sightings: by ticket id, of those whose presence changes. alarms: in words.
        given_up: containers out of our sight that raise no alarm (any more).
    """

    sightings: Mapping[str, Sighting]
    alarms: tuple[str, ...]
    given_up: frozenset[str] = frozenset()


def judge_census(
    mirrored: Mapping[str, tuple[Presence, str]],
    census: Census,
    still_readable: Callable[[list[str]], Set[str]],
    *,
    is_new_scope: bool = False,
    given_up: Set[str] = frozenset(),
) -> Judgement:
    """Compare the mirror with a complete census.

    Args:
        mirrored: ticket id -> (presence now, container).
        census: a completed sweep.
        still_readable: asked for ids that are missing while their container is visible; returns those that
            answer when read one by one (they exist and merely left the query).
        is_new_scope: a person changed in the settings what is read since the last census: every missing ticket is
            asked for, and what raised an alarm before is taken for what it is.
        given_up: containers whose loss a person has answered so before.

    Returns:
        Sightings for tickets whose presence changes, and one alarm a container that lost access or much at once.
    """
    missing = [ticket for ticket in mirrored if ticket not in census.ids and not _is_proven(ticket, mirrored, census)]
    weigh = _weigh_by_hand if is_new_scope else _weigh
    found = weigh(mirrored, missing, census, still_readable)
    seen = {ticket: Sighting(Presence.PRESENT, "in the census") for ticket in mirrored if ticket in census.ids}
    seen |= {each: _explain(each, mirrored[each][1], census, found) for each in missing}
    changed = {each: sighting for each, sighting in seen.items() if sighting.presence is not mirrored[each][0]}
    lost = Counter(mirrored[each][1] for each, told in seen.items() if told.presence is Presence.ACCESS_LOST)
    quiet = lost.keys() & {*given_up, *(mirrored[each][1] for each in found.settled)}
    alarms = _alarms({name: lost[name] for name in lost.keys() - quiet}, found.suspicious)
    return Judgement(changed, alarms, frozenset(quiet))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What is thought of missing tickets.

    Attributes:
        suspicious: containers of which too much is missing. readable: tickets that answer by themselves.
        settled: tickets that suspicion does not touch: they were gone before, or had raised an alarm which a person
            has answered since.
    """

    suspicious: frozenset[str]
    readable: Set[str]
    settled: frozenset[str]


def _weigh(
    mirrored: Mapping[str, tuple[Presence, str]],
    missing: list[str],
    census: Census,
    still_readable: Callable[[list[str]], Set[str]],
) -> _Weighed:
    """Ask for what is missing where little is."""
    suspicious = _suspicious_containers(mirrored, missing, census)
    asked = [each for each in missing if _is_askable(each, mirrored, census) and mirrored[each][1] not in suspicious]
    settled = frozenset(each for each in missing if mirrored[each][0] is Presence.DELETED_OR_HIDDEN)
    return _Weighed(suspicious, still_readable(asked) if asked else frozenset(), settled)


def _weigh_by_hand(
    mirrored: Mapping[str, tuple[Presence, str]],
    missing: list[str],
    census: Census,
    still_readable: Callable[[list[str]], Set[str]],
) -> _Weighed:
    """Ask for all that is missing; suspicious is what neither answers nor had raised an alarm before."""
    asked = [each for each in missing if _is_askable(each, mirrored, census)]
    readable = still_readable(asked) if asked else frozenset()
    settled = frozenset(each for each in missing if mirrored[each][0] in _ANSWERED)
    doubtful = [each for each in missing if each not in readable and each not in settled]
    return _Weighed(_suspicious_containers(mirrored, doubtful, census), readable, settled)


def judge_roster(
    mirrored: Mapping[str, tuple[Presence, str]], containers: Mapping[str, str], given_up: Set[str] = frozenset()
) -> Judgement:
    """Say what a list of visible containers alone proves, where the tickets in them could not be swept."""
    hidden = {each: told for each, told in mirrored.items() if containers.get(told[1]) != "live"}
    return judge_census(hidden, Census(frozenset(), containers), lambda _ids: frozenset(), given_up=given_up)


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


def _is_askable(ticket: str, mirrored: Mapping[str, tuple[Presence, str]], census: Census) -> bool:
    return _is_live(mirrored[ticket][1], census) and ticket not in census.deleted


def _explain(ticket: str, container: str, census: Census, found: _Weighed) -> Sighting:
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
    if ticket in found.readable:
        return Sighting(Presence.OUT_OF_SCOPE, "it exists and the query no longer holds")
    if container in found.suspicious and ticket not in found.settled:
        return Sighting(Presence.UNOBSERVED, f"half or more of {container} was missing in one census")
    return Sighting(Presence.DELETED_OR_HIDDEN, f"it does not answer while {container} is visible")


def _alarms(lost: Mapping[str, int], suspicious: frozenset[str]) -> tuple[str, ...]:
    """Word one alarm a container that lost access or lost half of its tickets in one census, as long as it lasts."""
    words = [
        f"{name} is no longer visible to us ({count} tickets); give our account its right back, or if it was given "
        "up, leave it out of the query in the settings"
        for name, count in sorted(lost.items())
    ]
    words += [
        f"half or more of {name} vanished in one census; nothing is believed. If that was meant, change the query in "
        "the settings, if only in its form: then each ticket is asked for"
        for name in sorted(suspicious)
    ]
    return tuple(words)
