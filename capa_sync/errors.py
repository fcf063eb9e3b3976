"""All our errors, divided by what the caller should do.

CapaSyncError
├ UserError(problems)      exit 2, one line each, no traceback
│ └ SettingsError · MappingFileError · RuleFileError
├ SourceError(source)      exit 3; the other sources continue
│ ├ Retryable(retry_after) the same request may be sent again later
│ ├ NotBefore(until)       the tracker named an instant; nothing is sent earlier
│ ├ Skippable(ticket_key)  one ticket is quarantined, the others continue
│ ├ DeliveryUnknown        a write was sent and its answer is lost: look it up before sending it again
│ ├ WriteRefused           the tracker refused a write; it was not applied
│ └ Fatal                  this source stops until a person acts
│   ├ Authentication · BadAnswer
│   ├ AccessDenied         one request is refused to our account (403); what it would have shown is unknown
│   ├ AnswerTooLarge       a page is requested again with fewer tickets; a single ticket is quarantined
│   └ ShownToCustomer      a comment sent as internal was public: writing to the source is paused
├ NotPublished             exit 3; a head of the hash chain could not be published, or proves nothing
├ SafetyStop               exit 4; nothing is written, the message names the command that releases
└ RegisterUnavailable      exit 6; disk full, damaged, not what capa-sync writes
  ├ RegisterHeld           another daemon or `sync` holds the register
  └ UnreadableContent      a table or a value of the register is not what capa-sync writes
    └ UnreadableValue      a single value; met while one ticket is judged or planned, it quarantines that ticket
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta

from capa_sync.redaction import redacted


class CapaSyncError(Exception):
    """An error that capa-sync can explain."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of a user, with its place and how to mend it.

    Attributes:
        file: path in the form that the user knows; empty for an environment variable or the command line.
        line: 1-based line in `file`; 0 where there is none.
        what: the mistake in one sentence without a final full stop.
        hint: how to mend it; may be empty.
    """

    file: str
    line: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """Return `file:line: what; hint`; every problem is shown in this form."""
        where = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return f"{where}{self.what}{'; ' + self.hint if self.hint else ''}"


class UserError(CapaSyncError):
    """The user's settings, mapping, rules or command line are wrong (exit 2).

    Attributes:
        problems: each once, also where several sources read the same file.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


class SettingsError(UserError):
    """The settings file or a CAPA_SYNC_ variable is wrong."""


class MappingFileError(UserError):
    """A mapping or people file is wrong."""


class RuleFileError(UserError):
    """A rule file is wrong."""


ENDPOINT, TICKET, ALL = "endpoint", "ticket", "all"
"""Scope of a rate limit (docs/jira.md 7): one kind of request, writes on one ticket, everything."""


_LONGEST = 2000
"""Characters of a message: what a tracker sends must not fill logs and registers."""


class SourceError(CapaSyncError):
    """A tracker could not be read or written (exit 3); the message contains no secret of ours.

    `do` is what a person does about it, "" where its class says that (`capa_sync.model.to_do`).
    """

    def __init__(self, source: str, message: str, *, do: str = "") -> None:
        message = redacted(message)
        if len(message) > _LONGEST:
            message = f"{message[:_LONGEST]}…"
        super().__init__(f"{source}: {message}")
        self.source = source
        self.message = message
        self.do = redacted(do)


class Retryable(SourceError):
    """The same request may succeed later; `retry_after`: the wait that the tracker asks for, None if it names none.

    `scope` says what must wait: ENDPOINT, TICKET or ALL of this source.
    """

    def __init__(self, source: str, message: str, retry_after: timedelta | None = None, scope: str = ALL) -> None:
        super().__init__(source, message)
        self.retry_after = retry_after
        self.scope = scope


class NotBefore(SourceError):
    """The tracker asked for no request before `until`; nothing is sent earlier, not even after a restart.

    `scope` says which requests must wait, as for Retryable.
    """

    def __init__(self, source: str, message: str, until: datetime, scope: str = ALL) -> None:
        super().__init__(source, message)
        self.until = until
        self.scope = scope


class Skippable(SourceError):
    """One ticket cannot be read or written; it is quarantined with this reason and the others continue.

    `version` is the digest of the version that could not be read, "" where there is none.
    """

    def __init__(self, source: str, ticket_key: str, message: str, version: str = "") -> None:
        super().__init__(source, f"{ticket_key}: {message}")
        self.ticket_key = ticket_key
        self.version = version


class Fatal(SourceError):
    """This source cannot be used until a person changes something."""


class Authentication(Fatal):
    """The tracker does not accept our credentials, or no longer accepts them."""


class ShownToCustomer(Fatal):
    """A comment sent as internal was visible to a customer: nothing more is written until a person has checked it."""


class BadAnswer(Fatal):
    """The answer is not what the API specifies (HTML, cut JSON, an error inside a 200): the page is refused."""


class AccessDenied(Fatal):
    """The tracker refused this one request to our account (403): an access rule, a business rule, a data policy.

    It says nothing about other requests. What the answer would have shown is unknown, never empty.
    """


class AnswerTooLarge(Fatal):
    """An answer is larger than `max_answer`; it was not read to its end."""

    def __init__(self, source: str, what: str, most: int) -> None:
        size = f"{most / 1_048_576:g} MB"
        super().__init__(source, f"{what}: the answer is larger than {size} (max_answer)")


class DeliveryUnknown(SourceError):
    """A write was sent and it is unknown whether it was applied: look it up before sending it again.

    `retry_after` is the wait that the tracker asks for, for example in a 503.
    """

    def __init__(self, source: str, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(source, message)
        self.retry_after = retry_after


class WriteRefused(SourceError):
    """The tracker refused a write and did not apply it; `permanent`: a person must act first."""

    def __init__(self, source: str, message: str, *, permanent: bool = True) -> None:
        super().__init__(source, message)
        self.permanent = permanent


class NotPublished(CapaSyncError):
    """A head of the hash chain could not be published, or what was published proves nothing (exit 3)."""


class SafetyStop(CapaSyncError):
    """A brake stopped the writes; the message names the cause and the command that releases them (exit 4)."""


class RegisterUnavailable(CapaSyncError):
    """The register file cannot be read or written: held by another daemon, disk full, or damaged (exit 6)."""


class RegisterHeld(RegisterUnavailable):
    """Another daemon or `sync` holds the register (exit 6)."""


class UnreadableContent(RegisterUnavailable, ValueError):
    """A value or a table of the register is not as capa-sync stores it (exit 6).

    It is a ValueError, too: whoever verifies the register looks for values that cannot be read, and reports them.
    """


class UnreadableValue(UnreadableContent):
    """A single stored value cannot be read. Met while one ticket is judged or planned, it quarantines that ticket."""


def is_of_more_than_one_ticket(error: Exception) -> bool:
    """Tell whether an error, met while one ticket was worked on, must end that work: what capa-sync can explain does.

    Not so a value that cannot be read, and what nobody foresaw: the content of that ticket has raised it.
    """
    return isinstance(error, CapaSyncError) and not isinstance(error, UnreadableValue)


_OWN = "capa_sync"


def place_of(error: BaseException, package: str = _OWN) -> str:
    """Return `FILE:LINE` of a package's innermost code in the traceback of an error, without the error's message.

    A file of another package than ours is named with its package.
    """
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if f"{package}/" in frame.filename] or frames
    if not inside:
        return "an unknown place"
    _, folder, file = inside[-1].filename.rpartition(f"{package}/")
    return f"{'' if package == _OWN else folder}{file}:{inside[-1].lineno}"


def own_error(error: BaseException) -> str:
    """Return a message about an unexpected error: its type and place, without its own message."""
    if isinstance(error, UnreadableValue):
        return str(error)
    return f"an error of capa-sync itself, please report it: {type(error).__name__} at {place_of(error)}"
