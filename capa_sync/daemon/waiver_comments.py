"""What requests in comments become: waivers, approvals and answers; each is decided once, at its first evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.waiving import case_of, has_finding, severity_of
from capa_sync.findings import WaiverCase, standing_of
from capa_sync.model.comment_texts import ENGLISH
from capa_sync.model.finding import Finding, Verdict
from capa_sync.model.light import light
from capa_sync.model.near import MOST_LISTED, day_meant, nearest
from capa_sync.model.patterns import APPROVE_REQUEST, WAIVE_REQUEST
from capa_sync.model.record import CapaRecord
from capa_sync.model.values import ValueState
from capa_sync.model.waiver import CommentRequest, RequestAnswer, Waiver, WaiverState, Way

_SAY = ENGLISH.sentences
OLDEST_ANSWERED = timedelta(days=14)
"""Age up to which a request is answered on the ticket: a first read finds those of years."""
MOST_SHOWN = 3
"""Answers that a ticket shows at once."""
_SECOND = "\0"
"""Stands for a second person who is nobody, to see whether a waiver lacks anything else."""


@dataclass
class AskedOnTicket:
    """The waivers of a ticket after its new requests.

    Attributes:
        waivers: all that have not ended, new and approved ones included. new: those to record, each with whether it
            counts at once. approved: id -> the second person. answers: of the new requests, with who asked and when.
    """

    waivers: list[Waiver]
    new: list[Waiver] = field(default_factory=list)
    approved: dict[int, str] = field(default_factory=dict)
    answers: list[tuple[RequestAnswer, datetime]] = field(default_factory=list)


def asked_on(
    inputs: PipelineInputs,
    waivers: Sequence[Waiver],
    answered: Sequence[RequestAnswer],
    record: CapaRecord,
    previous: Sequence[Finding],
    verdicts: Sequence[Verdict],
    now: datetime,
) -> AskedOnTicket:
    """Decide on the requests of a record's comments that have no answer yet, the oldest first."""
    known = {answer.key for answer in answered}
    new = [request for comment in record.comments for request in comment.requests if request.key not in known]
    asked = AskedOnTicket(list(waivers))
    if new:
        decision = _Decision(inputs, record, previous, verdicts, now, asked)
        for request in sorted(new, key=lambda request: request.at):
            rule, answer = decision.take(request)
            if now - request.at > OLDEST_ANSWERED:
                answer = ""
            name = record.people_names.get(request.by or "", request.by or _SAY.unknown_person)
            asked.answers.append((RequestAnswer(request.key, rule, name, answer), request.at))
    return asked


NOTHING_NEW = AskedOnTicket([])


def shown_answers(answers: Sequence[RequestAnswer], record: CapaRecord) -> tuple[RequestAnswer, ...]:
    """Return the answers that the ticket shows: of each rule the newest, while it refuses and its comment stands."""
    newest = {answer.rule: answer for answer in answers}
    standing = {request.key for comment in record.comments for request in comment.requests}
    return tuple(answer for answer in newest.values() if answer.answer and answer.key in standing)[-MOST_SHOWN:]


@light
class _Decision:
    """What the decisions on the requests of one record read; `asked` is what they add to."""

    inputs: PipelineInputs
    record: CapaRecord
    previous: Sequence[Finding]
    verdicts: Sequence[Verdict]
    now: datetime
    asked: AskedOnTicket

    def take(self, request: CommentRequest) -> tuple[str, str]:
        """Return the rule that a request names, and why it is not granted, "" when it is."""
        form = WAIVE_REQUEST.fullmatch(request.text) or APPROVE_REQUEST.fullmatch(request.text)
        if form is None:
            return "", _SAY.refused_form
        rule = form["rule"]
        return rule, self._person(request) or self._rule(rule) or self._act(request, rule, form.groupdict())

    def _person(self, request: CommentRequest) -> str:
        """Return why nobody may ask by this comment, "" when its author may: by the tracker's word alone."""
        people = self.inputs.source.mapping.people
        if request.by is None or request.by not in people.groups.get(people.waiver_group, ()):
            return _SAY.refused_person
        if request.by in people.gone:
            return _SAY.refused_left
        return "" if request.editor == request.by else _SAY.refused_edited

    def _rule(self, rule: str) -> str:
        known = [verdict.rule for verdict in self.verdicts]
        if rule in known:
            return ""
        if like := nearest(rule, known):
            return _SAY.refused_rule_like.format(rule=like)
        return _SAY.refused_rule.format(hint=_rules_hint(known))

    def _act(self, request: CommentRequest, rule: str, words: Mapping[str, str]) -> str:
        verdict = next(verdict for verdict in self.verdicts if verdict.rule == rule)
        latest = next((finding for finding in self.previous if finding.rule == rule), None)
        if not has_finding(verdict, latest):
            return _SAY.refused_nothing
        if self.record.fields["owner"].state in {ValueState.ERROR, ValueState.UNREADABLE}:
            return _SAY.refused_owner_unread
        case = case_of(self.inputs, self.record, rule, severity_of(verdict, latest), self.now)
        return self._waive(request, rule, words, case) if "until" in words else self._approve(request, rule, case)

    def _waive(self, request: CommentRequest, rule: str, words: Mapping[str, str], case: WaiverCase) -> str:
        until = _day(words["until"])
        if until is None:
            return _SAY.refused_day.format(day=words["until"], hint=_day_hint(words["until"]))
        if until < request.at.astimezone(ZoneInfo(case.timezone)).date():
            return _SAY.refused_past.format(day=until)
        if self._has_changed(case, request.at):
            return _SAY.refused_changed
        waiver = Waiver(
            source=self.record.source,
            ticket_id=self.record.ticket_id,
            rule=rule,
            until=until,
            reason=words["reason"],
            asked_by=str(request.by),
            asked_at=request.at,
            way=Way.COMMENT,
            reads=case.reads,
            origin=request.key,
        )
        standing = standing_of(waiver, case)
        is_waiting = standing_of(replace(waiver, approved_by=_SECOND), case).state is WaiverState.ACTIVE
        if standing.state is not WaiverState.ACTIVE and not is_waiting:
            return standing.why
        self.asked.new.append(waiver)
        self.asked.waivers.append(waiver)
        if standing.state is WaiverState.ACTIVE:
            self._replace_others(waiver)
        return "" if standing.state is WaiverState.ACTIVE else _SAY.refused_waits.format(rule=rule)

    def _has_changed(self, case: WaiverCase, since: datetime) -> bool:
        """Return whether a field that the rule reads changed after the request, so that nobody saw it then."""
        return any(change.field in case.reads and change.at > since for change in self.record.timeline)

    def _approve(self, request: CommentRequest, rule: str, case: WaiverCase) -> str:
        asked = [
            waiver
            for waiver in self.asked.waivers
            if waiver.rule == rule and not waiver.approved_by and waiver.asked_at <= request.at
        ]
        waiting = max(asked, key=lambda waiver: (waiver.asked_at, waiver.id), default=None)
        if waiting is None:
            return _SAY.refused_nobody_waits
        approved = replace(waiting, approved_by=str(request.by))
        standing = standing_of(approved, case)
        if standing.state is not WaiverState.ACTIVE:
            return standing.why
        self.asked.waivers[self.asked.waivers.index(waiting)] = approved
        if waiting in self.asked.new:
            self.asked.new[self.asked.new.index(waiting)] = approved
        else:
            self.asked.approved[waiting.id] = approved.approved_by
        self._replace_others(approved)
        self.asked.answers[:] = [
            (replace(answer, answer="") if answer.key == waiting.origin else answer, at)
            for answer, at in self.asked.answers
        ]
        return ""

    def _replace_others(self, waiver: Waiver) -> None:
        """Leave out the other waivers of a finding: they end when this one is stored."""
        for waivers in (self.asked.waivers, self.asked.new):
            waivers[:] = [other for other in waivers if other.rule != waiver.rule or other is waiver]


def _rules_hint(known: Sequence[str]) -> str:
    if len(known) == 1:
        return _SAY.hint_write.format(what=known[0])
    is_short = 0 < len(known) <= MOST_LISTED
    return _SAY.hint_one_of.format(rules=", ".join(known)) if is_short else _SAY.hint_rules


def _day_hint(text: str) -> str:
    meant = day_meant(text)
    return _SAY.hint_day if meant is None else _SAY.hint_write.format(what=meant)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
