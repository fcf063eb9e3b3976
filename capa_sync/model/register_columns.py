"""The columns of the register, each declared once, in the order of `v_register` and of the table behind it.

Migrations, the view, the row writer, the page and the documentation read this table. The contract's columns
(docs/contract.md 5) come first, up to `row_hash`, which covers them. Rows are written by position: a new stored
column comes directly after the last one that has `added_by`, in the order of the migrations.
"""

from __future__ import annotations

from capa_sync.model.columns import ColumnType, RegisterColumn

_TEXT, _NUMBER = ColumnType.TEXT, ColumnType.NUMBER
_INSTANT, _TIME = ColumnType.INSTANT, ColumnType.TIME
_UNFILLED = "while the field is not filled"
_UNREAD = "until the source was read to its end once"

REGISTER: tuple[RegisterColumn, ...] = (
    RegisterColumn(
        "register_no",
        _TEXT,
        "The register number `NC-YYYY-NNNN`, given once and never again.",
        masked=False,
        stored=False,
    ),
    RegisterColumn("source", _TEXT, "The source's name in the settings.", masked=False, stored=False),
    RegisterColumn("ticket_key", _TEXT, "The ticket's present key or number.", masked=False),
    RegisterColumn("ticket_url", _TEXT, "The address where a person opens the ticket.", masked=False),
    RegisterColumn(
        "track", _TEXT, "Which rules apply: nonconformity, improvement, preventive or observation.", masked=False
    ),
    RegisterColumn("title", _TEXT, "What is not fulfilled, in one line."),
    RegisterColumn("grade", _TEXT, "The nonconformity's grade: major, minor, observation or ofi.", masked=False),
    RegisterColumn(
        "origin", _TEXT, "Where the nonconformity comes from, for example `internal_audit`.", masked=False
    ),
    RegisterColumn("origin_ref", _TEXT, "The reference of that origin, for example a report or an incident number."),
    RegisterColumn("requirement", _TEXT, "The requirement that is not fulfilled: clause, control, policy or law."),
    RegisterColumn("occurred_at", _TIME, "When it happened.", _UNFILLED, masked=False),
    RegisterColumn("detected_at", _TIME, "When it was found.", _UNFILLED, masked=False),
    RegisterColumn("location", _TEXT, "Where it happened."),
    RegisterColumn("raised_by", _TEXT, "The name of the person who reported it."),
    RegisterColumn("owner", _TEXT, "The name of the person who is responsible for the record."),
    RegisterColumn(
        "claimed_stage", _TEXT, "The stage that the mapping reads from the ticket's status.", masked=False
    ),
    RegisterColumn(
        "evidenced_stage", _TEXT, "The highest stage that the filled fields prove; empty for none.", masked=False
    ),
    RegisterColumn("source_status", _TEXT, "The tracker's own name of the ticket's status.", masked=False),
    RegisterColumn("correction", _TEXT, "The correction of the instance, or why none is needed."),
    RegisterColumn("corrected_at", _TIME, "When the correction was made.", _UNFILLED, masked=False),
    RegisterColumn("consequences", _TEXT, "How the consequences were dealt with."),
    RegisterColumn(
        "rca_method", _TEXT, "The method of the root cause analysis, for example `five_whys`.", masked=False
    ),
    RegisterColumn("root_cause", _TEXT, "The root cause."),
    RegisterColumn("cause_category", _TEXT, "The kind of cause, for example `process` or `tooling`.", masked=False),
    RegisterColumn("extent", _TEXT, "Whether the same exists or could occur elsewhere, with the note on it."),
    RegisterColumn("similar", _TEXT, "References of similar nonconformities and of the one that this repeats."),
    RegisterColumn("actions_done", _NUMBER, "How many corrective and preventive actions are done.", masked=False),
    RegisterColumn(
        "actions_total",
        _NUMBER,
        "How many corrective and preventive actions exist, without cancelled ones.",
        masked=False,
    ),
    RegisterColumn("action_text", _TEXT, "The texts of these actions, separated by semicolons.", quotes_actions=True),
    RegisterColumn(
        "due_at",
        _TIME,
        "The record's due date, else the latest due date of its actions.",
        "while neither has one",
        masked=False,
    ),
    RegisterColumn("replans", _NUMBER, "How often a person moved the due date to a later one.", masked=False),
    RegisterColumn(
        "days_late",
        _NUMBER,
        "Whole days between the end of the due date and the implementation, else the source's `as_of`; 0 in time.",
        f"without a due date and {_UNREAD}",
        masked=False,
        stored=False,
    ),
    RegisterColumn(
        "implemented_at",
        _INSTANT,
        "When the last action was done; without actions, the first entry into stage implemented or later.",
        "while an action is open or the stage is earlier",
        masked=False,
    ),
    RegisterColumn("communicated", _TEXT, "To whom it was communicated, and the reference of a training."),
    RegisterColumn("effectiveness_criterion", _TEXT, "By what the effectiveness is to be judged."),
    RegisterColumn("effectiveness_due", _TIME, "When the effectiveness review is due.", _UNFILLED, masked=False),
    RegisterColumn(
        "effectiveness_result", _TEXT, "The result of the review: effective, partly or ineffective.", masked=False
    ),
    RegisterColumn("reviewed_by", _TEXT, "The name of the person who reviewed the effectiveness."),
    RegisterColumn("reviewed_at", _TIME, "When the effectiveness was reviewed.", _UNFILLED, masked=False),
    RegisterColumn("isms_change", _TEXT, "What was changed in the management system, with its reference."),
    RegisterColumn("risk_update", _TEXT, "Whether a risk was updated or added, with its reference."),
    RegisterColumn(
        "closed_at", _INSTANT, "When the record last entered stage closed.", "while it is not closed", masked=False
    ),
    RegisterColumn("closed_by", _TEXT, "The name of the person who closed it; empty while it is not closed."),
    RegisterColumn("reopens", _NUMBER, "How often the closed record went back to a working stage.", masked=False),
    RegisterColumn(
        "days_open",
        _NUMBER,
        "Whole days from detection (else creation) to the end of the record, else to the source's `as_of`.",
        f"for an open record {_UNREAD}",
        masked=False,
        stored=False,
    ),
    RegisterColumn("warnings_high", _NUMBER, "How many open findings of severity high are visible.", masked=False),
    RegisterColumn(
        "warnings_medium", _NUMBER, "How many open findings of severity medium are visible.", masked=False
    ),
    RegisterColumn("warnings_low", _NUMBER, "How many open findings of severity low are visible.", masked=False),
    RegisterColumn("rules", _TEXT, "The rules of the visible open findings, the most severe first.", masked=False),
    RegisterColumn("waived", _TEXT, "The waived rules, each with the day until which it is waived."),
    RegisterColumn("cannot_tell", _TEXT, "The rules that cannot tell and have no open finding.", masked=False),
    RegisterColumn("management_review", _TEXT, "The reference of the management review that looked at it."),
    RegisterColumn(
        "changed_at",
        _INSTANT,
        "When somebody other than capa-sync last changed a mapped field or wrote a comment.",
        masked=False,
    ),
    RegisterColumn(
        "synced_at",
        _INSTANT,
        "When the source was last read to its end, by our clock.",
        _UNREAD,
        masked=False,
        stored=False,
    ),
    RegisterColumn(
        "row_hash", _TEXT, "SHA-256 over the record's columns, without those that only show the age of the copy."
    ),
    RegisterColumn(
        "confidential",
        _TEXT,
        "`yes` or `no`; a field that cannot be read counts as `yes`, and the page hides the texts of such a ticket.",
        masked=False,
    ),
    RegisterColumn(
        "open_from", _INSTANT, "The beginning of `days_open`.", "for the default `detected_at`", masked=False
    ),
    RegisterColumn("open_until", _INSTANT, "The end of `days_open`.", "for the default `closed_at`", masked=False),
    RegisterColumn("late_from", _INSTANT, "The beginning of `days_late`.", "without a due date", masked=False),
    RegisterColumn(
        "late_until", _INSTANT, "The end of `days_late`.", "for the default `implemented_at`", shown=False
    ),
    RegisterColumn(
        "evidence_missing",
        _TEXT,
        "The tracker's label of the first field that the next stage needs and that is not filled; empty for none.",
        added_by="0003_evidence_missing",
    ),
    RegisterColumn(
        "history_gap",
        _TEXT,
        "Why a part of the history is ambiguous; `v_tickets` shows it.",
        shown=False,
        added_by="0014_history_gap",
    ),
    RegisterColumn(
        "owner_id",
        _TEXT,
        "The person id of the owner, for the digest; empty for none.",
        shown=False,
        added_by="0040_digest",
    ),
    RegisterColumn(
        "cb_deadline",
        _TIME,
        "The certification body's deadline, for the escalation in the digest.",
        _UNFILLED,
        shown=False,
        added_by="0040_digest",
    ),
    RegisterColumn(
        "caused_at",
        _INSTANT,
        "When the root cause, as it is filled now, was first filled.",
        _UNFILLED,
        masked=False,
        added_by="0045_time_until_cause",
    ),
    RegisterColumn("ticket_id", _TEXT, "The tracker's immutable id of the ticket.", masked=False, stored=False),
    RegisterColumn(
        "presence",
        _TEXT,
        "Whether the ticket still exists and is visible: `present`, `deleted`, `deleted_or_hidden`, `access_lost`, "
        "`out_of_scope`, `archived` or `unobserved`.",
        masked=False,
        stored=False,
    ),
    RegisterColumn(
        "as_of",
        _INSTANT,
        "The instant up to which the source is known to be read; days are counted to it.",
        _UNREAD,
        masked=False,
        stored=False,
    ),
    RegisterColumn(
        "checks_made",
        _NUMBER,
        "How many rules gave ok, breach or historical; a record with 0 was not checked.",
        masked=False,
        stored=False,
    ),
)
"""`source` and `ticket_id` are the table's key, which migrations and writer name themselves: not `stored` here."""

STORED: tuple[str, ...] = tuple(column.name for column in REGISTER if column.stored)
"""The columns of the table after its key, in its order."""

V_REGISTER: tuple[RegisterColumn, ...] = tuple(column for column in REGISTER if column.shown)
"""The columns of the view, in its order."""
