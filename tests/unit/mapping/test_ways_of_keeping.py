"""Ways in which teams keep a record: projects, cascading lists, links that lead back, reviews as sub-tasks."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from capa_sync.errors import MappingFileError
from capa_sync.mapping import BoundMapping
from capa_sync.mapping.check_lists import check_items
from capa_sync.model.record import ActionKind
from capa_sync.model.ticket import ChildRef, SourceTicket
from capa_sync.model.values import Raw, ValueState
from tests.unit.mapping.world import BY_STATUS, MAPPING, T0, bound_to, option, record, ticket, user

GRADE = "  grade: {field: Grade, values: {Major: major, Minor: minor, Not graded: empty}}\n"


@pytest.mark.parametrize("field", ["c1", "c7"])
def test_projects_with_different_fields_for_one_meaning_share_a_mapping(tmp_path: Path, field: str) -> None:
    """`first_of` takes the field that the ticket's project has; the other is absent there."""
    old = '  root_cause: {field: Root cause, template: "Why 1: … Why 2: …"}\n'
    text = MAPPING.replace(old, "  root_cause: {first_of: [Root cause, Five whys]}\n").replace(
        "  why_chain: {field: Five whys, split: lines}\n", ""
    )
    found = record(bound_to(tmp_path, text), ticket({field: "No deputy is named for the review"}))
    assert found.fields["root_cause"].data == "No deputy is named for the review"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ("{Minor: minor}", "minor"),
        ("{'100': minor}", "minor"),
        ("{In process: major, Minor: minor}", "major"),
        ("{Minor - In process: major}", "major"),
        ("{Major: major}", None),
    ],
)
def test_a_cascading_list_is_mapped_by_child_or_parent(tmp_path: Path, values: str, word: str | None) -> None:
    """The child's own name or id counts first, then the parent's; a list that has neither is an error."""
    text = MAPPING.replace(GRADE, f"  grade: {{field: Grade, values: {values}}}\n")
    assert text != MAPPING
    chosen = Raw(("101",), ("In process",), "Minor - In process", parent="100")
    grade = record(bound_to(tmp_path, text), ticket({"c3": chosen})).fields["grade"]
    assert grade.data == word
    assert (grade.state is ValueState.ERROR) is (word is None)


def test_links_that_lead_back_end_at_the_first_ticket(tmp_path: Path) -> None:
    """Two tickets that resolve each other are each an action of the other; nothing is followed further."""
    bound = bound_to(tmp_path)
    first = ticket(children=(ChildRef("2", "CAPA-2", "link", "is resolved by"),))
    second = ticket(id="2", key="CAPA-2", children=(ChildRef("1", "CAPA-1", "link", "is resolved by"),))
    assert [action.key for action in record(bound, first, {"2": second}).actions] == ["CAPA-2"]
    both = ticket(children=(*first.children, ChildRef("2", "CAPA-2", "link", "resolves")))
    assert [action.key for action in record(bound, both, {"2": second}).actions] == ["CAPA-2"]
    assert [action.key for action in record(bound, second, {"1": first}).actions] == ["CAPA-1"]


def test_a_ticket_that_links_itself_is_no_action_of_its_own(tmp_path: Path) -> None:
    """Imports and scripts make such links; the record is not done because it is closed itself."""
    own = ChildRef("1", "CAPA-1", "link", "is resolved by")
    for refs in ((own,), (ChildRef("", "CAPA-1", "link", "is resolved by"),)):
        found = record(bound_to(tmp_path), ticket(children=refs), {"1": ticket(children=refs)})
        assert (found.actions, found.actions_problem) == ((), "")


def test_a_mapping_may_say_that_links_are_followed_one_step(tmp_path: Path) -> None:
    """`depth: 1` is what holds without the key."""
    text = MAPPING.replace("types: [is resolved by]", "types: [is resolved by], depth: 1")
    assert text != MAPPING
    assert bound_to(tmp_path, text).mapping.actions == bound_to(tmp_path).mapping.actions


# --- effectiveness kept as a sub-task ------------------------------------------------------------------------------
REVIEW = """  - from: subtask
    types: [Effectiveness review]
    kind: other
    cancelled: [{field: Resolution, is: ["Won't do"]}]
    fills:
      effectiveness_due: Due date
      effectiveness_reviewer: Assignee
      effectiveness_result: {field: Resolution, values: {Works: effective, Fails: ineffective, Unresolved: empty}}
      effectiveness_note: {first_of: [Root cause, Correction]}
people: people.yaml
"""
RESULT = ("effectiveness_due", "effectiveness_reviewer", "effectiveness_result", "effectiveness_note")
WORKS, FAILS, REFUSED = option("1", "Works"), option("2", "Fails"), option("3", "Won't do")


def _reviewed(tmp_path: Path) -> BoundMapping:
    return bound_to(tmp_path, MAPPING.replace("people: people.yaml\n", REVIEW))


def _review(number: int, **changes: object) -> SourceTicket:
    """Return a sub-task in which the effect is reviewed, made so many days after the record."""
    values = {"duedate": "2025-08-01", "assignee": user("acc-roy", "Mara Roy"), **changes.pop("values", {})}  # type: ignore[dict-item]
    place = {"id": str(number), "key": f"CAPA-{number}", "kind": "Effectiveness review", "parent": "1"}
    return ticket(values, **place, created_at=T0 + timedelta(days=number), **changes)  # type: ignore[arg-type]


def _fields(tmp_path: Path, *children: SourceTicket) -> list[object]:
    found = record(_reviewed(tmp_path), ticket(), {child.id: child for child in children})
    return [found.fields[name].data for name in RESULT]


def test_a_review_kept_as_a_sub_task_fills_the_record(tmp_path: Path) -> None:
    """Date, reviewer, result and note are those of the sub-task; it is no corrective action."""
    done = _review(40, values={"resolution": WORKS, "c2": "No case in 30 checked weeks", "status": BY_STATUS["Done"]})
    found = record(_reviewed(tmp_path), ticket(), {"40": done})
    assert [found.fields[name].data for name in RESULT] == [
        date(2025, 8, 1), "roy", "effective", "No case in 30 checked weeks",
    ]  # fmt: skip
    assert [(action.key, action.kind) for action in found.actions] == [("CAPA-40", ActionKind.OTHER)]
    assert found.people_names["roy"] == "Mara Roy"


def test_a_record_without_the_sub_task_has_no_review(tmp_path: Path) -> None:
    """Its fields are empty, which a rule can judge, and not unmapped."""
    found = record(_reviewed(tmp_path), ticket())
    assert {found.fields[name].state for name in RESULT} == {ValueState.EMPTY}


def test_of_several_reviews_the_newest_counts_and_a_cancelled_one_never(tmp_path: Path) -> None:
    """A second look replaces the first; a review that was called off says nothing."""
    first, second = _review(10, values={"resolution": FAILS}), _review(50, values={"resolution": WORKS})
    called_off = _review(60, values={"resolution": REFUSED})
    assert _fields(tmp_path, first, second, called_off)[2] == "effective"
    assert _fields(tmp_path, first, called_off)[2] == "ineffective"
    assert _fields(tmp_path, called_off)[2] is None


def _hides(tmp_path: Path, *children: SourceTicket) -> bool:
    text = MAPPING.replace(
        "record:\n", "record:\n  confidential: {field: Site, values: {London: yes, Leeds: no}}\n", 1
    )
    bound = bound_to(tmp_path, text.replace("people: people.yaml\n", REVIEW))
    found = record(bound, ticket({"c4": option("2", "Leeds")}), {child.id: child for child in children})
    return found.fields["confidential"].is_yes_or_unreadable


def test_a_record_with_texts_of_a_confidential_review_is_confidential(tmp_path: Path) -> None:
    """Whatever the record's own field says; a ticket whose texts are not taken hides nothing."""
    london, leeds = option("1", "London"), option("2", "Leeds")
    hidden, shown = _review(40, values={"c4": london}), _review(50, values={"c4": leeds})
    assert _hides(tmp_path, hidden)
    assert not _hides(tmp_path)
    assert not _hides(tmp_path, shown)
    assert not _hides(tmp_path, hidden, shown)  # the newest counts
    assert _hides(tmp_path, _review(30, values={"c4": leeds}), hidden)
    assert not _hides(tmp_path, _review(40, values={"c4": london, "resolution": REFUSED}))
    assert _hides(tmp_path, _review(40, values={"c4": option("3", "Elsewhere")}))  # no option that the mapping knows


def test_the_history_of_a_review_is_history_of_the_record(tmp_path: Path) -> None:
    """When the result came, and by whom, is what the sub-task's history says: rules on the order of events hold."""
    at = T0 + timedelta(days=45)
    done = _review(
        40,
        values={"resolution": WORKS},
        history=[(at, "acc-roy", {"resolution": (option("0", "Unresolved"), WORKS)})],
    )
    found = record(_reviewed(tmp_path), ticket(), {"40": done})
    rows = [row for row in found.timeline if row.field in RESULT]
    assert [(row.field, row.at, row.by) for row in rows if row.field == "effectiveness_result"] == [
        ("effectiveness_result", at, "roy")
    ]
    planned = next(row for row in rows if row.field == "effectiveness_due")
    assert planned.at == done.created_at, "it was planned when the sub-task was made, not with the record"


def test_an_unread_review_is_no_missing_one(tmp_path: Path) -> None:
    """A sub-task that our account cannot read may be the review: the rules cannot tell."""
    unread = ticket(children=(ChildRef("9", "CAPA-9", "subtask"),))
    found = record(_reviewed(tmp_path), unread, {"9": None})
    assert {found.fields[name].state for name in RESULT} == {ValueState.UNREADABLE}
    assert "CAPA-9, which holds it, cannot be read" in found.fields["effectiveness_due"].reason


def test_a_field_has_one_place(tmp_path: Path) -> None:
    """What the record and a sub-task both hold would have two values."""
    text = MAPPING.replace("people: people.yaml\n", REVIEW).replace("effectiveness_due: Due", "due_at: Due")
    with pytest.raises(MappingFileError) as caught:
        bound_to(tmp_path, text)
    assert "'due_at' is read from another place already, on line 12; keep one of the two" in str(caught.value)


# --- check lists ---------------------------------------------------------------------------------------------------
CHECKED = MAPPING.replace("kind: corrective, inherit: [owner, due_at]}", "kind: corrective, check_list: true}")
OPEN_LIST = "# Actions\n- [ ] Name a deputy\n- [ ] Test the reminder"
HALF_LIST = "# Actions\n- [x] Name a deputy\n- [ ] Test the reminder\n> by the end of June"


@pytest.mark.parametrize(
    ("line", "words", "state"),
    [
        ("- [x] Name a deputy", "Name a deputy", "done"),
        ("* [X]Name a deputy", "Name a deputy", "done"),
        ("[ ] Name a deputy", "Name a deputy", "open"),
        ("- [] Name a deputy", "Name a deputy", "open"),
        ("☑ Name a deputy", "Name a deputy", "done"),
        ("☐ Name a deputy", "Name a deputy", "open"),
        ("- Name a deputy", "Name a deputy", "open"),
        ("+ Name a deputy", "Name a deputy", "done"),
        ("~ Name a deputy", "Name a deputy", "begun"),
        ("x Ask the supplier", "Ask the supplier", "skipped"),
        ("Name a deputy", "Name a deputy", "open"),
        ("xylophones are tuned", "xylophones are tuned", "open"),
        ("- [x] TBD", "", ""),
        ("- [x]", "", ""),
        ("# Actions", "", ""),
        ("> a remark", "", ""),
    ],
)
def test_a_line_of_a_check_list(line: str, words: str, state: str) -> None:
    """Boxes, ticks and the signs of add-ons are read; a heading, a remark and a placeholder are no item."""
    found = check_items(line)
    assert [item.words for item in found] == ([words] if words else [])
    states = {
        "done": found and found[0].is_done,
        "begun": found and found[0].is_begun,
        "skipped": found and found[0].is_skipped,
    }
    assert [name for name, holds in states.items() if holds] == ([state] if state not in {"", "open"} else [])


def test_each_item_of_a_check_list_is_an_action(tmp_path: Path) -> None:
    """It is done since it was ticked off, and not since the record's status says so."""
    written, ticked = T0 + timedelta(days=2), T0 + timedelta(days=9)
    history = [(written, "acc-lee", {"c5": (None, OPEN_LIST)}), (ticked, "acc-lee", {"c5": (OPEN_LIST, HALF_LIST)})]
    found = record(bound_to(tmp_path, CHECKED), ticket({"c5": HALF_LIST}, history)).actions
    assert [(action.key, action.text.data, action.text_first_at, action.done_at) for action in found] == [
        ("Name a deputy", "Name a deputy", written, ticked),
        ("Test the reminder", "Test the reminder", written, None),
    ]
    assert len({action.id for action in found}) == 2


def test_an_item_that_was_unticked_or_taken_out_is_not_done(tmp_path: Path) -> None:
    """The last tick counts; what was taken out stays in the history alone; what was skipped is cancelled."""
    days = [T0 + timedelta(days=number) for number in (1, 2, 3, 4)]
    texts = [
        "- [x] Name a deputy",
        "- [ ] Name a deputy",
        "- [x] Name a deputy",
        "x Name a deputy\n- [ ] Tell the team",
    ]
    before = [None, *texts]
    history = [(at, "acc-lee", {"c5": (before[number], texts[number])}) for number, at in enumerate(days)]
    bound = bound_to(tmp_path, CHECKED)
    deputy = record(bound, ticket({"c5": texts[2]}, history[:3])).actions[0]
    assert (deputy.started_at, deputy.done_at) == (days[0], days[2])
    skipped, team = record(bound, ticket({"c5": texts[3]}, history)).actions
    assert (skipped.cancelled, team.text_first_at) == (True, days[3])
    gone = record(
        bound, ticket({}, [*history, (T0 + timedelta(days=5), "acc-lee", {"c5": (texts[3], None)})])
    ).actions
    assert [action.text.state for action in gone] == [ValueState.EMPTY, ValueState.EMPTY]


def test_an_empty_check_list_is_no_action(tmp_path: Path) -> None:
    """Neither is a template of boxes without words."""
    bound = bound_to(tmp_path, CHECKED)
    for text in (None, "# Actions", "- [ ]\n- [ ]", "TBD"):
        assert record(bound, ticket({"c5": text})).actions == ()
