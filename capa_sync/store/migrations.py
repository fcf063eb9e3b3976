"""The tables, as numbered forward-only steps; each step is one transaction and is recorded in the file.

Primary tables hold data that no tracker and no computation can restore (docs/contract.md 5); `rebuild` recreates
the derived ones. A released step is never edited: every change is a new step.
"""

from __future__ import annotations

from typing import Any

from capa_sync.store.early_migrations import STEPS, add_register_columns, run_all

__all__ = ["CHAIN", "CHAIN_STEP", "CHECKS", "DERIVED", "KEPT_REVIEWS", "LEDGER", "MONTHS", "PRIMARY", "STEPS"]

LEDGER = "run"
CHECKS = "register_check"
"""Results of the checks over the register; like the ledger they depend on when they were made."""
MONTHS = ("month_figure", "month_check", "month_made")
"""Figures of months, counted after a census: until the next one they may be older than the records."""
KEPT_REVIEWS = ("review_fact", "review_made")
"""What records showed at the end of a month: kept for speed alone, after `rebuild` until the next month ends."""
CHAIN_STEP = "0029_event"
CHAIN = "event"
"""The hash chain over primary rows; its salts are random, so that equal registers have different chains."""
JUDGE_AGAIN = "UPDATE milestone SET value = value || ':renewed' WHERE name = 'judged_with'"
"""All records are evaluated again. What they were judged by stays readable: a first live set is compared with it."""
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
    "different",
    "past_presence",
    "past_site",
    "past_account",
    "past_role",
    "past_match",
    "tombstone",
    "legal_hold",
    "month_check",
    "draft",
    "digest_send",
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
    "similar_key",
    "earlier_match",
    "similar_stale",
    "month_figure",
    "month_made",
    *KEPT_REVIEWS,
)


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


@STEPS(name="0034_erasure")
def erasure(db: Any) -> None:
    """Store which tickets were erased, which parts went with them, and what must not be erased."""
    run_all(
        db,
        (
            """CREATE TABLE tombstone (
                id INTEGER PRIMARY KEY, source TEXT NOT NULL, ticket_id TEXT NOT NULL, ticket_key TEXT NOT NULL,
                reason TEXT NOT NULL, erased_by TEXT NOT NULL, erased_at TEXT NOT NULL, way TEXT NOT NULL,
                parts TEXT NOT NULL, counts TEXT NOT NULL, last_part INTEGER)""",
            "CREATE INDEX tombstone_ticket ON tombstone (source, ticket_id)",
            "CREATE INDEX tombstone_part ON tombstone (last_part)",
            """CREATE TABLE legal_hold (
                id INTEGER PRIMARY KEY, source TEXT NOT NULL, ticket_id TEXT NOT NULL, name TEXT NOT NULL,
                reason TEXT NOT NULL, held_by TEXT NOT NULL, held_at TEXT NOT NULL, ended_at TEXT,
                ended_by TEXT NOT NULL DEFAULT '')""",
        ),
    )


@STEPS(name="0035_confidential_joins")
def confidential_joins(db: Any) -> None:
    """Judge again where records are joined: a joined record is confidential as soon as one of its tickets is."""
    run_all(db, (f"{JUDGE_AGAIN} AND EXISTS (SELECT 1 FROM joined)",))


@STEPS(name="0036_monthly_figures")
def monthly_figures(db: Any) -> None:
    """Store the figures of each month, what the checks said in it, and whether they are as the records are now."""
    steps = ("corrected", "implemented", "ended")
    columns = ", ".join(f"{step} INTEGER NOT NULL, {step}_median INTEGER, {step}_p90 INTEGER" for step in steps)
    run_all(
        db,
        (
            f"""CREATE TABLE month_figure (
                month TEXT PRIMARY KEY, opened INTEGER NOT NULL, open_end INTEGER NOT NULL, {columns},
                due INTEGER NOT NULL, on_time INTEGER NOT NULL)""",
            """CREATE TABLE month_check (
                month TEXT PRIMARY KEY, in_work INTEGER NOT NULL, warned INTEGER NOT NULL)""",
            """CREATE TABLE month_made (
                id INTEGER PRIMARY KEY CHECK (id = 1), timezone TEXT NOT NULL, month TEXT NOT NULL,
                is_stale INTEGER NOT NULL)""",
            # an evaluation that changes a row deletes it and inserts another one
            *(
                f"""CREATE TRIGGER register_row_{event.lower()} AFTER {event} ON register_row BEGIN
                UPDATE month_made SET is_stale = 1 WHERE is_stale = 0; END"""
                for event in ("INSERT", "DELETE")
            ),
        ),
    )


@STEPS(name="0037_links_aside")
def links_aside(db: Any) -> None:
    """Judge again: web addresses do not count as words any more (`substantive with at least …`)."""
    run_all(db, (JUDGE_AGAIN,))


@STEPS(name="0038_draft")
def draft(db: Any) -> None:
    """Store the drafts of rules that people save on the page."""
    run_all(
        db,
        (
            """CREATE TABLE draft (
                id INTEGER PRIMARY KEY, hash TEXT NOT NULL, base TEXT NOT NULL, saved_at TEXT NOT NULL,
                saved_by TEXT NOT NULL)""",
        ),
    )


@STEPS(name="0039_kept_reviews")
def kept_reviews(db: Any) -> None:
    """Keep what records showed at the end of the last month, for reports."""
    run_all(
        db,
        (
            """CREATE TABLE review_made (
                source TEXT PRIMARY KEY, at TEXT NOT NULL, basis TEXT NOT NULL, rules TEXT NOT NULL,
                is_done INTEGER NOT NULL)""",
            """CREATE TABLE review_fact (
                source TEXT, ticket_id TEXT, facts TEXT NOT NULL, PRIMARY KEY (source, ticket_id)) WITHOUT ROWID""",
        ),
    )


@STEPS(name="0040_digest")
def digest(db: Any) -> None:
    """Store which digest went to whom in which period, and who the owner of a record is."""
    add_register_columns(db, "0040_digest")
    run_all(
        db,
        (
            """CREATE TABLE digest_send (
                id INTEGER PRIMARY KEY, kind TEXT NOT NULL, period TEXT NOT NULL, recipient TEXT NOT NULL,
                state TEXT NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL, items TEXT NOT NULL,
                marked_at TEXT NOT NULL, not_before TEXT)""",
            "CREATE UNIQUE INDEX digest_send_once ON digest_send (period, recipient, kind)",
            "CREATE INDEX digest_send_last ON digest_send (kind, recipient, id)",
            JUDGE_AGAIN,  # for the ids of owners
        ),
    )
