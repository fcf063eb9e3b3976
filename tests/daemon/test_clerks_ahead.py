"""A clerk weighs ahead while a source is read for the first time, and nothing comes out differently for it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import clerks as clerks_module
from capa_sync.daemon import judging
from capa_sync.daemon.clerk import Clerk
from capa_sync.daemon.house import House
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import Desk, until
from tests.daemon.houses import (
    TICKETS,
    EagerClerks,
    Judged,
    clerks_of,
    house_of,
    judge,
    mirrored_desk,
)

BATCH = 4
Popen = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def desk(shared_desk: MakeDesk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two trackers, mirrored and never judged."""
    return mirrored_desk(shared_desk, tmp_path_factory.mktemp("read") / "desk")


@pytest.fixture(scope="module")
def alone(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """What judging without any clerk comes to."""
    with house_of(desk, tmp_path_factory.mktemp("alone") / "desk") as house:
        return judge(house)


@pytest.fixture(autouse=True)
def _for_clerks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, none of them for this process."""
    monkeypatch.setattr(judging, "BATCH", BATCH)
    monkeypatch.setattr(clerks_module, "_HERE", 1e9)


@pytest.fixture
def house(desk: Desk, tmp_path: Path) -> Iterator[House]:
    """A copy of the desk with eager clerks."""
    with house_of(desk, tmp_path / "desk") as one:
        one.clerks = EagerClerks(tmp_path / "desk")
        yield one
        for source in desk.names:
            one.clerks.dismiss(source)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tickets each task held that a clerk was given, in order."""
    sizes: list[int] = []
    original = Clerk.give

    def give(clerk: Clerk, task: Any) -> None:
        sizes.append(len(task.ids))
        original(clerk, task)

    monkeypatch.setattr(Clerk, "give", give)
    return sizes


def look(house: House, source: str = "jira-dc", total: int | None = None) -> None:
    """Tell that all records of a source were just mirrored."""
    clerks_of(house).look_ahead(house, house.setups[source], house.register.tickets.record_ids(source), total)


@pytest.mark.parametrize("at_a_time", [5, 500])
def test_weighed_ahead_every_row_is_as_without(
    house: House, alone: Judged, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    """Verdicts, findings, register numbers, rows, due times and plans, whether all was weighed ahead or some."""
    monkeypatch.setattr(clerks_module, "AHEAD", at_a_time)
    look(house)
    assert judge(house) == alone
    assert alone[0]["judged"] == TICKETS
    assert alone[2]


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_batches_are_shared_out_a_few_at_a_time(
    house: House, alone: Judged, monkeypatch: pytest.MonkeyPatch, horizon: int
) -> None:
    """There are six of them; each comes back in its turn."""
    monkeypatch.setattr(clerks_module, "HORIZON", horizon)
    monkeypatch.setattr(clerks_module, "_HERE", 0.9)
    monkeypatch.setattr(clerks_module, "_START", 0)
    every_second = house.register.tickets.record_ids("jira-dc")[1::2]
    clerks_of(house).look_ahead(house, house.setups["jira-dc"], every_second, None)
    assert judge(house) == alone


def test_a_batch_that_two_clerks_share_is_stored_in_its_order(
    house: House, alone: Judged, monkeypatch: pytest.MonkeyPatch, given: list[int]
) -> None:
    """One knows every second ticket of it, another weighs the rest; register numbers follow the ids."""
    monkeypatch.setattr(clerks_module, "_START", 0)
    every_second = house.register.tickets.record_ids("jira-dc")[1::2]
    clerks_of(house).look_ahead(house, house.setups["jira-dc"], every_second, None)
    assert judge(house) == alone
    assert {BATCH // 2, BATCH} <= set(given)


def test_a_batch_that_a_clerk_shares_with_this_process_is_stored_in_its_order(
    house: House, alone: Judged, monkeypatch: pytest.MonkeyPatch, given: list[int]
) -> None:
    """He knows every second ticket of each batch, and the rest is weighed here."""
    monkeypatch.setattr(clerks_module, "_HERE", -1e9)
    house.clerks = EagerClerks(house.register.path.parent, cores=2)
    every_second = house.register.tickets.record_ids("jira-dc")[1::2]
    clerks_of(house).look_ahead(house, house.setups["jira-dc"], every_second, None)
    assert judge(house) == alone
    assert given[1:] == [BATCH // 2] * (TICKETS // BATCH)


def test_this_process_weighs_while_a_clerk_starts(house: House, alone: Judged, started: list[Popen]) -> None:
    """Batches that would wait for him are weighed here; it comes to the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clerks_module, "_HERE", 0.9)
        assert judge(house) == alone
    assert len(started) == 2


def test_what_was_weighed_ahead_is_not_weighed_again(house: House, alone: Judged) -> None:
    """No raw part is read any more: they may hold anything by then."""
    look(house)
    clerks_of(house).wait()
    house.register._db.execute("UPDATE part SET body = 'spoilt'")
    counts, tables, plans = judge(house)
    assert (counts, plans) == (alone[0], alone[2])
    assert {name for name in tables if tables[name] != alone[1][name]} == {"part"}


@pytest.mark.parametrize("when", ["at work", "done", "noticed"])
def test_a_clerk_killed_after_weighing_ahead_is_not_missed(
    house: House, alone: Judged, started: list[Popen], when: str
) -> None:
    """`kill -9` loses nothing and doubles nothing; once it is noticed, another takes his place."""
    look(house)
    if when == "done":
        clerks_of(house).wait()
    started[0].send_signal(signal.SIGKILL)
    started[0].wait()
    if when == "noticed":
        killed = clerks_of(house).ahead()

        def is_noticed() -> bool:
            clerks_of(house).look_ahead(house, house.setups["jira-dc"], [], None)
            return killed.is_lost

        until(is_noticed)
    assert judge(house) == alone
    assert len(started) == (3 if when == "noticed" else 2)


def test_a_source_that_is_dismissed_has_no_clerk_any_more(house: House, started: list[Popen]) -> None:
    """Its process ends; dismissing nobody does nothing."""
    look(house)
    clerks_of(house).dismiss("servicenow")
    assert started[0].poll() is None
    clerks_of(house).dismiss("jira-dc")
    assert started[0].poll() is not None  # by itself, or ended by us where it is slow to do so
    clerks_of(house).dismiss("jira-dc")


def test_judging_dismisses_him_too(house: House, started: list[Popen]) -> None:
    """No clerk outlives the cycle; he is one of two, no third is started."""
    look(house)
    judge(house)
    assert [process.poll() for process in started] == [0, 0]


def test_one_source_at_a_time_is_weighed_ahead(house: House, started: list[Popen]) -> None:
    """Another waits until the first is done with its clerk; then what waited is weighed ahead, too."""
    look(house)
    look(house, "servicenow")
    assert len(started) == 1
    clerks_of(house).dismiss("jira-dc")
    look(house, "servicenow")
    assert len(started) == 2
    clerks_of(house).wait("servicenow")
    assert clerks_of(house)._ahead["servicenow"].seen == set(house.register.tickets.record_ids("servicenow"))


@pytest.mark.parametrize(
    ("options", "total", "is_worth_it"),
    [
        ({"worth": TICKETS}, None, True),
        ({"worth": TICKETS + 1}, TICKETS, False),
        ({"worth": TICKETS + 1}, None, False),
        ({"worth": TICKETS + 1}, TICKETS + 1, True),
        ({"cores": 1}, None, False),
    ],
)
def test_a_clerk_is_started_where_it_pays(
    house: House, started: list[Popen], options: dict[str, int], total: int | None, is_worth_it: bool
) -> None:
    """Enough was read, enough is promised, and there is a second core."""
    house.clerks = EagerClerks(house.register.path.parent, **options)
    look(house, total=total)
    house.clerks.dismiss("jira-dc")
    assert len(started) == is_worth_it
