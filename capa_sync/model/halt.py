"""Why nothing is written; a person's request to write nothing for now, or to remove all our texts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from capa_sync.model.days import utc_words
from capa_sync.model.light import light


class Cause(StrEnum):
    """Why nothing is written."""

    OFF = "off"
    PLAN = "plan"
    PAUSED = "paused"
    WITHDRAWAL = "withdrawal"
    FIRST_ACTIVATION = "first_activation"
    TOO_MANY_COMMENTS = "too_many_comments"
    TOO_MANY_CHANGES = "too_many_changes"
    NOT_RELEASED = "not_released"  # an earlier stop, or what a release left over


class HaltKind(StrEnum):
    """What a person asked for."""

    PAUSED = "paused"  # nothing is written until `resume`
    WITHDRAWN = "withdrawn"  # no warning is written; our texts are removed


@light
class Halt:
    """A request that stops the warnings of a source.

    Attributes:
        kind: see HaltKind. since: our instant of the request. asked_by: the operating system's user who asked.
    """

    kind: HaltKind
    since: datetime
    asked_by: str

    def __str__(self) -> str:
        """Return it in words, with the command that ends it."""
        match self.kind:
            case HaltKind.PAUSED:
                what = "writing is paused"
            case HaltKind.WITHDRAWN:
                what = "our texts are being withdrawn"
            case _:
                assert_never(self.kind)
        return self.since_when(what)

    def since_when(self, what: str) -> str:
        """Return what holds since it was asked for, by whom, and the command that ends it."""
        by = f" by {self.asked_by}" if self.asked_by else ""
        return f"{what} since {utc_words(self.since)}{by}; `capa-sync resume` ends that"
