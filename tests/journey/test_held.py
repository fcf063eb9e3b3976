"""What a brake holds back is planned once: not at every poll, but anew on news and on a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import desk as judging_desk
from capa_sync.daemon import writing
from capa_sync.daemon.requests import release
from capa_sync.sandbox.stories.script import AddAction, Create, Fill
from tests.journey.desk import SOURCES, Desk, open_desk


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list of tickets that get planned, in order; planning itself is the real one."""
    asked: list[str] = []
    plan = writing.plan_ticket

    def noted(target: Any, *args: Any, **options: Any) -> Any:
        asked.append(target.ticket_id)
        return plan(target, *args, **options)

    for stage in (judging_desk, writing):
        monkeypatch.setattr(stage, "plan_ticket", noted)
    return asked


def withheld(desk: Desk) -> list[tuple[str, str, str]]:
    """Return (kind, hash, why) of what is held back."""
    return sorted((each.kind, each.hash, each.error) for each in desk.house.register.outbox.withheld(desk.source))


@pytest.mark.parametrize("source", SOURCES)
def test_a_held_plan_is_made_once_and_anew_on_news_and_release(
    source: str, tmp_path: Path, planned: list[str]
) -> None:
    """Polls without news plan nothing and tell the same stop; an edit plans its ticket; a release writes all."""
    with open_desk(source, tmp_path, "2025-05-05 09:00") as desk:
        desk.house.register.outbox.close_release(source, desk.clock.now())
        desk.house.register.outbox.safety_stop(source, "held by hand", desk.clock.now())
        desk.play(
            "2025-05-05 09:00", Create({"title": "Access review missed", "owner": "anna.lee", "grade": "minor"})
        )
        desk.play("2025-05-07 10:00", AddAction("Run the missing review", None))
        desk.cycle()
        first = desk.cycle()  # the site is known by now
        held = withheld(desk)
        assert held
        assert "an earlier stop was not released; 1 ticket" in first.stopped
        planned.clear()
        again = [desk.cycle().stopped for _ in range(5)]
        assert (planned, again, withheld(desk)) == ([], [first.stopped] * 5, held)
        desk.play("2025-05-08 10:00", Fill({"correction": "The review was run and 3 accounts removed"}))
        assert desk.cycle().stopped == first.stopped
        assert planned == [desk.ticket()]
        assert not desk.writes()
        planned.clear()
        release(desk.house, [source], None)
        desk.cycle()
        assert planned == [desk.ticket()]
        assert desk.writes()
        assert not withheld(desk)
