"""The tables, as numbered forward-only steps; each step is one transaction and is recorded in the file.

Primary tables hold data that no tracker and no computation can restore (docs/contract.md 5); `rebuild` recreates
the derived ones. A released step is never edited: every change is a new step.
"""

from __future__ import annotations

from typing import Any

from capa_sync.store.early_migrations import STEPS, add_register_columns, run_all
from capa_sync.store.later_migrations import CHAIN_STEP, JUDGE_AGAIN

__all__ = ["CHAIN", "CHAIN_STEP", "CHECKS", "DERIVED", "KEPT_REVIEWS", "LEDGER", "MONTHS", "PRIMARY", "STEPS"]

LEDGER = "run"
CHECKS = "register_check"
"""Results of the checks over the register; like the ledger they depend on when they were made."""
MONTHS = ("month_figure", "month_check", "month_rule", "month_made")
"""Figures of months, counted after a census: until the next one they may be older than the records."""
KEPT_REVIEWS = ("review_fact", "review_made")
"""What records showed at the end of a month: kept for speed alone, after `rebuild` until the next month ends."""
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
    "different",
    "past_presence",
    "past_site",
    "past_account",
    "past_role",
    "past_match",
    "tombstone",
    "legal_hold",
    "month_check",
    "month_rule",
    "draft",
    "draft_discard",
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


@STEPS(name="0041_monthly_rules")
def monthly_rules(db: Any) -> None:
    """Store how many records passed each rule at the last count of each month, and mark when that may be another."""
    moved = ("INSERT ON verdict_change", "UPDATE ON verdict_change", "INSERT ON quarantine", "DELETE ON quarantine")
    stale = "BEGIN UPDATE month_made SET is_stale = 1 WHERE is_stale = 0; END"
    run_all(
        db,
        (
            """CREATE TABLE month_rule (
                rule TEXT, month TEXT, passed INTEGER NOT NULL, broken INTEGER NOT NULL,
                cannot_tell INTEGER NOT NULL, PRIMARY KEY (rule, month)) WITHOUT ROWID""",
            "CREATE INDEX month_rule_month ON month_rule (month)",
            *(f"CREATE TRIGGER month_rule_{number} AFTER {event} {stale}" for number, event in enumerate(moved)),
            f"""CREATE TRIGGER month_rule_presence AFTER UPDATE OF presence ON mirror
                WHEN OLD.presence <> NEW.presence {stale}""",
            "UPDATE month_made SET is_stale = 1",
        ),
    )


@STEPS(name="0042_draft_discard")
def draft_discard(db: Any) -> None:
    """Store which drafts people discarded; a draft itself never changes, as the chain covers it."""
    run_all(
        db,
        (
            """CREATE TABLE draft_discard (
                id INTEGER PRIMARY KEY, draft INTEGER NOT NULL UNIQUE, discarded_at TEXT NOT NULL,
                discarded_by TEXT NOT NULL)""",
        ),
    )


@STEPS(name="0043_longer_matches")
def longer_matches(db: Any) -> None:
    """Find the matches of records anew: they are kept for a longer period, of which a setting names a part."""
    again = "INSERT OR IGNORE INTO similar_stale SELECT DISTINCT source, '', source, ticket_id, '' FROM similar_key"
    run_all(db, (again,))


@STEPS(name="0044_names_of_persons")
def names_of_persons(db: Any) -> None:
    """Find the accounts of a person without reading those of everybody."""
    run_all(db, ("CREATE INDEX account_person ON account (source, person)",))


@STEPS(name="0045_time_until_cause")
def time_until_cause(db: Any) -> None:
    """Store when the cause of a record was filled, and of each month how long that took; judge again for it."""
    add_register_columns(db, "0045_time_until_cause")
    run_all(
        db,
        (
            "ALTER TABLE month_figure ADD COLUMN caused INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE month_figure ADD COLUMN caused_median INTEGER",
            "ALTER TABLE month_figure ADD COLUMN caused_p90 INTEGER",
            "UPDATE month_made SET is_stale = 1",
            JUDGE_AGAIN,
        ),
    )


@STEPS(name="0046_waivers_of_a_ticket")
def waivers_of_a_ticket(db: Any) -> None:
    """Find the waivers of a ticket that have ended, too, without reading those of all tickets."""
    run_all(db, ("CREATE INDEX waiver_of_ticket ON waiver (source, ticket_id)",))


@STEPS(name="0047_confidential_actions")
def confidential_actions(db: Any) -> None:
    """Store whether an action's own ticket says that it is confidential; judge again for it."""
    run_all(db, ("ALTER TABLE action ADD COLUMN confidential TEXT NOT NULL DEFAULT 'no'", JUDGE_AGAIN))


@STEPS(name="0048_former_values")
def former_values(db: Any) -> None:
    """Find the tickets that once had a value in a field without reading the changes of all other fields."""
    run_all(db, ("CREATE INDEX change_former ON change (field_id) WHERE from_value <> ''",))
