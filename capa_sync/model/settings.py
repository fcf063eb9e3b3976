"""The settings that stages need, frozen and without any secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, timedelta

from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.light import light
from capa_sync.model.write import WriteKind


@light
class Days:
    """The length of a deadline: `count` calendar days, or business days if `business` is True."""

    count: int
    business: bool = False


DEFAULT_DEADLINES: Mapping[str, Mapping[str, Days]] = {
    # docs/clause10.md 3.1: contain, root cause, plan, implement in days by grade; review after implementation
    "contain": {"major": Days(5, True), "minor": Days(10, True), "observation": Days(20, True)},
    "root-cause": {"major": Days(14), "minor": Days(30), "observation": Days(60)},
    "plan": {"major": Days(21), "minor": Days(45), "observation": Days(60)},
    "implement": {"major": Days(90), "minor": Days(90), "observation": Days(180)},
    "effectiveness-earliest": {"major": Days(30), "minor": Days(30), "observation": Days(30)},
    "effectiveness": {"major": Days(90), "minor": Days(90), "observation": Days(90)},
}


@light
class RetentionOptions:
    """How long records are kept after they ended, and whether the daemon erases them then."""

    keep: timedelta = timedelta(days=2192)
    erases: bool = False


RECURS_WITHIN = 365
"""Days, where the settings name no others."""
UNWAIVABLE = frozenset({"effectiveness-before-close", "edited-after-close"})
"""Rules 27 and 34: nobody may waive them, unless the settings say otherwise (docs/clause10.md 5.1)."""


@light
class JudgeOptions:
    """The settings that rules may read besides the record.

    Attributes:
        timezone: IANA zone in which a date-only deadline ends at 24:00. holidays: dates that are no business days.
        deadlines: name -> grade -> length. profile: light, standard, strict, iso9001, iso13485.
        recurs_within: days before a record was found in which an earlier one of its kind counts (rule 33).
        baseline: tickets closed before this date are judged and shown, never written to; None = no baseline.
        unwaivable: ids of rules that nobody may waive.
        texts: source -> the texts for its tickets, where they are not the English of this version; they change no
            verdict.
    """

    timezone: str = "UTC"
    holidays: frozenset[date] = frozenset()
    deadlines: Mapping[str, Mapping[str, Days]] = field(default_factory=lambda: DEFAULT_DEADLINES)
    profile: str = "standard"
    recurs_within: int = RECURS_WITHIN
    baseline: date | None = None
    unwaivable: frozenset[str] = UNWAIVABLE
    texts: Mapping[str, CommentTexts] = field(default_factory=dict)


@light
class WriteOptions:
    """Brakes and text settings of the write-back for one source (docs/contract.md 4 and 8).

    `channels`: what is written on a ticket, in the order of delivery; the kind of source declares it. `texts`: in
    which words.
    """

    mode: str = "off"
    settle: timedelta = timedelta(minutes=30)
    max_new_comments_per_day: int = 25
    max_changed_share: float = 0.2
    public_url: str = ""
    timezone: str = "UTC"
    isms_lead: str = ""
    channels: tuple[WriteKind, ...] = ()
    text_field: str = ""
    state_field: str = ""
    work_notes: bool = True
    texts: CommentTexts = ENGLISH


@light
class ChildSpec:
    """Where a source finds a record's actions: the mapping says it, the source reads them.

    Attributes:
        relation: `subtask`, `link` or `child`. types: sub-task issue types, or link types as read from the record.
        table, reference: for ServiceNow children, the table and its column that refers to the record.
        where: file and line of the mapping that say so.
    """

    relation: str
    types: tuple[str, ...] = ()
    table: str = ""
    reference: str = ""
    where: str = field(default="", compare=False)
