"""The shipped mappings load, fit the trackers of the sandbox, and their comments are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capa_sync.mapping import bind, coverage, load_mapping, load_people, unmapped_names
from capa_sync.mapping.schema import MappingFile
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.site import Account, FieldDef, SiteFacts, StatusDef
from capa_sync.model.values import Raw, ValueState
from capa_sync.sandbox.servicenow.clause10 import CHOICES
from capa_sync.sandbox.servicenow.tables import shipped_schema
from tests.unit.mapping.life import SHIPPED, jira_site, shipped

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml") if path.stem != "people")
TABLES = {
    "servicenow-grc-issue": ("sn_grc_issue", "state"),
    "servicenow-problem": ("problem", "state"),
    "servicenow-custom": ("u_capa", "u_state"),
}


def choices(table: str, column: str) -> tuple[tuple[str, str], ...]:
    """Return (value, label) of a column's choices in the sandbox."""
    found = CHOICES.get((table, column), "")
    pairs = (choice.strip().partition(":") for choice in found.split(",") if choice.strip())
    return tuple((value, label) for value, _, label in pairs)


def servicenow_site(table: str, state: str) -> SiteFacts:
    """Return the site facts of a table of the sandbox ServiceNow."""
    columns = shipped_schema().columns(table).values()
    fields = tuple(
        FieldDef(column.name, column.label, column.type, options=choices(table, column.name)) for column in columns
    )
    statuses = tuple(StatusDef(value, label) for value, label in choices(table, state))
    return SiteFacts(fields, statuses, Account("us", "capa-sync"), absent_is_empty=False)


def site_of(mapping: MappingFile) -> SiteFacts:
    """Return a site on which the mapping should fit."""
    return servicenow_site(*TABLES[mapping.name]) if mapping.kind == "servicenow" else jira_site(mapping)


def test_the_five_mappings_of_the_contract_are_shipped() -> None:
    """Jira Cloud, Jira Data Center, GRC issues, problems, a custom table."""
    assert NAMES == ["jira-cloud", "jira-dc", "servicenow-custom", "servicenow-grc-issue", "servicenow-problem"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_mapping_fits_its_tracker(name: str) -> None:
    """It loads, has its file's name, and every field that it names exists."""
    mapping = shipped(name)
    bound = bind(mapping, site_of(mapping))
    assert mapping.name == name
    assert [str(problem) for problem in bound.problems] == []
    assert bound.stage is not None
    assert len(bound.actions) == len(mapping.actions)


@pytest.mark.parametrize("name", ["jira-cloud", "jira-dc"])
def test_the_jira_mappings_cover_nearly_every_canonical_field(name: str) -> None:
    """The fields that they leave out have no usual place in a tracker."""
    mapping = shipped(name)
    left_out = {"related", "different_from", "adverse_effect_check"}
    assert unmapped_names(bind(mapping, site_of(mapping))) == left_out


@pytest.mark.parametrize("name", TABLES)
def test_every_state_of_the_table_has_a_stage_and_no_line_is_unknown(name: str) -> None:
    """No ticket of the sandbox's tables is quarantined for its state."""
    mapping = shipped(name)
    bound = bind(mapping, site_of(mapping))
    assert bound.stage is not None
    table, state = TABLES[name]
    for value, label in choices(table, state):
        raw = Raw((value,), (label,), label)
        signal = bound.stage.signal(bound.stage.field_id, raw)
        assert signal.holds or signal.rules, (value, label)
    assert [note.what for note in bound.notes if "no status" in note.what] == []


@pytest.mark.parametrize("name", TABLES)
def test_every_choice_of_a_mapped_column_is_converted(name: str) -> None:
    """No option of the sandbox's tables makes a field an error."""
    mapping = shipped(name)
    bound = bind(mapping, site_of(mapping))
    people = bound.directory("servicenow", mapping.people, "us")
    table, _ = TABLES[name]
    for field in bound.fields:
        for part in field.parts:
            for value, label in choices(table, part.field_id) if part.convert else ():
                found = part.convert(Raw((value,), (label,), label), people)  # type: ignore[misc]
                assert found.state is not ValueState.ERROR, (field.name, value, found.reason)


@pytest.mark.parametrize("name", TABLES)
def test_child_columns_are_those_of_the_child_table(name: str) -> None:
    """Text, owner, date, evidence, kind and status of an action are columns of its table."""
    schema = shipped_schema()
    for entry in shipped(name).actions:
        if not entry.table:
            continue
        parts = (entry.text, entry.owner, entry.due_at, entry.done_at, entry.evidence, entry.kind)
        named = [getattr(part, "ref", None) for part in parts] + [entry.status]
        columns = [entry.reference, *(ref.name for ref in named if ref is not None)]
        assert set(columns) <= set(schema.columns(entry.table)), entry.table
        known = {value for value, _ in choices(entry.table, entry.status.name if entry.status else "")}
        listed = {
            *entry.started,
            *entry.done,
            *(option for condition in entry.cancelled if condition.ref is None for option in condition.options),
        }
        assert listed <= known | {"4", "7", "2", "3"}


FORM = re.compile(r"^#   (\w+: (?:\{.*?\}\}?\]?\}?|\w+( \w+)?))(?=\s{2,}|\s*$)")


@pytest.mark.parametrize("name", NAMES)
def test_the_forms_in_the_head_comment_load(name: str, tmp_path: Path) -> None:
    """The loader accepts the forms that the comment shows."""
    head = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8").partition("\nmapping:")[0]
    forms = [
        found[1] for line in head.splitlines() if (found := FORM.match(line)) and found[1].split(":")[0] in FIELDS
    ]
    assert len(forms) >= 6, forms
    for form in forms:
        path = tmp_path / "m.yaml"
        path.write_text(f"mapping: m\nkind: jira\nrecord:\n  {form}\nstage: {{values: {{Open: identified}}}}\n")
        assert len(load_mapping(path).record) == 1


@pytest.mark.parametrize("name", [*NAMES, "people"])
def test_lines_fit_a_screen(name: str) -> None:
    """Admins read these files in an editor beside their tracker."""
    lines = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 118


def test_the_example_of_people_loads() -> None:
    """It has persons, their accounts in three sources, a person who left, and the waiver group."""
    people = load_people(SHIPPED / "people.yaml")
    assert people.accounts[("jira-dc", "JIRAUSER10100")] == "anna.lee"
    assert "ben.okafor" in people.gone
    assert people.groups[people.waiver_group] == ("mara.roy", "priya.nair")


def test_coverage_of_the_problem_mapping_lists_what_rules_will_miss() -> None:
    """A problem has no effectiveness fields, and the coverage says so."""
    mapping = shipped("servicenow-problem")
    covered = {row.name: row for row in coverage(bind(mapping, site_of(mapping)))}
    assert not covered["effectiveness_result"].is_mapped
    assert "names no field for it" in covered["effectiveness_result"].reason
    assert covered["action_needed"].places == ("Resolution code (resolution_code)", "constant")
