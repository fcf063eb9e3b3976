"""Names that a site lacks: what is a slip, what is left over, and where nothing is claimed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from capa_sync.mapping import bind, unoffered_names
from capa_sync.model.site import ChildTableDef, FieldDef, SiteLists, StatusDef
from tests.unit.mapping.world import FIELDS, MAPPING, load, site

LISTS = SiteLists(
    issue_types=("Action", "Change", "Nonconformity"),
    subtask_types=("Action",),
    link_types=("duplicates", "is duplicated by", "is resolved by", "resolves"),
    options=(("resolution", (("1", "Won't do"), ("2", "Duplicate"))),),
)
LINKS = "write one of duplicates, is duplicated by, is resolved by, resolves"
CHILDREN = """
mapping: test
kind: servicenow
record:
  track: {constant: nonconformity}
  title: title
stage: {field: state, values: {New: identified}}
actions:
  - from: child
    table: task
    reference: parent
    kind: {field: kind, values: {fix: corrective}}
    text: title
    status: state
    started:
      - Working
      - Waiting
    done: ["3"]
    cancelled: ["4", {field: code, is: [gone]}]
"""
COLUMNS = (
    FieldDef("title", "Title"),
    FieldDef("parent", "Parent"),
    FieldDef("assigned_to", "Assigned to"),
    FieldDef("due_date", "Due"),
    FieldDef("kind", "Kind", options=(("fix", "Fix"),)),
    FieldDef("state", "State", options=(("2", "Working"), ("1", "Waiting"), ("3", "Done"), ("4", "Dropped"))),
    FieldDef("code", "Code", options=(("gone", "Gone"),)),
)
RECORDS = (FieldDef("title", "Title"), FieldDef("state", "State", options=(("1", "New"),)))


def notes_of(folder: Path, text: str = MAPPING, **facts: Any) -> tuple[list[str], list[str]]:
    """Return the notes that are slips, and the others."""
    bound = bind(load(folder, text), site(**{"lists": LISTS, **facts}))
    return [str(note) for note in bound.slips], [str(note) for note in bound.notes if note not in bound.slips]


def children(folder: Path, old: str = "", new: str = "", **facts: Any) -> tuple[list[str], list[str]]:
    """Return what is told of a mapping with a table of actions, one piece of it replaced."""
    assert old in CHILDREN
    lists = SiteLists(tables=(ChildTableDef("task", COLUMNS),))
    return notes_of(
        folder, CHILDREN.replace(old, new) if old else CHILDREN, **{"fields": RECORDS, "lists": lists, **facts}
    )


def line(text: str, piece: str) -> int:
    """Return the line of a piece of a text."""
    return text[: text.index(piece)].count("\n") + 1


def test_a_mapping_that_fits_has_no_notes(tmp_path: Path) -> None:
    """Also one that writes names in other capitals, or ids."""
    assert notes_of(tmp_path) == ([], [])
    text = MAPPING.replace("is: [Duplicate]", 'is: ["2"]').replace("types: [Action]", "types: [ACTION]")
    assert notes_of(tmp_path, text) == ([], [])
    assert children(tmp_path) == ([], [])


def test_a_type_that_does_not_exist_is_always_a_slip(tmp_path: Path) -> None:
    """Nothing is read with it; where nothing is near, the hint lists what there is."""
    text = MAPPING.replace("types: [Action]", "types: [Massnahme]").replace("[is resolved by]", "[fixes]")
    slips, others = notes_of(tmp_path, text)
    assert others == []
    assert slips == [
        f"map.yaml:{line(text, 'types: [Mass')}: the site has no type of sub-tasks 'Massnahme'; write Action",
        f"map.yaml:{line(text, 'types: [fixes]')}: the site has no link type 'fixes'; {LINKS}",
    ]


def test_an_issue_type_that_is_no_sub_task_is_told(tmp_path: Path) -> None:
    """It exists, and no sub-task can have it."""
    slips, _ = notes_of(tmp_path, MAPPING.replace("types: [Action]", "types: [Change]"))
    assert "no type of sub-tasks 'Change'" in slips[0]
    slips, _ = notes_of(tmp_path, MAPPING.replace("by], kind", "by], issue_types: [Chang], kind"))
    assert slips[0].endswith("the site has no issue type 'Chang'; did you mean 'Change'?")


def test_what_the_mapping_lists_too_is_no_better_name(tmp_path: Path) -> None:
    """`Minor` beside `Major` is left over where only `Major` exists: `Major` is listed already."""
    fields = tuple(
        FieldDef(key, name, kind, options=(("1", "Major"),) if name == "Grade" else ())
        for key, (name, kind) in FIELDS.items()
    )
    slips, others = notes_of(tmp_path, fields=fields)
    assert slips == []
    assert others == [
        "map.yaml:9: 'Grade' has no option 'Minor', 'Not graded' on this site; take out what no older ticket holds"
    ]


def test_a_cascading_option_may_be_named_by_parent_child_or_both(tmp_path: Path) -> None:
    """The three are how a person reads it."""
    options = (("1", "Major - Safety"), ("2", "Minor - Text"), ("3", "Not graded"))
    fields = tuple(
        FieldDef(key, name, kind, options=options if name == "Grade" else ()) for key, (name, kind) in FIELDS.items()
    )
    text = MAPPING.replace("Minor: minor", "Text: minor")
    assert notes_of(tmp_path, text, fields=fields) == ([], [])
    slips, _ = notes_of(tmp_path, text.replace("Text: minor", "Txt: minor"), fields=fields)
    assert "no option 'Txt'" in slips[0]


def test_statuses_of_the_site_say_nothing_about_another_field(tmp_path: Path) -> None:
    """A stage that stands in a field of its own has no list of statuses."""
    text = MAPPING.replace("field: Status", "field: Site")
    assert notes_of(tmp_path, text) == ([], [])


def test_without_a_list_nothing_is_claimed(tmp_path: Path) -> None:
    """A right is missing, or the tracker has no such list."""
    text = MAPPING.replace("types: [Action]", "types: [Actoin]").replace('["Won\'t do"]', '["Wont do"]')
    assert notes_of(tmp_path, text, lists=SiteLists()) == ([], [])
    assert notes_of(tmp_path, text.replace("Waiting", "Waitnig"), lists=SiteLists(), statuses=()) == ([], [])
    statuses = (StatusDef("1", "New"),)
    table = SiteLists(tables=(ChildTableDef("task", COLUMNS, is_complete=False),))
    wrong = ("reference: parent\n    kind: {field: kind", "reference: parent\n    kind: {field: kin")
    assert children(tmp_path, *wrong, lists=table, fields_complete=False, statuses=statuses) == ([], [])


def test_columns_states_and_choices_of_a_table_of_actions_are_looked_up_there(tmp_path: Path) -> None:
    """Not in the table of the records, whose columns may have the same names."""
    for old, new, says in (
        ("kind: {field: kind,", "kind: {field: knd,", "the table 'task' has no column 'knd'; did you mean 'Kind'?"),
        ("{fix: corrective}", "{fixx: corrective}", "'Kind' has no option 'fixx' on this site; did you mean 'Fix'?"),
        ("- Waiting", "- Waitng", "the site has no status 'Waitng'; did you mean 'Waiting'?"),
        ('["4", {', '["Dropt", {', "the site has no status 'Dropt'; did you mean 'Dropped'?"),
        ("is: [gone]", "is: [gne]", "'Code' has no option 'gne' on this site; did you mean 'Gone'?"),
        ("text: title\n    status", "text: titel\n    status", "the table 'task' has no column 'titel'"),
    ):
        slips, others = children(tmp_path, old, new)
        assert others == [], new
        place = line(CHILDREN.replace(old, new), new.partition("\n")[0])
        assert any(slip.startswith(f"map.yaml:{place}: ") and says in slip for slip in slips), (new, slips)


def test_braces_in_names_of_the_tracker_change_no_sentence(tmp_path: Path) -> None:
    """A label is text of others."""
    fields = tuple(
        FieldDef(key, "Grade {0}" if name == "Grade" else name, kind, options=(("1", "Major"), ("2", "{x}")))
        for key, (name, kind) in FIELDS.items()
        if name in {"Grade", "Status", "Summary"}
    )
    text = MAPPING.replace("{field: Grade,", '{field: "Grade {0}",')
    _, others = notes_of(tmp_path, text, fields=fields)
    assert "map.yaml:9: 'Grade {0}' has no option 'Minor', 'Not graded' on this site" in others[0]


def test_what_screens_offer_counts_where_the_site_has_no_list(tmp_path: Path) -> None:
    """The lists of the site come first, and nothing else of the mapping is claimed by screens."""
    text = MAPPING.replace("types: [Action]", "types: [Actoin]").replace("Minor: minor", "Mnior: minor")
    bound = bind(load(tmp_path, text), site())
    offered = {"c3": (("1", "Major"), ("2", "Minor"), ("", "Not graded")), "resolution": (("9", "Fixed"),)}
    found = unoffered_names(bound.mapping, site(lists=LISTS), bound.pins, offered)
    assert [(str(name.problem), name.is_slip) for name in found] == [
        (
            "map.yaml:9: the tickets that were looked at offer no option 'Mnior' in 'Grade'; did you mean 'Minor'?",
            True,
        )
    ]
