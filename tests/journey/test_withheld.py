"""Plans that a brake withholds are made once: not at every poll, but again after a change and after a release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import pipeline, writing
from capa_sync.daemon.requests import release
from capa_sync.sandbox.stories.script import AddAction, Create, Fill
from tests.journey.harness import SOURCES, Harness, open_harness


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of tickets that get planned, in order; planning itself is the real one."""
    asked: list[str] = []
    plan = pipeline.plan_ticket

    def noted(target: Any, *args: Any, **options: Any) -> Any:
        asked.append(target.ticket_id)
        return plan(target, *args, **options)

    monkeypatch.setattr(pipeline, "plan_ticket", noted)
    return asked


def withheld(harness: Harness) -> list[tuple[str, str, str]]:
    """Return (kind, hash, why) of what is withheld."""
    return sorted(
        (write.kind, write.hash, write.error) for write in harness.runtime.register.outbox.withheld(harness.source)
    )


@pytest.mark.parametrize("source", SOURCES)
def test_a_held_plan_is_made_once_and_anew_on_news_and_release(
    source: str, tmp_path: Path, planned: list[str]
) -> None:
    """Polls without changes plan nothing and report the same stop; an edit plans its ticket; a release writes all."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        harness.runtime.register.outbox.close_release(source, harness.clock.now())
        harness.runtime.register.outbox.safety_stop(source, "held by hand", harness.clock.now())
        harness.play(
            "2025-05-05 09:00", Create({"title": "Access review missed", "owner": "anna.lee", "grade": "minor"})
        )
        harness.play("2025-05-07 10:00", AddAction("Run the missing review", None))
        harness.cycle()
        first = harness.cycle()  # the site is known by now
        held = withheld(harness)
        assert held
        assert "an earlier stop was not released; 1 ticket" in first.stopped
        planned.clear()
        again = [harness.cycle().stopped for _ in range(5)]
        assert (planned, again, withheld(harness)) == ([], [first.stopped] * 5, held)
        harness.play("2025-05-08 10:00", Fill({"correction": "The review was run and 3 accounts removed"}))
        assert harness.cycle().stopped == first.stopped
        assert planned == [harness.ticket()]
        assert not harness.writes()
        planned.clear()
        release(harness.runtime, [source], None)
        harness.cycle()
        assert planned == [harness.ticket()]
        assert harness.writes()
        assert not withheld(harness)


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_plans_are_held_in_portions_as_they_are_in_one(
    at_once: int, tmp_path: Path, planned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few plans fit in memory, the stop counts all of them, none is sent, and later each is sent."""
    monkeypatch.setattr(writing, "AT_ONCE", at_once)
    with open_harness("jira", tmp_path, "2025-05-05 09:00") as harness:
        context = harness.runtime.contexts["jira"]
        context.write = replace(context.write, max_new_comments_per_day=3)
        for n in range(7):
            new = {"title": f"Access review {n} missed", "owner": "anna.lee", "grade": "minor"}
            harness.play("2025-05-05 09:00", Create(new), story=f"life{n}")
            harness.play("2025-05-07 10:00", AddAction("Run the missing review", None), story=f"life{n}")
        harness.runtime.register.outbox.close_release("jira", harness.clock.now())  # one was given for no ticket yet
        harness.cycle()
        stopped = harness.cycle().stopped  # the site is known by now
        assert "7 new comments on top of 0 in the last 24 hours" in stopped
        assert {write.ticket_id for write in harness.runtime.register.outbox.withheld("jira")} == set(planned)
        assert (len(set(planned)), harness.writes()) == (7, [])
        planned.clear()
        assert (harness.cycle().stopped, planned) == (stopped, [])
        context.write = replace(context.write, max_new_comments_per_day=7)
        harness.cycle()
        assert len(planned) == 7
        assert len([write for write in harness.writes() if write.endswith("/comment")]) == 7
        assert not withheld(harness)
