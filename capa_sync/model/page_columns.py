"""Columns of the public views that the page is made of, and those that all views share."""

from __future__ import annotations

from capa_sync.model.columns import Column, ColumnType

_TEXT, _NUMBER, _FLAG = ColumnType.TEXT, ColumnType.NUMBER, ColumnType.FLAG
_INSTANT, _TIME = ColumnType.INSTANT, ColumnType.TIME
_NONE = "in a month without one"
_UNCOUNTED = "for a month without a reading"

SOURCE = Column("source", _TEXT, "The source's name in the settings.", masked=False)
ID = Column("ticket_id", _TEXT, "The tracker's immutable id of the ticket.", masked=False)
KEY = Column("ticket_key", _TEXT, "The ticket's present key or number.", masked=False)
CONFIDENTIAL = Column(
    "confidential", _TEXT, "`yes` or `no` as in `v_register`; empty for a ticket without a row there.", masked=False
)

TODAY = (
    Column(
        "matter",
        _TEXT,
        "Why it needs somebody: `overdue`, `due` (within a week), `review_due` (late, or within a week), `warned` "
        "(in the last week), `waiver_ends` (within two weeks), `stuck_write` or `quarantined`.",
        masked=False,
    ),
    SOURCE,
    ID,
    KEY,
    Column("register_no", _TEXT, "The register number; empty for a ticket without one.", masked=False),
    Column("title", _TEXT, "The record's title; empty for a ticket without a row in `v_register`."),
    Column("owner", _TEXT, "The name of the record's owner; empty for none."),
    Column("since", _INSTANT, "Since when it is late, open or stuck.", "where nothing tells it", masked=False),
    Column(
        "due_at",
        _TIME,
        "When the record or its review is due; of a waiver, 24:00 of its last day.",
        "for other matters",
        masked=False,
    ),
    Column("rule", _TEXT, "The rule of the finding; empty for other matters.", masked=False),
    Column("severity", _TEXT, "The severity of the finding; empty for other matters.", masked=False),
    Column(
        "reason",
        _TEXT,
        "The finding's message, the write's error or why it is quarantined; else empty.",
        quotes_actions=True,
    ),
    Column("fix", _TEXT, "What to do about the finding, as the rule says it; else empty.", quotes_actions=True),
    CONFIDENTIAL,
)

EPISODES = (
    SOURCE,
    ID,
    KEY,
    Column("rule", _TEXT, "The id of the rule.", masked=False),
    Column("episode", _NUMBER, "1, 2, … for each time that the rule opened on the ticket.", masked=False),
    Column("number", _NUMBER, "The number of the shipped rule (docs/contract.md 7); 0 for others.", masked=False),
    Column("clause", _TEXT, "The clause of the active profile's standard.", masked=False),
    Column("severity", _TEXT, "The severity when it was last evaluated.", masked=False),
    Column("state", _TEXT, "The state: open, historical, waived or cleared.", masked=False),
    Column("mode", _TEXT, "The rule's mode: `quiet` or `warn`.", masked=False),
    Column("title", _TEXT, "The title of the rule.", masked=False),
    Column("message", _TEXT, "The rule's message for this ticket.", quotes_actions=True),
    Column("fix", _TEXT, "What to do about it, as the rule says it.", quotes_actions=True),
    Column("opened_at", _INSTANT, "When the episode opened.", masked=False),
    Column("cleared_at", _INSTANT, "When it was cleared.", "while it is not cleared", masked=False),
    Column("hidden_by", _TEXT, "The rule whose open finding hides this one; empty for none.", masked=False),
    Column(
        "waived_until", _INSTANT, "The end of its waiver: 24:00 of the last day.", "without a waiver", masked=False
    ),
    Column("waived_by", _TEXT, "Who waived it; empty for none."),
    Column("waived_reason", _TEXT, "Why it was waived; empty for none."),
    Column("rule_set", _TEXT, "The digest of the rule set by which it was last judged.", masked=False),
    Column(
        "evidence",
        _TEXT,
        "The facts behind it, as a JSON list: what, text, at, by, entry, phrase, truth.",
        quotes_actions=True,
    ),
    CONFIDENTIAL,
)

JOINED = (
    SOURCE,
    ID,
    KEY,
    Column("other_source", _TEXT, "The source of the other ticket.", masked=False),
    Column("other_ticket_id", _TEXT, "The tracker's immutable id of the other ticket.", masked=False),
    Column("other_ticket_key", _TEXT, "The other ticket's present key or number.", masked=False),
    Column("relation", _TEXT, "Which ticket holds the reference: `names` or `named_by`.", masked=False),
)

DISAGREEMENTS = (
    SOURCE,
    ID,
    KEY,
    Column("field", _TEXT, "The canonical field in which they differ, or `stage`.", masked=False),
    Column("value", _TEXT, "What the record has: its own ticket's value, else the first joined ticket's."),
    Column("at_source", _TEXT, "The source of the ticket with that value.", masked=False),
    Column("at_ticket_key", _TEXT, "The key or number of that ticket.", masked=False),
    Column("other_source", _TEXT, "The source of the ticket that says otherwise.", masked=False),
    Column("other_ticket_key", _TEXT, "The key or number of that ticket.", masked=False),
    Column("other_value", _TEXT, "What that ticket says."),
    CONFIDENTIAL,
)

CANNOT_TELL = (
    SOURCE,
    Column("reason", _TEXT, "Why rules cannot tell."),
    Column("tickets", _NUMBER, "On how many present tickets.", masked=False),
    Column("verdicts", _NUMBER, "How many verdicts of rules.", masked=False),
    Column("confidential", _TEXT, "`yes` where the row counts confidential tickets, else `no`.", masked=False),
)

MONTHS = (
    Column("month", _TEXT, "The month, `YYYY-MM`, in the time zone of the settings.", masked=False),
    Column("opened", _NUMBER, "How many records began in it: they were found, else created.", masked=False),
    Column(
        "ended", _NUMBER, "How many records ended in it: closed, rejected, cancelled or a duplicate.", masked=False
    ),
    Column(
        "open_end",
        _NUMBER,
        "How many records were open at its end: those of the month before, and `opened`, without `ended`.",
        masked=False,
    ),
    Column("corrected", _NUMBER, "How many records were corrected in it.", masked=False),
    Column(
        "corrected_median", _NUMBER, "Half of these took no longer, in days from the beginning.", _NONE, masked=False
    ),
    Column("corrected_p90", _NUMBER, "Nine of ten of these took no longer.", _NONE, masked=False),
    Column("caused", _NUMBER, "Of how many records the root cause was first filled in it.", masked=False),
    Column("caused_median", _NUMBER, "Half of these took no longer.", _NONE, masked=False),
    Column("caused_p90", _NUMBER, "Nine of ten of these took no longer.", _NONE, masked=False),
    Column("implemented", _NUMBER, "On how many records the last action was done in it.", masked=False),
    Column("implemented_median", _NUMBER, "Half of these took no longer.", _NONE, masked=False),
    Column("implemented_p90", _NUMBER, "Nine of ten of these took no longer.", _NONE, masked=False),
    Column("ended_median", _NUMBER, "Half of those that ended in it took no longer.", _NONE, masked=False),
    Column("ended_p90", _NUMBER, "Nine of ten of those that ended in it took no longer.", _NONE, masked=False),
    Column("due", _NUMBER, "How many of the implemented records have a due date.", masked=False),
    Column(
        "on_time", _NUMBER, "How many of these were implemented by the due date that they have now.", masked=False
    ),
    Column("in_work", _NUMBER, "How many records were open at the month's last reading.", _UNCOUNTED, masked=False),
    Column("warned", _NUMBER, "How many of these had an open warning then.", _UNCOUNTED, masked=False),
)

RULE_MONTHS = (
    Column("month", _TEXT, "The month, `YYYY-MM`, in the time zone of the settings.", masked=False),
    Column("rule", _TEXT, "The id of the rule.", masked=False),
    Column(
        "passed",
        _NUMBER,
        "How many of the records that were open at some time of the month met it when it was counted last.",
        masked=False,
    ),
    Column(
        "broken",
        _NUMBER,
        "How many of these did not meet it, waived ones and those that cannot be repaired any more too.",
        masked=False,
    ),
    Column(
        "cannot_tell",
        _NUMBER,
        "For how many it is unknown; a record to which the rule does not apply is in none.",
        masked=False,
    ),
)

DIGESTS = (
    Column("number", _NUMBER, "1, 2, … for each digest that was planned.", masked=False),
    Column("kind", _TEXT, "For whom it is: `lead`, `owner` or `manager`.", masked=False),
    Column("period", _TIME, "The day in the time zone of the settings on which it was due.", masked=False),
    Column("recipient", _TEXT, "`target:NAME` of the settings or `person:ID` of the people file; never an address."),
    Column(
        "state",
        _TEXT,
        "How far it is: `pending`, `unknown` (handed over, and its answer was lost), `delivered` or `dropped` "
        "(nothing to say, or a newer one took its place).",
        masked=False,
    ),
    Column("attempts", _NUMBER, "How often it was handed over.", masked=False),
    Column("error", _TEXT, "Why it is not delivered; empty for none."),
    Column("matters", _NUMBER, "How many matters the last attempt contained.", masked=False),
    Column("marked_at", _INSTANT, "When its state last changed: of a delivered one, when it was sent.", masked=False),
    Column("not_before", _INSTANT, "Before when it is not tried again.", "without a wait", masked=False),
)

ERASURES = (
    Column("number", _NUMBER, "1, 2, … for each ticket that was erased.", masked=False),
    SOURCE,
    ID,
    Column("ticket_key", _TEXT, "The ticket's key or number when it was erased.", masked=False),
    Column("register_no", _TEXT, "The register number, which is not given again; empty for none.", masked=False),
    Column("erased_at", _INSTANT, "When it was erased.", masked=False),
    Column("way", _TEXT, "Why it was erased: `request`, `retention`, or `restore` of an older copy.", masked=False),
    Column("erased_by", _TEXT, "The operating system's user who asked for it; empty for retention.", masked=False),
    Column("reason", _TEXT, "The reason, in that person's words."),
)

HOLDS = (
    Column("number", _NUMBER, "1, 2, … for each legal hold.", masked=False),
    SOURCE,
    Column("ticket_id", _TEXT, "The tracker's id of the ticket; empty for all of the source.", masked=False),
    Column("name", _TEXT, "What is held, as `SOURCE:KEY` or in words.", masked=False),
    Column("reason", _TEXT, "The reason, in that person's words."),
    Column("held_by", _TEXT, "The operating system's user who asked for the hold.", masked=False),
    Column("held_at", _INSTANT, "Since when nothing of it is erased.", masked=False),
    Column("ended_at", _INSTANT, "When the hold was ended.", "while it is in force", masked=False),
    Column("ended_by", _TEXT, "The operating system's user who ended it; empty while it is in force.", masked=False),
)

ACTIVATIONS = (
    Column("number", _NUMBER, "1, 2, … for each time that a verdict set became live.", masked=False),
    Column("activated_at", _INSTANT, "From when on it was live.", masked=False),
    Column(
        "activated_by", _TEXT, "The operating system's user who made it live, or who ran capa-sync.", masked=False
    ),
    Column(
        "how",
        _TEXT,
        "How it became live: `first` (the register had none), `activate`, `rollback`, `on_save` or `new_source` (a "
        "source got its configured mapping).",
        masked=False,
    ),
    Column("rules_alone", _FLAG, "1 where only rules were to change.", masked=False),
    Column("is_live", _FLAG, "1 for the set that is live now.", masked=False),
    Column("rule_set", _TEXT, "The digest of its rules, as `v_findings` names it.", masked=False),
    Column("set_hash", _TEXT, "The digest of the whole set: rules, mappings, people and settings.", masked=False),
    Column("revision", _TEXT, "The git revision of the settings' folder; empty without one.", masked=False),
)
