"""What one register reads in the words of another: a note's mark, and texts that differ in their instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.model.finding import FindingState, Outcome, Severity
from capa_sync.model.note import NoteMark
from capa_sync.model.write import WarningText, says_the_same
from capa_sync.sources.jira.markup import same_text, to_adf, to_wiki
from capa_sync.writeback.desired_state import desired_state_of
from capa_sync.writeback.render import MAX_CHARACTERS, WordingContext, render, render_moved
from tests.unit.writeback.harness import ON, T0
from tests.unit.writeback.points import CAUSE, EXTENT, WAIVED

WRITE = "0123456789abcdef" * 4
POINTS = st.dictionaries(st.from_regex(r"[a-z]{2,9}(-[a-z]{2,9}){0,3}", fullmatch=True), st.sampled_from(Severity))


def mark(**points: Severity) -> NoteMark:
    """Return the mark of a note on ticket 10001."""
    return NoteMark.of("10001", WRITE, points)


@given(POINTS)
def test_a_mark_is_read_as_it_was_written(points: Mapping[str, Severity]) -> None:
    """The line keeps to the contract's form, and says which points the note has."""
    made = NoteMark.of("10001", WRITE, points)
    assert made.line.startswith("[capa-sync 10001 0123456789ab-")
    assert made.line.endswith("]")
    assert len(made.line.split()) == 3
    assert NoteMark.read(made.line) == made
    assert made.covers(made)


def test_a_note_covers_another_when_no_point_of_it_is_new_or_worse() -> None:
    """Fewer and milder points are already known; one more point, or a graver one, is news."""
    note = mark(cause=Severity.HIGH, extent=Severity.MEDIUM)
    assert note.covers(mark(cause=Severity.HIGH))
    assert note.covers(mark(extent=Severity.LOW))
    assert not note.covers(mark(cause=Severity.HIGH, due=Severity.LOW))
    assert not note.covers(mark(extent=Severity.HIGH))


def test_a_warning_and_an_all_clear_never_cover_each_other() -> None:
    """An all-clear is news after a warning, and a point is news after an all-clear."""
    assert mark().covers(mark())
    assert not mark().covers(mark(cause=Severity.LOW))
    assert not mark(cause=Severity.LOW).covers(mark())
    assert not NoteMark.of("10002", WRITE, {}).covers(mark())


@pytest.mark.parametrize(
    "line",
    ["", "[capa-sync 10001 h1]", "[capa-sync 10001 0123456789abcdef]", "[capa-sync 10001 01-clear] ", "[capa-sync x"],
)
def test_a_line_without_points_is_no_mark(line: str) -> None:
    """It is a person's text, or of a form that says nothing; no conclusion is drawn from it."""
    assert NoteMark.read(line) is None


CLEARED = replace(CAUSE, state=FindingState.CLEARED)
BLIND = {CAUSE.rule: Outcome.CANNOT_TELL}
TEXTS: dict[str, Callable[[WordingContext], WarningText]] = {
    "points": lambda wording_context: render(desired_state_of([CAUSE, EXTENT], {}), wording_context),
    "waived": lambda wording_context: render(desired_state_of([WAIVED], {}), wording_context),
    "all clear": lambda wording_context: render(desired_state_of([], {CAUSE.rule: "high"}), wording_context),
    "in doubt": lambda wording_context: render(
        desired_state_of([CLEARED], {CAUSE.rule: "high"}, BLIND | {"other": Outcome.OK}), wording_context
    ),
    "unchecked": lambda wording_context: render(
        desired_state_of([CLEARED], {CAUSE.rule: "high"}, BLIND), wording_context
    ),
    "lapsed": lambda wording_context: render(desired_state_of([CLEARED], {CAUSE.rule: "high"}, {}), wording_context),
    "joined": lambda wording_context: render_moved("CAPA-7", wording_context),
}


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_written_at_another_time_says_the_same(name: str, zone: str) -> None:
    """In each tracker's own form, every text that stands on tickets is recognised without its instant."""
    options = replace(ON, timezone=zone)
    now, later = (TEXTS[name](WordingContext(at, options)) for at in (T0, T0 + timedelta(days=240, hours=3)))
    assert now.plain() != later.plain()
    assert says_the_same(now.plain(), later.plain())
    assert same_text(to_adf(now), to_adf(later))
    assert same_text(to_wiki(now), to_wiki(later))


def test_any_other_difference_counts() -> None:
    """The differences are another text, and another date within a point."""
    texts = [TEXTS[name](WordingContext(T0, ON)).plain() for name in TEXTS]
    assert not any(says_the_same(text, other) for text in texts for other in texts if text is not other)
    dated = texts[0].replace("Nobody wrote", "Due (4 June 2025). Nobody wrote")
    assert not says_the_same(dated, dated.replace("Due (4 June 2025)", "Due (5 June 2025)"))


@given(st.lists(st.text("#\\[]*a ", min_size=1, max_size=6).map(lambda piece: piece * 80), min_size=4, max_size=4))
def test_no_text_is_longer_than_the_limit_as_it_is_sent_to_a_data_center(texts: list[str]) -> None:
    """This holds whatever must be escaped in it; the instant of the write is still distinguished from the rest."""
    message, fix, title, owner = texts
    hostile = {"message": message, "fix": fix, "title": title, "clause": title, "waived_reason": fix}
    findings = [replace(base, rule=f"r{n}", **hostile) for n in range(7) for base in (CAUSE, WAIVED)]
    now, later = (
        to_wiki(render(desired_state_of(findings, {}), WordingContext(at, ON, owner=owner)))
        for at in (T0, T0 + timedelta(days=3))
    )
    assert len(now) <= MAX_CHARACTERS
    assert same_text(now, later)
