"""How far a warning rises, and whom a matter reaches."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from capa_sync.digest import compose
from capa_sync.digest.escalation import goes_to_lead, goes_to_management, goes_to_manager
from capa_sync.model.digest import (
    DigestFacts,
    DigestItem,
    DigestKind,
    DigestMessage,
    DigestOptions,
    DigestPerson,
)
from tests.unit.store.fake_parser import DAY, T0

MOMENT = timedelta(seconds=1)
PEOPLE = {
    "ana": DigestPerson("ana", "Ana Meyer", "ana@example.com", "mara"),
    "bo": DigestPerson("bo", "Bo Lind", "bo@example.com"),
    "mara": DigestPerson("mara", "Mara Roy", "mara@example.com"),
}
OPTIONS = DigestOptions(has_mail=True, leads=("mara",), timezone="Europe/London")


def warning(severity: str, age: timedelta, **more: object) -> DigestItem:
    """Return an open warning of an age."""
    words: dict[str, object] = {"owner_id": "ana", "owner": "Ana Meyer", "rule": "grade-set", **more}
    return DigestItem("warning", "jira", "1", "CAPA-1", severity=severity, since=T0 - age, **words)  # type: ignore[arg-type]


def messages(*items: DigestItem, **reported: frozenset[str]) -> dict[str, DigestMessage]:
    """Return the messages by kind and recipient."""
    before = {(DigestKind.OWNER, f"person:{name}"): keys for name, keys in reported.items()}
    composed = compose(DigestFacts(items, ()), OPTIONS, PEOPLE, before, T0)
    return {f"{found.kind} {found.recipient.partition(':')[2]}": found for found in composed}


def text_of(message: DigestMessage) -> str:
    """Return the titles and lines."""
    return "\n".join(line for part in message.sections for line in (part.title, *(row.text for row in part.lines)))


@pytest.mark.parametrize(
    ("item", "rises"),
    [
        (warning("high", 7 * DAY), ""),
        (warning("high", 7 * DAY + MOMENT), "lead"),
        (warning("medium", 21 * DAY), ""),
        (warning("medium", 21 * DAY + MOMENT), "manager"),
        (warning("high", 22 * DAY), "lead manager"),
        (warning("low", 400 * DAY), ""),
        (warning("low", 30 * DAY, grade="major"), ""),
        (warning("low", 30 * DAY + MOMENT, grade="major"), "management"),
        (warning("low", DAY, cb_deadline=T0.date() + 14 * DAY), ""),
        (warning("low", DAY, cb_deadline=T0.date() + 13 * DAY), "management"),
        (warning("low", DAY, cb_deadline=T0 + 14 * DAY), ""),
        (DigestItem("overdue", "jira", "1", "CAPA-1", since=T0 - 90 * DAY, severity="high", grade="major"), ""),
    ],
)
def test_a_warning_rises_by_severity_and_age(item: DigestItem, rises: str) -> None:
    """Exactly at the limit it does not yet; other matters do not rise."""
    steps = (("lead", goes_to_lead), ("manager", goes_to_manager), ("management", goes_to_management))
    assert " ".join(name for name, does in steps if does(item, T0)) == rises


def test_who_asked_for_a_waiver_hears_of_its_end_beside_the_owner() -> None:
    """The day is the last one on which it counts."""
    end = DigestItem("waiver_ends", "jira", "1", "CAPA-1", owner_id="ana", asked_by="bo", rule="grade-set")
    end = DigestItem(
        **{name: getattr(end, name) for name in end.__slots__}
        | {"due_at": T0.replace(hour=0) + 5 * DAY, "fix": "Set the grade."}
    )
    found = messages(end)
    assert found.keys() == {"lead mara", "owner ana", "owner bo"}
    assert "the waiver of grade-set ends after 2026-03-06" in text_of(found["owner bo"])
    assert "Do this, or ask for another waiver: Set the grade." in text_of(found["owner ana"])


def test_a_matter_is_new_once_and_again_when_it_begins_anew() -> None:
    """A moved due date or a new episode is another matter; the lead hears all, each week."""
    late = DigestItem("due", "jira", "1", "CAPA-1", owner_id="ana", due_at=date(2026, 3, 5))
    moved = DigestItem("due", "jira", "1", "CAPA-1", owner_id="ana", due_at=date(2026, 3, 6))
    assert messages(late, ana=frozenset({late.key})).keys() == {"lead mara"}
    assert "owner ana" in messages(moved, ana=frozenset({late.key}))
    assert "New: Warnings" in text_of(messages(warning("low", DAY), ana=frozenset({late.key}))["owner ana"])


def test_long_lists_say_how_much_is_left_out_and_the_worst_is_first() -> None:
    """Twenty lines of a list are enough for a message; the number of all is in the subject."""
    items = [
        DigestItem("overdue", "jira", str(n), f"CAPA-{n}", owner_id="ana", due_at=date(2026, 2, 1) + n * DAY)
        for n in range(25, 0, -1)
    ]
    owner = messages(*items)["owner ana"]
    assert owner.subject == "Clause 10: 25 overdue"
    [section] = owner.sections
    assert (len(section.lines), section.more) == (20, 5)
    assert section.lines[0].text.startswith("CAPA-1 - due 2026-02-02, 27 days late")


def test_the_lead_sees_whom_no_digest_reaches() -> None:
    """No owner, an owner without an address, and a late warning of somebody without a manager."""
    found = messages(
        warning("high", 22 * DAY, owner_id="bo", owner="Bo Lind"),
        DigestItem("overdue", "jira", "2", "CAPA-2", owner_id="jira:kim", owner="Kim Ito"),
        DigestItem("overdue", "jira", "3", "CAPA-3"),
    )
    said = text_of(found["lead mara"])
    assert "Kim Ito: 1 ticket, no address" in said
    assert "no owner: 1 ticket, no address" in said
    assert "Bo Lind: 1 warning open for more than three weeks, no line manager with an address" in said
    assert found.keys() == {"lead mara", "owner bo"}
