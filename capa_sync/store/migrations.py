"""The tables, as numbered forward-only steps; each step is one transaction and is recorded in the file.

Primary tables hold data that no tracker and no computation can restore (docs/contract.md 5); `rebuild` recreates
the derived ones. A released step is never edited: every change is a new step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlite_utils import Migrations

from capa_sync.model.columns import ColumnType
from capa_sync.model.register_columns import REGISTER

STEPS = Migrations("capa_sync")

LEDGER = "run"
CHECKS = "register_check"
"""Results of the checks over the register; like the ledger they depend on when they were made."""
CHAIN_STEP = "0029_event"
CHAIN = "event"
"""The hash chain over primary rows; its salts are random, so that equal registers have different chains."""
PRIMARY: tuple[str, ...] = (
    "meta",
    "source",
    "cursor",
    "hold",
    "endpoint_hold",
    "site",
    "tracker_account",
    "pin",
    "mirror",
    "part",
    "observed",
    "finding",
    "write_out",
    "deletion",
    "release",
    "refresh",
    "verdict_change",
    "safety_stop",
    "request",
    "register_number",
    "milestone",
    "halt",
    "waiver",
    "waiver_file",
    CHECKS,
    "set_text",
    "set_part",
    "activation",
    "waiver_request",
    "past_presence",
    "past_site",
    "past_account",
    "past_role",
    CHAIN,
)
DERIVED: tuple[str, ...] = (
    "ticket",
    "old_key",
    "parentage",
    "child",
    "change",
    "quarantine",
    "verdict_own",
    "verdict_ticket",
    "verdict_shared",
    "due",
    "plan_due",
    "register_row",
    "action",
    "birth",
    "joined",
    "account",
    "waiver_standing",
    "disagreement",
)


def _ddl(added_by: str) -> list[str]:
    """Return the definitions of the register's columns that a step adds; "" stands for the first step."""
    return [
        f"{column.name} {'INTEGER' if column.type is ColumnType.NUMBER else 'TEXT'}"
        for column in REGISTER
        if column.stored and column.added_by == added_by
    ]


_REGISTER_DDL = ", ".join(_ddl(""))

_FIRST: tuple[str, ...] = (
    # --- primary -----------------------------------------------------------------------------------------------
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE source (source TEXT PRIMARY KEY, kind TEXT NOT NULL, url TEXT NOT NULL)",
    "CREATE TABLE cursor (source TEXT PRIMARY KEY, state TEXT NOT NULL, watermark TEXT)",
    "CREATE TABLE hold (source TEXT PRIMARY KEY, not_before TEXT NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE site (source TEXT PRIMARY KEY, facts TEXT NOT NULL, changed_at TEXT NOT NULL)",
    "CREATE TABLE pin (source TEXT, field TEXT, tracker_field TEXT NOT NULL, PRIMARY KEY (source, field))",
    """CREATE TABLE mirror (
        nr INTEGER PRIMARY KEY, source TEXT NOT NULL, ticket_id TEXT NOT NULL, role TEXT NOT NULL,
        presence TEXT NOT NULL, presence_proof TEXT NOT NULL, presence_at TEXT NOT NULL,
        first_run INTEGER NOT NULL)""",
    "CREATE UNIQUE INDEX mirror_ticket ON mirror (source, ticket_id)",
    """CREATE TABLE part (
        id INTEGER PRIMARY KEY, nr INTEGER NOT NULL REFERENCES mirror (nr), kind TEXT NOT NULL,
        version INTEGER NOT NULL, form TEXT NOT NULL, digest TEXT NOT NULL, run INTEGER NOT NULL,
        read_at TEXT NOT NULL, body BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX part_version ON part (nr, kind, version)",
    """CREATE TABLE observed (
        id INTEGER PRIMARY KEY, nr INTEGER NOT NULL REFERENCES mirror (nr), entry TEXT NOT NULL,
        changed_at TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, field_id TEXT NOT NULL,
        field_name TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, changed_by TEXT NOT NULL)""",
    "CREATE INDEX observed_ticket ON observed (nr)",
    """CREATE TABLE run (
        id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, kind TEXT NOT NULL, started_at TEXT NOT NULL,
        finished_at TEXT, ok INTEGER NOT NULL DEFAULT 0, problem TEXT NOT NULL DEFAULT '',
        counts TEXT NOT NULL DEFAULT '{}', as_of TEXT, stored INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX run_source ON run (source, id)",
    """CREATE TABLE finding (
        source TEXT, ticket_id TEXT, rule TEXT, episode INTEGER, number INTEGER NOT NULL, clause TEXT NOT NULL,
        severity TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, title TEXT NOT NULL, message TEXT NOT NULL,
        fix TEXT NOT NULL, args TEXT NOT NULL, opened_at TEXT NOT NULL, cleared_at TEXT, hidden_by TEXT NOT NULL,
        waived_until TEXT, waived_by TEXT NOT NULL, waived_reason TEXT NOT NULL, rule_set TEXT NOT NULL,
        inputs TEXT NOT NULL, PRIMARY KEY (source, ticket_id, rule, episode))""",
    """CREATE TABLE write_out (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
        ticket_id TEXT NOT NULL, ticket_key TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL,
        created_at TEXT NOT NULL, text TEXT, labels_add TEXT NOT NULL, labels_remove TEXT NOT NULL,
        fields TEXT NOT NULL, points TEXT NOT NULL, notifies INTEGER NOT NULL, marker TEXT NOT NULL,
        state TEXT NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL, remote_id TEXT NOT NULL,
        not_before TEXT, delivered_at TEXT, marked_at TEXT)""",
    "CREATE INDEX write_ticket ON write_out (source, ticket_id, kind)",
    "CREATE INDEX write_open ON write_out (source, seq) WHERE state IN ('pending', 'unknown', 'failed')",
    """CREATE TABLE deletion (
        source TEXT, ticket_id TEXT, remote_id TEXT, deleted_at TEXT NOT NULL,
        PRIMARY KEY (source, ticket_id, remote_id))""",
    """CREATE TABLE release (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, allowed INTEGER, used INTEGER NOT NULL,
        released_at TEXT NOT NULL, closed_at TEXT)""",
    "CREATE TABLE safety_stop (source TEXT PRIMARY KEY, cause TEXT NOT NULL, stopped_at TEXT NOT NULL)",
    """CREATE TABLE request (
        id INTEGER PRIMARY KEY, verb TEXT NOT NULL, args TEXT NOT NULL, asked_at TEXT NOT NULL, done_at TEXT,
        answer TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE register_number (
        source TEXT, ticket_id TEXT, year INTEGER NOT NULL, serial INTEGER NOT NULL,
        PRIMARY KEY (source, ticket_id), UNIQUE (year, serial))""",
    "CREATE TABLE milestone (source TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (source, name))",
    # --- derived -----------------------------------------------------------------------------------------------
    "CREATE TABLE plan_due (source TEXT, ticket_id TEXT, due_at TEXT NOT NULL, PRIMARY KEY (source, ticket_id))",
    """CREATE TABLE ticket (
        nr INTEGER PRIMARY KEY, source TEXT NOT NULL, ticket_id TEXT NOT NULL, ticket_key TEXT NOT NULL,
        url TEXT NOT NULL, kind TEXT NOT NULL, container TEXT NOT NULL, created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL, history_complete INTEGER NOT NULL, history_from TEXT, comments INTEGER NOT NULL,
        changes INTEGER NOT NULL, lost TEXT NOT NULL)""",
    "CREATE INDEX ticket_key ON ticket (ticket_key)",
    "CREATE TABLE old_key (nr INTEGER, ticket_key TEXT, PRIMARY KEY (nr, ticket_key))",
    "CREATE INDEX old_key_key ON old_key (ticket_key)",
    "CREATE TABLE parentage (nr INTEGER, parent_id TEXT, PRIMARY KEY (nr, parent_id))",
    "CREATE INDEX parentage_parent ON parentage (parent_id)",
    """CREATE TABLE child (
        id INTEGER PRIMARY KEY, nr INTEGER NOT NULL, child_id TEXT NOT NULL, child_key TEXT NOT NULL,
        relation TEXT NOT NULL, link_type TEXT NOT NULL)""",
    "CREATE INDEX child_parent ON child (nr)",
    "CREATE INDEX child_id ON child (child_id)",
    "CREATE INDEX child_key ON child (child_key)",
    """CREATE TABLE change (
        id INTEGER PRIMARY KEY, nr INTEGER NOT NULL, entry TEXT NOT NULL, group_no INTEGER NOT NULL,
        changed_at TEXT NOT NULL, field_id TEXT NOT NULL, field TEXT NOT NULL, changed_by TEXT NOT NULL,
        origin TEXT NOT NULL, from_value TEXT NOT NULL, to_value TEXT NOT NULL)""",
    "CREATE INDEX change_ticket ON change (nr)",
    """CREATE TABLE quarantine (
        source TEXT, ticket_id TEXT, ticket_key TEXT NOT NULL, reasons TEXT NOT NULL,
        PRIMARY KEY (source, ticket_id))""",
    """CREATE TABLE verdict (
        source TEXT, ticket_id TEXT, rule TEXT, outcome TEXT NOT NULL, severity TEXT NOT NULL,
        title TEXT NOT NULL, clause TEXT NOT NULL, mode TEXT NOT NULL, number INTEGER NOT NULL, reason TEXT NOT NULL,
        next_due TEXT, PRIMARY KEY (source, ticket_id, rule))""",
    "CREATE TABLE due (source TEXT, ticket_id TEXT, due_at TEXT NOT NULL, PRIMARY KEY (source, ticket_id))",
    "CREATE INDEX due_at ON due (due_at)",
    f"CREATE TABLE register_row (source TEXT, ticket_id TEXT, {_REGISTER_DDL}, PRIMARY KEY (source, ticket_id))",
    """CREATE TABLE action (
        source TEXT, ticket_id TEXT, action_id TEXT, action_key TEXT NOT NULL, origin TEXT NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL, owner TEXT NOT NULL, due_at TEXT, done_at TEXT,
        PRIMARY KEY (source, ticket_id, action_id))""",
    """CREATE TABLE birth (
        source TEXT, ticket_id TEXT, field TEXT, field_id TEXT, to_value TEXT NOT NULL, changed_at TEXT NOT NULL,
        changed_by TEXT NOT NULL, PRIMARY KEY (source, ticket_id, field, field_id))""",
    """CREATE TABLE joined (
        source TEXT, ticket_id TEXT, other_source TEXT NOT NULL, other_key TEXT NOT NULL,
        PRIMARY KEY (source, ticket_id))""",
    "CREATE INDEX joined_other ON joined (other_source, other_key)",
)


def _run_all(db: Any, statements: Iterable[str]) -> None:
    for statement in statements:
        db.execute(statement)


def _add_register_columns(db: Any, step: str) -> None:
    """Add the register's columns that are declared with this step."""
    _run_all(db, [f"ALTER TABLE register_row ADD COLUMN {column}" for column in _ddl(step)])


@STEPS(name="0001_tables")
def first_tables(db: Any) -> None:
    """Create every table of the first version."""
    _run_all(db, _FIRST)


@STEPS(name="0002_rolling_share")
def rolling_share(db: Any) -> None:
    """Store which tickets changed verdict, for a brake over time; add an index for action tickets."""
    _run_all(
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
    _add_register_columns(db, "0003_evidence_missing")


@STEPS(name="0004_folded_ledger")
def folded_ledger(db: Any) -> None:
    """Store equal uneventful runs as one row; store when a run last saw a vanished ticket."""
    _run_all(
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
    _run_all(
        db,
        (
            """CREATE TABLE endpoint_hold (
                source TEXT, endpoint TEXT, not_before TEXT NOT NULL, PRIMARY KEY (source, endpoint))""",
        ),
    )


@STEPS(name="0006_looks_of_the_brakes")
def looks_of_the_brakes(db: Any) -> None:
    """Add indexes for tickets that are due for planning, and for the notifications of a day."""
    _run_all(
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
    _run_all(
        db,
        (
            "CREATE TABLE account (source TEXT, account TEXT, person TEXT NOT NULL, PRIMARY KEY (source, account))",
            "DELETE FROM milestone WHERE name = 'judged_with'",  # renews verdicts and birth rows
        ),
    )


@STEPS(name="0008_rows_under_their_keys")
def rows_under_their_keys(db: Any) -> None:
    """Store short derived rows inside their key index (WITHOUT ROWID): this halves the writing of a first cycle."""
    _run_all(db, [f'DROP VIEW "{name}"' for name in db.view_names()])  # recreated after the last step
    for table in ("verdict", "birth", "action", "due", "plan_due", "register_row"):
        made = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
        indexes = db.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
        ).fetchall()
        _run_all(
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
    _run_all(
        db,
        (
            """CREATE TABLE halt (
                source TEXT PRIMARY KEY, kind TEXT NOT NULL, since TEXT NOT NULL, asked_by TEXT NOT NULL)""",
        ),
    )


@STEPS(name="0010_when_waits_were_noted")
def when_waits_were_noted(db: Any) -> None:
    """Store when a tracker's wait was noted: a wait noted in the future is void."""
    _run_all(
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
    _run_all(
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
    _run_all(db, [f'DROP VIEW "{name}"' for name in db.view_names()])  # recreated after the last step
    _run_all(
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
    _run_all(
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
    _add_register_columns(db, "0014_history_gap")
    _run_all(db, ("DELETE FROM milestone WHERE name = 'judged_with'",))  # all records are evaluated again


@STEPS(name="0015_unknown_verdicts")
def unknown_verdicts(db: Any) -> None:
    """Let the reasons of verdicts that cannot tell be counted without a scan of all verdicts."""
    _run_all(db, [f'DROP VIEW "{name}"' for name in db.view_names()])  # recreated after the last step
    _run_all(
        db,
        (
            "CREATE INDEX verdict_unknown ON verdict (source, reason, ticket_id) WHERE outcome = 'cannot_tell'",
            "CREATE INDEX mirror_absent ON mirror (source, ticket_id) WHERE presence <> 'present'",
        ),
    )


@STEPS(name="0016_refused_version")
def refused_version(db: Any) -> None:
    """Store which version of a ticket could not be read, so that a new process does not compute it again."""
    _run_all(db, [f'DROP VIEW "{name}"' for name in db.view_names()])  # recreated after the last step
    _run_all(db, ("ALTER TABLE quarantine ADD COLUMN version TEXT NOT NULL DEFAULT ''",))


@STEPS(name="0017_undelivered")
def undelivered(db: Any) -> None:
    """Store what a tracker did not deliver with a ticket, and what of that is still to be requested."""
    _run_all(
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
    _run_all(
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
    _run_all(
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
    _run_all(
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
    _run_all(
        db,
        (
            """CREATE TABLE register_check (name TEXT, source TEXT, state TEXT NOT NULL, says TEXT NOT NULL,
                since TEXT NOT NULL, PRIMARY KEY (name, source))""",
        ),
    )


@STEPS(name="0022_verdict_sets")
def verdict_sets(db: Any) -> None:
    """Store every verdict set that was live, as full text, and when and by whom it was made live."""
    _run_all(
        db,
        (
            "CREATE TABLE set_text (digest TEXT PRIMARY KEY, body TEXT NOT NULL)",
            """CREATE TABLE set_part (
                hash TEXT, role TEXT, key TEXT, name TEXT NOT NULL, digest TEXT NOT NULL REFERENCES set_text (digest),
                PRIMARY KEY (hash, role, key))""",
            """CREATE TABLE activation (
                id INTEGER PRIMARY KEY, hash TEXT NOT NULL, rule_set TEXT NOT NULL, activated_at TEXT NOT NULL,
                activated_by TEXT NOT NULL, how TEXT NOT NULL, rules_alone INTEGER NOT NULL,
                revision TEXT NOT NULL)""",
        ),
    )


@STEPS(name="0023_requests_in_comments")
def requests_in_comments(db: Any) -> None:
    """Store what became of the requests that people wrote into comments."""
    _run_all(
        db,
        (
            """CREATE TABLE waiver_request (
                source TEXT, ticket_id TEXT, key TEXT, rule TEXT NOT NULL, name TEXT NOT NULL, answer TEXT NOT NULL,
                asked_at TEXT NOT NULL, PRIMARY KEY (source, ticket_id, key))""",
        ),
    )


@STEPS(name="0024_disagreement")
def disagreement(db: Any) -> None:
    """Store in what the tickets of a joined record disagree."""
    _run_all(
        db,
        (
            """CREATE TABLE disagreement (
                source TEXT, ticket_id TEXT, field TEXT, value TEXT NOT NULL, at_source TEXT NOT NULL,
                at_key TEXT NOT NULL, other_source TEXT, other_key TEXT, other_value TEXT NOT NULL,
                PRIMARY KEY (source, ticket_id, field, other_source, other_key))""",
            "DELETE FROM milestone WHERE name = 'judged_with' AND EXISTS (SELECT 1 FROM joined)",
        ),
    )


@STEPS(name="0025_tracker_accounts")
def tracker_accounts(db: Any) -> None:
    """Store each account of a tracker in a row of its own, with when the tracker was asked about it."""
    _run_all(
        db,
        (
            """CREATE TABLE tracker_account (
                source TEXT, account TEXT, name TEXT NOT NULL, active INTEGER, aliases TEXT NOT NULL, asked_at TEXT,
                changes INTEGER NOT NULL, PRIMARY KEY (source, account)) WITHOUT ROWID""",
            """INSERT OR IGNORE INTO tracker_account
                SELECT source, json_extract(value, '$.id'), json_extract(value, '$.name'),
                    json_extract(value, '$.active'), json_extract(value, '$.aliases'),
                    CASE WHEN json_extract(value, '$.active') IS NULL THEN NULL ELSE changed_at END, 0
                FROM site, json_each(site.facts, '$.accounts')""",
            "UPDATE site SET facts = json_set(facts, '$.accounts', json('[]'))",
        ),
    )


@STEPS(name="0026_past")
def past(db: Any) -> None:
    """Keep what a ticket's presence and a site's facts were before they changed, for verdicts as of a past day.

    What they were before this step is not known, but for what has not changed since.
    """
    _run_all(
        db,
        (
            """CREATE TABLE past_presence (
                id INTEGER PRIMARY KEY, nr INTEGER NOT NULL REFERENCES mirror (nr), presence TEXT NOT NULL,
                until TEXT NOT NULL)""",
            "CREATE INDEX past_presence_ticket ON past_presence (nr)",
            """CREATE TRIGGER presence_ended AFTER UPDATE OF presence ON mirror WHEN OLD.presence <> NEW.presence
                BEGIN INSERT INTO past_presence (nr, presence, until)
                    VALUES (OLD.nr, OLD.presence, NEW.presence_at); END""",
            """CREATE TABLE past_site (
                id INTEGER PRIMARY KEY, source TEXT NOT NULL, until TEXT NOT NULL, was TEXT NOT NULL)""",
            """CREATE TABLE past_account (
                id INTEGER PRIMARY KEY, source TEXT NOT NULL, account TEXT NOT NULL, until TEXT NOT NULL,
                was TEXT NOT NULL)""",
            "INSERT INTO past_site (source, until, was) SELECT source, changed_at, '' FROM site",
        ),
    )


@STEPS(name="0027_shared_verdicts")
def shared_verdicts(db: Any) -> None:
    """Store once what most tickets share: verdicts that say an outcome and nothing else (see `verdict_rows`)."""
    _run_all(
        db,
        (
            *(f'DROP VIEW "{name}"' for name in db.view_names()),  # recreated after the last step
            "DROP INDEX verdict_unknown",
            "ALTER TABLE verdict RENAME TO verdict_own",
            "CREATE INDEX verdict_unknown ON verdict_own (source, reason, ticket_id) WHERE outcome = 'cannot_tell'",
            """CREATE TABLE verdict_ticket (source TEXT, ticket_id TEXT, digest TEXT NOT NULL,
                PRIMARY KEY (source, ticket_id)) WITHOUT ROWID""",
            """CREATE TABLE verdict_shared (
                digest TEXT, rule TEXT, outcome TEXT NOT NULL, severity TEXT NOT NULL, title TEXT NOT NULL,
                clause TEXT NOT NULL, mode TEXT NOT NULL, number INTEGER NOT NULL,
                PRIMARY KEY (digest, rule)) WITHOUT ROWID""",
            "INSERT INTO verdict_ticket SELECT DISTINCT source, ticket_id, '' FROM verdict_own",
        ),
    )


@STEPS(name="0028_past_role")
def past_role(db: Any) -> None:
    """Keep which tickets were records and which were actions before that changed."""
    _run_all(
        db,
        (
            """CREATE TABLE past_role (
                id INTEGER PRIMARY KEY, nr INTEGER NOT NULL REFERENCES mirror (nr), role TEXT NOT NULL,
                until TEXT NOT NULL)""",
            "CREATE INDEX past_role_ticket ON past_role (nr)",
        ),
    )


@STEPS(name=CHAIN_STEP)
def event(db: Any) -> None:
    """Store the hash chain over what is primary; `open_register` begins it with the rows that are there."""
    _run_all(
        db,
        (
            """CREATE TABLE event (
                number INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL,
                ticket_id TEXT NOT NULL, names TEXT NOT NULL, text TEXT NOT NULL, digests BLOB NOT NULL,
                salts BLOB NOT NULL, hash BLOB NOT NULL)""",
        ),
    )


@STEPS(name="0030_finding_on_ticket")
def finding_on_ticket(db: Any) -> None:
    """Store the words of a finding in the language of its ticket's text, where that is not English."""
    _run_all(db, ("ALTER TABLE finding ADD COLUMN on_ticket TEXT NOT NULL DEFAULT ''",))
