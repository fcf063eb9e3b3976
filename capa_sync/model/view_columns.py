"""Every public view with its columns in their order; a test demands that SQLite reports the same columns."""

from __future__ import annotations

from capa_sync.model.columns import Column, ColumnType
from capa_sync.model.light import light
from capa_sync.model.page_columns import (
    ACTIVATIONS,
    CANNOT_TELL,
    CONFIDENTIAL,
    DIGESTS,
    DISAGREEMENTS,
    EPISODES,
    ERASURES,
    HOLDS,
    ID,
    JOINED,
    KEY,
    MONTHS,
    RULE_MONTHS,
    SOURCE,
    TODAY,
)
from capa_sync.model.register_columns import V_REGISTER

_TEXT, _NUMBER, _FLAG = ColumnType.TEXT, ColumnType.NUMBER, ColumnType.FLAG
_INSTANT, _TIME = ColumnType.INSTANT, ColumnType.TIME
_UNREAD = "until the source was read to its end once"
_UNMIRRORED = "for a ticket that was never mirrored"


@light
class PublicView:
    """A public view: its name, what one row of it is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]


_FINDINGS = (
    SOURCE,
    ID,
    KEY,
    Column("rule", _TEXT, "The id of the rule, equal to the name of its file.", masked=False),
    Column("clause", _TEXT, "The clause of the active profile's standard.", masked=False),
    Column("severity", _TEXT, "How much it matters: info, low, medium or high.", masked=False),
    Column("state", _TEXT, "The state: open, historical, waived, cleared or cannot_tell.", masked=False),
    Column(
        "message",
        _TEXT,
        "The rule's message for this ticket; for a rule that cannot tell, the reason.",
        quotes_actions=True,
    ),
    Column("opened_at", _INSTANT, "When the latest episode opened.", "for a rule that never had one", masked=False),
    Column("cleared_at", _INSTANT, "When that episode was cleared.", "while it is not cleared", masked=False),
    Column(
        "waived_until", _INSTANT, "The end of its waiver: 24:00 of the last day.", "without a waiver", masked=False
    ),
    Column("rule_set", _TEXT, "The digest of the rule set by which the episode was last judged.", masked=False),
    Column("title", _TEXT, "The title of the rule.", masked=False),
    Column("fix", _TEXT, "What to do about it, as the rule says it.", quotes_actions=True),
    Column("mode", _TEXT, "The rule's mode: `quiet` (register only) or `warn` (on the ticket too).", masked=False),
    Column("episode", _NUMBER, "1, 2, … for each time that the rule opened on the ticket; 0 for none.", masked=False),
    Column("number", _NUMBER, "The number of the shipped rule (docs/contract.md 7); 0 for others.", masked=False),
    Column("hidden_by", _TEXT, "The rule whose open finding hides this one; empty for none.", masked=False),
    Column(
        "reason",
        _TEXT,
        "Why the rule cannot tell, or does not apply, at present; empty otherwise.",
        quotes_actions=True,
    ),
    CONFIDENTIAL,
)

_CHANGES = (
    SOURCE,
    ID,
    KEY,
    Column("field", _TEXT, "The tracker's name of the field at that time.", masked=False),
    Column("from_value", _TEXT, "The value before; empty for none, and for a value at creation."),
    Column("to_value", _TEXT, "The value after; empty for none."),
    Column("changed_at", _INSTANT, "When it was changed, by the tracker's clock.", masked=False),
    Column("changed_by", _TEXT, "The person of the people file, else `SOURCE:ACCOUNT`; empty where unknown."),
    Column(
        "origin",
        _TEXT,
        "`history` (the tracker's own entry), `observed` (we saw two values) or `birth` (the value at creation).",
        masked=False,
    ),
    Column("entry", _TEXT, "The id of the history entry; empty for a value at creation.", masked=False),
    Column("group_no", _NUMBER, "The same number for changes saved together, ascending in time.", masked=False),
    Column("field_id", _TEXT, "The tracker's id of the field.", masked=False),
    Column("changed_by_name", _TEXT, "The name that the tracker has for that account; empty where it is not known."),
    CONFIDENTIAL,
)

_TICKETS = (
    SOURCE,
    ID,
    KEY,
    Column("presence", _TEXT, "Whether the ticket exists and is visible, as in `v_register`.", masked=False),
    Column("updated_at", _INSTANT, "The tracker's update time of the mirrored version.", _UNMIRRORED, masked=False),
    Column(
        "seen_at",
        _INSTANT,
        "When a complete read of the source last had it.",
        "before the first such read",
        masked=False,
    ),
    Column(
        "history_complete",
        _FLAG,
        "1 where the whole history is mirrored and clear, 0 where a part is missing or `history_gap` says why.",
        masked=False,
    ),
    Column("quarantine_reason", _TEXT, "Why the ticket is quarantined; empty where it is not."),
    Column(
        "presence_confirmed_at",
        _INSTANT,
        "When the tracker last confirmed the presence.",
        "while it is `unobserved`, or was only confirmed while our clock was ahead",
        masked=False,
    ),
    Column(
        "role", _TEXT, "`record`, or `action` for a part of another record; empty if never mirrored.", masked=False
    ),
    Column("kind", _TEXT, "Jira's issue type or ServiceNow's table.", masked=False),
    Column("container", _TEXT, "Jira's project key or ServiceNow's table.", masked=False),
    Column("url", _TEXT, "The address where a person opens the ticket.", masked=False),
    Column("created_at", _INSTANT, "When the ticket was created, by the tracker's clock.", _UNMIRRORED, masked=False),
    Column("presence_at", _INSTANT, "Since when the presence is so.", _UNMIRRORED, masked=False),
    Column("presence_proof", _TEXT, "What the presence rests on, in words; empty for none."),
    Column(
        "history_from",
        _INSTANT,
        "When our own observation began, on a tracker that keeps no history.",
        "where the tracker has one",
        masked=False,
    ),
    Column("changes", _NUMBER, "How many changes of fields are mirrored.", masked=False),
    Column("comments", _NUMBER, "How many comments are mirrored.", masked=False),
    Column("history_gap", _TEXT, "Why a part of the history is ambiguous; empty where none is.", masked=False),
    Column(
        "unknown",
        _TEXT,
        "Which of comments, links, subtasks and attachments the tracker did not deliver; empty for none.",
        masked=False,
    ),
)

_ACTIONS = (
    SOURCE,
    Column("ticket_key", _TEXT, "The present key or number of the record that the action belongs to.", masked=False),
    Column(
        "action_key",
        _TEXT,
        "The key of the action's own ticket; of an action in a field that of the ticket which has the field.",
        masked=False,
    ),
    Column("origin", _TEXT, "Where it was read: field, subtask, link or child.", masked=False),
    Column("kind", _TEXT, "Its kind: corrective, correction, preventive or other.", masked=False),
    Column("text", _TEXT, "What is to be done."),
    Column("owner", _TEXT, "The name of the person who does it."),
    Column("due_at", _TIME, "When it is due.", "without a due date", masked=False),
    Column("done_at", _INSTANT, "When it was done.", "while it is open", masked=False),
    Column("ticket_id", _TEXT, "The immutable id of the record's ticket.", masked=False),
    Column("action_id", _TEXT, "The action's own id, stable within the record.", masked=False),
    Column(
        "confidential",
        _TEXT,
        "`yes` where the record or the action's own ticket is confidential, else `no`; empty for a record without a "
        "row in `v_register`.",
        masked=False,
    ),
)

_WRITES = (
    SOURCE,
    ID,
    Column("ticket_key", _TEXT, "The ticket's key or number when the write was planned.", masked=False),
    Column("kind", _TEXT, "What is written: comment, labels, property, fields or work_note.", masked=False),
    Column("state", _TEXT, "The state: pending, delivered, unknown, failed or withheld.", masked=False),
    Column("attempts", _NUMBER, "How often it was sent.", masked=False),
    Column("error", _TEXT, "Why the last attempt did not succeed; empty for none."),
    Column("delivered_at", _INSTANT, "When the tracker confirmed it.", "until then", masked=False),
    Column("remote_id", _TEXT, "The tracker's id of the comment or entry; empty for none.", masked=False),
    Column("id", _TEXT, "The idempotency key: the same intention has the same key.", masked=False),
    Column("seq", _NUMBER, "The order in which writes were planned.", masked=False),
    Column("hash", _TEXT, "The digest of the content, independent of its wording.", masked=False),
    Column("notifies", _FLAG, "1 where the tracker will mail people about it.", masked=False),
    Column("created_at", _INSTANT, "When it was planned.", masked=False),
    Column("not_before", _INSTANT, "Before when it is not sent again.", "without a wait", masked=False),
    Column("marked_at", _INSTANT, "When its state last changed.", "before the first attempt", masked=False),
    Column(
        "text",
        _TEXT,
        "The text that it puts on the ticket, as JSON of paragraphs and spans; empty for none.",
        quotes_actions=True,
    ),
    CONFIDENTIAL,
)

_SOURCES = (
    SOURCE,
    Column("kind", _TEXT, "The kind of tracker, `jira` or `servicenow`.", masked=False),
    Column("cursor", _TEXT, "The stored position of reading, as JSON; `{}` before the first page.", masked=False),
    Column("as_of", _INSTANT, "The instant up to which the source is known to be read.", _UNREAD, masked=False),
    Column("last_success_at", _INSTANT, "When it was last read to its end, by our clock.", _UNREAD, masked=False),
    Column("tickets", _NUMBER, "How many tickets are mirrored, vanished ones and actions included.", masked=False),
    Column("problem", _TEXT, "The problem of the newest failed run; empty after a success.", masked=False),
    Column(
        "watermark",
        _INSTANT,
        "The highest update time that is read to its end.",
        "before the first page",
        masked=False,
    ),
    Column(
        "not_before", _INSTANT, "Until when the tracker asked for no request.", "without such a wait", masked=False
    ),
    Column("safety_stop", _TEXT, "Why a brake stops the writing; empty where none does.", masked=False),
)

_WAIVERS = (
    SOURCE,
    ID,
    KEY,
    Column("rule", _TEXT, "The id of the waived rule.", masked=False),
    Column("result", _TEXT, "The rule's verdict at present, as without a waiver; empty for none.", masked=False),
    Column("severity", _TEXT, "The severity of that verdict; empty for none.", masked=False),
    Column("state", _TEXT, "The state: active, inactive (it may count again) or ended.", masked=False),
    Column("why", _TEXT, "Why it is inactive or ended; empty while it is active."),
    Column("until", _TIME, "The last day of the waiver, in the time zone of the settings.", masked=False),
    Column("reason", _TEXT, "The reason in the words of the person who asked."),
    Column("asked_by", _TEXT, "The person who asked for it, by the id in the people file."),
    Column("approved_by", _TEXT, "The second person, by the id in the people file; empty for none."),
    Column("way", _TEXT, "How it was asked for: `command`, `comment`, `page` or `file`.", masked=False),
    Column("recorded_by", _TEXT, "The operating system's user who typed the command, or under whom the page runs."),
    Column("asked_at", _INSTANT, "When it was asked for.", masked=False),
    Column("recorded_at", _INSTANT, "When the register recorded it.", masked=False),
    Column("ended_at", _INSTANT, "When it was found to be over.", "until then", masked=False),
    Column("id", _NUMBER, "The number of the waiver in the register.", masked=False),
    Column("revision", _TEXT, "The git revision of the waivers file; empty for a command.", masked=False),
    CONFIDENTIAL,
)

PUBLIC_VIEWS: tuple[PublicView, ...] = (
    PublicView("v_register", "A nonconformity or improvement, across all sources.", V_REGISTER),
    PublicView("v_findings", "A rule on a ticket: its latest episode, or that the rule cannot tell.", _FINDINGS),
    PublicView("v_changes", "A change of one field, or its value at the ticket's creation.", _CHANGES),
    PublicView("v_actions", "A corrective action, a correction or another action of a record.", _ACTIONS),
    PublicView("v_tickets", "A ticket of the mirror, or one that could not be read.", _TICKETS),
    PublicView("v_writes", "One intended write on a ticket.", _WRITES),
    PublicView("v_sources", "A source.", _SOURCES),
    PublicView("v_waivers", "A waiver of a rule's finding on a ticket.", _WAIVERS),
    PublicView("v_today", "One matter that needs somebody now, at the source's `as_of`.", TODAY),
    PublicView("v_episodes", "One episode of a finding, past ones too, with the facts behind it.", EPISODES),
    PublicView("v_joined", "Two tickets that are the same nonconformity, seen from one of them.", JOINED),
    PublicView(
        "v_disagreements", "A field in which two tickets of a joined record hold different values.", DISAGREEMENTS
    ),
    PublicView("v_cannot_tell", "A reason for which rules cannot tell.", CANNOT_TELL),
    PublicView("v_months", "One month, of the last 120 since the first record.", MONTHS),
    PublicView("v_rule_months", "One rule in one month, as it was counted last in it.", RULE_MONTHS),
    PublicView("v_digests", "A digest to one recipient in one period.", DIGESTS),
    PublicView("v_erasures", "A ticket that was erased.", ERASURES),
    PublicView("v_holds", "A legal hold, also one that was ended.", HOLDS),
    PublicView("v_activations", "One time that a verdict set became live.", ACTIVATIONS),
)
"""In the order in which the page lists them."""
