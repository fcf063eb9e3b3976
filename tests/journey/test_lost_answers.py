"""A write whose answer was lost and that the tracker does not have is sent again only while it is still wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capa_sync.model.write import WriteKind, WriteState
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.request_log import Exchange
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Fill
from capa_sync.writeback import REPLACED
from tests.journey.harness import Harness, open_harness

REQUESTS = {
    ("jira", "comment"): ("POST|PUT", r"/issue/\d+/comment(/\d+)?(\?.*)?$", ""),
    ("jira", "labels"): ("PUT", r"/issue/\d+(\?.*)?$", "labels"),
    ("jira", "property"): ("PUT", "/properties/capa-sync", ""),
    ("jira-dc", "comment"): ("POST|PUT", r"/issue/\d+/comment(/\d+)?(\?.*)?$", ""),
    ("jira-dc", "labels"): ("PUT", r"/issue/\d+(\?.*)?$", "labels"),
    ("jira-dc", "property"): ("PUT", "/properties/capa-sync", ""),
    ("servicenow", "fields"): ("PATCH|PUT", "sn_grc_issue", "u_capa_sync_text"),
    ("servicenow", "work_note"): ("PATCH|PUT", "sn_grc_issue", "work_notes"),
}
"""(source, kind) -> method, address and body of the request that makes the write of this kind."""


def lose(harness: Harness, kind: str, fault: str = "drop_before") -> None:
    """Break the connection in the next request of a kind; by default before it is applied."""
    method, path, body = REQUESTS[harness.source, kind]
    harness.server.faults.add(fault, (method, path), body=body, times=1)


def break_rule(harness: Harness) -> None:
    """Create a ticket with an action before its cause is known."""
    harness.play("2025-05-05 09:00", Create({"title": "Access review missed", "owner": "anna.lee", "grade": "minor"}))
    harness.play("2025-05-07 10:00", AddAction("Run the missing review", None))


def mend(harness: Harness) -> None:
    """Write the cause and name the action anew: no finding stays open."""
    cause = "Nobody is told when a reviewer leaves the company, because HR has no list of reviewers."
    harness.play("2025-05-07 11:00", Fill({"root_cause": cause}))
    harness.play("2025-05-07 11:30", Fill({"action_text": "Name a deputy reviewer and train the team on it"}))


def bodies(harness: Harness) -> list[bytes]:
    """The bodies of all writing requests so far."""
    return [request.body for request in harness.server.requests if is_ours(request)]


def is_ours(request: Exchange) -> bool:
    """Whether a request writes something of ours."""
    is_comment = request.method == "POST" and request.path.endswith("/comment")
    return is_comment or request.method in ("PUT", "PATCH", "DELETE")


def states(harness: Harness, kind: WriteKind) -> list[tuple[str, str]]:
    """State and reason of each write of a kind, in order."""
    writes = harness.runtime.register.outbox.writes(harness.source, harness.ticket())
    return [(write.state.value, write.error) for write in writes if write.kind is kind]


def lost_body(harness: Harness, before: int) -> bytes:
    """Return the body of the newest write, which the tracker never applied; the cycle wrote nothing after it."""
    assert len(bodies(harness)) > before
    return bodies(harness)[-1]


def ends_quietly(harness: Harness) -> None:
    """No write is open in the outbox, and further cycles write nothing."""
    sent = len(bodies(harness))
    for _ in range(3):
        harness.cycle()
    assert len(bodies(harness)) == sent
    assert harness.runtime.register.outbox.open(harness.source) == []


@pytest.mark.parametrize(("source", "kind"), list(REQUESTS))
def test_a_lost_warning_is_not_sent_after_the_point_is_mended(source: str, kind: str, tmp_path: Path) -> None:
    """For each kind, what was lost is withheld with its reason, and what did arrive is withdrawn."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        break_rule(harness)
        lose(harness, kind)
        harness.cycle()
        lost = lost_body(harness, 0)
        assert [state for state, _ in states(harness, WriteKind(kind))] == ["unknown"]
        before = len(bodies(harness))
        mend(harness)
        harness.cycle("2025-05-07 12:00")
        assert lost not in bodies(harness)[before:]
        assert states(harness, WriteKind(kind))[0] == (WriteState.WITHHELD, REPLACED)
        if kind in ("comment", "fields"):
            assert len(bodies(harness)) == before, "nobody was warned, so no all-clear is written"
        ends_quietly(harness)
        assert shown(harness) in ("", "clear")


@pytest.mark.parametrize(("source", "kind"), list(REQUESTS))
def test_a_lost_all_clear_is_not_sent_after_the_rule_broke_again(source: str, kind: str, tmp_path: Path) -> None:
    """The same holds for edits: the ticket keeps its warning, and never says meanwhile that all is clear."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        break_rule(harness)
        harness.cycle()
        harness.cycle()
        mend(harness)
        before = len(bodies(harness))
        lose(harness, kind)
        harness.cycle("2025-05-07 12:00")
        lost = lost_body(harness, before)
        before = len(bodies(harness))
        harness.play("2025-05-08 15:00", Fill({"root_cause": ""}))
        harness.cycle("2025-05-08 15:10")
        assert lost not in bodies(harness)[before:]
        assert (WriteState.WITHHELD, REPLACED) in states(harness, WriteKind(kind))
        harness.cycle("2025-05-10 09:00")
        ends_quietly(harness)
        assert lost not in bodies(harness)[before:]
        assert shown(harness) == "warning"


@pytest.mark.parametrize(("source", "kind"), list(REQUESTS))
def test_a_lost_warning_that_arrived_is_followed_by_its_all_clear(source: str, kind: str, tmp_path: Path) -> None:
    """The look-up finds it; it is not sent a second time, and its text is withdrawn."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        break_rule(harness)
        lose(harness, kind, "drop_after")
        harness.cycle()
        lost = lost_body(harness, 0)
        before = len(bodies(harness))
        mend(harness)
        harness.cycle("2025-05-07 12:00")
        assert lost not in bodies(harness)[before:]
        assert states(harness, WriteKind(kind))[0] == (WriteState.DELIVERED, "")
        harness.cycle()
        ends_quietly(harness)
        assert shown(harness) == "clear" or kind in ("labels", "property")
        assert labels(harness) == set()


@pytest.mark.parametrize(("source", "kind"), list(REQUESTS))
def test_a_lost_warning_that_still_holds_is_sent_once_more(source: str, kind: str, tmp_path: Path) -> None:
    """Nothing changed meanwhile: the same write is sent, and the ticket ends as without the fault."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        break_rule(harness)
        lose(harness, kind)
        harness.cycle()
        lost = lost_body(harness, 0)
        before = len(bodies(harness))
        harness.cycle()
        assert bodies(harness)[before:].count(lost) == 1
        assert states(harness, WriteKind(kind)) == [(WriteState.DELIVERED, "")]
        ends_quietly(harness)
        assert shown(harness) == "warning"


@pytest.mark.parametrize(("source", "kind"), [("jira", "comment"), ("jira-dc", "comment"), ("servicenow", "fields")])
def test_a_lost_warning_that_a_person_edited_is_not_forgotten(source: str, kind: str, tmp_path: Path) -> None:
    """It arrived, and a person changed its text before the look-up: once the ticket is mended, it is called clear."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        break_rule(harness)
        lose(harness, kind, "drop_after")
        harness.cycle()
        reword(harness)
        mend(harness)
        harness.cycle("2025-05-07 12:00")
        ends_quietly(harness)
        assert shown(harness) == "clear"
        assert "reworded by a person" not in text(harness)
        assert "clear" in text(harness)


@pytest.mark.parametrize("source", ["jira", "jira-dc"])
def test_a_warning_that_waits_is_not_sent_while_its_ticket_cannot_be_mapped(source: str, tmp_path: Path) -> None:
    """It was planned from the ticket's former state; the ticket now has a status that the mapping does not list."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        break_rule(harness)
        lose(harness, "comment")
        harness.cycle()
        before = len(bodies(harness))
        harness.play("2025-05-07 11:00", ChangeStage("under discussion"))
        harness.cycle("2025-05-07 12:00")
        assert harness.runtime.register.tickets.quarantined(source)
        assert len(bodies(harness)) == before
        assert states(harness, WriteKind.COMMENT) == [(WriteState.WITHHELD, REPLACED)]
        assert harness.findings()["root-cause-before-action"].state == "open"
        ends_quietly(harness)


# --- what the tracker shows ----------------------------------------------------------------------------------------
def shown(harness: Harness) -> str:
    """The state of ours that the ticket shows, "" without any."""
    tracker = harness.player.tracker
    if isinstance(tracker, ServiceNowTracker):
        return str((tracker.find("sn_grc_issue", harness.ticket()) or {}).get("u_capa_sync_state", ""))
    return str((_issue(harness).properties.get("capa-sync") or {}).get("state", ""))


def text(harness: Harness) -> str:
    """Our text on the ticket."""
    tracker = harness.player.tracker
    if isinstance(tracker, ServiceNowTracker):
        return str((tracker.find("sn_grc_issue", harness.ticket()) or {}).get("u_capa_sync_text", ""))
    [comment] = [comment for comment in _issue(harness).comments if "capa-sync" in comment.properties]
    return str(comment.body)


def reword(harness: Harness) -> None:
    """Change our text as a person."""
    tracker = harness.player.tracker
    if isinstance(tracker, ServiceNowTracker):
        row = tracker.find("sn_grc_issue", harness.ticket())
        assert row is not None
        row["u_capa_sync_text"] = "reworded by a person"
        return
    [comment] = [comment for comment in _issue(harness).comments if "capa-sync" in comment.properties]
    plain = "reworded by a person"
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": plain}]}
    is_cloud = harness.source == "jira"
    comment.body = {"type": "doc", "version": 1, "content": [paragraph]} if is_cloud else plain


def labels(harness: Harness) -> set[str]:
    """The labels of ours on the ticket."""
    if isinstance(harness.player.tracker, ServiceNowTracker):
        return set()
    return {label for label in _issue(harness).fields.get("labels") or () if label.startswith("capa-")}


def _issue(harness: Harness) -> Any:
    tracker = harness.player.tracker
    assert isinstance(tracker, JiraTracker)
    return tracker.state.issues[int(harness.ticket())]
