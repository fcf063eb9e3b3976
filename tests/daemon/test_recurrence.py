"""A nonconformity that came back: rule 33 reads the matches that the daemon finds in the register."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson

from capa_sync.sandbox.stories.script import ChangeStage, Create, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, NOW, Harness

KIND = {"requirement_ref": "A.5.18", "cause_category": "ownership"}
MATCHED = ("finding", "verdict", "similar_key", "earlier_match", "similar_stale", "different", "due")
"""Tables that a rebuild leaves as they are, besides others."""


def _create_closed(harness: Harness, source: str, story: str, *, days: int = 30, **fields: str) -> str:
    """Create a record that was closed as effective so many days ago; return its key."""
    harness.clock.set(NOW - timedelta(days=90))
    harness.play_event(source, story, Create({**FACTS, **KIND, "detected_at": "", **fields}))
    harness.clock.set(NOW - timedelta(days=days))
    harness.play_event(source, story, ChangeStage("closed", {"effectiveness_result": "effective"}))
    harness.clock.set(NOW)
    return harness.key(source, story)


def _create_again(harness: Harness, source: str, story: str, **fields: str) -> str:
    """Create a record of the same kind that was found ten working days ago; return its key."""
    harness.play_event(source, story, Create({**FACTS, **KIND, **fields}))
    return harness.key(source, story)


def _findings(harness: Harness) -> list[tuple[str, str, str]]:
    return [(row["ticket_key"], row["state"], row["severity"]) for row in harness.rows("v_findings")]


def _a_day_later(harness: Harness) -> None:
    harness.set_clock(harness.clock.now() + timedelta(hours=25))
    harness.sync()


def _matched(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: tables[name] for name in MATCHED}


def test_one_sync_finds_it_whichever_source_is_judged_first_and_nothing_changes_after(
    make_harness: MakeHarness,
) -> None:
    """The earlier record is in the source that is judged last; a second sync and a rebuild change no row."""
    harness = make_harness("jira-dc", "servicenow", rules=("recurrence",))
    earlier = _create_closed(harness, "servicenow", "early")
    again = _create_again(harness, "jira-dc", "again")
    harness.sync()
    assert _findings(harness) == [(again, "open", "high")]
    assert f"as {earlier}, which was closed" in harness.picture("jira-dc", "again")["comments"][0]
    harness.sync()
    before, written = harness.tables(), harness.writes()
    assert harness.run("sync").code == 0
    assert (harness.tables(), harness.writes()) == (before, written)
    assert harness.run("rebuild").code == 0
    assert _matched(harness.tables()) == _matched(before)


def test_a_change_of_the_earlier_record_alone_and_a_mark_are_enough(make_harness: MakeHarness) -> None:
    """Severity and state follow the earlier record, in one sync each; a mark ends it."""
    harness = make_harness("servicenow", rules=("recurrence",))
    earlier = _create_closed(harness, "servicenow", "early")
    again = _create_again(harness, "servicenow", "again")
    harness.sync()
    assert _findings(harness) == [(again, "open", "high")]
    harness.play_event("servicenow", "early", Fill({"effectiveness_result": "partly"}))
    _a_day_later(harness)
    assert _findings(harness) == [(again, "open", "medium")]
    harness.play_event("servicenow", "early", Fill({"requirement_ref": "A.8.13"}))
    _a_day_later(harness)
    assert _findings(harness) == [(again, "cleared", "medium")]
    harness.play_event("servicenow", "early", Fill({"requirement_ref": "AC-03, a.5.18"}))
    _a_day_later(harness)
    assert _findings(harness) == [(again, "open", "medium")]
    for wrong, says in (("nothing", "no source has a ticket"), (again.lower(), "are one record")):
        refused = harness.run("similar", again, "--different", wrong)
        assert (refused.code, says in refused.err) == (2, True), refused.err
    assert harness.run("similar", earlier, "--different", again).code == 0
    _a_day_later(harness)
    assert _findings(harness) == [(again, "cleared", "medium")]
    assert "no other record is like it" in harness.run("similar", again).out


def test_another_period_is_previewed_activated_and_taken_back(make_harness: MakeHarness) -> None:
    """The setting decides which matches count; like any other change it waits, and can be taken back."""
    harness = make_harness("servicenow", rules=("recurrence",), settings='rules_live = "on_activate"')
    _create_closed(harness, "servicenow", "early")
    again = _create_again(harness, "servicenow", "again")
    harness.sync()
    harness.file.write_text('recurs_within = "10d"\n' + harness.file.read_text())
    harness.sync()
    assert _findings(harness) == [(again, "open", "high")]
    shown = orjson.loads(harness.run("preview", "--json").out)
    assert [(row["ticket"], row["what"]) for row in shown["tickets"]] == [(again, "cleared")]
    for verb, state in (("activate", "cleared"), ("rollback", "open")):
        assert harness.run(verb).code == 0
        _a_day_later(harness)
        assert _findings(harness) == [(again, state, "high")]


def test_similar_lists_the_same_kind_first_then_texts_that_share_rare_words(make_harness: MakeHarness) -> None:
    """Each has its reason; a text alone makes no finding, and confidential titles are not shown."""
    harness = make_harness("jira-dc", "servicenow", rules=("recurrence",))
    cause = {
        "root_cause": "No deputy was named, and the reminder went to a leaver's mailbox.",
        "title": "Review missed",
    }
    kind = _create_closed(harness, "servicenow", "kind", title="Mailbox of a leaver", confidential="yes")
    text = _create_closed(harness, "servicenow", "text", cause_category="process", **cause)
    _create_closed(harness, "jira-dc", "else", cause_category="process", title="Backup not tested", description="x")
    own = _create_again(harness, "jira-dc", "own", **cause)
    harness.sync()
    found = orjson.loads(harness.run("similar", own, "--json").out)["similar"]
    assert [(match["ticket"], match["same_kind"], match["title"]) for match in found] == [
        (kind, True, "restricted"),
        (text, False, "Review missed"),
    ]
    assert found[0]["why"] == "the same requirement and kind of cause: a.5.18 / ownership"
    assert "mailbox" in found[1]["why"]
    assert _findings(harness) == [(own, "open", "high")]
    said = harness.run("similar", own).out
    assert f"servicenow:{text} “Review missed” closed" in said
    assert f"capa-sync similar jira-dc:{own} --different servicenow:{kind}" in said
