"""The steps of a ticket, for every caller: map -> evaluate -> diff -> register rows -> plan.

The cycle, the worker processes, `plan`, `rebuild` and `explain` all take a ticket through these steps here, and
nowhere else. Everything that a result rests on is in `PipelineInputs`. The steps read; the caller stores the results.
The one exception are joined tickets: the duplicate that a ticket names is stored while the ticket is mapped, because
the next ticket's verdict rests on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from capa_sync.daemon.comparing import diff_of, events_of, latest_episodes
from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.instants import judged_at, next_due_at
from capa_sync.daemon.mapped import map_mirrored
from capa_sync.daemon.outcome import Evaluated, LeftToPrimary, NotMirrored, Outcome, Quarantined
from capa_sync.daemon.past import map_past
from capa_sync.daemon.plan_cache import PickledPlan
from capa_sync.daemon.targets import target_of, target_of_action, target_of_withdrawal
from capa_sync.daemon.waiver_comments import NOTHING_NEW, AskedOnTicket, asked_on, shown_answers
from capa_sync.daemon.waiving import TicketWaivers, waivers_on
from capa_sync.errors import is_of_more_than_one_ticket, own_error
from capa_sync.model.finding import Finding, Mode, Verdict
from capa_sync.model.finding import Outcome as RuleOutcome
from capa_sync.model.light import altered
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.ticket import Presence
from capa_sync.model.write import Write, WriteKind
from capa_sync.ports.mirror import Mirror
from capa_sync.register import action_rows, birth_rows, register_row, similar_keys
from capa_sync.store import judged_rows
from capa_sync.writeback import ReportedWrites, TicketPlan, plan_ticket, plan_withdrawal

UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})
"""The present content of these tickets is unknown: no finding opens and none clears."""
GONE = frozenset({Presence.DELETED, Presence.DELETED_OR_HIDDEN, Presence.OUT_OF_SCOPE})
"""These tickets are not in the query any more."""
_WARN = Mode.WARN


class Pipeline:
    """The steps for a batch of tickets of one source, read together; valid until the mirror changes."""

    def __init__(self, inputs: PipelineInputs, ids: Sequence[str]) -> None:
        self._inputs, self._ids = inputs, ids
        self._register, self._source, self._now = inputs.register, inputs.source, inputs.now
        self._mirror: Mirror = inputs.past or self._register.batch(self._source.name, ids, self._source.parser)
        self._as_of = self._register.runs.as_of(self._source.name)
        self._findings = self._register.findings.latest_of(self._source.name, ids)
        self._earlier = self._register.similar.earlier(self._source.name, ids)
        self._waivers = self._register.waivers.standing(self._source.name, ids)
        self._answers = self._register.waivers.answers(self._source.name, ids)
        self._asked: dict[str, AskedOnTicket] = {}
        self._writes = self._read_writes() if self._source.write.mode != "off" else {}
        self._quarantined: Mapping[str, str] = {}

    def _read_writes(self) -> Mapping[str, Sequence[Write]]:
        """Return every write ever planned for these tickets."""
        return self._register.outbox.writes_of(self._source.name, self._ids)

    def evaluate(self, ids: Iterable[str]) -> list[Outcome]:
        """Take some due tickets of the batch through all steps, in order.

        Each step runs for all tickets before the next step, so that its code stays in the processor cache: ticket by
        ticket, the same work took a fifth longer (measured). Where tickets may be joined they are judged one by one,
        because a ticket can change the verdict of the next.
        """
        if self._inputs.joins.may_join(self._source.name):
            return [outcome for ticket_id in ids for outcome in self._fenced([ticket_id])]
        return self._fenced(list(ids))

    def plan(self, ids: Iterable[str]) -> tuple[dict[str, TicketPlan], list[Quarantined]]:
        """Plan some tickets of the batch from their stored findings and verdicts, without evaluating them.

        A ticket whose content raises an error is quarantined, and its plan writes nothing. A quarantined ticket is
        not planned again: its findings rest on an older version.
        """
        outcomes = self._register.findings.outcomes_of(self._source.name, self._ids)
        self._quarantined = self._register.tickets.quarantined(self._source.name)
        if self._source.write.mode == "off":
            self._writes = self._read_writes()
        plans, broken = dict[str, TicketPlan](), list[Quarantined]()
        for ticket_id in ids:
            try:
                plans[ticket_id] = self._plan_stored(ticket_id, outcomes.get(ticket_id, {}))
            except Exception as error:  # nothing is written on this ticket, and all others go on
                if is_of_more_than_one_ticket(error):
                    raise
                broken.append(Quarantined(ticket_id, (own_error(error),)))
                plans[ticket_id] = _plan_unknown(self._writes.get(ticket_id, []), own_error(error))
        return plans, broken

    def _fenced(self, ids: Sequence[str]) -> list[Outcome]:
        """Judge tickets; a ticket whose content raises an error is quarantined with it, the others are judged."""
        try:
            return self._evaluate(ids)
        except Exception as error:  # becomes the ticket's reason; it waits until it changes
            if is_of_more_than_one_ticket(error):
                raise
            if len(ids) == 1:
                return [Quarantined(ids[0], (own_error(error),))]
        return [outcome for ticket_id in ids for outcome in self._fenced([ticket_id])]

    def _evaluate(self, ids: Iterable[str]) -> list[Outcome]:
        results = [self._map(ticket_id) for ticket_id in ids]
        judged = iter(self._judge([result for result in results if isinstance(result, CapaRecord)]))
        return [next(judged) if isinstance(result, CapaRecord) else result for result in results]

    def _map(self, ticket_id: str) -> CapaRecord | Outcome:
        """Map a ticket; return its record, or the outcome when it is not to be judged."""
        record = self._mapped(ticket_id, learn=True)
        if not isinstance(record, CapaRecord):
            if self._is_gone_unjudged(ticket_id):
                return NotMirrored(ticket_id)
            return Quarantined(ticket_id, _reasons(record))
        own = (self._source.name, ticket_id)
        carrying = (record.source, record.ticket_id) if self._inputs.past else self._inputs.joins.primary(*own)
        if carrying != own:
            return LeftToPrimary(ticket_id)
        if record.presence in UNSEEN:
            return NotMirrored(ticket_id)
        if self._inputs.past is not None and record.earlier is not None:
            return record  # what it matched then was recorded
        if ticket_id in self._earlier or record.earlier is None:
            return altered(record, earlier=self._earlier.get(ticket_id, ()))
        return record

    def _mapped(self, ticket_id: str, *, learn: bool = False) -> CapaRecord | Unmapped | None:
        if self._inputs.past is not None:
            return map_past(self._inputs, ticket_id, self._inputs.past)
        return map_mirrored(self._inputs, ticket_id, self._mirror, self._as_of, learn=learn)

    def _is_gone_unjudged(self, ticket_id: str) -> bool:
        """Tell whether a ticket is no longer in scope, and was never judged: nobody has to make it judgeable."""
        name = self._source.name
        return self._mirror.presence(name, ticket_id) in GONE and not self._register.records.has_row(name, ticket_id)

    def _judge(self, records: Sequence[CapaRecord]) -> Iterator[Evaluated]:
        """Evaluate, diff, make rows and plan: each step for all records before the next."""
        inputs, options = self._inputs, self._inputs.options
        previous = [self._findings.get(record.ticket_id, []) for record in records]
        verdicts = [inputs.rules.evaluate(record, options, judged_at(inputs, record)) for record in records]
        compared = list(zip(records, previous, verdicts, strict=True))
        waivers = [self._decide(record, before, after) for record, before, after in compared]
        diffs = [
            diff_of(inputs, record.ticket_id, before, after, granted=on.granted)
            for (record, before, after), on in zip(compared, waivers, strict=True)
        ]
        findings = [latest_episodes(before, diff) for before, diff in zip(previous, diffs, strict=True)]
        found = list(zip(records, findings, verdicts, strict=True))
        columns = [register_row(record, latest, judged, options) for record, latest, judged in found]
        plans = [self._plan_judged(record, latest, judged) for record, latest, judged in found]
        for record, judged, on, diff, row, plan in zip(
            records, verdicts, waivers, diffs, columns, plans, strict=True
        ):
            rows = judged_rows(
                self._source.name,
                record.ticket_id,
                record.created_at.year,
                next_due_at(record, judged, on),
                findings=diff.save,
                verdicts=judged,
                columns=row,
                actions=action_rows(record),
                timeline=birth_rows(record),
                waivers=on.states,
                bound_waivers=on.bound,
                approved=self._asked_on(record).approved,
                answers=self._asked_on(record).answers,
                disagreements=record.disagreements,
                similar_keys=similar_keys(record, row, options.timezone),
            )
            yield Evaluated(record.ticket_id, rows, events_of(diff), plan)

    def _decide(self, record: CapaRecord, findings: Sequence[Finding], verdicts: Sequence[Verdict]) -> TicketWaivers:
        """Decide on new requests in a record's comments, and on its waivers."""
        key, at = record.ticket_id, judged_at(self._inputs, record)
        answered = self._answers.get(key, [])
        asked = asked_on(self._inputs, self._waivers.get(key, ()), answered, record, findings, verdicts, at)
        if asked.answers:
            self._asked[key] = asked
            self._answers[key] = [*answered, *(answer for answer, _ in asked.answers)]
        return waivers_on(self._inputs, asked.waivers, record, findings, verdicts, at)

    def _asked_on(self, record: CapaRecord) -> AskedOnTicket:
        """Return what the new requests in a record's comments became."""
        return self._asked.get(record.ticket_id, NOTHING_NEW)

    def _plan_judged(
        self, record: CapaRecord, findings: Sequence[Finding], verdicts: Sequence[Verdict]
    ) -> PickledPlan | None:
        """Plan a record that was just evaluated; None for one that never had a finding or a write."""
        key = record.ticket_id
        if self._source.write.mode == "off" or not (findings or self._writes.get(key) or self._answers.get(key)):
            return None
        outcomes = {verdict.rule: verdict.outcome for verdict in verdicts if verdict.mode is _WARN}
        return PickledPlan.of(self._plan(record, findings, outcomes))

    def _plan_stored(self, ticket_id: str, outcomes: Mapping[str, RuleOutcome]) -> TicketPlan:
        """Plan a ticket that was evaluated before. On an action, our texts are withdrawn and nothing is written."""
        if self._register.tickets.is_action(self._source.name, ticket_id):
            writes = self._writes.get(ticket_id, [])
            target = target_of_action(self._inputs, ticket_id, self._mirror) if writes else None
            if target is None:
                return TicketPlan()
            return plan_ticket(target, [], writes, now=self._now, options=self._source.write)
        if reason := self._quarantined.get(ticket_id):
            return _plan_unknown(self._writes.get(ticket_id, []), reason)
        record = self._mapped(ticket_id)
        if not isinstance(record, CapaRecord):
            return _plan_unknown(self._writes.get(ticket_id, []), "the ticket cannot be mapped")
        return self._plan(record, self._findings.get(ticket_id, []), outcomes)

    def _plan(
        self, record: CapaRecord, findings: Sequence[Finding], outcomes: Mapping[str, RuleOutcome]
    ) -> TicketPlan:
        """Plan a record from its latest findings and the outcomes of its rules in warn mode."""
        writes = self._writes.get(record.ticket_id, [])
        target = target_of(self._inputs, record, self._mirror, was_meant=bool(writes))
        if answers := self._answers.get(record.ticket_id):
            target = replace(target, answers=shown_answers(answers, record))
        return plan_ticket(target, findings, writes, now=self._now, options=self._source.write, outcomes=outcomes)


def _plan_unknown(writes: Sequence[Write], why: str) -> TicketPlan:
    """Plan a ticket whose state is unknown: what waits to be sent rests on old values, and is withheld."""
    reported = ReportedWrites(writes)
    return TicketPlan(withheld=why, withdraw=tuple(idle for kind in WriteKind for idle in reported.idle(kind, "")))


def plan_removals(inputs: PipelineInputs, ids: Sequence[str]) -> dict[str, TicketPlan]:
    """Plan the removal of all our texts on these tickets; tickets without any are left out."""
    writes = inputs.register.outbox.writes_of(inputs.source.name, ids)
    plans = {
        ticket_id: plan_withdrawal(
            target_of_withdrawal(inputs, ticket_id),
            writes.get(ticket_id, []),
            now=inputs.now,
            options=inputs.source.write,
        )
        for ticket_id in ids
    }
    return {ticket_id: plan for ticket_id, plan in plans.items() if not plan.is_quiet}


def explain(inputs: PipelineInputs, ticket_id: str) -> tuple[CapaRecord, list[Verdict]] | Unmapped | None:
    """Map and evaluate one ticket with the evidence of each verdict; None when it is not mirrored."""
    as_of = inputs.register.runs.as_of(inputs.source.name)
    record = map_mirrored(inputs, ticket_id, inputs.register.tickets, as_of)
    if not isinstance(record, CapaRecord):
        return record
    earlier = inputs.register.similar.earlier(record.source, [ticket_id]).get(ticket_id, ())
    record = replace(record, earlier=earlier)
    return record, inputs.rules.evaluate(record, inputs.options, judged_at(inputs, record), explain=True)


def evaluate_alone(inputs: PipelineInputs, record: CapaRecord, *, explain: bool = False) -> list[Verdict]:
    """Evaluate a record of which nothing is stored, at the instant of the inputs."""
    return inputs.rules.evaluate(record, inputs.options, inputs.now, explain=explain)


def _reasons(record: Unmapped | None) -> tuple[str, ...]:
    return (
        tuple(record.reasons) if record is not None else ("it is not mirrored, or its stored parts make no ticket",)
    )
