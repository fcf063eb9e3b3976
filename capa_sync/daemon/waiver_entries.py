"""Takes the entries of the waivers file into the register, source by source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import Problem
from capa_sync.mapping import WaiverEntry
from capa_sync.model.waiver import Waiver, Way

DELETED = "it is no longer in the waivers file"


def take_waiver_file(runtime: Runtime, context: SourceContext, now: datetime) -> None:
    """Record the entries of the waivers file that are new for this source, and end those that are gone.

    It is looked at in each cycle, and its tickets are looked up again when tickets are due, which may be new. A
    mistake in it changes nothing but what is reported of it.
    """
    file, register = runtime.waiver_file, runtime.register
    people = [other.mapping.people for other in runtime.contexts.values()]
    digest = file.look(people, [rule.id for rule in runtime.rules.rules])
    if context.waivers_taken == digest and not register.queue.has_due_judging(context.name, now):
        return
    found = {} if file.problems else _tickets(runtime, file.entries)
    _report(runtime, file.problems or _problems(runtime, file.entries, found), file.revision, now)
    context.waivers_taken = digest
    if file.problems:
        return
    wanted = {
        entry.key: _waiver(ticket, entry, file.revision, now)
        for entry in file.entries
        for ticket in found[entry.key]
        if len(found[entry.key]) == 1 and ticket[0] == context.name
    }
    with register.transaction():
        tickets = register.waivers.take(context.name, wanted, DELETED, now)
        register.queue.want_judging(context.name, tickets, now)


def _tickets(runtime: Runtime, entries: Sequence[WaiverEntry]) -> dict[str, list[tuple[str, str]]]:
    """Return key of each entry -> the tickets that its name may mean; of joined tickets, the primary."""
    return {
        entry.key: sorted(
            {
                runtime.joins.primary(*ticket)
                for ticket in runtime.register.tickets.find(entry.ticket)
                if ticket[0] in runtime.contexts
            }
        )
        for entry in entries
    }


def _problems(
    runtime: Runtime, entries: Sequence[WaiverEntry], found: dict[str, list[tuple[str, str]]]
) -> tuple[Problem, ...]:
    """Return a problem for each entry whose name means no ticket, or several."""
    return tuple(
        _problem(runtime.waiver_file.shown, entry, is_known=bool(found[entry.key]))
        for entry in entries
        if len(found[entry.key]) != 1
    )


def _problem(shown: str, entry: WaiverEntry, *, is_known: bool) -> Problem:
    if is_known:
        return Problem(shown, entry.line, f"several tickets are named '{entry.ticket}'", "write SOURCE:KEY")
    what = f"there is no ticket '{entry.ticket}' in the register"
    return Problem(shown, entry.line, what, "look at the key, and at the query of the settings")


def _report(runtime: Runtime, problems: Sequence[Problem], revision: str, now: datetime) -> None:
    """Store what is wrong with the file, and log it when it is new."""
    lines = [str(problem) for problem in problems]
    if runtime.register.waivers.note_file(runtime.waiver_file.shown, lines, revision, now):
        for line in lines:
            log(LogAction.WAIVERS_PROBLEM, level="warning", problem=line)


def _waiver(ticket: tuple[str, str], entry: WaiverEntry, revision: str, now: datetime) -> Waiver:
    return Waiver(
        source=ticket[0],
        ticket_id=ticket[1],
        rule=entry.rule,
        until=entry.until,
        reason=entry.reason,
        asked_by=entry.by,
        asked_at=now,
        way=Way.FILE,
        approved_by=entry.approved_by,
        origin=entry.key,
        revision=revision,
        is_bound=False,
    )
