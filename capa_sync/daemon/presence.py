"""Concludes from a census what became of the tickets that it does not contain (docs/contract.md 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set

from capa_sync.model.amounts import count_of
from capa_sync.model.light import light
from capa_sync.model.site import Census
from capa_sync.model.ticket import Presence

VANISH_SHARE = 0.5
"""When this share of a container's tickets vanishes, it is not believed until a second census agrees."""
VANISH_COUNT = 200
"""The same holds when more tickets of one container than this vanish."""

Mirrored = Mapping[str, tuple[Presence, str]]
"""Ticket id -> its presence so far, and its container."""

_ASKED = frozenset({"live", "left"})
"""States of a container whose tickets can be asked for."""
_LEFT = frozenset({"left", "left_closed"})
"""States of a container that the settings name no longer."""
_SETTLED = frozenset({Presence.DELETED, Presence.DELETED_OR_HIDDEN, Presence.OUT_OF_SCOPE})
_ANSWERED = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST, Presence.DELETED_OR_HIDDEN})


@light
class Sighting:
    """The conclusion of a census about one ticket: its presence and the proof in words."""

    presence: Presence
    proof: str


@light
class CensusEvidence:
    """What the tracker answered about the tickets that a census does not contain.

    Attributes:
        in_scope: the query names them nevertheless. elsewhere: they exist, and the query does not name them.
        deleted: id -> proof of the deletion. gone: their own request was answered with "not found".
        unasked: there was no answer, and their own request must wait for the next census.
    """

    in_scope: Set[str] = frozenset()
    elsewhere: Set[str] = frozenset()
    deleted: Mapping[str, str] | None = None
    gone: Set[str] = frozenset()
    unasked: Set[str] = frozenset()


_NO_EVIDENCE = CensusEvidence()


@light
class Judgement:
    """The outcome of a census.

    Attributes:
        sightings: by ticket id, of those whose presence changes. alarms: in words.
        given_up: containers not visible to us that raise no alarm (any more).
    """

    sightings: Mapping[str, Sighting]
    alarms: tuple[str, ...]
    given_up: frozenset[str] = frozenset()


def unsettled(mirrored: Mirrored, census: Census) -> list[str]:
    """Return tickets not in the census, in a visible container, whose absence was not proven before."""
    return [
        ticket
        for ticket, (presence, container) in mirrored.items()
        if ticket not in census.ids and presence not in _SETTLED and census.containers.get(container) in _ASKED
    ]


def settled(mirrored: Mirrored, census: Census) -> list[str]:
    """Return tickets known to be gone or out of scope whose container is visible, without proven deletions."""
    return [
        ticket
        for ticket, (presence, container) in mirrored.items()
        if ticket not in census.ids and presence in _SETTLED and presence is not Presence.DELETED
        if census.containers.get(container) in _ASKED
    ]


def suspicious_containers(mirrored: Mirrored, missing: Iterable[str]) -> frozenset[str]:
    """Return containers of which too many tickets, present until now, are missing at once.

    Tickets that an earlier census did not contain either are not counted: this census confirms it.
    """
    present = Counter(container for presence, container in mirrored.values() if presence is Presence.PRESENT)
    lost = [mirrored[ticket][1] for ticket in missing if mirrored[ticket][0] is Presence.PRESENT]
    return frozenset(
        name
        for name, count in Counter(lost).items()
        if count > VANISH_COUNT or (count > 1 and count >= VANISH_SHARE * present[name])
    )


def judge_census(
    mirrored: Mirrored,
    census: Census,
    evidence: CensusEvidence = _NO_EVIDENCE,
    suspicious: Set[str] = frozenset(),
    *,
    is_new_scope: bool = False,
    given_up: Set[str] = frozenset(),
) -> Judgement:
    """Compare the mirror with a complete census.

    Args:
        mirrored: the tickets in the mirror.
        census: a completed census.
        evidence: what the tracker answered about the tickets that it does not contain.
        suspicious: containers of which too many tickets are missing.
        is_new_scope: a person has changed the query in the settings since the last census: tickets that the new
            query excludes are out of scope, and a loss that raised an alarm before is accepted.
        given_up: containers whose loss a person accepted before in this way.

    Returns:
        Sightings for tickets whose presence changes, and one alarm per container that is no longer visible or lost
        many tickets at once.
    """
    found: dict[str, Sighting] = {}
    for ticket, (presence, container) in mirrored.items():
        if ticket in census.ids:
            found[ticket] = Sighting(Presence.PRESENT, "in the census")
            continue
        is_doubted = container in suspicious and presence is Presence.PRESENT
        if is_new_scope and ticket in evidence.elsewhere:
            is_doubted = False
        seen = _explain(ticket, presence, container, census, evidence, is_doubted=is_doubted)
        if seen is not None:
            found[ticket] = seen
    changed = {ticket: seen for ticket, seen in found.items() if seen.presence is not mirrored[ticket][0]}
    lost = Counter(mirrored[ticket][1] for ticket, seen in found.items() if seen.presence is Presence.ACCESS_LOST)
    answered = {container for presence, container in mirrored.values() if is_new_scope and presence in _ANSWERED}
    quiet = lost.keys() & {*given_up, *answered}
    doubted = Counter(mirrored[ticket][1] for ticket, seen in found.items() if seen.presence is Presence.UNOBSERVED)
    return Judgement(changed, _alarms({name: lost[name] for name in lost.keys() - quiet}, doubted), frozenset(quiet))


def judge_roster(mirrored: Mirrored, containers: Mapping[str, str], given_up: Set[str] = frozenset()) -> Judgement:
    """Conclude what a list of visible containers proves, when no census could be taken.

    What the settings name no longer waits for a census: settings that are refused prove nothing.
    """
    hidden = {
        ticket: state
        for ticket, state in mirrored.items()
        if containers.get(state[1]) != "live" and containers.get(state[1]) not in _LEFT
    }
    return judge_census(hidden, Census(frozenset(), containers), given_up=given_up)


def _explain(
    ticket: str, presence: Presence, container: str, census: Census, evidence: CensusEvidence, *, is_doubted: bool
) -> Sighting | None:
    """Return what became of one missing ticket; None when nothing new is known."""
    proofs = evidence.deleted or {}
    if ticket in proofs:
        return Sighting(Presence.DELETED, proofs[ticket])
    state = census.containers.get(container)
    if presence is Presence.DELETED or (presence is Presence.DELETED_OR_HIDDEN and state not in _ASKED):
        return None  # a proof stays valid: trackers delete it after some time, the register does not
    if state in _LEFT:
        return _left(ticket, presence, container, evidence)
    if state != "live":
        return _unseen(container, state)
    if ticket in evidence.in_scope:
        return Sighting(Presence.PRESENT, "the census missed it, and it was found by its id")
    if is_doubted:
        return Sighting(Presence.UNOBSERVED, f"too much of {container} was missing in one census")
    if ticket in evidence.elsewhere:
        return Sighting(Presence.OUT_OF_SCOPE, "it exists and the query no longer holds")
    if ticket in evidence.gone:
        return Sighting(Presence.DELETED_OR_HIDDEN, f"it does not answer while {container} is visible")
    if ticket in evidence.unasked:
        return Sighting(Presence.UNOBSERVED, "missing in a census, and not yet asked for by its id")
    return None


def _left(ticket: str, presence: Presence, container: str, evidence: CensusEvidence) -> Sighting | None:
    """Return what follows for a ticket from a container that the settings name no longer: nobody need doubt that."""
    if ticket in evidence.gone:
        return Sighting(Presence.DELETED_OR_HIDDEN, f"it does not answer while {container} is visible")
    if presence is Presence.DELETED_OR_HIDDEN and ticket not in evidence.elsewhere:
        return None
    return Sighting(Presence.OUT_OF_SCOPE, f"the settings name {container} no longer")


def _unseen(container: str, state: str | None) -> Sighting:
    """Return what follows for a ticket from a container that is not live for us."""
    if state is None:
        return Sighting(Presence.ACCESS_LOST, f"{container} is no longer visible to us")
    if state == "archived":
        return Sighting(Presence.ARCHIVED, f"{container} is archived")
    return Sighting(Presence.DELETED_OR_HIDDEN, f"{container} is in the trash")


def _alarms(lost: Mapping[str, int], doubted: Mapping[str, int]) -> tuple[str, ...]:
    """Return one alarm per container that is not visible or lost many tickets in one census, while that lasts."""
    alarms = [
        f"{name} is no longer visible to us ({count_of(count, 'ticket')}); give our account its right back, or if it "
        "was given up, leave it out of the query in the settings"
        for name, count in sorted(lost.items())
    ]
    alarms += [
        f"{count_of(count, 'ticket')} of {name} vanished in one census (half or more of it, or more than "
        f"{VANISH_COUNT}); they are believed to be gone when a second census agrees and each one's own request says "
        "so. If that was meant and is not to wait, change the query in the settings, if only in its form"
        for name, count in sorted(doubted.items())
    ]
    return tuple(alarms)
