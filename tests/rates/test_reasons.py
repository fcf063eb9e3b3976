"""A limit holds for what it names and survives a restart; afterwards every ticket has its one comment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from capa_sync.cli.app import cli
from tests.rates.source_harness import HOUR, SourceHarness, open_source_harness

NEW_COMMENT = "POST .*/comment$"
EDIT = "PUT .*/comment/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def jira(tmp_path: Path) -> Iterator[SourceHarness]:
    """A Jira Cloud that was read once."""
    with open_source_harness("jira", tmp_path) as source_harness:
        yield source_harness


@pytest.fixture
def servicenow(tmp_path: Path) -> Iterator[SourceHarness]:
    """A ServiceNow that was read once."""
    with open_source_harness("servicenow", tmp_path) as source_harness:
        yield source_harness


def test_a_limit_on_new_comments_lets_everything_else_go_on(jira: SourceHarness) -> None:
    """One request is refused, none follows after a restart; edits, labels and reads go on; comments come once."""
    jira.create_broken("first")
    jira.cycle()
    jira.create_broken("one")
    jira.create_broken("two")
    jira.enter_cause("first")
    jira.reset_requests()
    jira.fault(("POST", "/comment$"), reason="jira-burst-based", retry_after=3600)
    assert not jira.cycle().problem
    assert jira.sent(NEW_COMMENT) == 1
    assert jira.sent(EDIT) == 1
    assert (jira.states("one"), jira.states("two"), jira.states("first")) == ({"pending"}, {"pending"}, {"delivered"})
    assert jira.health["not_before"] is None
    assert list(jira.health["endpoints_not_before"]) == ["POST issue/*/comment"]  # type: ignore[call-overload]
    jira.restart()
    jira.later(50 * MINUTE)
    jira.create_broken("three")  # two hours pass for it
    jira.later(-2 * HOUR)
    assert not jira.cycle().problem
    assert jira.sent(NEW_COMMENT) == 1
    assert jira.states("three") == {"pending"}
    jira.clear_faults()
    jira.later(HOUR)
    assert jira.cycle().counts["delivered"] == 9
    assert jira.sent(NEW_COMMENT) == 4
    assert jira.health["endpoints_not_before"] == {}


def test_a_limit_on_the_search_is_kept_and_nothing_else_waits(jira: SourceHarness) -> None:
    """No process sends the search during the hour; a new process may sign in meanwhile."""
    jira.create_broken("one")
    jira.fault(("POST", "/search/jql"), reason="jira-burst-based", retry_after=3600)
    jira.reset_requests()
    assert "3600 s" in jira.cycle().problem
    assert jira.sent("search/jql") == 1
    assert jira.health["not_before"] is None
    jira.clear_faults()
    jira.restart()
    assert "asked us not to send" in jira.cycle().problem
    assert jira.sent("search/jql") == 1
    assert jira.sent("GET .*/myself") >= 1
    jira.later(HOUR)
    assert not jira.cycle().problem
    assert jira.states("one") == {"delivered"}


def test_a_limit_on_a_ticket_holds_for_its_writes_alone(jira: SourceHarness) -> None:
    """The other ticket gets its comment; the limited one waits, and its newer text waits as long."""
    limited = jira.create_broken("limited")
    jira.create_broken("free")
    number = jira.harness.player.tracker.state.find(limited).id  # type: ignore[union-attr]
    jira.fault(("POST", f"/issue/{number}/comment"), reason="jira-per-issue-on-write", retry_after=7200)
    jira.reset_requests()
    assert not jira.cycle().problem
    assert (jira.states("limited"), jira.states("free")) == ({"pending"}, {"delivered"})
    assert (jira.health["not_before"], jira.health["endpoints_not_before"]) == (None, {})
    jira.enter_cause("limited")
    jira.later(HOUR)
    jira.restart()
    assert not jira.cycle().problem
    assert jira.sent(f"(POST|PUT) .*/{number}") == 1
    jira.clear_faults()
    jira.later(HOUR)
    jira.cycle()
    assert jira.states("limited") == {"delivered"}
    assert jira.sent(f"POST .*/{number}/comment") == 2


@pytest.mark.parametrize("reason", ["jira-quota-global-based", "jira-quota-tenant-based", "jira-new-thing", None])
@pytest.mark.parametrize("at", [("POST", "/search/jql"), ("POST", "/comment$")])
def test_any_other_limit_holds_for_everything_of_the_source(
    jira: SourceHarness, reason: str | None, at: tuple[str, str]
) -> None:
    """Neither this process nor the next sends anything before the instant, whatever was limited."""
    jira.create_broken("one")
    jira.create_broken("two")
    jira.fault(at, reason=reason, retry_after=3600)
    assert "3600 s" in jira.cycle().problem
    until = jira.health["not_before"]
    assert until is not None
    jira.clear_faults()
    jira.reset_requests()
    assert "asked us to wait" in jira.cycle().problem
    jira.restart()
    jira.later(58 * MINUTE)
    assert "asked us to wait" in jira.cycle().problem
    assert jira.sent() == 0
    jira.later(2 * MINUTE)
    assert not jira.cycle().problem
    assert (jira.states("one"), jira.states("two"), jira.health["not_before"]) == ({"delivered"}, {"delivered"}, None)
    assert jira.sent(NEW_COMMENT) == 2


def test_status_shows_until_when_a_rate_limit_holds(jira: SourceHarness, tmp_path: Path) -> None:
    """The output has the limit of the source and of an endpoint, and none once it is over."""
    now = f"{jira.harness.clock.now().isoformat()}"
    runs = jira.harness.runtime.register.runs
    runs.set_not_before("jira", jira.harness.clock.now() + HOUR, "429")
    runs.hold_endpoint("jira", "POST search/jql", jira.harness.clock.now() + HOUR, jira.harness.clock.now())
    arguments = ["status", "--config", str(tmp_path / "capa-sync.toml"), "--test-clock"]
    shown = CliRunner().invoke(cli, [*arguments, now]).output
    assert "waiting until 2025-05-05 09:00" in shown
    assert "waiting with POST search/jql until 2025-05-05 09:00" in shown
    later = (jira.harness.clock.now() + 2 * HOUR).isoformat()
    assert "waiting" not in CliRunner().invoke(cli, [*arguments, later]).output


def test_an_unavailable_tracker_gets_no_request_and_no_write_is_doubled(jira: SourceHarness) -> None:
    """After a 503 with Retry-After on an applied comment nothing is sent; then the comment is found, not repeated."""
    jira.create_broken("one")
    jira.harness.server.faults.add(
        "status_after", ("POST", "/comment$"), status=503, headers={"Retry-After": "1800"}, times=1
    )
    assert "503" in jira.cycle().problem
    assert jira.states("one") == {"unknown", "pending"}
    jira.reset_requests()
    jira.later(25 * MINUTE)
    assert "asked us to wait" in jira.cycle().problem
    assert jira.sent() == 0
    jira.later(5 * MINUTE)
    assert not jira.cycle().problem
    assert jira.states("one") == {"delivered"}
    assert jira.sent(NEW_COMMENT) == 0


def test_servicenows_hourly_limit_refuses_one_request_an_hour(servicenow: SourceHarness) -> None:
    """One request an hour is refused, over restarts; without the limit everything arrives, each note once."""
    servicenow.create_broken("one")
    settings = servicenow.harness.server.tracker.settings  # type: ignore[attr-defined]
    settings.rate_limit_per_hour = 1
    servicenow.reset_requests()
    assert "asks us to wait" in servicenow.cycle().problem
    first = servicenow.sent()
    until = servicenow.health["not_before"]
    assert until is not None
    for _ in range(4):
        servicenow.restart()
        assert "asked us to wait" in servicenow.cycle().problem
    assert servicenow.sent() == first
    assert servicenow.health["not_before"] == until
    servicenow.harness.clock.set(until)  # type: ignore[arg-type]
    assert "asks us to wait" in servicenow.cycle().problem
    assert servicenow.sent() == first + 2  # one was allowed in the new hour, the next was refused
    settings.rate_limit_per_hour = None
    servicenow.later(HOUR)
    assert not servicenow.cycle().problem
    assert servicenow.states("one") == {"delivered"}
    assert servicenow.harness.runtime.register.runs.problem("servicenow") == ""


def test_a_limit_in_the_middle_of_writing_keeps_what_arrived(servicenow: SourceHarness) -> None:
    """The fields were set and the note was refused: after the hour only the note is sent."""
    servicenow.create_broken("one")
    servicenow.harness.server.faults.add("rate_limit", ("PATCH", ""), after=1, times=1, retry_after=3600)
    servicenow.reset_requests()
    assert "3600 s" in servicenow.cycle().problem
    assert servicenow.sent("PATCH") == 2
    assert servicenow.states("one") == {"delivered", "pending"}
    servicenow.later(HOUR)
    assert not servicenow.cycle().problem
    assert servicenow.sent("PATCH") == 3
    assert servicenow.states("one") == {"delivered"}
