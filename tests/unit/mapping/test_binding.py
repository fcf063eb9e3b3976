"""Binding a mapping to a site: names, ids, pins, drift, and what the site lacks."""

from __future__ import annotations

from pathlib import Path

from capa_sync.mapping import bind, coverage, score, unmapped_names
from capa_sync.model.site import FieldDef, StatusDef
from capa_sync.model.values import ValueState
from tests.unit.mapping.world import BY_STATUS, MAPPING, T0, bound_to, load, record, rows, site, ticket

FIELD_LIST = site().fields


def renamed(old: str, new: str) -> tuple[FieldDef, ...]:
    """Return the site's fields with one renamed."""
    return tuple(FieldDef(field.id, new, field.type) if field.name == old else field for field in FIELD_LIST)


def test_names_become_ids_and_are_pinned(tmp_path: Path) -> None:
    """The pins are reported so that the register can store them."""
    bound = bound_to(tmp_path)
    assert bound.problems == ()
    assert bound.notes == ()
    assert bound.pins["root_cause:Root cause"] == "c1"
    assert bound.labels["root_cause"] == "Root cause"
    assert bound.labels["actions"] == "Corrective action"


def test_names_are_found_whatever_their_case_and_ids_as_they_are(tmp_path: Path) -> None:
    """`root CAUSE` and `c1` name the same field."""
    for name in ("root CAUSE", "c1"):
        assert bound_to(tmp_path, MAPPING.replace("field: Root cause", f"field: {name}")).problems == ()


def test_a_renamed_field_keeps_its_pinned_id_and_the_drift_is_reported(tmp_path: Path) -> None:
    """The id still counts, and doctor can report that the name changed."""
    mapping = load(tmp_path)
    pins = bind(mapping, site()).pins
    bound = bind(mapping, site(fields=renamed("Root cause", "Cause")), pins)
    assert bound.problems == ()
    assert bound.pins == pins
    assert [str(note) for note in bound.notes] == [
        "map.yaml:7: 'Root cause' (c1) is now called 'Cause'; the pinned id still counts; write the new name"
    ]
    assert bound.labels["root_cause"] == "Cause"


def test_a_pinned_id_wins_over_a_new_field_of_that_name(tmp_path: Path) -> None:
    """A new field with the old name does not replace it."""
    mapping = load(tmp_path)
    pins = bind(mapping, site()).pins
    fields = (*renamed("Root cause", "Cause"), FieldDef("c99", "Root cause"))
    assert bind(mapping, site(fields=fields), pins).pins["root_cause:Root cause"] == "c1"


def test_a_pinned_field_that_is_gone_is_looked_up_anew(tmp_path: Path) -> None:
    """The loss is reported, and the successor is found by name."""
    mapping = load(tmp_path)
    pins = bind(mapping, site()).pins
    fields = (*(field for field in FIELD_LIST if field.id != "c1"), FieldDef("c99", "Root cause"))
    bound = bind(mapping, site(fields=fields), pins)
    assert bound.pins["root_cause:Root cause"] == "c99"
    assert "is gone" in bound.notes[0].what


def test_a_mapping_that_names_another_field_forgets_the_old_pin(tmp_path: Path) -> None:
    """A change of the mapping is no drift."""
    pins = bind(load(tmp_path), site()).pins
    bound = bind(load(tmp_path, MAPPING.replace("correction: Correction", "correction: Site")), site(), pins)
    assert bound.notes == ()
    assert next(field for field in bound.fields if field.name == "correction").parts[0].field_id == "c4"


def test_a_name_of_two_fields_is_a_problem_and_the_field_unmapped(tmp_path: Path) -> None:
    """A guess could read the wrong field."""
    bound = bound_to(tmp_path, fields=(*FIELD_LIST, FieldDef("c98", "root cause")))
    assert [str(problem) for problem in bound.problems] == [
        "map.yaml:7: 'Root cause' names 2 fields of this site: c1, c98; write the id instead of the name"
    ]
    found = record(bound, ticket({"c1": "No deputy named"})).fields["root_cause"]
    assert found.state is ValueState.UNMAPPED
    assert "names 2 fields" in found.reason


def test_a_field_that_the_site_lacks_is_unmapped_with_a_hint(tmp_path: Path) -> None:
    """Doctor lists it with the nearest name, and rules cannot tell."""
    bound = bound_to(tmp_path, MAPPING.replace("correction: Correction", "correction: Corection"))
    assert str(bound.problems[0]) == "map.yaml:8: the site has no field 'Corection'; did you mean 'Correction'?"
    assert record(bound, ticket()).fields["correction"].state is ValueState.UNMAPPED


def test_listed_statuses_and_options_that_the_site_lacks_are_noted(tmp_path: Path) -> None:
    """Past names with an end and aliases are not reported."""
    text = MAPPING.replace("Open: identified", "Opne: identified").replace("Minor: minor", "Minro: minor")
    fields = tuple(
        FieldDef("c3", "Grade", "option", options=(("100", "Major"), ("101", "Minor"))) if field.id == "c3" else field
        for field in FIELD_LIST
    )
    notes = [str(note) for note in bound_to(tmp_path, text, fields=fields).notes]
    assert notes == [
        "map.yaml:9: 'Grade' has no option 'Minro' on this site; did you mean 'Minor'?",
        "map.yaml:9: 'Grade' has no option 'Not graded' on this site; take out what no older ticket holds",
        "map.yaml:20: the site has no status 'Opne'; did you mean 'Open'?",
    ]


def test_several_statuses_that_the_site_lacks_are_one_note(tmp_path: Path) -> None:
    """Retired statuses are many, and each would be reported at every start."""
    text = MAPPING.replace("Open: identified", "Open: identified\n    Plugh: identified\n    Xyzzy: identified")
    (note,) = bound_to(tmp_path, text).notes
    assert (note.line, note.what) == (21, "the site has no status 'Plugh', 'Xyzzy'")
    assert "`until: DATE`" in note.hint


def test_a_site_without_the_status_field_quarantines_every_ticket(tmp_path: Path) -> None:
    """Without a stage no rule can be evaluated, and the reason names the field."""
    bound = bound_to(tmp_path, MAPPING.replace("field: Status", "field: Zustand"))
    assert bound.stage is None
    assert "Zustand" in str(bound.problems[0])


def test_the_hash_follows_mapping_and_site(tmp_path: Path) -> None:
    """Whatever a record depends on changes the hash, so that every ticket is evaluated again."""
    mapping = load(tmp_path)
    first = bind(mapping, site()).hash
    assert bind(mapping, site()).hash == first
    assert bind(mapping, site(statuses=(StatusDef("10", "Open"),))).hash != first
    assert bind(mapping, site(fields=renamed("Root cause", "Cause")), {"root_cause:Root cause": "c1"}).hash != first


def test_coverage_names_places_and_reasons(tmp_path: Path) -> None:
    """Every canonical field is listed once: mapped, or with the reason why not."""
    bound = bound_to(tmp_path)
    fields = {field.name: field for field in coverage(bound)}
    assert fields["location"].places == ("Site (c4)", "constant")
    assert fields["actions"].is_mapped
    assert fields["impact"].reason == f"map.yaml:{bound.mapping.record_line} names no field for it"
    assert "impact" in unmapped_names(bound)
    assert 0 < score(bound) < 1


def test_data_center_history_is_found_by_name_and_by_older_names(tmp_path: Path) -> None:
    """Its entries name fields; the mapping lists what a field was called before."""
    text = MAPPING.replace("{field: Root cause,", "{field: Root cause, aliases: [Ursache],")
    history = [
        (T0.replace(hour=9), "acc-lee", {"name:Ursache": (None, "Owner left and nobody noticed")}),
        (T0.replace(hour=10), "acc-lee", {"name:ROOT CAUSE": ("Owner left and nobody noticed", "No deputy named")}),
    ]
    found = record(bound_to(tmp_path, text), ticket({"c1": "No deputy named"}, history))
    assert rows(found, "root_cause") == [
        (None, "Owner left and nobody noticed"),
        ("Owner left and nobody noticed", "No deputy named"),
    ]
    assert found.history_complete


TWICE = (*FIELD_LIST, FieldDef("c98", "Root cause"))
"""The site's fields, two of which have one name."""


def test_a_shared_name_in_data_center_history_leaves_only_that_field_without_history(tmp_path: Path) -> None:
    """It is unknown whose entry it is: this field has its value and no history, the others have both."""
    bound = bound_to(tmp_path, MAPPING.replace("field: Root cause", "field: c1"), fields=TWICE)
    history = [
        (T0.replace(hour=9), "acc-lee", {"name:Root cause": (None, "Owner left"), "c2": (None, "Badge blocked")})
    ]
    found = record(bound, ticket({"c1": "Owner left", "c2": "Badge blocked"}, history))
    assert found.history_complete
    assert set(found.history_gaps) == {"root_cause"}
    assert found.history_gaps["root_cause"] == (
        "the change history names 'Root cause' without its id, and 2 fields have this name (c1, c98): rename the "
        "other field in the tracker, or delete it there"
    )
    assert rows(found, "root_cause") == []
    assert rows(found, "correction") == [(None, "Badge blocked")]
    assert found.fields["root_cause"].data == "Owner left"


def test_a_ticket_whose_history_lacks_the_shared_name_has_no_gap(tmp_path: Path) -> None:
    """On the same site a field that was never changed had its value from the start."""
    bound = bound_to(tmp_path, MAPPING.replace("field: Root cause", "field: c1"), fields=TWICE)
    found = record(bound, ticket({"c1": "Owner left"}, []))
    assert found.history_gaps == {}
    assert rows(found, "root_cause") == [(None, "Owner left")]


def test_a_shared_name_of_fields_that_no_mapping_names_is_no_gap(tmp_path: Path) -> None:
    """It concerns no rule."""
    fields = (*FIELD_LIST, FieldDef("c97", "Remark"), FieldDef("c98", "Remark"))
    history = [(T0.replace(hour=9), "acc-lee", {"name:Remark": (None, "x")})]
    assert record(bound_to(tmp_path, fields=fields), ticket({}, history)).history_gaps == {}


def test_a_shared_name_of_an_action_field_leaves_the_actions_without_history(tmp_path: Path) -> None:
    """It is then unknown when the action began; it is known that there is one."""
    fields = (*FIELD_LIST, FieldDef("c98", "Corrective action"))
    bound = bound_to(tmp_path, MAPPING.replace("field: Corrective action", "field: c5"), fields=fields)
    history = [(T0.replace(hour=9), "acc-lee", {"name:Corrective action": (None, "Rotate keys")})]
    found = record(bound, ticket({"c5": "Rotate keys"}, history))
    assert set(found.history_gaps) == {"actions"}
    [action] = found.actions
    assert (action.text.data, action.text_first_at, action.started_at) == ("Rotate keys", None, None)


def test_two_mapped_fields_that_had_one_name_are_both_without_history(tmp_path: Path) -> None:
    """An alias that is the name of another mapped field is ambiguous as well."""
    text = MAPPING.replace("correction: Correction", "correction: {field: Correction, aliases: [Root cause]}")
    history = [(T0.replace(hour=9), "acc-lee", {"name:Root cause": (None, "Owner left")})]
    found = record(bound_to(tmp_path, text), ticket({"c1": "Owner left"}, history))
    assert set(found.history_gaps) == {"root_cause", "correction"}


def test_a_second_field_of_the_name_makes_every_ticket_due_for_evaluation(tmp_path: Path) -> None:
    """Less is known of the past, so the hash changes; after the second field is renamed the hash is as before."""
    text = MAPPING.replace("field: Root cause", "field: c1")
    alone, twice = bound_to(tmp_path, text), bound_to(tmp_path, text, fields=TWICE)
    renamed = bound_to(tmp_path, text, fields=(*FIELD_LIST, FieldDef("c98", "Old cause")))
    assert alone.hash != twice.hash
    assert alone.hash == renamed.hash


def test_one_status_name_under_six_ids_is_one_line(tmp_path: Path) -> None:
    """A name covers every status id with that name; an id covers itself alone."""
    statuses = tuple(StatusDef(str(number), "Open", "new") for number in range(30, 36))
    bound = bound_to(tmp_path, statuses=(*site().statuses, *statuses))
    for status in statuses:
        value = type(BY_STATUS["Open"])((status.id,), (status.name,), status.name)
        assert record(bound, ticket({"status": value})).stage.value == "identified"
