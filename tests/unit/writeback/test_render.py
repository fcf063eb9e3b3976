"""The exact words on a ticket."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.model.finding import Finding, FindingState, Outcome
from capa_sync.model.write import WarningText, says_the_same
from capa_sync.writeback.desired_state import desired_state_of
from capa_sync.writeback.render import MAX_CHARACTERS, WordingContext, render, render_moved
from capa_sync.writeback.wording import clean
from tests.unit.writeback.harness import ON, T0, finding
from tests.unit.writeback.points import CAUSE, EXTENT, WAIVED


def text(findings: list[Finding], earlier: dict[str, str] | None = None, **options: str) -> WarningText:
    """Render a ticket's findings."""
    context = WordingContext(T0, replace(ON, **options), owner="A. Lee")  # type: ignore[arg-type]
    return render(desired_state_of(findings, earlier or {}), context)


def test_open_points_read_as_the_documentation_shows() -> None:
    """Worst first, in the owner's local time, with clause, what to do, who is next and the ids in small print."""
    rendered = text([EXTENT, CAUSE], isms_lead="M. Roy", public_url="https://capa.example.com/register")
    assert rendered.plain() == (
        "Clause 10 check - 2 things to fix (as of 4 June 2025 10:15 UTC+1)\n"
        "1. Corrective action was entered 5 days before the root cause. "
        "Expected (ISO 27001 10.2 b): The root cause is written "
        'down before the corrective action starts. Do this: Fill "Root cause", e.g. what in the process let it '
        "happen.\n"
        "2. Nobody wrote where else this could happen. Expected (ISO 27001 10.2 b): "
        "Somebody looked for similar nonconformities. "
        'Do this: Fill "Similar cases" with where you looked and what you found.\n'
        "Next step: A. Lee (owner). Questions: ISMS lead M. Roy.\n"
        "Details and how to ask for an exception: https://capa.example.com/register\n"
        "Rules: root-cause-before-action, extent-assessed"
    )
    assert rendered.paragraphs[-1].spans[0].small
    assert rendered.paragraphs[-2].spans[1].href == "https://capa.example.com/register"
    assert [paragraph.numbered for paragraph in rendered.paragraphs] == [False, True, True, False, False, False]
    assert [span.text for span in rendered.paragraphs[1].spans if span.bold] == [
        "Corrective action was entered 5 days before the root cause.",
        "Do this:",
    ]


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "4 June 2025 09:15 UTC"),
        ("Asia/Kathmandu", "4 June 2025 15:00 UTC+5:45"),
        ("America/St_Johns", "4 June 2025 06:45 UTC-2:30"),
        ("Pacific/Kiritimati", "4 June 2025 23:15 UTC+14"),
    ],
)
def test_a_time_carries_its_zone_and_decides_nothing(zone: str, shown: str) -> None:
    """The write's time has its offset from UTC; a text with another time, or of an earlier form, is the same."""
    text = render(desired_state_of([CAUSE], {}), WordingContext(T0, replace(ON, timezone=zone))).plain()
    assert f"(as of {shown})" in text
    assert says_the_same(text, text.replace(shown, "4 March 2024 10:15"))
    assert says_the_same(text, text.replace(shown, "4 March 2024"))


def test_one_point_without_owner_lead_or_url() -> None:
    """There is no link if no public_url is set, and a missing owner is the next step."""
    lines = render(desired_state_of([CAUSE], {}), WordingContext(T0, ON)).plain().splitlines()
    assert lines[0] == "Clause 10 check - 1 thing to fix (as of 4 June 2025 10:15 UTC+1)"
    assert lines[2:] == ["Next step: name an owner.", "Rules: root-cause-before-action"]


def test_more_than_five_points_are_counted_not_shown() -> None:
    """Five points at most; the heading counts all, and a line says how many are left."""
    rendered = text([finding(f"rule-{n}", number=n) for n in range(7)])
    assert sum(paragraph.numbered for paragraph in rendered.paragraphs) == 5
    assert rendered.plain().startswith("Clause 10 check - 7 things to fix")
    assert "\n2 more are in the register.\n" in rendered.plain()


def test_all_clear_counts_what_was_fixed_and_claims_nothing_more() -> None:
    """The withdrawal has the day and the fixed points, and never says that anything conforms."""
    rendered = text([replace(CAUSE, state=FindingState.CLEARED)], {CAUSE.rule: "high", EXTENT.rule: "fixed"})
    assert rendered.plain() == (
        "All Clause 10 checks on this ticket are clear (4 June 2025). 2 earlier points were fixed. "
        "There are no open warnings from these checks."
    )


def test_a_waived_point_says_who_until_and_why() -> None:
    """A waiver stands below, whether or not points are open."""
    line = (
        "Somebody looked for similar nonconformities - waived until 31 March 2026 by M. Roy: "
        "only one such system exists."
    )
    assert text([WAIVED], {WAIVED.rule: "medium"}).plain() == (
        f"Clause 10 check - no open warnings from these checks (as of 4 June 2025 10:15 UTC+1).\n{line}"
    )
    assert text([CAUSE, WAIVED]).plain().splitlines()[2] == line


def test_no_all_clear_while_an_earlier_point_cannot_be_judged() -> None:
    """A point that cannot be judged any more is named, and nothing is called clear."""
    undecided = replace(EXTENT, state=FindingState.CANNOT_TELL)
    rendered = text(
        [undecided, replace(CAUSE, state=FindingState.CLEARED)], {CAUSE.rule: "high", EXTENT.rule: "fixed"}
    )
    assert rendered.plain() == (
        "Clause 10 check - no open warnings from these checks (as of 4 June 2025 10:15 UTC+1). "
        "1 earlier point was fixed. "
        "These earlier points cannot be checked at present: extent-assessed."
    )


@pytest.mark.parametrize(
    ("cause", "extent", "other", "words"),
    [
        (
            Outcome.OK,
            Outcome.OK,
            Outcome.OK,
            "are clear (4 June 2025). 2 earlier points were fixed. There are no open",
        ),
        (
            Outcome.OK,
            Outcome.NOT_APPLICABLE,
            Outcome.OK,
            "1 earlier point was fixed. 1 earlier point no longer applies.",
        ),
        (Outcome.OK, Outcome.OK, Outcome.CANNOT_TELL, "Some other checks cannot be made on this ticket at present."),
        (
            Outcome.OK,
            Outcome.CANNOT_TELL,
            Outcome.OK,
            "These earlier points cannot be checked at present: extent-ass",
        ),
        (Outcome.CANNOT_TELL, Outcome.NOT_APPLICABLE, Outcome.CANNOT_TELL, "check - nothing can be checked on this"),
        (Outcome.NOT_APPLICABLE, Outcome.NOT_APPLICABLE, Outcome.CANNOT_TELL, "check - nothing can be checked on"),
        (Outcome.NOT_APPLICABLE, Outcome.NOT_APPLICABLE, Outcome.NOT_APPLICABLE, "checks no longer apply to this"),
    ],
)
def test_nothing_open_claims_no_more_than_was_checked(
    cause: Outcome, extent: Outcome, other: Outcome, words: str
) -> None:
    """It says clear only if every check that applies was made; it says no warnings only if some check was made."""
    cleared = [replace(base, state=FindingState.CLEARED) for base in (CAUSE, EXTENT)]
    outcomes = {CAUSE.rule: cause, EXTENT.rule: extent, "other": other}
    rendered = render(
        desired_state_of(cleared, {CAUSE.rule: "high", EXTENT.rule: "high"}, outcomes), WordingContext(T0, ON)
    ).plain()
    assert words in rendered
    assert ("All Clause 10 checks" in rendered) is (
        Outcome.CANNOT_TELL not in outcomes.values() and Outcome.OK is cause
    )
    assert ("no open warnings" in rendered) is (Outcome.OK in outcomes.values())


def test_what_was_reported_as_fixed_stays_so() -> None:
    """A point once reported as fixed stays so when its rule no longer applies: there is nothing new to write."""
    cleared = replace(CAUSE, state=FindingState.CLEARED)
    desired_state = desired_state_of(
        [cleared], {CAUSE.rule: "fixed"}, {CAUSE.rule: Outcome.NOT_APPLICABLE, "other": Outcome.OK}
    )
    assert desired_state.points == {CAUSE.rule: "fixed"}


def test_a_duplicate_refers_to_the_ticket_with_the_points() -> None:
    """The duplicate's text says where its points are."""
    assert render_moved("CAPA-7", WordingContext(T0, ON)).plain() == (
        "Clause 10 check (as of 4 June 2025 10:15 UTC+1): this ticket is judged together with CAPA-7; "
        "its points are shown there."
    )


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("line\r\nbreak\tand\x00null\x1b[31m", "line break and null [31m"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("[capa-sync 10001 abc]", "(capa-sync 10001 abc]"),
        ("[ CAPA-sync 1]", "( CAPA-sync 1]"),
        ("lone \ud800 surrogate\u2028x", "lone surrogate x"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_hostile_text_is_neutral(hostile: str, harmless: str) -> None:
    """Control, direction and forged marker characters are removed; what scripts need stays."""
    assert clean(hostile, 100) == harmless


LONG = st.text(min_size=0, max_size=40).map(lambda piece: piece * 100)


@given(st.lists(st.tuples(LONG, LONG, LONG, st.booleans()), max_size=14), LONG)
def test_no_text_is_longer_than_the_limit_or_has_control_characters(
    texts: list[tuple[str, str, str, bool]], owner: str
) -> None:
    """Whatever a ticket has, the text stays within 8,000 characters and five points, one line per paragraph."""
    findings = [
        replace(
            finding(f"r{n}-" + "x" * 90),
            message=message,
            fix=fix,
            title=title,
            clause=title,
            waived_by=fix,
            waived_reason=message,
            state=FindingState.WAIVED if is_waived else FindingState.OPEN,
        )
        for n, (message, fix, title, is_waived) in enumerate(texts)
    ]
    wording_context = WordingContext(
        T0, replace(ON, isms_lead=owner, public_url="https://x.example/" + "y" * 280), owner=owner
    )
    rendered = render(desired_state_of(findings, {}), wording_context)
    assert len(rendered.plain()) <= MAX_CHARACTERS
    assert sum(paragraph.numbered for paragraph in rendered.paragraphs) <= 5
    assert all(letter.isprintable() or ord(letter) > 0x9F for letter in rendered.plain().replace("\n", ""))
