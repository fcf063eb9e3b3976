"""Every error of ours, cut by what the caller should do about it.

CapaSyncError
├ UserError(problems)      exit 2, one line each, no traceback
│ ├ SettingsError · MappingFileError · RuleFileError
├ SourceError(source)      exit 3; the other sources go on
│ ├ Retryable(retry_after) the same request may be sent again later
│ ├ Skippable(ticket_key)  one ticket is quarantined, the rest goes on
│ └ Fatal                  this source stops until a person acts
│   ├ Authentication · BadAnswer
│   ├ AnswerTooLarge       where it is a page, fewer tickets are asked for; a single one is quarantined
│   └ ShownToCustomer      a comment sent as internal was public: writing to the source is paused
├ DeliveryUnknown          a write was sent and its answer is lost: look before sending again
├ WriteRefused             the tracker said no to a write; it was not applied
├ SafetyStop               exit 4; nothing is written, the message names the release
└ RegisterUnavailable      exit 6; held by another daemon, disk full, damaged
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta

from capa_sync.redaction import redacted


class CapaSyncError(Exception):
    """Something capa-sync can explain went wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of a user, with the place and the way to mend it.

    Attributes:
        file: path as the user would name it; empty for an environment variable or the command line.
        line: 1-based line in `file`; 0 where there is none.
        what: the mistake in one sentence without a final full stop.
        hint: how to mend it; may be empty.
    """

    file: str
    line: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """Render as `file:line: what; hint`, the one form used everywhere."""
        where = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return f"{where}{self.what}{'; ' + self.hint if self.hint else ''}"


class UserError(CapaSyncError):
    """The user's settings, mapping, rules or command line are wrong (exit 2)."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class SettingsError(UserError):
    """The settings file or a CAPA_SYNC_ variable is wrong."""


class MappingFileError(UserError):
    """A mapping or people file is wrong."""


class RuleFileError(UserError):
    """A rule file is wrong."""


ENDPOINT, TICKET, ALL = "endpoint", "ticket", "all"
"""What a rate limit holds for (facts/jira.md 7): one kind of request, writes on one ticket, everything."""


class SourceError(CapaSyncError):
    """A tracker could not be read or written (exit 3); its words hold no secret of ours."""

    def __init__(self, source: str, message: str) -> None:
        message = redacted(message)
        super().__init__(f"{source}: {message}")
        self.source = source
        self.message = message


class Retryable(SourceError):
    """The same request may succeed later; `retry_after` is the tracker's own wish, None when it gave none.

    `scope` says what must wait: ENDPOINT, TICKET or ALL of this source.
    """

    def __init__(self, source: str, message: str, retry_after: timedelta | None = None, scope: str = ALL) -> None:
        super().__init__(source, message)
        self.retry_after = retry_after
        self.scope = scope


class NotBefore(SourceError):
    """The tracker asked us to stay away until `until`; remembered across restarts, nothing is sent before.

    `scope` says from what, as for Retryable.
    """

    def __init__(self, source: str, message: str, until: datetime, scope: str = ALL) -> None:
        super().__init__(source, message)
        self.until = until
        self.scope = scope


class Skippable(SourceError):
    """One ticket cannot be read or written; it is quarantined with this reason and the rest goes on."""

    def __init__(self, source: str, ticket_key: str, message: str) -> None:
        super().__init__(source, f"{ticket_key}: {message}")
        self.ticket_key = ticket_key


class Fatal(SourceError):
    """This source cannot be used until a person changes something."""


class Authentication(Fatal):
    """The tracker does not accept, or no longer accepts, who we say we are."""


class ShownToCustomer(Fatal):
    """A comment sent as internal was visible to a customer: nothing more is written until a person has looked."""


class BadAnswer(Fatal):
    """The answer is not what the API promises (HTML, cut JSON, an error inside a 200): the page is refused."""


class AnswerTooLarge(Fatal):
    """An answer has more bytes than one may have; it was not read to its end."""

    def __init__(self, source: str, what: str, most: int) -> None:
        size = f"{most / 1_048_576:g} MB"
        super().__init__(source, f"{what}: the answer is larger than {size} (max_answer)")


class DeliveryUnknown(SourceError):
    """A write was sent and nobody knows whether it was applied: look it up before sending again.

    `retry_after` is the tracker's own wish to be left alone, as a 503 may name it.
    """

    def __init__(self, source: str, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(source, message)
        self.retry_after = retry_after


class WriteRefused(SourceError):
    """The tracker refused a write and did not apply it; `permanent` when a person must act first."""

    def __init__(self, source: str, message: str, *, permanent: bool = True) -> None:
        super().__init__(source, message)
        self.permanent = permanent


class SafetyStop(CapaSyncError):
    """A brake held: nothing was written; the message names the cause and the release (exit 4)."""


class RegisterUnavailable(CapaSyncError):
    """The register file cannot be written: held by another daemon, disk full, or damaged (exit 6)."""


def place_of(error: BaseException) -> str:
    """Return `FILE:LINE` of ours in which an error arose or through which it passed last, without its own words."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "capa_sync/" in frame.filename] or frames
    return f"{ours[-1].filename.rpartition('capa_sync/')[2]}:{ours[-1].lineno}" if ours else "an unknown place"


def own_error(error: BaseException) -> str:
    """Word an error of our own for people: what it is and where, and none of its own words."""
    return f"an error of capa-sync itself, please report it: {type(error).__name__} at {place_of(error)}"
