"""A pack's page and its PDF read on their own: each text of the ticket stands in them whole, wherever it was set."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape
from typing import Any, NamedTuple
from zipfile import ZipFile

import pytest

from capa_sync.sandbox.stories.script import ChangeStage, Create, Day, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, NOW, Harness
from tests.pdf_text import pdf_text

STATEMENT = (
    "The quarterly access review of the finance application was not done for the first quarter of the year, although "
    "AC-03 demands it, and eleven accounts of people who had left the company could still post invoices, which the "
    "internal auditors found on the fourth day of their visit by comparing the list of leavers with the accounts."
)
"""Longer than any fact that a rule quotes."""
AT_CREATION = {
    "title": "Access review missed",
    "description": STATEMENT,
    "objective_evidence": "Export of the account list of 3 June, with eleven <b>leavers</b> of the list of HR.",
    "location": "Finance application",
    "source_ref": "IA-07 finding 2",
}
FILLED = {
    "impact": "Integrity: invoices could be posted by people who had left.",
    "correction": "The eleven accounts were closed on the same day.",
    "consequences": "None: the log shows no entry by any of them.",
    "root_cause": "Nobody owned the calendar of the reviews after the reorganisation.",
    "extent_note": "All nine applications with accounts of their own were looked at.",
    "effectiveness_criterion": "Two reviews in a row are done in their quarter.",
    "closure_note": "Closed after the second review.",
}


class Pack(NamedTuple):
    """What a pack says: its page, its PDF without white space, its JSON."""

    page: str
    printed: str
    plain: dict[str, Any]


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """Two tickets with the same texts in two trackers, one of them deleted; no rule quotes any of the texts."""
    made = shared_harness("jira", "servicenow", rules=("action-overdue",))
    made.clock.set(NOW - timedelta(days=4))
    for source, story in (("jira", "whole"), ("jira", "gone"), ("servicenow", "whole")):
        made.play_event(source, story, Create({**FACTS, **AT_CREATION, "detected_at": Day(0)}))
        made.play_event(source, story, Fill({**FILLED}))
    made.play_event("jira", "whole", ChangeStage("contained"))
    made.set_clock(NOW)
    made.sync()
    made.cloud.as_user("anna").delete(made.key("jira", "gone"))
    made.set_clock(NOW + timedelta(hours=25))
    made.sync()
    return made


def _pack(harness: Harness, source: str, story: str) -> Pack:
    file = harness.folder / f"{source}-{story}.zip"
    done = harness.run("register", "pack", harness.key(source, story), "--output", str(file))
    assert done.code == 0, done.err
    with ZipFile(file) as archive:
        page = unescape(archive.read("index.html").decode())
        return Pack(page, pdf_text(archive.read("evidence.pdf")), json.loads(archive.read("evidence.json")))


@pytest.mark.parametrize(("source", "story"), [("jira", "whole"), ("jira", "gone"), ("servicenow", "whole")])
def test_every_mapped_text_is_whole_on_the_page_on_paper_and_in_the_json(
    harness: Harness, source: str, story: str
) -> None:
    """Those that nobody changed since the creation and that no rule quotes, too; of a vanished ticket as well."""
    pack = _pack(harness, source, story)
    said = {row["field"]: row for row in pack.plain["fields"]}
    mapped = {name: text for name, text in (AT_CREATION | FILLED).items() if name in said}
    assert {"description", "objective_evidence", "root_cause", "correction"} <= {*mapped}
    for name, text in mapped.items():
        assert said[name]["text"] == text
        assert f"<td>{text}</td>" in pack.page.replace('<td class="">', "<td>"), name
        assert "".join(text.split()) in pack.printed, name
    assert (said["description"]["how"], said["description"]["set_by"]) == ("created", "Anna Lee")
    assert (said["correction"]["how"], said["correction"]["set_by"]) == ("change", "Anna Lee")
    assert "at the creation, 11 Jun 2026, 10:00:00, Anna Lee" in pack.page


@pytest.mark.parametrize(("source", "story"), [("jira", "whole"), ("jira", "gone"), ("servicenow", "whole")])
def test_the_timeline_begins_with_the_values_at_the_creation(harness: Harness, source: str, story: str) -> None:
    """Each whole, with who made the ticket."""
    pack = _pack(harness, source, story)
    born = [event for event in pack.plain["timeline"] if event["kind"] == "created"]
    assert born == pack.plain["timeline"][: len(born)]
    assert {event["who"] for event in born} == {"Anna Lee"}
    said = [event["what"] for event in born]
    for text in (STATEMENT, AT_CREATION["objective_evidence"], AT_CREATION["title"]):
        assert [what for what in said if what.endswith(f": “{text}”")], said
        assert f"“{text}”" in pack.page


def test_no_field_of_the_record_is_mapped_but_not_shown(harness: Harness) -> None:
    """What `mapping check` shows as filled is in the pack."""
    key = harness.key("jira", "whole")
    done = harness.run("mapping", "check", "jira", key, "--json")
    assert done.code == 0, done.err
    [ticket] = json.loads(done.out)["tickets"]
    filled = {row["name"] for row in ticket["fields"] if row["state"] in ("filled", "placeholder", "error")}
    assert {row["field"] for row in _pack(harness, "jira", "whole").plain["fields"]} == filled
