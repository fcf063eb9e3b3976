"""Every verdict that the rules ever gave on a ticket: it is judged at each instant at which one may have changed.

Instants are those of the ticket's own changes and comments, of its actions and joined tickets, of their presence, of
the site's facts, of waivers and of the verdict sets; between them, those at which time alone may change a verdict.
At each of them the ticket is judged as `explain --as-of` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from capa_sync.daemon.explaining_past import NotJudged, judge_past, past_record
from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.past_bindings import PastBindings, accounts_of
from capa_sync.daemon.past_instants import accounts_in, instants_in
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiving import waivers_on
from capa_sync.model.finding import Finding, Outcome, Verdict
from capa_sync.model.light import light
from capa_sync.model.record import CapaRecord, distinct_names
from capa_sync.model.ticket import Presence
from capa_sync.model.waiver import Granted
from capa_sync.store import PastVersion

MOST_INSTANTS = 500
"""Instants at which one ticket is judged; of more, the latest."""
_Ticket = tuple[str, str]


class SetThen(NamedTuple):
    """The verdict set by which an instant is judged.

    Attributes:
        runtime: with its rules and mappings; None where it cannot be loaded, which is the `problem`.
        number: of the activation that made it live. rule_set: the hash of its rules that the activation recorded.
        is_oldest: none was live yet.
    """

    runtime: Runtime | None
    number: int
    rule_set: str
    is_oldest: bool
    problem: str = ""


@light
class VerdictSpan:
    """A verdict that stayed the same for a time.

    Attributes:
        since, until: the first instant, and the first at which it was another one; None: it stayed.
        verdict: with the facts of its first instant and, where the rule does not apply, the reason of then; None
            where the ticket was not judged.
        names: display names by person id.
        not_judged: why not, "" else. waived: the waiver that was in force.
        judged_by: number and rules' hash of the set, and the version of the phrases.
        afterwards: why it could not be judged so at that time, "" where it was.
    """

    since: datetime
    until: datetime | None
    verdict: Verdict | None
    names: Mapping[str, str]
    not_judged: str
    waived: Granted | None
    judged_by: tuple[int, str, int]
    afterwards: str


@light
class VerdictHistory:
    """The spans of all rules, by rule and time.

    Attributes:
        instants: number of instants at which the ticket was judged. cut_before: the first of them where earlier ones
            were left out, None else.
    """

    spans: Sequence[VerdictSpan]
    instants: int
    cut_before: datetime | None


class _Judged(NamedTuple):
    """What was said at one instant."""

    verdicts: Sequence[Verdict]
    names: Mapping[str, str]
    not_judged: str
    waived: Mapping[str, Granted]
    judged_by: tuple[int, str, int]
    afterwards: str
    due_at: datetime | None
    related: frozenset[_Ticket]


def verdict_history(
    runtime: Runtime,
    set_at: Callable[[datetime], SetThen],
    source: str,
    ticket_id: str,
    until: datetime,
    most: int = MOST_INSTANTS,
) -> VerdictHistory:
    """Judge a ticket at every instant up to one, each by the set that was live then.

    Args:
        runtime: with the mappings of now.
        set_at: returns the set of an instant.
        source: of the ticket.
        ticket_id: its id.
        until: up to when its source was read.
        most: the largest number of instants.
    """
    return _Past(set_at, runtime, (source, ticket_id), until, most).history()


class _Past:
    """One ticket at many instants."""

    def __init__(
        self, set_at: Callable[[datetime], SetThen], runtime: Runtime, own: _Ticket, until: datetime, most: int
    ) -> None:
        self._set_at, self._now, self._own, self._until, self._most = set_at, runtime, own, until, most
        self._register = runtime.register
        self._reads = self._register.stored_reads()
        self._stored = self._register.past_instants()
        self._episodes = self._register.findings.episodes(*own)
        self._known: dict[datetime, _Judged] = {}
        self._bindings = PastBindings(self._register, {})

    def history(self) -> VerdictHistory:
        """Judge all instants, again where a verdict named tickets whose changes were not looked at yet."""
        related = self._related()
        while True:
            instants, is_cut = self._judge_all(self._instants(related))
            named = {ticket for at in instants for ticket in self._known[at].related} - related
            if not any(self._versions(ticket) for ticket in named):
                break
            related |= named
            self._known.clear()  # other accounts count now
        return VerdictHistory(self._spans(instants), len(instants), instants[0] if is_cut else None)

    def _related(self) -> set[_Ticket]:
        """Return the ticket, and those that are or were its actions or the same nonconformity."""
        sources = {name: context.inputs() for name, context in self._now.contexts.items()}
        mirror = PastMirror(self._register, sources, self._until, self._reads)
        records = {self._own, *self._now.joins.named_or_naming(*self._own)}
        return records | {(source, child) for source, own in records for child in mirror.children_of(source, own)}

    def _instants(self, related: Iterable[_Ticket]) -> list[datetime]:
        """Return the instants at which the register may show something else, from the ticket's creation on."""
        source, ticket_id = self._own
        found, accounts = {self._until}, dict[str, set[str]]()
        found |= self._stored.of_waivers(source, ticket_id) | self._stored.of_matches(source, ticket_id)
        found |= {done.at for done in self._register.verdict_sets.activations()}
        first = self._until
        for place in sorted(related):
            if not (versions := self._versions(place)):
                continue
            found |= instants_in(versions) | self._stored.of_presence(*place)
            found |= self._stored.shown_from(place[0], (version.read_at for version in versions))
            accounts.setdefault(place[0], set()).update(accounts_in(versions))
            if place == self._own:
                first = min(version.ticket.created_at for version in versions)
        changes = {
            name: self._stored.of_site(name, accounts_of(self._now.contexts[name].facts, named))
            for name, named in accounts.items()
        }
        for name, changed in changes.items():
            found |= changed | self._stored.shown_from(name, changed)
        self._bindings = PastBindings(self._register, changes)
        return sorted(at for at in found if first <= at <= self._until)

    def _versions(self, ticket: _Ticket) -> Sequence[PastVersion]:
        """Return the stored versions of a ticket; none of one that is not mirrored."""
        context = self._now.contexts.get(ticket[0])
        return self._reads.versions(*ticket, context.source.parser()) if context is not None else ()

    def _judge_all(self, instants: Sequence[datetime]) -> tuple[list[datetime], bool]:
        """Judge the instants and those that time alone adds, the latest first; return them in order."""
        found: list[datetime] = []
        before: datetime | None = None
        for at in reversed(instants):
            if len(found) >= self._most:
                return found[::-1], True
            found += [*self._followed(at, before)][::-1]
            before = at
        return found[::-1], False

    def _followed(self, at: datetime, before: datetime | None) -> Iterator[datetime]:
        """Judge an instant, and those before the next one at which time alone may change a verdict."""
        while True:
            if at not in self._known:
                self._known[at] = self._judge(at)
            yield at
            due = self._known[at].due_at
            if due is None or due <= at or due > self._until or (before is not None and due >= before):
                return
            at = due

    def _judge(self, at: datetime) -> _Judged:
        then = self._set_at(at)
        runtime, (source, ticket_id) = then.runtime, self._own
        if runtime is None:
            by = (then.number, then.rule_set, 0)
            return _Judged((), {}, f"the set of then cannot be loaded: {then.problem}", {}, by, "", None, frozenset())
        past = self._register.past(at)
        self._bindings.bind(runtime, then.number, at, {name: past.read_by(name) for name in runtime.contexts})
        inputs = runtime.inputs(runtime.contexts[source], at)
        mirror = PastMirror(self._register, inputs.sources, at, self._reads)
        record = past_record(inputs, ticket_id, mirror)
        judged_by = (then.number, runtime.rules.hash, runtime.rules.language)
        afterwards = self._afterwards(then, runtime, mirror)
        if isinstance(record, NotJudged):
            why = "; ".join((record.why, *record.notes))
            return _Judged((), {}, why, {}, judged_by, afterwards, None, frozenset())
        verdicts = judge_past(inputs, record, mirror)
        waived, ends_at = self._waived(inputs, record, verdicts)
        due = runtime.rules.next_due_at(verdicts) if record.presence is Presence.PRESENT else None
        due_at = min((instant for instant in (due, ends_at) if instant is not None), default=None)
        names, related = distinct_names(record.people_names), _named_in(record)
        return _Judged(verdicts, names, "", waived, judged_by, afterwards, due_at, related)

    def _afterwards(self, then: SetThen, runtime: Runtime, mirror: PastMirror) -> str:
        """Return why an instant was not judged so at that time, "" where it was."""
        version = mirror.version(*self._own)
        if then.is_oldest:
            return "no set was live then: judged by the oldest stored one"
        if version is not None and not mirror.was_read(version):
            return "the ticket was not read yet"
        language, now = runtime.rules.language_of(then.rule_set), runtime.rules.language
        if language != now:
            said = f"version {language}" if language is not None else "another version"
            return f"the phrases were of {said} then, and are of version {now} now"
        return ""

    def _waived(
        self, inputs: PipelineInputs, record: CapaRecord, verdicts: Sequence[Verdict]
    ) -> tuple[Mapping[str, Granted], datetime | None]:
        """Return the waivers in force, by rule, and when the first of them ends by time."""
        standing = self._register.waivers.standing_at(*self._own, inputs.now)
        if not standing:
            return {}, None
        on = waivers_on(inputs, standing, record, self._episodes_at(inputs.now), verdicts, inputs.now)
        return on.granted, on.next_end

    def _episodes_at(self, at: datetime) -> list[Finding]:
        """Return the latest episode of each rule that had been opened."""
        return list({episode.rule: episode for episode in self._episodes if episode.opened_at <= at}.values())

    def _spans(self, instants: Sequence[datetime]) -> list[VerdictSpan]:
        """Return the spans of equal verdicts, by rule and time; a rule that was not judged has none meanwhile."""
        open_since: dict[str, tuple[datetime, _Judged, Verdict | None]] = {}
        found: list[VerdictSpan] = []
        for at in instants:
            judged = self._known[at]
            now: dict[str, Verdict | None] = {verdict.rule: verdict for verdict in judged.verdicts}
            if judged.not_judged:
                now[""] = None
            for rule, (_, before, former) in list(open_since.items()):
                if rule not in now or _said(judged, now[rule]) != _said(before, former):
                    found.append(_span(*open_since.pop(rule), at))
            for rule, verdict in now.items():
                open_since.setdefault(rule, (at, judged, verdict))
        found += [_span(*begun, None) for begun in open_since.values()]
        return sorted(found, key=_order)


def _said(judged: _Judged, verdict: Verdict | None) -> tuple[object, ...]:
    """Return what makes two verdicts of a rule the same; the facts behind them may differ.

    Which conditions do not hold where a rule does not apply may differ, too: no instant is due for that.
    """
    by = (judged.judged_by, judged.afterwards)
    if verdict is None:
        return (*by, judged.not_judged)
    reason = verdict.reason if verdict.outcome is not Outcome.NOT_APPLICABLE else ""
    said = (verdict.outcome, verdict.severity, verdict.message, verdict.fix, reason, verdict.clause)
    return (*by, *said, judged.waived.get(verdict.rule))


def _span(since: datetime, judged: _Judged, verdict: Verdict | None, until: datetime | None) -> VerdictSpan:
    waived = judged.waived.get(verdict.rule) if verdict is not None else None
    why = "" if verdict is not None else judged.not_judged
    return VerdictSpan(since, until, verdict, judged.names, why, waived, judged.judged_by, judged.afterwards)


def _order(span: VerdictSpan) -> tuple[object, ...]:
    verdict = span.verdict
    place = (0, 0, "") if verdict is None else (1, verdict.number or 2**31, verdict.rule)
    return (*place, span.since)


def _named_in(record: CapaRecord) -> frozenset[_Ticket]:
    """Return the tickets that a record consists of; which of its sources an action is of, it does not say."""
    also = {(source, ticket_id) for source, ticket_id, _ in record.also if ticket_id}
    sources = {record.source, *(source for source, _ in also)}
    return frozenset(also | {(source, action.id) for source in sources for action in record.actions if action.id})
