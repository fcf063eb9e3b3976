"""What a wrong clock of ours has stored, ahead or behind, keeps nothing from being done again when it is due."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.daemon.accounts import AGAIN_AFTER
from capa_sync.daemon.census import RECHECK, RECHECK_EVERY
from capa_sync.sandbox.stories.script import Create
from capa_sync.store import CENSUS, FULL
from capa_sync.store.columns import instant, instant_text
from tests.sync.test_accounts import owned, result, set_active
from tests.sync.users import users_on
from tests.sync.world import SOURCES, open_world

YEAR = timedelta(days=365)
APART = pytest.mark.parametrize("apart", [YEAR, -YEAR], ids=["ahead", "behind"])


@APART
@pytest.mark.parametrize("kind", [CENSUS, RECHECK, FULL])
@pytest.mark.parametrize("source", SOURCES)
def test_what_is_done_at_intervals_is_done_again(source: str, kind: str, apart: timedelta, tmp_path: Path) -> None:
    """A run is stored a year from now, and its correction is not the first thing that follows: it counts as never."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for word in ("one", "two", "three"):
            users.create(word)
        world.cycle()
        world.only.play("gone", Create({"title": "gone", "grade": "minor"}))
        world.cycle(minutes=5)
        world.only.hide("gone")
        for _census in range(2):
            world.cycle(hours=2)
        runs, at = world.runtime.register.runs, world.clock.now() + apart
        runs.finish(runs.start(source, kind, at), at, ok=True, counts={"swept": 4})
        started = world.clock.now()
        for _cycle in range(2):  # the census of the first one is due for other reasons too
            world.cycle(hours=(RECHECK_EVERY / timedelta(hours=1)) + 1)
        last = runs.last(source, kind)
        assert last is not None
        assert last.ok
        assert started < last.started_at <= world.clock.now()
        gone = world.runtime.register.tickets.presence_confirmed_at(source, world.only.id_of("gone"))
        assert gone is not None
        assert started < gone <= world.clock.now()


@APART
@pytest.mark.parametrize("source", SOURCES)
def test_accounts_are_asked_about_again(source: str, apart: timedelta, tmp_path: Path) -> None:
    """All of them were last asked about a year from now: that one is closed is known with the next sign-in."""
    with open_world(tmp_path, source, rules=("owner-active",)) as world:
        owned(world)
        world.cycle()
        world.cycle(hours=2)
        assert result(world)[0] == "ok"
        database, at = world.runtime.register._db, world.clock.now() + apart
        database.execute("UPDATE tracker_account SET asked_at = ?", (instant_text(at),))
        world.runtime.contexts[source].accounts_not_before = at + AGAIN_AFTER
        set_active(world.only, active=False)
        begun = world.clock.now()
        for _cycle in range(2):
            world.cycle(hours=2)
        assert result(world)[0] == "breach"
        asked = database.column("SELECT asked_at FROM tracker_account")
        assert all(begun < instant(text) <= world.clock.now() for text in asked), asked
