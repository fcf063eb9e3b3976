"""One rule on one record: scope, conditions, severity, repair, words, and when to look again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from capa_sync.model.finding import SEVERITY_ORDER, Evidence, Outcome, Severity, Verdict
from capa_sync.rules.conditions import Broken, Condition, Conditions, Line, broken_lines, unknown_reasons
from capa_sync.rules.context import Context
from capa_sync.rules.placeholders import RenderContext
from capa_sync.rules.profiles import STANDARDS
from capa_sync.rules.rule import IfRepaired, Rule
from capa_sync.rules.translating import words_on_ticket

_OK, _BREACH = Outcome.OK, Outcome.BREACH


@dataclass(slots=True)
class Question:
    """What is left to ask of a rule, where values of closed lists decided the rest of it.

    Attributes:
        scope, require: the conditions that are not known to be true. ok, not_applicable: its bare verdicts.
        may_be_off: the profile has the rule off for some grade.
    """

    rule: Rule
    scope: Conditions
    require: Conditions
    ok: Verdict
    not_applicable: Verdict
    may_be_off: bool

    def answer(self, context: Context) -> Verdict:
        """Return the verdict on a record whose joined tickets are all read; without evidence, as `judge` does."""
        rule = self.rule
        if self.may_be_off and (off := _out_of_reach(rule, context)) is not None:
            return off
        truth, turn = self.scope.judge(context)
        if truth is not True:
            if truth is None or turn is not None:
                return _without(rule, context, rule.scope, truth is None, turn, False)
            return self.not_applicable
        held, need_turn = self.require.judge(context)
        if need_turn is not None:
            turn = need_turn if turn is None or need_turn < turn else turn
        if held is None:
            return _without(rule, context, rule.require, True, turn, False)
        if held:
            return self.ok if turn is None else _plain(rule, context, _OK, turn, "", False)
        return _broken(rule, context, turn, False)


def judge(rule: Rule, context: Context, *, explain: bool = False) -> Verdict:
    """Return the verdict of a rule on a record at the context's instant.

    Evidence is gathered for breach and historical, and for the others when `explain`: nothing stores theirs.
    """
    if context.record.unread_join or context.terms.profile.off:
        off = _out_of_reach(rule, context)
        if off is not None:
            return off
    truth, turn = rule.scope.judge(context)
    if truth is not True:
        return _without(rule, context, rule.scope, truth is None, turn, explain)
    held, need_turn = rule.require.judge(context)
    turn = earliest(turn, need_turn) if need_turn else turn
    if held is None:
        return _without(rule, context, rule.require, True, turn, explain)
    if held:
        return _plain(rule, context, _OK, turn, "", explain)
    return _broken(rule, context, turn, explain)


def earliest(*moments: datetime | None) -> datetime | None:
    """Return the earliest instant that is there."""
    soonest: datetime | None = None
    for moment in moments:
        if moment is not None and (soonest is None or moment < soonest):
            soonest = moment
    return soonest


def clause_for(rule: Rule, context: Context) -> str:
    """Return the rule's clause in the active profile's standard, else the one the rule names first."""
    standard = context.terms.profile.standard
    if standard not in rule.clause:
        standard = next(iter(rule.clause), "")
    return f"{STANDARDS.get(standard, standard)} {rule.clause[standard]}" if standard else ""


def _out_of_reach(rule: Rule, context: Context) -> Verdict | None:
    """Return the verdict where the rule is off for the grade, or the record's other half is unread."""
    if context.record.unread_join:
        return _plain(rule, context, Outcome.CANNOT_TELL, None, context.record.unread_join, False)
    off = context.terms.profile.off
    if off and rule.id in off.get(str(context.value("grade").data), ()):
        reason = f"off for this grade in the profile {context.terms.options.profile}"
        return _plain(rule, context, Outcome.NOT_APPLICABLE, None, reason, False)
    return None


def _without(
    rule: Rule, context: Context, condition: Condition, unknown: bool, turn: datetime | None, explain: bool
) -> Verdict:
    """Return a verdict that is not applicable or cannot tell, with its reason."""
    if unknown:
        reason = "; ".join(dict.fromkeys(unknown_reasons(condition, context)))
        return _plain(rule, context, Outcome.CANNOT_TELL, turn, reason, explain)
    reason = _why_not(condition, context) if explain else ""
    return _plain(rule, context, Outcome.NOT_APPLICABLE, turn, reason, explain)


def _why_not(condition: Condition, context: Context) -> str:
    parts = [
        f"not '{b.line.text}'" if not b.negated else f"'{b.line.text}'" for b in broken_lines(condition, context)
    ]
    return "; ".join(dict.fromkeys(parts))


def _plain(
    rule: Rule, context: Context, outcome: Outcome, turn: datetime | None, reason: str, evidence: bool
) -> Verdict:
    """Return a verdict without a message; the commonest ones are made once and shared."""
    made = bare(rule, context, outcome)
    if not evidence and not reason and turn is None:
        return made
    return Verdict(
        rule.id,
        outcome,
        made.severity,
        title=rule.title,
        clause=made.clause,
        mode=rule.mode,
        reason=reason,
        evidence=_evidence(rule.lines, context) if evidence else (),
        next_due=turn,
        number=rule.number,
    )


def bare(rule: Rule, context: Context, outcome: Outcome) -> Verdict:
    """Return the verdict that says an outcome and nothing else; made once and shared by all records."""
    made = context.terms.bare.get((rule.id, outcome))
    if made is None:
        severity = context.terms.profile.grade_severity(rule.id, rule.severity[0].severity)
        made = Verdict(
            rule.id,
            outcome,
            severity,
            title=rule.title,
            clause=clause_for(rule, context),
            mode=rule.mode,
            number=rule.number,
        )
        context.terms.bare[rule.id, outcome] = made
    return made


def _broken(rule: Rule, context: Context, turn: datetime | None, explain: bool) -> Verdict:
    rendering = RenderContext(context, rule.require)
    if rule.require.is_clocked:
        turn = earliest(turn, *(line.turn_of_facts(context) for line in rule.require.lines if line.is_clocked))
    if rule.since is not None and _all_before(rule.since, context, rendering.broken):
        return _plain(rule, context, _OK, turn, f"broken only before {rule.since}", explain)
    is_mended = rule.has_order and all(_is_mended(b, context) for b in rendering.broken)
    outcome = _repaired(rule.if_repaired, context) if is_mended and rule.if_repaired else _BREACH
    if outcome is _OK:
        return _plain(rule, context, _OK, turn, "repaired", explain)
    hidden, hide_turn = _hidden(rule, context) if rule.hides and outcome is _BREACH else ((), None)
    message, said = rule.message.render(rendering)
    fix, advised = rule.fix.render(rendering) if outcome is _BREACH else ("", {})
    # the lines of the repair only where it could act; due again also when a line may turn that does not decide,
    # because the evidence has its truth
    lines, clocked = (rule.lines, rule.clocked_lines) if is_mended else (rule.basis, rule.clocked_basis)
    for condition in clocked:
        next_turn = condition.judge(context)[1]
        turn = turn if next_turn is None else earliest(turn, next_turn)
    made = bare(rule, context, outcome)
    return Verdict(  # arguments by place take half as long (measured)
        rule.id,
        outcome,
        made.severity if len(rule.severity) == 1 else _severity(rule, context),
        rule.title,
        made.clause,
        rule.mode,
        message,
        fix,
        tuple(sorted({**said, **advised}.items())) if said or advised else (),
        "",
        _evidence(rule.lines if explain else lines, context),
        turn if hide_turn is None else earliest(turn, hide_turn),
        hidden,
        rule.number,
        words_on_ticket(rule, rendering, has_fix=bool(fix)) if context.terms.options.texts else (),
    )


def _all_before(since: date, context: Context, broken: Sequence[Broken]) -> bool:
    """Tell whether everything broken is history from before the rule's `since`."""
    start = context.terms.calendar.start_of(since)
    times = [b.line.test.broken_at(context) if b.line.test.broken_at and not b.negated else None for b in broken]
    return bool(times) and all(at is not None and at < start for at in times)


def _repaired(repair: IfRepaired, context: Context) -> Outcome:
    """Return what a rule comes to whose broken lines are orders with their field filled (docs/contract.md 7)."""
    if repair.when is None:
        return Outcome.HISTORICAL if repair.historical else _OK
    return Outcome.HISTORICAL if repair.when.judge(context)[0] is True else _BREACH


def _is_mended(broken: Broken, context: Context) -> bool:
    return broken.line.phrase.order and not broken.negated and context.value(broken.line.subject.name).is_filled


def _severity(rule: Rule, context: Context) -> Severity:
    """Return the severity of the highest rung that holds. A rung that cannot tell does not hold."""
    best = rule.severity[0].severity
    for rung in rule.severity[1:]:
        assert rung.when is not None  # noqa: S101 - the reader lets only the first rung stand alone
        if rung.when.judge(context)[0] is True and SEVERITY_ORDER.index(rung.severity) > SEVERITY_ORDER.index(best):
            best = rung.severity
    return context.terms.profile.grade_severity(rule.id, best)


def _hidden(rule: Rule, context: Context) -> tuple[tuple[str, ...], datetime | None]:
    hidden: list[str] = []
    turns: list[datetime | None] = []
    for hide in rule.hides:
        truth, turn = (True, None) if hide.when is None else hide.when.judge(context)
        turns.append(turn)
        if truth is True:
            hidden += hide.rules
    return tuple(hidden), earliest(*turns)


def _evidence(lines: Iterable[Line], context: Context) -> tuple[Evidence, ...]:
    """Return the facts behind some lines, in the order of the file."""
    found: list[Evidence] = []
    for line in lines:
        found += line.evidence(context)
    return tuple(found)


def next_due_at(verdicts: Iterable[Verdict]) -> datetime | None:
    """Return the earliest instant at which any of a record's verdicts may turn by time alone."""
    return earliest(*(verdict.next_due for verdict in verdicts))
