"""From findings to intended writes on one ticket: nothing unasked, nothing twice; no change, no write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from capa_sync.model.finding import Finding, Outcome
from capa_sync.model.light import altered, light
from capa_sync.model.note import NoteMark
from capa_sync.model.settings import WriteOptions
from capa_sync.model.ticket import Presence
from capa_sync.model.waiver import RequestAnswer
from capa_sync.model.write import WarningText, Wording, Write, WriteKind, says_the_same
from capa_sync.writeback.desired_state import DesiredState, desired_state_of, fingerprint, is_open_point
from capa_sync.writeback.render import WordingContext, render, render_action, render_moved
from capa_sync.writeback.reported import ReportedWrites
from capa_sync.writeback.ticket_plan import Learned, Target, TicketPlan

NOTIFICATION_EVERY = timedelta(hours=24)
"""At most one notification per ticket in this time; 24 hours and no calendar day, so two cannot meet at midnight."""
SETTLING = "a person edited the ticket a moment ago"
NOTIFIED = "people were notified within the last day"
IN_DOUBT = "whether the last notification arrived is not known yet"
_NO_FIELDS: Mapping[str, str] = {}
LEFT_IN_PEACE = 2
"""After so many deletions of our comment by a person nothing more is written on the ticket (docs/contract.md 8)."""


def plan_ticket(
    target: Target,
    findings: Sequence[Finding],
    writes: Sequence[Write],
    *,
    now: datetime,
    options: WriteOptions,
    outcomes: Mapping[str, Outcome] | None = None,
) -> TicketPlan:
    """Plan the writes for one ticket from its latest episodes and from every write ever planned for it.

    `outcomes` are the present verdicts of the rules in warn mode. Where no point is open, they decide what the text
    may say (docs/contract.md 2). None: not known.
    """
    reported = ReportedWrites(writes)
    desired_state = desired_state_of(
        [] if target.joined_to or target.is_action else findings, reported.points, outcomes
    )
    planner = _Planner(target, desired_state, reported, now, options)
    if refusal := _refusal(target):
        return TicketPlan(
            withdraw=planner.idle([]), state=desired_state.state, withheld=refusal, learned=planner.learned([])
        )
    wanted = planner.wanted()
    plan = TicketPlan(
        withdraw=planner.idle(wanted),
        next_due_at=planner.gone_until(wanted),
        state=desired_state.state,
        learned=planner.learned(wanted),
    )
    if not wanted:
        return plan
    fresh = [write for write in wanted if not planner.is_reported(write)]
    return _postponed(plan, fresh, planner) if fresh else plan


def _refusal(target: Target) -> str:
    """Return why nothing may be written on this ticket, "" when writing is allowed."""
    if target.presence is not Presence.PRESENT:
        return f"the ticket is {target.presence.value.replace('_', ' ')}"
    if target.is_before_baseline:
        return "the ticket was closed before the baseline date"
    if target.deletions >= LEFT_IN_PEACE:
        return "a person deleted our comment twice"
    return ""


def _postponed(plan: TicketPlan, fresh: list[Write], planner: _Planner) -> TicketPlan:
    """Postpone what must wait: every write while people edit, a second notification within a day."""
    if (rest := planner.unsettled()) > timedelta(0):
        return replace(plan, withheld=SETTLING, next_due_at=_earlier(plan.next_due_at, planner.now + rest))
    until = planner.quiet_until()
    if until is None or not any(write.notifies for write in fresh):
        return altered(plan, writes=tuple(fresh))
    silent = tuple(write for write in fresh if not write.notifies)
    why = IN_DOUBT if planner.reported.has_unknown_notification else NOTIFIED
    return replace(plan, writes=silent, withheld=why, next_due_at=_earlier(plan.next_due_at, until))


def _earlier(first: datetime | None, second: datetime) -> datetime:
    return second if first is None else min(first, second)


@light
class _Planner:
    """The inputs of one plan; makes its writes."""

    target: Target
    desired_state: DesiredState
    reported: ReportedWrites
    now: datetime
    options: WriteOptions

    def wanted(self) -> list[Write]:
        """Return the writes for the desired state of the ticket, those already reported included."""
        if not self.reported.is_touched and not self.desired_state.shown and not self.target.answers:
            return []
        return [write for channel in self.options.channels for write in self._of_channel(channel)]

    def _of_channel(self, channel: WriteKind) -> Iterable[Write]:
        match channel:
            case WriteKind.COMMENT:
                return self._comment()
            case WriteKind.LABELS:
                return self._labels()
            case WriteKind.PROPERTY:
                return self._property()
            case WriteKind.FIELDS:
                return self._fields()
            case WriteKind.WORK_NOTE:
                return self._work_note()
        assert_never(channel)

    def is_reported(self, write: Write) -> bool:
        """Return whether a wanted write is already on the ticket or on its way.

        One that was refused because the ticket was gone is not, after an hour: the ticket is there, or a census has
        noticed meanwhile that it is hidden.
        """
        if (until := self.reported.gone_until(write.kind, write.hash)) is not None:
            return self.now < until
        if write.kind is WriteKind.LABELS:
            return self.reported.is_under_way(write.kind, write.hash)
        if write.kind is WriteKind.COMMENT and self._must_recreate():
            return self.reported.is_under_way(write.kind, write.hash)
        if self._is_to_be_refreshed(write):
            return self.reported.is_under_way(write.kind, write.hash)
        return self.reported.needs_no_write(write.kind, write.hash)

    def gone_until(self, wanted: Iterable[Write]) -> datetime | None:
        """Return when the first wanted write that was refused because the ticket was gone is planned again."""
        times = (self.reported.gone_until(write.kind, write.hash) for write in wanted)
        return min((at for at in times if at is not None and at > self.now), default=None)

    def _is_to_be_refreshed(self, write: Write) -> bool:
        """Return whether a person asked for the present wording while the ticket still has an older one."""
        carried = self.reported.carried(write.kind)
        return carried is not None and carried.wording is Wording.REFRESH and not _reads_as(write, carried)

    def learned(self, wanted: Iterable[Write]) -> dict[str, Learned]:
        """Return what the register should store about texts on the ticket: missing facts, and a changed wording."""
        texts = {write.kind: write for write in wanted}
        found: dict[str, Learned] = {}
        for kind in (WriteKind.COMMENT, WriteKind.FIELDS, WriteKind.WORK_NOTE):
            if (carried := self.reported.carried(kind)) is not None:
                known = Learned(carried.facts, carried.wording)
                if (now := self._known_now(carried, texts.get(kind))) != known:
                    found[carried.id] = now
        return found

    def _known_now(self, carried: Write, wanted: Write | None) -> Learned:
        if wanted is None or wanted.hash != carried.hash:  # other content: its wording does not matter
            return Learned(carried.facts, Wording.CURRENT)
        facts = carried.facts if carried.facts is not None else wanted.facts
        if carried.kind is WriteKind.WORK_NOTE or _reads_as(wanted, carried):
            return Learned(facts, Wording.CURRENT)
        return Learned(facts, max(carried.wording, Wording.OLDER))

    def idle(self, wanted: Iterable[Write]) -> tuple[str, ...]:
        """Return ids of waiting writes whose content is no longer wanted."""
        if not self.reported.writes:
            return ()
        keep = {write.kind: write.hash for write in wanted}
        return tuple(write_id for kind in WriteKind for write_id in self.reported.idle(kind, keep.get(kind, "")))

    def unsettled(self) -> timedelta:
        """Return how long to wait until `settle` has passed since the last human edit, by the tracker's clock."""
        if self.target.last_human_at is None:
            return timedelta(0)
        passed = (self.target.tracker_now or self.now) - self.target.last_human_at
        return min(self.options.settle - passed, self.options.settle)

    def quiet_until(self) -> datetime | None:
        """Return until when this ticket may not notify people again, None when it may.

        While it is unknown whether a notification arrived, it may not, however long ago that one was planned: the
        request may have been sent much later, or be sent again. The returned instant may then be past.
        """
        last = self.reported.last_notified_at()
        if last is None:
            return None
        until = last + NOTIFICATION_EVERY
        return until if self.now < until or self.reported.has_unknown_notification else None

    def _must_recreate(self) -> bool:
        """Return whether our comment was missing at the last read and has not been delivered again since."""
        last = self.reported.delivered(WriteKind.COMMENT)
        is_newer = last is not None and last.delivered_at is not None and last.delivered_at >= self.target.read_at
        return self.target.is_comment_gone and not is_newer

    def _comment(self) -> Iterable[Write]:
        """Yield the comment, which is created once and then edited in place."""
        is_gone = self._must_recreate()
        is_there = self.reported.reached(WriteKind.COMMENT) and not is_gone
        if self.desired_state.shown or self.target.answers or is_there:
            is_new = is_gone or not self.reported.has_comment
            yield self._write(WriteKind.COMMENT, self._facts(), text=self._text(), notifies=is_new)

    def _labels(self) -> Iterable[Write]:
        """Yield the change of our labels."""
        have = self.reported.labels(self.target.labels, self.target.read_at)
        wanted = self.desired_state.labels
        if wanted != have:
            yield self._make(
                WriteKind.LABELS,
                fingerprint(sorted(wanted)),
                labels_add=tuple(sorted(wanted - have)),
                labels_remove=tuple(sorted(have - wanted)),
            )

    def _property(self) -> Iterable[Write]:
        """Yield the property, from which the tracker's own queries know our state."""
        rules = " ".join(finding.rule for finding in self.desired_state.shown)
        fields = {"state": self.desired_state.state, "rules": rules}
        yield self._write(WriteKind.PROPERTY, fields, fields=fields)

    def _fields(self) -> Iterable[Write]:
        """Yield the text and state fields if configured."""
        if self.options.text_field or self.options.state_field:
            is_doubtful = not self.desired_state.shown and not self.desired_state.is_all_clear
            state = {self.options.state_field: self.desired_state.state} if self.options.state_field else {}
            fields = {} if is_doubtful else state
            yield self._write(WriteKind.FIELDS, self._facts(), text=self._text(), fields=fields)

    def _work_note(self) -> Iterable[Write]:
        """Yield a work note if it is configured and there is something new for people."""
        if self.options.work_notes and self._is_news():
            episodes = " ".join(str(finding.episode) for finding in self.desired_state.shown)
            note = self._write(WriteKind.WORK_NOTE, self._facts() | {"episodes": episodes}, text=self._text())
            points = {finding.rule: finding.severity for finding in self.desired_state.shown}
            mark = NoteMark.of(self.target.ticket_id, note.id, points)
            yield replace(note, marker=mark.line, notifies=bool(points))

    def _is_news(self) -> bool:
        """Return whether a point is new or worse than in the last work note, or all is clear since that note."""
        last = self.reported.reached(WriteKind.WORK_NOTE)
        if self._has_new_answers(last):
            return True
        if self.desired_state.shown:
            return any(not self.reported.knows(finding, last) for finding in self.desired_state.shown)
        return self.desired_state.is_all_clear and last is not None and any(map(is_open_point, last.points.values()))

    def _has_new_answers(self, last: Write | None) -> bool:
        """Return whether a request in a comment was answered since the last work note."""
        known = (last.facts or {}).get("waived", "") if last is not None else ""
        return any(_fact_of(answer) not in known.split() for answer in self.target.answers)

    def _facts(self) -> dict[str, str]:
        """Return the facts in the ticket's text, by name."""
        if self.target.is_action:
            return {"joined": f"an action of {' '.join(self.target.action_of)}"}  # all texts have a fact of this name
        if self.target.joined_to:
            return {"joined": self.target.joined_to}
        next_person = {"owner": self.target.owner_id} if self.desired_state.shown else {}
        facts = self.desired_state.facts
        # part of a fact that texts of older versions have, too: they are compared by the facts that both have
        waived = " ".join([facts["waived"], *map(_fact_of, self.target.answers)]).strip()
        return {"joined": ""} | facts | {"waived": waived} | next_person

    def _text(self) -> WarningText:
        """Return the ticket's text."""
        wording_context = WordingContext(self.now, self.options, self.target.owner)
        if self.target.is_action:
            return render_action(self.target.action_of, wording_context)
        return (
            render_moved(self.target.joined_to, wording_context)
            if self.target.joined_to
            else render(self.desired_state, wording_context, self.target.answers)
        )

    def _write(
        self,
        kind: WriteKind,
        facts: Mapping[str, str],
        *,
        text: WarningText | None = None,
        notifies: bool = False,
        fields: Mapping[str, str] = _NO_FIELDS,
    ) -> Write:
        """Make a write with these facts."""
        points = self.desired_state.points if text else {}
        digest = self.reported.content(kind, facts)
        return self._make(kind, digest, facts=facts, text=text, points=points, notifies=notifies, fields=fields)

    def _make(self, kind: WriteKind, digest: str, **content: Any) -> Write:
        """Make a write; when the same intention is planned again it has the same id."""
        target = self.target
        base = self.reported.intention(kind, digest)
        place = (target.register, target.source, target.ticket_id, kind.value)
        return Write(
            id=base if isinstance(base, str) else fingerprint(*place, digest, base),
            source=target.source,
            ticket_id=target.ticket_id,
            ticket_key=target.ticket_key,
            kind=kind,
            hash=digest,
            created_at=self.now,
            marker=f"{target.register} {target.ticket_id}",
            **content,
        )


def _fact_of(answer: RequestAnswer) -> str:
    return f"asked:{answer.key}"


def _reads_as(write: Write, other: Write) -> bool:
    """Return whether two writes have the same wording, apart from the instant of the write."""
    if write.text is None or other.text is None:
        return True
    return says_the_same(write.text.plain(), other.text.plain())
