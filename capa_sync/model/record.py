"""The canonical record: what a ticket means, in the words of Clause 10 (docs/clause10.md 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from capa_sync.model.language import CHECKED
from capa_sync.model.light import light
from capa_sync.model.similar import EarlierMatch
from capa_sync.model.ticket import Origin, Presence
from capa_sync.model.values import UNMAPPED, Value
from capa_sync.model.waiver import CommentRequest


class Stage(StrEnum):
    """Claimed stages in their order, then the stages outside that order."""

    IDENTIFIED = "identified"
    CONTAINED = "contained"
    ANALYSED = "analysed"
    PLANNED = "planned"
    IMPLEMENTED = "implemented"
    VERIFIED = "verified"
    CLOSED = "closed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    DUPLICATE = "duplicate"


STAGE_ORDER: tuple[Stage, ...] = (
    Stage.IDENTIFIED,
    Stage.CONTAINED,
    Stage.ANALYSED,
    Stage.PLANNED,
    Stage.IMPLEMENTED,
    Stage.VERIFIED,
    Stage.CLOSED,
)
SIDE_STAGES: frozenset[Stage] = frozenset({Stage.REJECTED, Stage.CANCELLED, Stage.DUPLICATE})


class ActionKind(StrEnum):
    """What an action does: removes a cause, corrects the case, prevents other cases, or something else."""

    CORRECTIVE = "corrective"
    CORRECTION = "correction"
    PREVENTIVE = "preventive"
    OTHER = "other"


class ActionOrigin(StrEnum):
    """Where an action row comes from."""

    FIELD = "field"
    SUBTASK = "subtask"
    LINK = "link"
    CHILD = "child"


@light
class FieldChange:
    """One change of a canonical field in the history of a record.

    Attributes:
        at: aware UTC instant. group: the same for changes saved together; ascending = true order over the whole
            record. Changes of child tickets are merged in by instant and have groups of their own.
        field: canonical field name. Not in the catalogue: `source_status`, `stage`, and `actions` for a change of an
            action's text, owner, date or state (of any origin).
        old, new: canonical values. Data of `stage` is the stage's name; the state is ERROR for a past status that
            the mapping does not list.
        by: canonical person id, None when unknown or unreadable.
        human: False for our own account and for the accounts that the mapping ignores.
        origin: history, observed or birth. entry: id of the history entry, for `explain`.
        tracker_field: the tracker's own label of the field at that time.
    """

    at: datetime
    group: int
    field: str
    old: Value
    new: Value
    by: str | None
    human: bool
    origin: Origin
    entry: str
    tracker_field: str = ""
    action_id: str = ""


@light
class Action:
    """One action of a record.

    Attributes:
        id: stable within the record (`field:corrective_action`, or the child ticket's id). key: for people.
        text, owner, due_at, evidence: canonical values (the data of `owner` is a person id), with the record's
            values filled in where the mapping says `inherit`.
        started_at: first entry into a `started` status (child ticket), or the first text (field); None not started.
        done_at: when it was done, None while open. cancelled: it counts neither as open nor as done.
        text_first_at, text_first_group: when its text was first filled, and the group of that change.
        readable: False when the child ticket cannot be read: rules on actions then give cannot tell.
        is_confidential: the child ticket itself is, by the field that says so of a record, or may be: the field is
            there and cannot be read.
    """

    id: str
    key: str
    origin: ActionOrigin
    kind: ActionKind
    text: Value
    owner: Value
    due_at: Value
    evidence: Value = UNMAPPED
    created_at: datetime | None = None
    started_at: datetime | None = None
    started_group: int | None = None
    done_at: datetime | None = None
    cancelled: bool = False
    text_first_at: datetime | None = None
    text_first_group: int | None = None
    readable: bool = True
    reason: str = ""
    is_confidential: bool = False


@light
class RecordComment:
    """A comment, for rules that accept a reason in a comment: instant, person, whether a human wrote it.

    `requests`: what it asks of capa-sync (docs/waivers.md).
    """

    at: datetime
    by: str | None
    human: bool
    id: str = ""
    requests: tuple[CommentRequest, ...] = ()


@light
class Pause:
    """A period on hold; `end` is None while it lasts."""

    start: datetime
    end: datetime | None


@light
class Disagreement:
    """A field, or `stage`, in which two tickets of a joined record hold different values.

    Attributes:
        field: canonical field name, or `stage`. value: what the joined record has, as its own ticket or the first
            ticket with the field filled says it. at: (source, key) of that ticket.
        other: (source, key) of the ticket that says otherwise. other_value: what it says.
    """

    field: str
    value: str
    at: tuple[str, str]
    other: tuple[str, str]
    other_value: str


@light
class CapaRecord:
    """One nonconformity or improvement, mapped.

    Attributes:
        source, ticket_id, ticket_key, ticket_url: the ticket that findings and warnings belong to.
        also: (source, ticket id, key) of the duplicates joined to it (`same_as`); no findings belong to them.
        same_as_key: key of the other ticket in this ticket's `same_as` field, "" none. unread_join: why a joined
            ticket could not be read (rules on its fields cannot tell), "" when all are read. disagreements: where
            the joined tickets hold different values.
        fields: every field of the catalogue by name; no key is missing.
        labels: canonical field -> the tracker's own field label.
        stage: claimed stage now; source_status: the tracker's own status name.
        timeline: canonical history in true order, birth rows included (the birth rows have the lowest group).
        actions: all actions of all kinds. actions_problem: why rules on actions cannot tell, "" when they can;
            `actions_mapped` is False when the mapping names no place for actions.
        comments: in true order. pauses: periods on hold.
        history_complete: False: phrases over history cannot tell, unless what follows `history_from` decides them.
        history_gaps: canonical field (`stage`, `actions` too) -> why the history of this field is not known, and how
            to mend it; phrases over its history cannot tell.
        undelivered: `comments`, `actions`, `attachments` or a canonical field that is read from links -> why the
            tracker did not deliver it, and how to mend it; phrases that read it, or its history, cannot tell.
        people_active: person id -> whether active, None where the tracker does not report it.
        updated_at: the tracker's update time; last_human_at: last change or comment by a human.
        attachments: number of attachments on the ticket, None where its source does not deliver them.
        as_of: instant up to which the source was read when this record was made.
        earlier: the earlier records of the register that it matches, the last closed first; None where it was not
            compared with them.
        mapping: name and hash of the mapping, for provenance. language: that of its texts, as the mapping says.
    """

    source: str
    ticket_id: str
    ticket_key: str
    ticket_url: str
    fields: Mapping[str, Value]
    labels: Mapping[str, str]
    stage: Stage
    source_status: str
    timeline: tuple[FieldChange, ...]
    created_at: datetime
    updated_at: datetime
    as_of: datetime
    actions: tuple[Action, ...] = ()
    actions_mapped: bool = False
    actions_problem: str = ""
    comments: tuple[RecordComment, ...] = ()
    pauses: tuple[Pause, ...] = ()
    history_complete: bool = True
    history_from: datetime | None = None
    people_active: Mapping[str, bool | None] = field(default_factory=dict)
    people_names: Mapping[str, str] = field(default_factory=dict)
    presence: Presence = Presence.PRESENT
    last_human_at: datetime | None = None
    attachments: int | None = 0
    also: tuple[tuple[str, str, str], ...] = ()
    unread_join: str = ""
    disagreements: tuple[Disagreement, ...] = ()
    earlier: tuple[EarlierMatch, ...] | None = ()
    mapping: str = ""
    same_as_key: str = ""
    history_gaps: Mapping[str, str] = field(default_factory=dict)
    undelivered: Mapping[str, str] = field(default_factory=dict)
    language: str = CHECKED


@light
class Unmapped:
    """A ticket that could not be mapped: it is quarantined with these reasons, worded for an admin."""

    source: str
    ticket_id: str
    ticket_key: str
    reasons: tuple[str, ...]


def distinct_names(names: Mapping[str, str]) -> dict[str, str]:
    """Return person id -> name; where two persons have the same name, the name is followed by the id.

    So a change from one `Will Jones` to another can be seen.
    """
    folded = [name.casefold() for name in names.values()]
    if len(set(folded)) == len(folded):
        return dict(names)
    counts = Counter(folded)
    return {person: f"{name} ({person})" if counts[name.casefold()] > 1 else name for person, name in names.items()}
