"""The pass rate of one rule, month by month, computed back over the mirrored history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from capa_sync.daemon.explaining_past import bind_as_known_at, judge_past
from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.past import map_past
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.runtime import Runtime
from capa_sync.model.finding import Outcome
from capa_sync.model.light import light
from capa_sync.model.record import SIDE_STAGES, CapaRecord, Stage, Unmapped
from capa_sync.model.ticket import Presence
from capa_sync.rules import RuleSet
from capa_sync.store import PastVersion, StoredReads

_BATCH = 200
_ENDED = frozenset({Stage.CLOSED, *SIDE_STAGES})
_UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})


@light
class TrendMonth:
    """One month: its name, such as `2026-06`, when it began, and the instant at which records are judged."""

    name: str
    start: datetime
    until: datetime


class _Month:
    """A month under evaluation: the mirror then, the inputs of each source, and the outcomes so far."""

    def __init__(self, runtime: Runtime, month: TrendMonth, rules: RuleSet, reads: StoredReads) -> None:
        self.month = month
        self.outcomes: Counter[str] = Counter()
        bind_as_known_at(runtime, month.until)
        contexts = runtime.contexts
        self.mirror = PastMirror(
            runtime.register, {name: context.inputs() for name, context in contexts.items()}, month.until, reads
        )
        self.inputs: dict[str, PipelineInputs] = {
            name: replace(runtime.inputs(context, month.until), rules=rules) for name, context in contexts.items()
        }

    def judge(self, source: str, ticket_id: str) -> bool:
        """Count the outcome on a record; return whether it had ended before the month began."""
        if self.mirror.read_by(source) is None or not self.mirror.is_record(source, ticket_id):
            return False
        presence = self.mirror.presence(source, ticket_id)
        gone = self.mirror.presence_since(source, ticket_id)
        if presence is Presence.DELETED or (
            presence is not Presence.PRESENT and gone is not None and gone < self.month.start
        ):
            return False
        if presence in _UNSEEN:
            self.outcomes[Outcome.CANNOT_TELL] += 1
            return False
        record = map_past(self.inputs[source], ticket_id, self.mirror)
        if not isinstance(record, CapaRecord):
            self.outcomes[Outcome.CANNOT_TELL] += isinstance(record, Unmapped)
            return False
        if (record.source, record.ticket_id) != (source, ticket_id):
            return False  # it is counted with its primary
        if not record.unread_join and _ended_before(record, self.month.start):
            return True
        [verdict] = judge_past(self.inputs[source], record, self.mirror, explain=False)
        self.outcomes[verdict.outcome] += 1
        return False


def trend_of(
    runtime: Runtime, rule: str, months: Sequence[TrendMonth], sources: Iterable[str]
) -> list[Mapping[str, int]]:
    """Return for each month how many records had which outcome at its end.

    Counted are the records that were there then and had not ended (closed, rejected, cancelled, duplicate) before the
    month began. A record that could not be mapped counts as cannot tell. `rule` is one of the runtime's rule set, a
    draft too.
    """
    rules, reads = runtime.rules.only(rule), runtime.register.stored_reads()
    evaluated = [_Month(runtime, month, rules, reads) for month in months]
    for source in sources:
        ids = runtime.register.roles.all_ids(source)
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            reads.clear()
            reads.prepare(source, batch)
            for month in evaluated:
                month.mirror.clear()
            for ticket_id in batch:
                _follow(evaluated, source, ticket_id)
            runtime.progress(source, f"judging {rule}", start + len(batch), len(ids))
    return [month.outcomes for month in evaluated]


def _follow(months: Sequence[_Month], source: str, ticket_id: str) -> None:
    """Judge one ticket in each month; one that ended and was not touched since is not looked at again."""
    ended: PastVersion | None = None
    before: datetime | None = None
    for month in months:
        version = month.mirror.version(source, ticket_id)
        if version is None or version.ticket.created_at > month.mirror.at:
            continue
        if version is ended and before is not None and version.ticket.updated_at <= before:
            continue
        ended = version if month.judge(source, ticket_id) else None
        before = month.mirror.at


def _ended_before(record: CapaRecord, start: datetime) -> bool:
    """Return whether a record had ended before an instant, and was not taken up again."""
    if record.stage not in _ENDED:
        return False
    changes = [change for change in record.timeline if change.field == "stage"]
    return bool(changes) and changes[-1].at < start
