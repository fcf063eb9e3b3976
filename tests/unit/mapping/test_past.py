"""A ticket as it was: what happened later is taken back, and what that does not show is named as unknown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.kinds import HistoryFields
from capa_sync.mapping import BoundMapping, PastTicket, as_it_was, with_doubts
from capa_sync.model.site import FieldDef
from capa_sync.model.ticket import ChildRef, RawComment, SourceTicket
from capa_sync.model.values import Raw, ValueState
from tests.unit.mapping.world import (
    BY_STATUS,
    FIELDS,
    MAJOR,
    MAPPING,
    MINOR,
    T0,
    bound_to,
    record,
    ticket,
    user,
)

HOUR = timedelta(hours=1)
AT = T0 + 2 * HOUR
HISTORY = HistoryFields(type="issuetype", parent="parent", attachments="attachment")
LINK = "name:Link"


@pytest.fixture(name="bound", scope="module")
def _bound(tmp_path_factory: pytest.TempPathFactory) -> BoundMapping:
    return bound_to(tmp_path_factory.mktemp("past"))


def past(bound: BoundMapping, whole: SourceTicket) -> PastTicket:
    """Return a ticket as it was two hours after its creation."""
    return as_it_was(whole, bound, HISTORY, AT)


def test_at_every_instant_it_is_the_ticket_that_was_there(bound: BoundMapping) -> None:
    """Cut after each of its changes, a ticket makes the record of the ticket that had only these changes."""
    steps = [
        ("status", "Open", "In Action"),
        ("c1", None, "No deputy"),
        ("c3", MINOR, MAJOR),
        ("assignee", user("acc-roy"), user("acc-lee")),
        ("c1", "No deputy", None),
        ("status", "In Action", "Waiting"),
        ("c1", None, "No deputy named in AC-03"),
        ("status", "Waiting", "Implemented"),
    ]
    history = [
        (T0 + n * HOUR, "acc-lee", {name: (BY_STATUS[old], BY_STATUS[new]) if name == "status" else (old, new)})
        for n, (name, old, new) in enumerate(steps, 1)
    ]
    states = [{"status": BY_STATUS["Open"], "c3": MINOR, "assignee": user("acc-roy"), "c1": None}]
    for _at, _by, items in history:
        [(name, (_old, new))] = items.items()
        states.append({**states[-1], name: new})
    whole = ticket(states[-1], history)
    for number, state in enumerate(states):
        found = as_it_was(whole, bound, HISTORY, T0 + number * HOUR)
        assert found.doubts == {}
        assert record(bound, found.ticket) == record(bound, ticket(state, history[:number]))


def test_comments_are_those_of_then_and_an_edited_one_has_no_text(bound: BoundMapping) -> None:
    """A later comment is not there; what one said before a later edit is not known, but that it was there is."""
    early = RawComment("1", T0 + HOUR, "acc-lee", "capa waive x", updated_at=T0 + 3 * HOUR, edited_by="acc-roy")
    late = RawComment("2", T0 + 3 * HOUR, "acc-lee", "later")
    found = past(bound, ticket(comments=(early, late))).ticket
    assert [(comment.id, comment.text, comment.updated_at) for comment in found.comments] == [("1", "", None)]
    assert found.updated_at == T0 + HOUR


def test_files_and_links_are_counted_back_by_the_history(bound: BoundMapping) -> None:
    """Of three files one was added later, and one removed later was there; links likewise, by their types."""
    added, removed = Raw(("9",), ("a.png",), "a.png"), Raw(("8",), ("b.png",), "b.png")
    resolved = Raw(("CAPA-7",), (), "This issue is resolved by CAPA-7")
    gone = Raw(("CAPA-6",), (), "This issue is resolved by CAPA-6")
    later = T0 + 3 * HOUR
    history = [
        (later, "acc-lee", {"attachment": (None, added)}),
        (later, "acc-lee", {"attachment": (removed, None)}),
        (later, "acc-lee", {LINK: (None, resolved)}),
        (later, "acc-lee", {LINK: (gone, None)}),
    ]
    refs = (ChildRef("7", "CAPA-7", "link", "is resolved by"), ChildRef("7", "CAPA-7", "link", "blocks"))
    found = past(bound, ticket(None, history, attachments=3, children=refs)).ticket
    assert found.attachments == 3
    assert found.children == (refs[1], ChildRef("", "CAPA-6", "link", "is resolved by"))


def test_a_tracker_that_records_no_files_leaves_their_number_unknown(bound: BoundMapping) -> None:
    """No file of now proves one of then."""
    found = as_it_was(ticket(attachments=2), bound, HistoryFields(), AT)
    assert set(found.doubts) == {"attachments"}
    assert set(with_doubts(record(bound, found.ticket), bound, found.doubts).undelivered) == {"attachments"}


def test_a_later_change_of_one_of_two_fields_of_a_name_leaves_both_unknown(tmp_path: Path) -> None:
    """The history does not say which of them was changed; a change before the instant leaves the values alone."""
    twin = FieldDef("c99", "correction")
    known = tuple(FieldDef(key, name, type_) for key, (name, type_) in FIELDS.items())
    bound = bound_to(tmp_path, MAPPING.replace("correction: Correction", "correction: c2"), fields=(*known, twin))
    assert bound.shared
    later = ticket({"c2": "Done"}, [(T0 + 3 * HOUR, "acc-lee", {"name:Correction": (None, "Done")})])
    found = past(bound, later)
    value = with_doubts(record(bound, found.ticket), bound, found.doubts).fields["correction"]
    assert value.state is ValueState.UNREADABLE
    assert "have this name" in value.reason


def test_a_rename_before_the_first_contact_leaves_the_value_before_its_last_entry_unknown(tmp_path: Path) -> None:
    """As of an instant before that entry the field did not hold what it holds now; other old names leave it alone."""
    known = tuple(FieldDef(key, name, type_, custom=key == "c2") for key, (name, type_) in FIELDS.items())
    bound = bound_to(tmp_path, MAPPING, fields=known, history_has_ids=False)
    for name, end, is_known in (("Old correction", "Done", False), ("Old matter", "Something", True)):
        later = ticket({"c2": "Done"}, [(T0 + 3 * HOUR, "acc-lee", {f"name:{name}": (None, end)})])
        found = past(bound, later)
        value = with_doubts(record(bound, found.ticket), bound, found.doubts).fields["correction"]
        assert (value.state is not ValueState.UNREADABLE) == is_known
        assert (f"under the name '{name}'" in value.reason) != is_known


def test_a_sub_task_had_its_former_parent_and_type(bound: BoundMapping) -> None:
    """A later move or change of type is taken back."""
    history = [
        (T0 + 3 * HOUR, "acc-lee", {"parent": (Raw(("5",), (), "CAPA-5"), Raw(("1",), (), "CAPA-1"))}),
        (
            T0 + 3 * HOUR,
            "acc-lee",
            {"issuetype": (Raw(("2",), ("Action",), "Action"), Raw(("3",), ("Task",), "Task"))},
        ),
    ]
    found = past(bound, ticket(None, history, parent="1", kind="Task")).ticket
    assert (found.parent, found.kind) == ("5", "Action")
