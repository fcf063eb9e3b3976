"""Plans the digests of a period and sends them, each once.

Before a message is handed over its outcome is recorded as unknown, so that a process which ends at any step sends it
never again by itself: only `digest --again` does, because a person asked for it (docs/digest.md).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from capa_sync.daemon.clocks import stop_of_all
from capa_sync.daemon.digest_times import begins_at, due_kinds, is_tried
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime
from capa_sync.digest import compose, for_period, last_due, period_of, quiet_until
from capa_sync.mapping import People
from capa_sync.model.digest import (
    DigestKind,
    DigestMessage,
    DigestOptions,
    DigestPerson,
    Send,
    SendResult,
    SendState,
)
from capa_sync.model.light import light

NOTHING_NEW = "nothing is to be said any more"
_WAIT = timedelta(minutes=10)
_LONGEST_WAIT = timedelta(hours=2)


class Sender(Protocol):
    """Hands over messages; `AppriseSender` answers to it."""

    def send(self, message: DigestMessage, stop: threading.Event, /) -> SendResult:
        """Hand over one message; never raises."""
        ...


@light
class Digest:
    """The digest of a process: what the settings say, and who sends."""

    options: DigestOptions
    sender: Sender


@light
class SendOutcome:
    """How one send of a turn ended."""

    message: DigestMessage
    send: Send
    state: SendState
    error: str


def people_of(runtime: Runtime) -> dict[str, DigestPerson]:
    """Return person id -> the person, of all people files of the live set, without those who have left."""
    found: dict[str, DigestPerson] = {}
    for people in (context.mapping.people for context in runtime.contexts.values()):
        found |= {person.id: person for person in _listed(people) if person.email or person.id not in found}
    return found


def _listed(people: People) -> Iterable[DigestPerson]:
    for person, name in people.names.items():
        contact = people.contacts.get(person)
        if person not in people.gone:
            yield DigestPerson(person, name, contact.email if contact else "", contact.manager if contact else "")


def lead_problems(runtime: Runtime, options: DigestOptions) -> list[str]:
    """Return a line for each lead of the settings whom no mail can reach."""
    if options.leads and not options.has_mail:
        return ["digest.leads: they get mail, and the settings name no mail server (mail_env or mail_file)"]
    people = people_of(runtime)
    return [
        f"digest.leads: the people files have no address of '{lead}'; add `email:` to the person"
        for lead in options.leads
        if lead not in people or not people[lead].email
    ]


def compose_digests(runtime: Runtime, options: DigestOptions, now: datetime) -> list[DigestMessage]:
    """Return the messages that there are at `now`, whether they are due or not."""
    sends = runtime.register.sends
    return compose(sends.facts(), options, people_of(runtime), sends.reported(), now)


def send_digests(runtime: Runtime, digest: Digest, now: datetime, *, is_asked: bool = False) -> list[SendOutcome]:
    """Plan what is due at `now`, and send what waits; nothing in quiet hours, or by a wrong clock (`stop_of_all`).

    With `is_asked` a register that never sent a digest begins with the present period; otherwise with the next one,
    so that a daemon whose settings were just completed sends nothing unexpected.
    """
    sends, options = runtime.register.sends, digest.options
    if stop_of_all(runtime):
        return []
    since = begins_at(sends, options, now, is_asked=is_asked)
    sends.distrust_restored(now)
    if sends.since() != since:
        sends.begin(since)
    if quiet_until(options, now) is not None:
        return []
    kinds = due_kinds(sends, options, now, since)
    if not kinds and not any(is_tried(options, send, now) for send in sends.due(now)):
        return []
    messages = {(found.kind, found.recipient): found for found in compose_digests(runtime, options, now)}
    for kind in kinds:
        period = period_of(options, last_due(kind, options, now))
        sends.plan(kind, period, [recipient for of_kind, recipient in messages if of_kind is kind], now)
    runtime.checkpoint("digest_planned")
    outcomes = list(_send_all(runtime, digest, messages, now))
    sends.note_fault("; ".join(lead_problems(runtime, options)), now)
    return outcomes


def _send_all(
    runtime: Runtime, digest: Digest, messages: Mapping[tuple[DigestKind, str], DigestMessage], now: datetime
) -> Iterable[SendOutcome]:
    for send in [waiting for waiting in runtime.register.sends.due(now) if is_tried(digest.options, waiting, now)]:
        if runtime.stop.is_set():
            return
        message = messages.get((send.kind, send.recipient))
        if message is None:
            runtime.register.sends.settle(send.id, SendState.DROPPED, runtime.clock.now(), NOTHING_NEW)
            continue
        yield _sent(runtime, digest, send, for_period(message, send.period))


def _sent(runtime: Runtime, digest: Digest, send: Send, message: DigestMessage) -> SendOutcome:
    sends = runtime.register.sends
    sends.attempt(send.id, message.items, runtime.clock.now())
    runtime.checkpoint("digest_attempted")
    result = digest.sender.send(message, runtime.stop)
    runtime.checkpoint("digest_handed_over")
    now = runtime.clock.now()
    wait = min(_WAIT * (send.attempts + 1), _LONGEST_WAIT)
    not_before = now + wait if result.state is SendState.PENDING else None
    sends.settle(send.id, result.state, now, result.error, not_before)
    runtime.checkpoint("digest_settled")
    _log(send, result)
    return SendOutcome(message, send, result.state, result.error)


def _log(send: Send, result: SendResult) -> None:
    fields = {"kind": str(send.kind), "recipient": send.recipient, "period": send.period.isoformat()}
    if result.state is SendState.UNKNOWN:
        log(LogAction.DIGEST_UNKNOWN, level="warning", problem=result.error, **fields)
    elif result.state is SendState.PENDING:
        log(LogAction.DIGEST_DEFERRED, level="warning", problem=result.error, **fields)
    elif result.state is SendState.DROPPED:
        log(LogAction.DIGEST_DROPPED, problem=result.error, **fields)
    else:
        log(LogAction.DIGEST_SENT, **fields)
