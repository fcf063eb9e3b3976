"""The content of `status`: freshness, gaps and stuck writes, each computed from the register alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from capa_sync.daemon.leaving import content_left
from capa_sync.model.halt import Cause, HaltKind
from capa_sync.model.ticket import Presence
from capa_sync.store import CENSUS, POLL, STAMPED_AHEAD, Register

NEXT_DUE_SHOWN = 5
_SLACK = timedelta(seconds=5)
"""A daemon may have finished a run after we read the clock."""
_CAUSES = frozenset(Cause)


def health_of(register: Register, poll_every: Mapping[str, timedelta], now: datetime) -> dict[str, Any]:
    """Return the health of a register at `now`; `poll_every` comes from the settings, by source name."""
    return {
        "now": now,
        "register": register.id,
        "sources": [
            _source(register, name, every, now) | {"twins_unknown": _unread_links(register, poll_every, name)}
            for name, every in poll_every.items()
        ],
        "safety_stops": [
            {"source": name, "cause": stop.cause, "since": stop.at} for name, stop in register.outbox.stops().items()
        ]
        + [
            {"source": name, "cause": stop[0], "since": stop[1]}
            for name in poll_every
            if (stop := register.queue.clock_stop(name))
        ],
        "halts": [
            {"source": name, "kind": str(halt.kind), "since": halt.since, "asked_by": halt.asked_by}
            | (content_left(register, name)._asdict() if halt.kind is HaltKind.WITHDRAWN else {})
            for name, halt in register.halts.all().items()
        ],
        "held_back": [
            {"source": name, "cause": cause, "tickets": tickets}
            for name in poll_every
            for cause, tickets in _held_back(register, name).items()
        ],
        "waived": register.reports.waived(),
        "waiver_file": dict(zip(("name", "revision", "problems"), register.waivers.file(), strict=True)),
        "register_checks": register.checks.all(),
        "older_wording": register.outbox.older_wording(),
        "cannot_tell": register.reports.cannot_tell(),
        "stuck_writes": [
            {
                "source": write.source,
                "ticket": write.ticket_key,
                "kind": str(write.kind),
                "state": str(write.state),
                "attempts": write.attempts,
                "error": write.error,
                "age_s": (now - write.created_at).total_seconds(),
            }
            for write in register.outbox.stuck(now)
        ],
        "quarantined": register.reports.quarantined(),
        "digest": _digest(register, now),
        "left_in_peace": [
            {"source": source, "ticket": register.tickets.key(source, ticket)}
            for source, ticket in register.outbox.left_in_peace()
        ],
        "next_due": [
            {"at": at, "source": source, "ticket": register.tickets.key(source, ticket)}
            for at, source, ticket in register.findings.next_instants(NEXT_DUE_SHOWN)
        ],
    }


def _digest(register: Register, now: datetime) -> dict[str, Any]:
    """Return which digests did not arrive for certain, and an error of our own while they were made."""
    fault = register.sends.fault()
    return {
        "problem": fault[0] if fault else "",
        "last_sent_at": {str(kind): at for kind, at in register.sends.last_delivered().items()},
        "open": [
            {
                "kind": str(send.kind),
                "recipient": send.recipient,
                "period": send.period,
                "state": str(send.state),
                "attempts": send.attempts,
                "error": send.error,
                "age_s": (now - send.marked_at).total_seconds(),
            }
            for send in register.sends.open(now)
        ],
    }


def _unread_links(register: Register, names: Iterable[str], source: str) -> list[str]:
    """Return the other sources whose tickets may name duplicates in this source, and were not read yet."""
    links = {name: link for name, link in register.queue.links().items() if name in names and name != source}
    return [
        name
        for name, link in links.items()
        if link.partition(": ")[0] == source and register.queue.duplicates_known(name) != link
    ]


def _held_back(register: Register, name: str) -> dict[str, int]:
    """Count by cause the tickets whose warning a brake or the mode withholds."""
    withheld = {write.ticket_id: write.error for write in register.outbox.withheld(name) if write.error in _CAUSES}
    return dict(Counter(withheld.values()))


def kept_of(register: Register, keep: timedelta, now: datetime, *, erases: bool) -> dict[str, Any]:
    """Return what was erased, what `keep` would let go, and what is held; `keep` and `erases` are settings."""
    return {
        "erased": register.erasures.count(),
        "clean_up_waits": register.erasures.wants_clean_up,
        "outlived": len(register.erasures.ended_before(now - keep)),
        "keep_days": keep.days,
        "erases": erases,
        "unconfirmed": register.erasures.unconfirmed() if erases else [],
        "holds": [str(hold) for hold in register.legal_holds.in_force()],
    }


def _source(register: Register, name: str, every: timedelta, now: datetime) -> dict[str, Any]:
    """Return the freshness and the gaps of one source."""
    as_of, not_before = _not_ahead(register.runs.as_of(name), now), register.runs.not_before(name)
    presences = [presence for presence, _container in register.tickets.presences(name).values()]
    census, succeeded = register.runs.last(name, CENSUS), _not_ahead(register.runs.last_success(name), now)
    poll, counts = register.runs.last(name, POLL), register.tickets.counts(name)
    return {
        "source": name,
        "as_of": as_of,
        "age_s": (now - as_of).total_seconds() if as_of else None,
        "is_stale": as_of is None or now - as_of > 3 * every + timedelta(minutes=1),
        "last_success_at": succeeded,
        "since_success_s": (now - succeeded).total_seconds() if succeeded else None,
        "problem": register.runs.problem(name),
        "not_before": not_before if not_before is not None and not_before > now else None,
        "endpoints_not_before": {
            endpoint: until for endpoint, until in register.runs.endpoint_holds(name).items() if until > now
        },
        "tickets": presences.count(Presence.PRESENT),
        "records": counts["records"],
        "actions": counts["actions"],
        "vanished": {
            str(presence): presences.count(presence)
            for presence in set(presences)
            if presence is not Presence.PRESENT
        },
        "actions_without_record": register.roles.without_record(name),
        "missing_rights": list(register.facts.missing_rights(name)),
        "undelivered": dict(register.tickets.undelivered(name)),
        "to_request": len(register.tickets.unasked(name)),
        "gaps": register.reports.incomplete_histories(name),
        "census_at": census.finished_at if census else None,
        "stamped_ahead": poll.counts.get(STAMPED_AHEAD, 0) if poll else 0,
        "census_drift": _drift(census.counts) if census else {},
        "verdicts": dict(register.findings.verdict_counts(name)),
    }


def _not_ahead(at: datetime | None, now: datetime) -> datetime | None:
    """Return an instant of the ledger; None for one in the future, which proves nothing: our clock was ahead."""
    return None if at is not None and at > now + _SLACK else at


def _drift(counts: Mapping[str, int]) -> dict[str, int]:
    """Return what the last census found, and how many rows the tracker counted but did not return."""
    if "swept" not in counts:
        return {}  # the census was not completed
    return {**counts, "unaccounted": counts["told"] - counts["swept"]}
