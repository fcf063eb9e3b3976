"""A whole first cycle with a clerk who weighs ahead leaves what one without leaves."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from capa_sync.daemon import clerks as clerks_module
from capa_sync.daemon import judging
from capa_sync.daemon.cycle import run_cycle
from capa_sync.daemon.house import House
from capa_sync.sandbox.stories.script import Fill
from capa_sync.store import open_register
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import NOW, Desk
from tests.daemon.houses import (
    RULES,
    TICKETS,
    EagerClerks,
    clerks_of,
    house_of,
    mirrored_desk,
    tell_fours,
)

BATCH = 4
JUDGED = ("finding", "verdict", "due", "plan_due", "register_row", "action", "birth", "register_number", "write_out")


@pytest.fixture(scope="module")
def desk(shared_desk: MakeDesk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two trackers, mirrored and never judged."""
    return mirrored_desk(shared_desk, tmp_path_factory.mktemp("read") / "desk")


@pytest.fixture(autouse=True)
def _for_clerks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, none of them for this process."""
    monkeypatch.setattr(judging, "BATCH", BATCH)
    monkeypatch.setattr(clerks_module, "_HERE", 1e9)


@pytest.fixture(scope="module")
def unread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register with nothing in it, for all first cycles: its id is in what they write."""
    file = tmp_path_factory.mktemp("unread") / "register.db"
    open_register(file, clock_now=NOW).close()
    return file


@contextmanager
def first_cycle(
    desk: Desk, source: str, folder: Path, unread: Path, prepare: Callable[[House], None] = lambda _: None
) -> Iterator[House]:
    """The house after its first cycle of a source."""
    with house_of(desk, folder, unread) as house:
        prepare(house)
        result = run_cycle(house, house.setups[source], deliver=False)
        assert result.problem == ""
        assert result.counts["judged"] == TICKETS
        yield house


def be_eager(house: House) -> None:
    """Let clerks help."""
    house.clerks = EagerClerks(house.register.path.parent)


@pytest.mark.parametrize("source", ["jira-dc", "servicenow"])
def test_a_first_cycle_with_clerks_leaves_every_row_as_without(
    desk: Desk, unread: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]], source: str
) -> None:
    """From sign-in to the outbox, for one page and for several; the clerks are gone at its end."""
    with first_cycle(desk, source, tmp_path / "alone", unread) as alone:
        wanted = alone.register.rows_by_table()
    assert started == []
    assert wanted["finding"]
    assert wanted["write_out"]
    with first_cycle(desk, source, tmp_path / "helped", unread, be_eager) as helped:
        assert helped.register.rows_by_table() == wanted
    assert [process.poll() for process in started] == [0, 0]


def test_a_ticket_edited_while_its_source_is_read_is_judged_as_it_is_then(
    make_desk: MakeDesk, tmp_path_factory: pytest.TempPathFactory, unread: Path
) -> None:
    """He had weighed it ahead as it was before."""
    source, folder = "servicenow", tmp_path_factory.mktemp("edited")
    desk = make_desk(source, rules=RULES, extra={source: "page_size = 10"})
    tell_fours(desk, source, TICKETS)

    def edit_later(house: House) -> None:
        be_eager(house)

        def edit(name: str) -> None:
            mirrored = house.register.tickets.record_ids(source)
            if name == "before-page-commit" and mirrored and not edited:
                clerks_of(house).wait(source)
                edited.extend(story for story in desk.players[source].ids if desk.sys_id(story) in mirrored)
                desk.tell(source, edited[0], Fill({"title": "Edited meanwhile", "root_cause": ""}))

        house.checkpoint = edit

    edited: list[str] = []
    with first_cycle(desk, source, folder / "helped", unread, edit_later) as helped:
        found = helped.register.rows_by_table()
    assert edited
    with first_cycle(desk, source, folder / "alone", unread) as alone:
        wanted = alone.register.rows_by_table()
    assert [found[name] for name in JUDGED] == [wanted[name] for name in JUDGED]
    assert "Edited meanwhile" in repr(found["register_row"])
