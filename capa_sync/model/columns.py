"""How a column of a public view is declared: its name, type and meaning, and what the page may show of it."""

from __future__ import annotations

from enum import StrEnum

from capa_sync.model.light import light

RESTRICTED = "restricted"
"""What is shown instead of a text of a confidential ticket, to those who may not read it."""


class ColumnType(StrEnum):
    """The form of a column's values."""

    TEXT = "text"
    NUMBER = "whole number"
    INSTANT = "instant"  # ISO 8601 UTC, ends with Z
    TIME = "date or instant"  # YYYY-MM-DD where the tracker stores a date only
    FLAG = "0 or 1"


@light
class Column:
    """A column of a public view.

    Attributes:
        name: public name; it never changes.
        type: form of its values.
        meaning: one sentence, with the unit where it has one; for the page and docs.
        null_when: when the value is NULL, as the end of a sentence that begins with "NULL"; "" where it never is.
        masked: True where the column may hold text of a ticket or a person: the page shows `restricted` there for a
            confidential ticket. The default is True, so that a new column stays hidden until somebody decides.
        quotes_actions: True where the text may quote the record's actions, such as a rule's facts: it is masked also
            where an action's own ticket is confidential.
    """

    name: str
    type: ColumnType
    meaning: str
    null_when: str = ""
    masked: bool = True
    quotes_actions: bool = False

    @property
    def sentence(self) -> str:
        """Meaning and, where there may be none, when the value is NULL."""
        return f"{self.meaning} NULL {self.null_when}." if self.null_when else self.meaning


@light
class RegisterColumn(Column):
    """A column of the register: of the table `register_row`, of the view `v_register`, or of both.

    Attributes:
        stored: it is a column of the table, and `capa_sync.register.rows` fills it; else the view computes it.
        shown: `v_register` has it; else other columns or other views are computed from it.
        added_by: name of the migration that adds it to the table; "" for columns of the first version.
    """

    stored: bool = True
    shown: bool = True
    added_by: str = ""
