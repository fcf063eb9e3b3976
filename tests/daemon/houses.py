"""Houses in this process over the trackers of a desk, for tests that look between the steps of a cycle."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from capa_sync.cli.clerk import clerk_command
from capa_sync.daemon.clerk import Clerk
from capa_sync.daemon.clerks import Clerks
from capa_sync.daemon.house import House
from capa_sync.daemon.judging import judge_due_tickets, pass_to_carriers
from capa_sync.daemon.reading import read_into_mirror, sign_in
from capa_sync.model.clock import FileClock
from capa_sync.sandbox.stories.script import AddAction, Create, Day, Fill
from capa_sync.settings import load_settings
from capa_sync.store import POLL, open_register
from capa_sync.wiring import bind_as_last_known, build_house, configure
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import FACTS, Desk, until

TICKETS = 24
RULES = ("what-when-where", "root-cause-before-action", "action-overdue", "root-cause-substantive")
Judged = tuple[dict[str, int], dict[str, list[Any]], dict[str, Any]]


def tell_fours(desk: Desk, source: str, count: int) -> None:
    """Let so many tickets be written, of four kinds in turn: broken, clean, vague, and with an action ticket."""
    for n in range(count // 4):
        desk.tell_broken(source, f"broken {n}")
        desk.tell_clean(source, f"clean {n}")
        desk.tell(source, f"vague {n}", Create({"title": "Backup", "owner": "priya.nair"}))
        desk.tell(source, f"parent {n}", Create(FACTS))
        desk.tell(source, f"parent {n}", AddAction("Change the checklist", Day(-3), "subtask", "tomasz.zielinski"))
        desk.tell(source, f"parent {n}", Fill({"root_cause": "Nobody was named as deputy"}))


@contextmanager
def house_of(desk: Desk, folder: Path, register: Path | None = None) -> Iterator[House]:
    """Everything wired in a copy of the desk's folder, tracker included; its clock is the desk's.

    `register` is copied instead of the desk's, which may have none.
    """
    shutil.copytree(desk.folder, folder)
    if register is not None:
        shutil.copy(register, folder / "register.db")
    settings = folder / "capa-sync.toml"
    configuration = configure(load_settings(settings, {}), settings, desk.env)
    clock = FileClock(desk.folder / "clock")
    with open_register(configuration.register_path, clock_now=clock.now()) as opened:
        house = build_house(configuration, opened, clock, threading.Event(), write_mode="plan")
        bind_as_last_known(house)
        yield house


def read(house: House, source: str) -> None:
    """Read what changed on a tracker into the mirror; nothing is judged."""
    setup, now = house.setups[source], house.clock.now()
    sign_in(house, setup, now)
    read_into_mirror(house, setup, house.register.runs.start(source, POLL, now), full=False)


def judge(house: House, source: str = "jira-dc") -> Judged:
    """Judge what is due; return counts, all tables, and what planning is told."""
    setup, now = house.setups[source], house.clock.now()
    pass_to_carriers(house, setup, now)
    counts = judge_due_tickets(house, setup, now)
    plans = {each: setup.plans.take(each) for each in house.register.tickets.record_ids(source)}
    return counts, house.register.rows_by_table(), {each: plan for each, plan in plans.items() if plan is not None}


class EagerClerks(Clerks):
    """Clerks that begin at once."""

    def __init__(self, folder: Path, **options: int) -> None:
        super().__init__(clerk_command(folder / "capa-sync.toml"), **{"cores": 3, "worth": 1, **options})

    def ahead(self, source: str = "jira-dc") -> Clerk:
        """The one who weighs ahead."""
        clerk = self._ahead[source].clerk
        assert clerk is not None
        return clerk

    def wait(self, source: str = "jira-dc") -> None:
        """Wait until he has weighed what lies on his desk."""
        clerk = self.ahead(source)
        while clerk._sent:
            until(lambda: not clerk._answers.empty())
            clerk.take_receipts()


def clerks_of(house: House) -> EagerClerks:
    """Its clerks."""
    assert isinstance(house.clerks, EagerClerks)
    return house.clerks


def mirrored_desk(shared_desk: MakeDesk, folder: Path) -> Desk:
    """Two trackers of two dozen tickets, mirrored and never judged."""
    desk = shared_desk("jira-dc", "servicenow", rules=RULES, extra={"servicenow": "page_size = 10"})
    with house_of(desk, folder) as house:
        for source in desk.names:
            tell_fours(desk, source, TICKETS)
            read(house, source)
        house.register.copy_to(desk.register_file)
    return desk
