"""Values as trackers hold them, and values as rules read them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from capa_sync.model.light import light


@light
class Raw:
    """One field's value as a tracker holds it, without any vendor's shape.

    Attributes:
        ids: what the tracker compares: option ids, account ids, status ids, sys_ids, raw choice values;
            for plain text, numbers and dates the text itself; empty when the field holds nothing.
        names: display names in the order of `ids`, where the tracker told them (users, options, statuses).
        text: plain text as a person reads it (ADF, HTML and wiki markup already turned into text).
        media_only: the field holds only images or attachments.
        parent: the id or key of a container this value names (cascading select's parent option), or "".
    """

    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    text: str = ""
    media_only: bool = False
    parent: str = ""

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing at all is there."""
        return not self.ids and not self.text and not self.media_only


BLANK = Raw()


class ValueState(StrEnum):
    """The six states of a canonical value (facts/clause10.md 2.1)."""

    FILLED = "filled"
    EMPTY = "empty"
    PLACEHOLDER = "placeholder"
    UNMAPPED = "unmapped"
    UNREADABLE = "unreadable"
    ERROR = "error"


Data = str | bool | float | date | datetime | tuple[str, ...] | None


@light
class Value:
    """A canonical field's value.

    Attributes:
        state: one of the six; only `filled` counts as filled.
        data: by the field's type: text -> normalised str; enum -> canonical word; person -> canonical person id;
            time -> aware UTC datetime, or a plain date for a date without time; list -> tuple of str;
            yesno -> "yes" or "no"; None unless filled (a placeholder keeps its text in `text`).
        text: the value as a person reads it in the tracker.
        media_only: filled by images or attachments alone: filled, but not substantive.
        reason: why it is unreadable or an error, in words for an admin; else empty.
    """

    state: ValueState
    data: Data = None
    text: str = ""
    media_only: bool = False
    reason: str = ""

    @property
    def is_filled(self) -> bool:
        """Tell whether the field is filled in the contract's sense (a placeholder is not)."""
        return self.state is ValueState.FILLED

    @property
    def is_known(self) -> bool:
        """Tell whether rules can judge it: filled, empty or placeholder."""
        return self.state in KNOWN


KNOWN = frozenset({ValueState.FILLED, ValueState.EMPTY, ValueState.PLACEHOLDER})
EMPTY = Value(ValueState.EMPTY)
UNMAPPED = Value(ValueState.UNMAPPED)
