"""Values as trackers have them, and values as rules read them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from capa_sync.model.light import light


@light
class Raw:
    """One field's value as a tracker has it, in one form for all vendors.

    Attributes:
        ids: what the tracker compares: option ids, account ids, status ids, sys_ids, raw choice values;
            for plain text, numbers and dates the text itself; empty when the field is empty.
        names: display names in the order of `ids`, where the tracker reports them (users, options, statuses).
        text: plain text as a person reads it (ADF, HTML and wiki markup already turned into text).
        media_only: the field contains only images or attachments.
        parent: id of the parent option of a cascading select, otherwise "".
    """

    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    text: str = ""
    media_only: bool = False
    parent: str = ""

    @property
    def is_blank(self) -> bool:
        """Return whether the value is empty: no id, no text, no media."""
        return not self.ids and not self.text and not self.media_only


BLANK = Raw()
LINE_IN_CELL = "\u2028"
"""Between the lines of one table cell in the text of a `Raw`.

A placeholder on each line is a placeholder; a person reads a blank there, so that a row stays one line.
"""


class ValueState(StrEnum):
    """The six states of a canonical value (docs/clause10.md 2.1)."""

    FILLED = "filled"
    EMPTY = "empty"
    PLACEHOLDER = "placeholder"
    UNMAPPED = "unmapped"
    UNREADABLE = "unreadable"
    ERROR = "error"


FILLED = ValueState.FILLED
"""The state by a name of its own: in Python 3.11, `ValueState.FILLED` takes 15 times as long (measured)."""

Data = str | bool | float | date | datetime | tuple[str, ...] | None


@light
class Value:
    """A canonical field's value.

    Attributes:
        state: one of the six; only `filled` counts as filled.
        data: depends on the field's type: text -> normalised str; enum -> canonical word; person -> canonical person
            id; time -> aware UTC datetime, or a plain date for a date without time; list -> tuple of str;
            yesno -> "yes" or "no". None unless filled (a placeholder has its text in `text`).
        text: the value as a person reads it in the tracker.
        media_only: the field contains only images or attachments: filled, but not substantive.
        reason: why it is unreadable or an error, worded for an admin; otherwise empty.
    """

    state: ValueState
    data: Data = None
    text: str = ""
    media_only: bool = False
    reason: str = ""

    @property
    def is_filled(self) -> bool:
        """Return whether the field is filled as the contract defines it (a placeholder does not count)."""
        return self.state is FILLED

    @property
    def is_yes_or_unreadable(self) -> bool:
        """Return whether a yesno is yes, or may be: where texts depend on it, none is shown by mistake."""
        return self.data == "yes" or self.state in {ValueState.UNREADABLE, ValueState.ERROR}

    @property
    def is_known(self) -> bool:
        """Return whether rules can judge it: filled, empty or placeholder."""
        return self.state in KNOWN


KNOWN = frozenset({ValueState.FILLED, ValueState.EMPTY, ValueState.PLACEHOLDER})
EMPTY = Value(ValueState.EMPTY)
UNMAPPED = Value(ValueState.UNMAPPED)
