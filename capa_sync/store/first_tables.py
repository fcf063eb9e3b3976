"""The tables of the first version of the register, before every later step."""

from __future__ import annotations

from capa_sync.model.columns import ColumnType
from capa_sync.model.register_columns import REGISTER


def register_ddl(added_by: str) -> list[str]:
    """Return the definitions of the register's columns that a step adds; "" stands for the first step."""
    return [
        f"{column.name} {'INTEGER' if column.type is ColumnType.NUMBER else 'TEXT'}"
        for column in REGISTER
        if column.stored and column.added_by == added_by
    ]


_REGISTER_DDL = ", ".join(register_ddl(""))

FIRST: tuple[str, ...] = (
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
