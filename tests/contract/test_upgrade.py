"""A register that an earlier version made goes on: nothing is lost, and nothing that is live changes.

`before_live_sets/` holds one as text, made by two cycles of the last version without live sets, with the rule
and the mapping that judged it: schema 21, two tickets of a Jira, two open findings.
"""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capa_sync.live.settle import settle
from capa_sync.model.site import Account
from capa_sync.model.verdict_set import How, PartKind
from capa_sync.settings import load_settings
from capa_sync.store import open_register
from capa_sync.wiring import set_up

SAVED = Path(__file__).parent / "before_live_sets"
NOW = datetime(2026, 6, 16, 10, tzinfo=UTC)
SETTINGS = """register = "register.db"
rules = ["rules"]
timezone = "Europe/London"
[sources.jira]
kind = "jira"
url = "http://127.0.0.1:1"
query = "project = CAPA"
mapping = "mapping.yaml"
auth = { method = "basic", user = "capa-sync@example.com", token_env = "JIRA_TOKEN" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The settings, rule, mapping and register of that version."""
    shutil.copytree(SAVED, tmp_path, dirs_exist_ok=True)
    (tmp_path / "capa-sync.toml").write_text(SETTINGS, encoding="utf-8")
    connection = sqlite3.connect(tmp_path / "register.db")
    connection.executescript((SAVED / "register.sql").read_text(encoding="utf-8"))
    connection.close()
    return tmp_path


@pytest.mark.parametrize("is_changed", [False, True], ids=["same files", "changed files"])
def test_it_takes_the_configured_set_and_says_whether_it_was_judged_by_it(folder: Path, is_changed: bool) -> None:
    """It holds no texts, but digests of what judged it: an unchanged set is recognised."""
    if is_changed:
        rule = folder / "rules" / "cause-known.yaml"
        rule.write_text(rule.read_text(encoding="utf-8").replace("severity: high", "severity: low"), encoding="utf-8")
    file = folder / "capa-sync.toml"
    setup = set_up(load_settings(file, {}), file, {}, with_secrets=False)
    with open_register(folder / "register.db", clock_now=NOW) as register:
        assert len(list(register.view("v_tickets"))) == 2
        assert {row["state"] for row in register.view("v_findings")} == {"open"}
        found = settle(setup, register, NOW, "ann", stores=True)
        assert ("was last judged by is live" in found.note) is not is_changed
        assert ("may judge differently" in found.note) is is_changed
        live = register.verdict_sets.live()
        assert live is not None
        assert (live.how, live.by, live.at) == (How.FIRST, "ann", NOW)
        stored = register.verdict_sets.load(live.set_hash)
        assert stored.of()[PartKind.RULE, "cause-known"].text == (folder / "rules" / "cause-known.yaml").read_text()
        assert settle(setup, register, NOW, "ann", stores=True).note == ""


def test_its_accounts_are_kept_with_when_they_were_known(folder: Path) -> None:
    """They stood in one text with the other facts of the tracker; each has a row now."""
    with open_register(folder / "register.db", clock_now=NOW) as register:
        facts = register.facts.load("jira")
        assert facts is not None
        assert Account("5b10ac8d82e05b22cc7d4e01", "Anna Lee", active=True) in facts.accounts
        assert facts.accounts == register.accounts.all("jira")
        assert register.accounts.unknown("jira", 10) == []
        assert "5b10ac8d82e05b22cc7d4e01" in register.accounts.asked_before("jira", NOW, NOW, 10)
