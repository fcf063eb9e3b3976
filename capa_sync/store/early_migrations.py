"""The first steps, up to the one before live sets; `migrations` has the later ones, and imports these first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capa_sync.store.first_tables import FIRST, register_ddl
from capa_sync.store.sqlite_library import Migrations

STEPS = Migrations("capa_sync")


def run_all(db: Any, statements: Iterable[str]) -> None:
    """Run statements of a step."""
    for statement in statements:
        db.execute(statement)


def add_register_columns(db: Any, step: str) -> None:
    """Add the register's columns that are declared with this step."""
    run_all(db, [f"ALTER TABLE register_row ADD COLUMN {column}" for column in register_ddl(step)])


@STEPS(name="0001_tables")
def first_tables(db: Any) -> None:
    """Create every table of the first version."""
    run_all(db, FIRST)


@STEPS(name="0002_rolling_share")
def rolling_share(db: Any) -> None:
    """Store which tickets changed verdict, for a brake over time; add an index for action tickets."""
    run_all(
        db,
        (
            """CREATE TABLE verdict_change (
                source TEXT, ticket_id TEXT, changed_at TEXT NOT NULL, PRIMARY KEY (source, ticket_id))""",
            "CREATE INDEX mirror_action ON mirror (source, ticket_id) WHERE role = 'action'",
            "CREATE INDEX run_fresh ON run (source, as_of, finished_at) WHERE ok = 1 AND as_of IS NOT NULL",
        ),
    )


@STEPS(name="0003_evidence_missing")
def evidence_missing(db: Any) -> None:
    """Show beside the evidenced stage the first field that the next stage lacks."""
    add_register_columns(db, "0003_evidence_missing")


@STEPS(name="0004_folded_ledger")
def folded_ledger(db: Any) -> None:
    """Store equal uneventful runs as one row; store when a run last saw a vanished ticket."""
    run_all(
        db,
        (
            "ALTER TABLE run ADD COLUMN repeats INTEGER NOT NULL DEFAULT 1",
            "ALTER TABLE run ADD COLUMN since TEXT",
            "CREATE UNIQUE INDEX ticket_id ON ticket (source, ticket_id)",
            "ALTER TABLE mirror ADD COLUMN last_seen_at TEXT",
            """UPDATE mirror SET last_seen_at = (SELECT MAX(finished_at) FROM run WHERE run.source = mirror.source
                AND ok = 1 AND as_of IS NOT NULL AND finished_at < presence_at) WHERE presence <> 'present'""",
        ),
    )


@STEPS(name="0005_endpoint_hold")
def endpoint_hold(db: Any) -> None:
    """Store that the tracker asked for a wait with one kind of request only."""
    run_all(
        db,
        (
            """CREATE TABLE endpoint_hold (
                source TEXT, endpoint TEXT, not_before TEXT NOT NULL, PRIMARY KEY (source, endpoint))""",
        ),
    )


@STEPS(name="0006_looks_of_the_brakes")
def looks_of_the_brakes(db: Any) -> None:
    """Add indexes for tickets that are due for planning, and for the notifications of a day."""
    run_all(
        db,
        (
            "CREATE INDEX plan_due_at ON plan_due (source, due_at)",
            """CREATE INDEX write_told ON write_out (source, delivered_at, ticket_id)
                WHERE notifies = 1 AND state = 'delivered'""",
        ),
    )


@STEPS(name="0007_account")
def account(db: Any) -> None:
    """Store which person is behind an account, where the id does not show it; birth rows contain persons too."""
    run_all(
        db,
        (
            "CREATE TABLE account (source TEXT, account TEXT, person TEXT NOT NULL, PRIMARY KEY (source, account))",
            "DELETE FROM milestone WHERE name = 'judged_with'",  # renews verdicts and birth rows
        ),
    )


@STEPS(name="0008_rows_under_their_keys")
def rows_under_their_keys(db: Any) -> None:
    """Store short derived rows inside their key index (WITHOUT ROWID): this halves the writing of a first cycle."""
    run_all(db, [f'DROP VIEW "{name}"' for name in db.view_names()])  # recreated after the last step
    for table in ("verdict", "birth", "action", "due", "plan_due", "register_row"):
        made = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
        indexes = db.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
        ).fetchall()
        run_all(
            db,
            (
                f"{made.replace(table, f'new_{table}', 1)} WITHOUT ROWID",
                f"INSERT OR IGNORE INTO new_{table} SELECT * FROM {table}",
                f"DROP TABLE {table}",
                f"ALTER TABLE new_{table} RENAME TO {table}",
                *(row[0] for row in indexes),
            ),
        )


@STEPS(name="0009_halt")
def halt(db: Any) -> None:
    """Store that a person paused the writing, or asked for a withdrawal."""
    run_all(
        db,
        (
            """CREATE TABLE halt (
                source TEXT PRIMARY KEY, kind TEXT NOT NULL, since TEXT NOT NULL, asked_by TEXT NOT NULL)""",
        ),
    )


@STEPS(name="0010_when_waits_were_noted")
def when_waits_were_noted(db: Any) -> None:
    """Store when a tracker's wait was noted: a wait noted in the future is void."""
    run_all(
        db,
        (
            "ALTER TABLE hold ADD COLUMN noted_at TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE endpoint_hold ADD COLUMN noted_at TEXT NOT NULL DEFAULT ''",
        ),
    )


@STEPS(name="0011_wording")
def wording(db: Any) -> None:
    """Store the facts behind each write, and whether the wording of the text on a ticket is older.

    Writes of an older version have no facts: their text is accepted as it is, so that an upgrade alone rewrites
    nothing.
    """
    run_all(
        db,
        (
            "ALTER TABLE write_out ADD COLUMN facts TEXT",
            "ALTER TABLE write_out ADD COLUMN wording INTEGER NOT NULL DEFAULT 0",
            "CREATE INDEX write_older ON write_out (source, ticket_id) WHERE wording > 0",
            "CREATE TABLE refresh (source TEXT PRIMARY KEY, tickets INTEGER, asked_at TEXT NOT NULL)",
        ),
    )


@STEPS(name="0012_unread")
def unread(db: Any) -> None:
    """Separate tickets that could not be read from those that could not be mapped: no rebuild finds the former."""
    run_all(db, [f'DROP VIEW "{name}"' for name in db.view_names()])  # recreated after the last step
    run_all(
        db,
        (
            "ALTER TABLE quarantine ADD COLUMN unread INTEGER NOT NULL DEFAULT 0",
            """UPDATE quarantine SET unread = 1 WHERE NOT EXISTS (SELECT 1 FROM mirror m
                WHERE m.source = quarantine.source AND m.ticket_id = quarantine.ticket_id)""",
        ),
    )


@STEPS(name="0013_scope")
def scope(db: Any) -> None:
    """Store whether the query returns a ticket, and its relation to its parent: the role depends on both."""
    run_all(
        db,
        (
            "ALTER TABLE mirror ADD COLUMN scope TEXT NOT NULL DEFAULT 'in'",
            "UPDATE mirror SET scope = 'never' WHERE role = 'action'",  # the next census corrects this
            "ALTER TABLE ticket ADD COLUMN part_of TEXT NOT NULL DEFAULT ''",
            """UPDATE ticket SET part_of = CASE (SELECT kind FROM source WHERE source.source = ticket.source)
                WHEN 'servicenow' THEN 'child' ELSE 'subtask' END WHERE nr IN (SELECT nr FROM parentage)
                AND nr IN (SELECT nr FROM mirror WHERE role = 'action')""",
            "ALTER TABLE ticket ADD COLUMN parent_id TEXT NOT NULL DEFAULT ''",
            """UPDATE ticket SET parent_id = (SELECT MAX(parent_id) FROM parentage p WHERE p.nr = ticket.nr)
                WHERE part_of <> ''""",
            "DELETE FROM milestone WHERE name = 'judged_with'",  # all records are evaluated again, with their roles
        ),
    )


@STEPS(name="0014_history_gap")
def history_gap(db: Any) -> None:
    """Store why a part of a record's history is ambiguous, so that nobody takes it for complete."""
    add_register_columns(db, "0014_history_gap")
    run_all(db, ("DELETE FROM milestone WHERE name = 'judged_with'",))  # all records are evaluated again


@STEPS(name="0015_unknown_verdicts")
def unknown_verdicts(db: Any) -> None:
    """Let the reasons of verdicts that cannot tell be counted without a scan of all verdicts."""
    run_all(db, [f'DROP VIEW "{name}"' for name in db.view_names()])  # recreated after the last step
    run_all(
        db,
        (
            "CREATE INDEX verdict_unknown ON verdict (source, reason, ticket_id) WHERE outcome = 'cannot_tell'",
            "CREATE INDEX mirror_absent ON mirror (source, ticket_id) WHERE presence <> 'present'",
        ),
    )


@STEPS(name="0016_refused_version")
def refused_version(db: Any) -> None:
    """Store which version of a ticket could not be read, so that a new process does not compute it again."""
    run_all(db, [f'DROP VIEW "{name}"' for name in db.view_names()])  # recreated after the last step
    run_all(db, ("ALTER TABLE quarantine ADD COLUMN version TEXT NOT NULL DEFAULT ''",))


@STEPS(name="0017_undelivered")
def undelivered(db: Any) -> None:
    """Store what a tracker did not deliver with a ticket, and what of that is still to be requested."""
    run_all(
        db,
        (
            "ALTER TABLE ticket ADD COLUMN unknown TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE ticket ADD COLUMN unasked TEXT NOT NULL DEFAULT ''",
            "CREATE INDEX ticket_unknown ON ticket (source, unasked) WHERE unknown <> ''",
        ),
    )


@STEPS(name="0018_waivers")
def waivers(db: Any) -> None:
    """Store waivers, and what they do at present."""
    run_all(
        db,
        (
            """CREATE TABLE waiver (
                id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, ticket_id TEXT NOT NULL,
                rule TEXT NOT NULL, until TEXT NOT NULL, reason TEXT NOT NULL, asked_by TEXT NOT NULL,
                asked_at TEXT NOT NULL, way TEXT NOT NULL, approved_by TEXT NOT NULL, recorded_by TEXT NOT NULL,
                reads TEXT NOT NULL, recorded_at TEXT NOT NULL, ended_at TEXT, ended_why TEXT NOT NULL DEFAULT '')""",
            "CREATE INDEX waiver_ticket ON waiver (source, ticket_id) WHERE ended_at IS NULL",
            """CREATE TABLE waiver_standing (
                source TEXT, ticket_id TEXT, waiver INTEGER, state TEXT NOT NULL, why TEXT NOT NULL,
                PRIMARY KEY (source, ticket_id, waiver))""",
        ),
    )


@STEPS(name="0019_today")
def today(db: Any) -> None:
    """Add the indexes from which the page reads what is late, due, newly found, waived or confidential."""
    run_all(
        db,
        (
            """CREATE INDEX register_late ON register_row (source, late_from)
                WHERE late_until IS NULL AND late_from IS NOT NULL""",
            """CREATE INDEX register_review ON register_row (source, effectiveness_due)
                WHERE reviewed_at IS NULL AND effectiveness_due IS NOT NULL""",
            "CREATE INDEX register_restricted ON register_row (source, ticket_id) WHERE confidential <> 'no'",
            "CREATE INDEX finding_open ON finding (source, opened_at) WHERE state = 'open'",
            "CREATE INDEX finding_waived ON finding (source, waived_until) WHERE state = 'waived'",
        ),
    )


@STEPS(name="0020_waivers_of_a_file")
def waivers_of_a_file(db: Any) -> None:
    """Store which entry of the waivers file a waiver is, and whether it is bound to what its rule read."""
    run_all(
        db,
        (
            "ALTER TABLE waiver ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE waiver ADD COLUMN revision TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE waiver ADD COLUMN is_bound INTEGER NOT NULL DEFAULT 1",
            """CREATE TABLE waiver_file (
                name TEXT PRIMARY KEY, problems TEXT NOT NULL, revision TEXT NOT NULL, noted_at TEXT NOT NULL)""",
        ),
    )


@STEPS(name="0021_register_check")
def register_check(db: Any) -> None:
    """Store the results of the checks over the whole register, and since when each has its state."""
    run_all(
        db,
        (
            """CREATE TABLE register_check (name TEXT, source TEXT, state TEXT NOT NULL, says TEXT NOT NULL,
                since TEXT NOT NULL, PRIMARY KEY (name, source))""",
        ),
    )
