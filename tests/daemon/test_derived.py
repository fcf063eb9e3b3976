"""`verify --derived`: what people read is as a rebuild makes it, or the first row that differs is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from capa_sync.store.derived_rows import APART
from capa_sync.store.migrations import DERIVED
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, Harness
from tests.daemon.test_second_pass import RULES, create_world

_TWICE = """INSERT INTO change SELECT 99999, nr, entry, group_no, changed_at, field_id, field, changed_by, origin,
    from_value, to_value FROM change LIMIT 1"""
_QUARANTINED = """INSERT INTO quarantine (source, ticket_id, ticket_key, reasons)
    SELECT source, ticket_id, ticket_key, '[]' FROM register_row LIMIT 1"""
FORGED = (
    ("register_row", "UPDATE register_row SET root_cause = 'forged'", "root_cause"),
    ("register_row", "UPDATE register_row SET row_hash = 'forged'", "row_hash"),
    ("register_row", "DELETE FROM register_row WHERE source = 'servicenow'", "its row is gone"),
    ("change", "UPDATE change SET to_value = 'forged' WHERE origin = 'history'", "to_value"),
    ("change", _TWICE, "rows, of which"),
    ("birth", "UPDATE birth SET to_value = 'forged'", "to_value"),
    ("action", "UPDATE action SET owner = 'forged'", "owner"),
    ("verdict", "UPDATE verdict_own SET outcome = 'ok' WHERE outcome = 'breach'", "outcome"),
    ("verdict", "UPDATE verdict_shared SET severity = 'low', title = 'forged'", "title"),
    ("quarantine", _QUARANTINED, "no such row"),
    ("joined", "UPDATE joined SET other_key = 'forged'", "other_key"),
    ("ticket", "UPDATE ticket SET updated_at = '2020-01-01T00:00:00.000000Z'", "updated_at"),
    ("account", "UPDATE account SET person = 'forged'", "person"),
)  # fmt: skip
"""Table that is named, what somebody does to it, and the column or words that are named."""


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """All three trackers with every kind of ticket, read and warned on."""
    harness = shared_harness(rules=RULES)
    create_world(harness)
    harness.sync()
    return harness


def test_after_a_real_sync_nothing_differs_now_and_later(harness: Harness) -> None:
    """Of all three trackers; also hours later, when the next cycle has tickets to judge."""
    for hours in (0, 7, 100):
        harness.set_clock(NOW + timedelta(hours=hours))
        before = harness.register_file.read_bytes()
        done = harness.run("verify", "--derived")
        assert done.code == 0, done.out
        assert "the derived tables are as `rebuild` makes them" in done.out
        assert harness.register_file.read_bytes() == before
    harness.set_clock(NOW)
    found = json.loads(harness.run("verify", "--derived", "--json").out)
    assert (found["whole"], found["derived"]["whole"], found["derived"]["waiting"]) == (True, True, 0)


@pytest.mark.parametrize(("table", "statement", "says"), FORGED)
def test_a_forged_table_is_named_and_the_code_is_5(harness: Harness, table: str, statement: str, says: str) -> None:
    """With the ticket and the column, in one line; the chain alone does not find it, and says so."""
    copy = harness.folder / "forged.db"
    with closing(sqlite3.connect(harness.register_file)) as origin, closing(sqlite3.connect(copy)) as target:
        origin.backup(target)
        with target:
            assert target.execute(statement).rowcount > 0
    done = harness.run("verify", "--derived", "forged.db")
    assert done.code == 5, done.out
    [line] = [line for line in done.out.splitlines() if line.startswith(f"  {table}")]
    assert says in line
    assert "capa-sync rebuild" in line
    if table == "register_row":
        alone = harness.run("verify", "forged.db")
        assert (alone.code, "not covered: what people read of a ticket" in alone.out) == (0, True)


def test_every_derived_table_is_compared_or_left_out_by_name(harness: Harness) -> None:
    """A new one is either of the two."""
    compared = json.loads(harness.run("verify", "--derived", "--json").out)["derived"]["tables"]
    apart = {name for names in APART for name in names.split(", ")}
    stored = {"verdict_own", "verdict_ticket", "verdict_shared"}
    assert ({*compared, *apart} - {"verdict", "change.id", "child.id"}) | stored == set(DERIVED)


def test_without_settings_one_line_says_so(harness: Harness) -> None:
    """The copy alone has no rules to judge by."""
    shutil.copy(harness.register_file, harness.folder / "alone.db")
    done = harness.run("verify", "--derived", "alone.db", "--config", "none.toml")
    assert done.code == 2
    [line] = done.err.splitlines()
    assert "--derived judges as `rebuild` does, and there are no settings none.toml" in line
