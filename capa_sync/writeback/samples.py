"""Our text on a ticket in each of its states, with invented points, so that a person can read it beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.finding import Finding, FindingState, Mode, Outcome, Severity
from capa_sync.model.settings import WriteOptions
from capa_sync.model.write import WarningText
from capa_sync.writeback.desired_state import desired_state_of
from capa_sync.writeback.render import WordingContext, render, render_moved

_AT = datetime(2026, 6, 4, 9, 15, tzinfo=UTC)
_POINT = Finding(
    source="jira",
    ticket_id="1",
    rule="extent-assessed",
    episode=1,
    state=FindingState.OPEN,
    severity=Severity.MEDIUM,
    opened_at=_AT,
    rule_set="",
    title="Somebody checked whether the same could happen elsewhere",
    clause="ISO 27001 10.2 b",
    message="(the message of the rule)",
    fix="(the fix of the rule)",
    mode=Mode.WARN,
)
_CLEARED = replace(_POINT, state=FindingState.CLEARED, cleared_at=_AT)
_WAIVED = replace(
    _POINT,
    state=FindingState.WAIVED,
    waived_until=datetime(2026, 9, 30, 12, tzinfo=UTC),
    waived_by="M. Roy",
    waived_reason="only one such system exists",
)
_OTHER, _REPORTED = "action-planned", {"extent-assessed": "medium"}


def sample_texts(texts: CommentTexts = ENGLISH) -> Iterator[tuple[str, WarningText]]:
    """Yield each state of a ticket in words, with the text on it in that state."""
    plain = WriteOptions(mode="on", timezone="Europe/London", texts=texts)
    lead = replace(plain, isms_lead="M. Roy", public_url="https://capa.example.com")
    full, bare = WordingContext(_AT, lead, "A. Lee"), WordingContext(_AT, plain)
    title = next((entry.title for entry in texts.rules.get(_POINT.rule, ()) if entry.title), _POINT.title)
    words = (texts.language, title, _POINT.message, _POINT.fix)
    point, waived = replace(_POINT, on_ticket=words), replace(_WAIVED, on_ticket=words)
    many = [replace(point, rule=f"rule-{number}", number=number) for number in range(1, 8)]
    yield (
        "one point; nobody owns the ticket, no lead and no link are set",
        render(desired_state_of([point], {}), bare),
    )
    yield "seven points", render(desired_state_of(many, {}), full)
    yield "one point, another one waived", render(desired_state_of([many[0], waived], {}), full)
    yield (
        "what was open is waived",
        render(desired_state_of([waived], _REPORTED, {_POINT.rule: Outcome.BREACH}), full),
    )
    yield "joined to another ticket since", render_moved("CAPA-7", full)
    for state, reported, outcomes in (
        ("all clear", _REPORTED, {_POINT.rule: Outcome.OK}),
        ("all clear; two were fixed, one lapsed", _reported(3), {"rule-1": Outcome.OK, "rule-2": Outcome.OK}),
        ("fixed; other checks cannot tell", _REPORTED, {_POINT.rule: Outcome.OK, _OTHER: Outcome.CANNOT_TELL}),
        ("the point cannot be reported any more", _REPORTED, {_POINT.rule: Outcome.CANNOT_TELL, _OTHER: Outcome.OK}),
        ("no check that applies can tell", _REPORTED, {_POINT.rule: Outcome.CANNOT_TELL}),
        ("no check applies any more", _REPORTED, {_POINT.rule: Outcome.NOT_APPLICABLE}),
    ):
        gone = [replace(_CLEARED, rule=rule) for rule in reported]
        yield state, render(desired_state_of(gone, reported, outcomes), full)


def _reported(count: int) -> dict[str, str]:
    return {f"rule-{number}": "medium" for number in range(1, count + 1)}
