"""Steps 0022 to 0033, from the live verdict sets to the due tickets of a source; `migrations` has those after."""

from __future__ import annotations

from typing import Any

from capa_sync.store.early_migrations import STEPS, run_all

CHAIN_STEP = "0029_event"
JUDGE_AGAIN = "UPDATE milestone SET value = value || ':renewed' WHERE name = 'judged_with'"
"""All records are evaluated again. What they were judged by stays readable: a first live set is compared with it."""


@STEPS(name="0022_verdict_sets")
def verdict_sets(db: Any) -> None:
    """Store every verdict set that was live, as full text, and when and by whom it was made live."""
    run_all(
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
    run_all(
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
    run_all(
        db,
        (
            """CREATE TABLE disagreement (
                source TEXT, ticket_id TEXT, field TEXT, value TEXT NOT NULL, at_source TEXT NOT NULL,
                at_key TEXT NOT NULL, other_source TEXT, other_key TEXT, other_value TEXT NOT NULL,
                PRIMARY KEY (source, ticket_id, field, other_source, other_key))""",
            f"{JUDGE_AGAIN} AND EXISTS (SELECT 1 FROM joined)",
        ),
    )


@STEPS(name="0025_tracker_accounts")
def tracker_accounts(db: Any) -> None:
    """Store each account of a tracker in a row of its own, with when the tracker was asked about it."""
    run_all(
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
    run_all(
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
    run_all(
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
    run_all(
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
    run_all(
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
    run_all(db, ("ALTER TABLE finding ADD COLUMN on_ticket TEXT NOT NULL DEFAULT ''",))


@STEPS(name="0031_similar_records")
def similar_records(db: Any) -> None:
    """Store by what records are compared, which earlier ones they match, and which pairs are different."""
    run_all(
        db,
        (
            """CREATE TABLE similar_key (
                source TEXT, ticket_id TEXT, key TEXT, ticket_key TEXT NOT NULL, identified_on TEXT NOT NULL,
                closed_on TEXT, is_effective INTEGER NOT NULL, PRIMARY KEY (source, ticket_id, key))""",
            "CREATE INDEX similar_closed ON similar_key (key, closed_on)",
            "CREATE INDEX similar_effective ON similar_key (key, closed_on) WHERE is_effective = 1",
            "CREATE INDEX similar_identified ON similar_key (key, identified_on)",
            """CREATE TABLE earlier_match (
                source TEXT, ticket_id TEXT, other_source TEXT, other_ticket_id TEXT, other_key TEXT NOT NULL,
                closed_on TEXT NOT NULL, is_effective INTEGER NOT NULL,
                PRIMARY KEY (source, ticket_id, other_source, other_ticket_id))""",
            """CREATE TABLE different (
                id INTEGER PRIMARY KEY, source TEXT NOT NULL, ticket_id TEXT NOT NULL, other_source TEXT NOT NULL,
                other_ticket_id TEXT NOT NULL, marked_by TEXT NOT NULL, marked_at TEXT NOT NULL)""",
            "CREATE UNIQUE INDEX different_pair ON different (source, ticket_id, other_source, other_ticket_id)",
            # each source settles the matches of its own records: a row for each source
            """CREATE TABLE similar_stale (
                for_source TEXT, key TEXT, source TEXT, ticket_id TEXT, closed_on TEXT,
                PRIMARY KEY (for_source, key, source, ticket_id, closed_on))""",
            *(
                f"""CREATE TRIGGER similar_key_{event.lower()} AFTER {event} ON similar_key BEGIN
                INSERT OR IGNORE INTO similar_stale
                SELECT s.source, {row}.key, {row}.source, {row}.ticket_id, COALESCE({row}.closed_on, '')
                FROM (SELECT source FROM source UNION SELECT {row}.source) s; END"""
                for event, row in (("INSERT", "NEW"), ("DELETE", "OLD"))
            ),
            JUDGE_AGAIN,  # for their keys
        ),
    )


@STEPS(name="0032_past_match")
def past_match(db: Any) -> None:
    """Store which earlier records a record matched before its matches changed."""
    run_all(
        db,
        (
            """CREATE TABLE past_match (
                id INTEGER PRIMARY KEY, source TEXT NOT NULL, ticket_id TEXT NOT NULL, until TEXT NOT NULL,
                was TEXT NOT NULL)""",
            "CREATE INDEX past_match_ticket ON past_match (source, ticket_id)",
        ),
    )


@STEPS(name="0033_due_by_source")
def due_by_source(db: Any) -> None:
    """Find the due tickets of a source without reading those that are due later, which may be all others."""
    run_all(db, ("DROP INDEX due_at", "CREATE INDEX due_of_source ON due (source, due_at)"))
