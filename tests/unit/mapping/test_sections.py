"""Whole records kept in one text box: `heading:` reads the text under a heading, now and in the history."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.mapping import bind, map_ticket
from capa_sync.mapping.sections import Sections
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import Origin
from capa_sync.model.values import BLANK, Raw, ValueState
from tests.unit.mapping.world import AS_OF, MAPPING, T0, load, site, ticket

FORMS = [
    "Root cause\nNo deputy is named.\nNobody reads the mailbox.\nCorrective action\nName a deputy.",
    "## 2. Root cause\nNo deputy is named.\nNobody reads the mailbox.\n## Something else\nName a deputy.",
    "*Root Cause:* No deputy is named.\nNobody reads the mailbox.\nEvidence of the audit:\nseen",
    "Facts: it was missed.\nroot cause: No deputy is named.\nNobody reads the mailbox.\n\nCorrective action: x",
]
ACTION = "Corrective action"


@pytest.mark.parametrize("text", FORMS)
def test_a_section_ends_at_the_next_heading(text: str) -> None:
    """A line alone, with `#` and a number, in bold with a colon, or with its text behind the colon."""
    found = Sections(["Root cause"], [ACTION]).of(Raw((text,), (), text))
    assert found.text == "No deputy is named.\nNobody reads the mailbox."


@pytest.mark.parametrize("text", ["", "No heading at all, the root cause is unknown.", "Root cause\n\n## Next\nx"])
def test_without_a_text_under_the_heading_the_field_is_empty(text: str) -> None:
    """The words in the middle of a sentence are no heading."""
    assert Sections(["Root cause"]).of(Raw((text,), (), text)) is BLANK


def test_a_mapping_reads_two_fields_and_an_action_from_one_text_box(tmp_path: Path) -> None:
    """Each has its own section, its label names it, and a template under it counts as nothing."""
    text = MAPPING.replace(
        '  root_cause: {field: Root cause, template: "Why 1: … Why 2: …"}',
        '  root_cause: {field: Root cause, heading: [Cause, Ursache], template: "Why 1: …"}\n'
        "  consequences: {field: Root cause, heading: Consequences}",
    )
    assert text != MAPPING
    bound = bind(load(tmp_path, text), site())
    before = "Ursache: Why 1: nobody is named\nConsequences:\nTwo customers were told"
    after = before.replace("Two", "Three")
    edit = (T0 + timedelta(days=1), "acc-lee", {"c1": (before, after)})
    found = map_ticket(bound, ticket({"c1": after}, [edit]), {}, people=bound.mapping.people, as_of=AS_OF)
    assert isinstance(found, CapaRecord)
    assert found.fields["root_cause"].data == "nobody is named"
    assert found.fields["consequences"].data == "Three customers were told"
    changed = {row.field for row in found.timeline if row.origin is Origin.HISTORY}
    assert changed == {"consequences"}, "an edit of one section is no change of the other"
    assert found.labels["root_cause"] == "Root cause, under “Cause”"
    bare = map_ticket(bound, ticket({"c1": "Cause:\nWhy 1:"}), {}, people=bound.mapping.people, as_of=AS_OF)
    assert isinstance(bare, CapaRecord)
    assert bare.fields["root_cause"].state is ValueState.EMPTY
