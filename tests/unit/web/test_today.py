"""Today and Rules for who may see less and more: steps that are meant, reasons in words, each reason once."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from capa_sync.model.page import PageOptions
from capa_sync.model.visitor import AccessRole
from capa_sync.web import serve_register
from capa_sync.web.asked import PageQuery
from capa_sync.web.site import RegisterSite
from capa_sync.web.times import PageTimes
from capa_sync.web.today import today
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import SOURCE, T0
from tests.unit.web.conftest import SECRET
from tests.unit.web.world import OTHER, ZONE, build_world

REASON = "'cause' is not mapped"
CHANGES = (
    ("UPDATE finding SET fix = 'Write it down.' WHERE state = 'waived'", ()),
    (
        """UPDATE finding SET state = 'waived', waived_until = '2026-03-05T00:00:00.000000Z', waived_by = ?,
            waived_reason = ? WHERE ticket_id = '2'""",
        (SECRET, SECRET),
    ),
    ("UPDATE verdict_own SET reason = ? WHERE outcome = 'cannot_tell'", (REASON,)),
)


@pytest.fixture(scope="module")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a register where a confidential ticket has a waiver too, and cannot tell for the reason of another."""
    made = tmp_path_factory.mktemp("today")
    build_world(made / "built.db")
    file = Path(shutil.copy(made / "built.db", made / "register.db"))
    with closing(sqlite3.connect(file)) as connection, connection:
        for sql, values in CHANGES:
            connection.execute(sql, values)
    return file


def today_of(file: Path, role: AccessRole) -> dict[str, Any]:
    """Return what the page shows to a role."""
    with closing(RegisterSite(file, role=role).page.connect()) as connection:
        return today(PageQuery(connection, {}, PageTimes(T0 + timedelta(minutes=2), ZONE), PageOptions()))


def waivers_of(file: Path, role: AccessRole) -> dict[str, tuple[str, str]]:
    """Return ticket -> who waived and why, and the step, of the waivers about to end."""
    (section,) = [one for one in today_of(file, role)["sections"] if one["matter"].name == "waiver_ends"]
    return {row["ticket_id"]: (row["waived"], row["step"]) for row in section["rows"]}


def test_a_waiver_about_to_end_says_what_to_do_about_the_waiver(world_file: Path) -> None:
    """Not what the rule asks for; and who waived and why, for those who may know."""
    mine = ("Waived by Mara Roy: The list is being replaced.", "Close the point with Ann Lee, or renew the waiver.")
    seen = waivers_of(world_file, AccessRole.READER)
    assert seen == {"5": mine, "2": ("", "Close the point with its owner, or renew the waiver.")}
    step = f"Close the point with {SECRET} owner, or renew the waiver."
    assert waivers_of(world_file, AccessRole.ADMIN) == {"5": mine, "2": (f"Waived by {SECRET}: {SECRET}", step)}


def test_the_step_of_a_new_warning_is_what_its_rule_says(world_file: Path) -> None:
    """It has no other."""
    (section,) = [
        one for one in today_of(world_file, AccessRole.READER)["sections"] if one["matter"].name == "warned"
    ]
    assert "Write the cause down." in {row["step"] for row in section["rows"]}


def test_a_reason_stands_once_for_those_who_may_see_it_everywhere(world_file: Path) -> None:
    """With the checks and tickets of both; a reader gets those of confidential tickets apart."""
    shown = today_of(world_file, AccessRole.ADMIN)["unknown"]
    assert shown == [{"source": SOURCE, "reason": REASON, "tickets": 2, "verdicts": 2}]
    reasons = [(row["reason"], row["verdicts"]) for row in today_of(world_file, AccessRole.READER)["unknown"]]
    assert sorted(reasons) == [(REASON, 1), ("restricted", 1)]


def test_no_page_shows_a_reader_the_mark_of_hidden_texts(world_file: Path) -> None:
    """What is hidden is said in words."""
    running = serve_register(world_file, "127.0.0.1:0")
    records = [f"record?source={SOURCE}&ticket={number}" for number in range(1, 8)]
    others = ["", "records", "records?owner=restricted", "rules?rule=rca-method", "sync", "trends"]
    try:
        for path in (*others, *records, f"record?source={OTHER}&ticket=aa"):
            page = requests.get(running.url + path, timeout=PATIENCE).text
            text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
            assert "restricted" not in text, path
            assert SECRET not in page
        assert (
            "The reasons on confidential tickets are not shown."
            in requests.get(f"{running.url}rules?rule=rca-method", timeout=PATIENCE).text
        )
    finally:
        running.stop()
