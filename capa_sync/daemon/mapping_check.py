"""Maps tickets that were just read, beside their own values: `mapping check`. Nothing is mirrored for good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from capa_sync.daemon.mapped import map_alone
from capa_sync.daemon.pipeline import evaluate_alone
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.taking import commit_page
from capa_sync.errors import Problem, Skippable, UserError
from capa_sync.mapping import FieldCoverage, bind, coverage
from capa_sync.model.finding import Verdict
from capa_sync.model.inspection import Inspection
from capa_sync.model.light import light
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.ticket import Cursor, Page, Reading, Skip, SourceTicket
from capa_sync.model.values import BLANK
from capa_sync.store import POLL

TICKETS = 20
"""How many of the newest tickets are shown when none is named."""


@light
class ShownField:
    """One canonical field of a ticket beside the tracker's own value.

    Attributes:
        name: canonical. state, value: as rules read them. reason: of an error. own: tracker's label -> its own text,
            for each place of the field that is a tracker's field.
    """

    name: str
    state: str
    value: str
    own: Mapping[str, str]
    reason: str = ""


@light
class ShownTicket:
    """One ticket: its record (None with the reasons when it cannot be mapped), fields and verdicts."""

    key: str
    url: str
    record: CapaRecord | None
    reasons: tuple[str, ...] = ()
    fields: tuple[ShownField, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


@light
class MappingCheck:
    """The tickets of one source, and how well the mapping covers them.

    Attributes:
        problems: of the mapping on this site. coverage: of every canonical field, from the mapping alone.
        states: canonical field -> state -> number of these tickets. outcomes: rule -> outcome -> number.
    """

    source: str
    tickets: tuple[ShownTicket, ...]
    problems: tuple[Problem, ...]
    coverage: tuple[FieldCoverage, ...]
    states: Mapping[str, Counter[str]]
    outcomes: Mapping[str, Counter[str]]


def check_mapping(runtime: Runtime, context: SourceContext, keys: Sequence[str]) -> MappingCheck:
    """Read these tickets, or the newest in scope, and map them.

    Raises:
        SourceError: the source cannot be read. UserError: no ticket has one of these keys.
    """
    facts = context.source.identify()
    context.facts, context.bound = facts, bind(context.mapping, facts)
    wanted = tuple(keys) or _newest(context.source.inspect(writes=False))
    ids = context.source.find(wanted)
    if absent := [key for key in keys if key not in ids]:
        hint = "write the key as the tracker shows it; our account must see the ticket"
        raise UserError([Problem("", 0, f"{context.name} has no ticket '{key}'", hint) for key in absent])
    _mirror(runtime, context, list(ids.values()))
    known, shown = [key for key in wanted if key in ids], list[ShownTicket]()
    for done, key in enumerate(known, 1):
        shown.append(_shown(runtime, context, ids[key], key))
        runtime.progress(context.name, "mapping", done, len(known))
    states: dict[str, Counter[str]] = {}
    outcomes: dict[str, Counter[str]] = {}
    for ticket in shown:
        for field in ticket.fields:
            states.setdefault(field.name, Counter())[field.state] += 1
        for verdict in ticket.verdicts:
            outcomes.setdefault(verdict.rule, Counter())[verdict.outcome.value] += 1
    problems = (*context.bound.problems, *context.bound.notes)
    return MappingCheck(context.name, tuple(shown), problems, coverage(context.bound), states, outcomes)


def _newest(inspection: Inspection) -> tuple[str, ...]:
    return inspection.keys[:TICKETS]


def _mirror(runtime: Runtime, context: SourceContext, ids: Sequence[str]) -> None:
    """Store these tickets, with the tickets that belong to them, in the runtime's own register."""
    run = runtime.register.runs.start(context.name, POLL, runtime.clock.now())
    readings: list[Reading] = []
    skipped: tuple[Skip, ...] = ()
    try:
        for reading in context.source.read_tickets(ids):
            readings.append(reading)
            runtime.progress(context.name, "reading", len(readings), None)
        runtime.progress(context.name, "reading", len(readings), len(readings))
    except Skippable as error:
        skipped = (Skip(error.ticket_key, error.ticket_key, error.message),)
    commit_page(runtime, context, run, Page(tuple(readings), Cursor(), complete=False, skipped=skipped))


def _shown(runtime: Runtime, context: SourceContext, ticket_id: str, key: str) -> ShownTicket:
    inputs, tickets = runtime.inputs(context, runtime.clock.now()), runtime.register.tickets
    ticket = tickets.ticket(context.name, ticket_id, context.source.parser())
    record = map_alone(inputs, ticket_id, tickets, None)
    if ticket is None or not isinstance(record, CapaRecord):
        reasons = record.reasons if isinstance(record, Unmapped) else ("its answer makes no ticket",)
        return ShownTicket(key, ticket.url if ticket is not None else "", None, tuple(reasons))
    verdicts = evaluate_alone(inputs, replace(record, earlier=None))
    return ShownTicket(
        record.ticket_key, record.ticket_url, record, (), _fields(context, ticket, record), tuple(verdicts)
    )


def _fields(context: SourceContext, ticket: SourceTicket, record: CapaRecord) -> tuple[ShownField, ...]:
    """Return the mapped fields of a record in the mapping's order, each beside the values of its places."""
    found: list[ShownField] = []
    for mapped in context.bound.fields if context.bound is not None else ():
        value = record.fields[mapped.name]
        own = {part.label: ticket.values.get(part.field_id, BLANK).text for part in mapped.parts if part.field_id}
        data = value.data if value.is_filled else value.text
        shown = ", ".join(map(str, data)) if isinstance(data, tuple) else str(data if data is not None else "")
        found.append(ShownField(mapped.name, value.state.value, shown, own, value.reason))
    return tuple(found)
