"""The update set for ServiceNow adds what the mapping names, in the types and with the options that it needs."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from capa_sync.mapping import bind, load_mapping, unmapped_names
from capa_sync.model.site import FieldDef
from capa_sync.sandbox.servicenow.clause10 import CHOICES
from capa_sync.sandbox.servicenow.tables import shipped_schema
from capa_sync.starter import starter_path
from tests.docs.test_mappings import choices, servicenow_site
from tests.docs.update_set import FILE, MAPPING, columns_of, update_set

SHIPPED = starter_path("mappings") / MAPPING


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314 - our own file


def _payloads(kind: str) -> list[ET.Element]:
    """Return what the updates of one kind carry, parsed."""
    updates = _parsed(FILE.read_text(encoding="utf-8")).findall("sys_update_xml")
    found = [update.findtext("payload", "") for update in updates if update.findtext("type") == kind]
    return [_parsed(payload) for payload in found]


def _in_file() -> dict[tuple[str, str], ET.Element]:
    """Return (table, column) -> dictionary entry of the file."""
    entries = [payload[0] for payload in _payloads("Dictionary")]
    return {(entry.findtext("name", ""), entry.findtext("element", "")): entry for entry in entries}


def _options_in_file() -> dict[tuple[str, str], list[str]]:
    lists = [payload[0] for payload in _payloads("Choice list")]
    return {
        (str(listed.get("table")), str(listed.get("field"))): [
            choice.findtext("value", "") for choice in listed.findall("sys_choice")
        ]
        for listed in lists
    }


def test_the_file_is_made_from_the_mapping_of_today() -> None:
    """`python -m tests.docs.update_set` renews it; nothing in it depends on the day or the machine."""
    assert FILE.read_text(encoding="utf-8") == update_set(columns_of(SHIPPED))


def test_it_is_an_update_set_that_the_platform_can_load() -> None:
    """One remote update set in the state `loaded`; every update belongs to it and names what it updates."""
    root = _parsed(FILE.read_text(encoding="utf-8"))
    about, *updates = root
    assert (root.tag, about.tag, about.findtext("state")) == ("unload", "sys_remote_update_set", "loaded")
    assert {update.tag for update in updates} == {"sys_update_xml"}
    assert {update.findtext("remote_update_set") for update in updates} == {about.findtext("sys_id")}
    ids = [element.text for element in root.iter("sys_id")]
    assert len(set(ids)) == len(ids)
    for payload in _payloads("Dictionary"):
        entry = payload[0]
        place = (entry.get("table"), entry.get("element"))
        assert place == (entry.findtext("name"), entry.findtext("element"))
        assert entry.findtext("sys_update_name") == f"sys_dictionary_{place[0]}_{place[1]}"
        assert entry.findtext("audit") == "true", "without audit a column has no history"


def test_it_agrees_with_the_dictionary_of_the_sandbox() -> None:
    """Each column of the sandbox's own dictionary is in it with its type, table and options, and no other one."""
    found, options = _in_file(), _options_in_file()
    schema = shipped_schema()
    wanted = {
        (table, column.name): column
        for table in ("sn_grc_issue", "sn_grc_task")
        for column in schema.columns(table).values()
        if column.name.startswith("u_")
        and column.name != "u_implemented_at"  # a column of the custom table's mapping
    }
    assert set(found) == set(wanted)
    for place, column in wanted.items():
        entry = found[place]
        said = (entry.findtext("internal_type"), entry.findtext("reference"), entry.findtext("choice") == "1")
        assert said == (column.type, column.reference, place in options), place
        assert int(entry.findtext("max_length", "")) >= column.max_length or column.type == "boolean", place
        values = [choice.strip().partition(":")[0] for choice in CHOICES.get(place, "").split(",")]
        assert sorted(options.get(place, [""])) == sorted(values), place


def test_the_mapping_binds_to_what_it_adds() -> None:
    """On a table with the base form's columns and these, the mapping lacks nothing that the sandbox's table has."""
    options = _options_in_file()
    fields = [
        FieldDef(column.name, column.label, column.type, options=choices("sn_grc_issue", column.name))
        for column in shipped_schema().columns("sn_grc_issue").values()
        if not column.name.startswith("u_")
    ]
    for place, entry in _in_file().items():
        if place[0] == "sn_grc_issue":
            label, kind = entry.findtext("column_label", ""), entry.findtext("internal_type", "")
            own = tuple((value, value) for value in options.get(place, ()))
            fields.append(FieldDef(place[1], label, kind, options=own))
    site = servicenow_site("sn_grc_issue", "state")
    mapping = load_mapping(SHIPPED)
    bound, wanted = bind(mapping, replace(site, fields=tuple(fields))), bind(mapping, site)
    assert bound.problems == ()
    assert unmapped_names(bound) == unmapped_names(wanted)
