"""What the register's page needs besides the public views: time, zone, how often sources are read, rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import Protocol

from capa_sync.model.clock import Clock, SystemClock
from capa_sync.model.light import light
from capa_sync.model.page_access import PageAccess


@light
class RuleWords:
    """What one rule says, in words.

    Attributes:
        id, number, title, clause: as in verdicts. mode: draft, quiet or warn. severity: word or ladder, in words.
        applies, requires: the lines of its conditions with their depth; a line that ends with a colon introduces the
            deeper lines after it. tests: how many tests its file has. tests_text: they as they stand in the file.
    """

    id: str
    number: int
    title: str
    clause: str
    mode: str
    severity: str
    applies: Sequence[tuple[int, str]]
    requires: Sequence[tuple[int, str]]
    tests: int
    tests_text: str = ""


class Waiving(Protocol):
    """Waivers that the page asks for, by the name of who is signed in alone; `ticket` is SOURCE:KEY."""

    def may(self, name: str) -> bool:
        """Return whether somebody is an active member of the waiver group of the live set."""
        ...

    def obstacles(self, name: str, source: str, ticket_id: str, rules: Iterable[str]) -> Mapping[str, str]:
        """Return rule -> why a member may not waive it on a ticket, of these rules; only those that cannot be."""
        ...

    def waive(self, ticket: str, rule: str, until: str, reason: str, by: str) -> bool:
        """Ask for a waiver; return whether it waits for a second person. Raises UserError when it would not count."""
        ...

    def approve(self, ticket: str, rule: str, by: str) -> None:
        """Ask that somebody becomes the second person of the waiver that waits for one. Raises UserError."""
        ...


def no_rules() -> Sequence[RuleWords]:
    """Return no rule: what a page shows that was given none."""
    return ()


@light
class PageOptions:
    """How the page shows the register.

    Attributes:
        timezone: the zone of the organisation, in which dates and times are shown.
        clock: tells the present instant, from which the page counts the age of a source.
        poll_every: source -> how often it is read; a source that is read much later than that is stale.
        rules: reads the rules of the live set in words; raises UserError when it cannot be loaded.
        public_url: where a proxy shows the page: its host is accepted too, and links use its scheme; "" for none.
        access: who may sign in. waiving: asks for waivers; None where nobody can.
    """

    timezone: str = "UTC"
    clock: Clock = field(default_factory=SystemClock)
    poll_every: Mapping[str, timedelta] = field(default_factory=dict)
    rules: Callable[[], Sequence[RuleWords]] = no_rules
    public_url: str = ""
    access: PageAccess = field(default_factory=PageAccess)
    waiving: Waiving | None = None
