"""Composes the digests: which recipient gets which matters, masked by role, and in which words.

A person gets a message only when it contains something that the last one did not; the lead gets one each week, also
when nothing is open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

from capa_sync.digest.escalation import goes_to_lead, goes_to_management, goes_to_manager
from capa_sync.digest.lines import line_of
from capa_sync.digest.masking import masked
from capa_sync.model.amounts import count_of
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.days import utc_minute_words
from capa_sync.model.digest import (
    DigestFacts,
    DigestItem,
    DigestKind,
    DigestLine,
    DigestMessage,
    DigestOptions,
    DigestPerson,
    DigestSection,
)
from capa_sync.model.light import altered

Reported = Mapping[tuple[DigestKind, str], frozenset[str]]
"""Kind and recipient -> keys of the matters in the last message to that recipient."""
MOST_LINES = 20
"""Lines of one list; of the rest only the number is sent."""
_WEEK, _CLAUSE = 7, "Clause 10"
_PERSONAL = ("overdue", "due", "review_due", "waiver_ends", "warning")
_READER, _SEPARATOR = "reader", ", "
_HEAD = "Head of the register's hash chain, for `capa-sync verify --against` (keep this message)"
_TITLES = {
    "overdue": "Overdue",
    "due": "Due within a week",
    "review_due": "Effectiveness review late, or due within a week",
    "waiver_ends": "Waivers that end within two weeks",
    "warning": "Warnings",
    "stuck_write": "Warnings that could not be written on their ticket",
    "quarantined": "Tickets that cannot be evaluated",
}


def compose(
    facts: DigestFacts, options: DigestOptions, people: Mapping[str, DigestPerson], reported: Reported, now: datetime
) -> list[DigestMessage]:
    """Return the messages of all kinds that there are at `now`.

    Args:
        facts: of the register.
        options: of the settings.
        people: person id -> the person, for those that the people file lists and that have not left.
        reported: what the last messages contained.
        now: the present instant.
    """
    return list(_Composer(facts, options, people, reported, now).messages())


def for_period(message: DigestMessage, period: date) -> DigestMessage:
    """Return a message as it is sent for a period: the subject of the lead's names it, which tells each week's."""
    if message.kind is not DigestKind.LEAD:
        return message
    counted = message.subject.removeprefix(_CLAUSE)
    return altered(message, subject=f"{_CLAUSE}, week of {period.isoformat()}{counted}")


class _Composer:
    """Makes the messages of one moment."""

    def __init__(
        self,
        facts: DigestFacts,
        options: DigestOptions,
        people: Mapping[str, DigestPerson],
        reported: Reported,
        now: datetime,
    ) -> None:
        self._facts, self._options, self._people, self._reported, self._now = facts, options, people, reported, now

    def messages(self) -> Iterator[DigestMessage]:
        for name, role in self._options.targets.items():
            yield self._lead(f"target:{name}", f"target {name}", "", role)
        for person in (self._people.get(lead) for lead in self._options.leads):
            if person is not None and self._is_reached(person.id):
                yield self._lead(f"person:{person.id}", self._shown(person), person.email, _READER)
        yield from self._to_persons(DigestKind.OWNER, self._by_owner())
        yield from self._to_persons(DigestKind.MANAGER, self._by_manager())

    # --- who -------------------------------------------------------------------------------------------------------
    def _is_reached(self, person: str) -> bool:
        found = self._people.get(person)
        return self._options.has_mail and found is not None and bool(found.email)

    @staticmethod
    def _shown(person: DigestPerson) -> str:
        return f"{person.name} <{person.email}>"

    def _by_owner(self) -> dict[str, list[DigestItem]]:
        """Return person -> the matters of the person: of own tickets, and of waivers that the person asked for."""
        found: dict[str, list[DigestItem]] = defaultdict(list)
        for item in self._facts.items:
            if item.matter in _PERSONAL:
                for person in dict.fromkeys((item.owner_id, item.asked_by)):
                    if person:
                        found[person].append(item)
        return found

    def _by_manager(self) -> dict[str, list[DigestItem]]:
        found: dict[str, list[DigestItem]] = defaultdict(list)
        for item in self._facts.items:
            if goes_to_manager(item, self._now) and (manager := self._manager_of(item.owner_id)):
                found[manager].append(item)
        return found

    def _manager_of(self, person: str) -> str:
        found = self._people.get(person)
        return found.manager if found is not None else ""

    # --- to persons ------------------------------------------------------------------------------------------------
    def _to_persons(self, kind: DigestKind, by_person: Mapping[str, Sequence[DigestItem]]) -> Iterator[DigestMessage]:
        for person in sorted(by_person):
            reported = self._reported.get((kind, f"person:{person}"), frozenset())
            items = [masked(item) for item in by_person[person]]
            new = [item for item in items if item.key not in reported]
            if new and self._is_reached(person):
                yield self._personal(kind, self._people[person], items, new)

    def _personal(
        self, kind: DigestKind, person: DigestPerson, items: Sequence[DigestItem], new: Sequence[DigestItem]
    ) -> DigestMessage:
        first = {item.key for item in new}
        rest = [item for item in items if item.key not in first]
        if kind is DigestKind.MANAGER:
            subject = f"{_CLAUSE}: {count_of(len(items), 'warning')} of your team open for more than three weeks"
            sections = [self._section("New here", new, owner=True), self._section("Still open", rest, owner=True)]
        else:
            subject = f"{_CLAUSE}: {self._counted(new)}"
            sections = [self._section(f"New: {_TITLES[m]}", _of(new, m)) for m in _PERSONAL]
            sections += [self._section(f"Still: {_TITLES[m]}", _of(rest, m)) for m in _PERSONAL]
        return DigestMessage(
            kind,
            f"person:{person.id}",
            self._shown(person),
            person.email,
            subject,
            _filled(sections),
            self._closing(),
            tuple(item.key for item in items),
        )

    # --- to the lead -----------------------------------------------------------------------------------------------
    def _lead(self, recipient: str, to: str, email: str, role: str) -> DigestMessage:
        items = [masked(item) if role == _READER else item for item in self._facts.items]
        risen = [item for item in items if goes_to_management(item, self._now)]
        escalated = [
            item for item in items if goes_to_lead(item, self._now) and not goes_to_management(item, self._now)
        ]
        warned = [item for item in _of(items, "warning") if self._is_new(item)]
        sections = [
            self._section("For the management report", risen, owner=True),
            self._section("Warnings of severity high that are open for more than a week", escalated, owner=True),
            *(self._section(_TITLES[m], _of(items, m), owner=True) for m in _PERSONAL if m != "warning"),
            self._section("Warned within the last week", warned, owner=True),
            self._section(_TITLES["stuck_write"], _of(items, "stuck_write")),
            self._section(_TITLES["quarantined"], _of(items, "quarantined")),
            self._unreached(items),
            DigestSection("Sources", tuple(DigestLine(text) for text in self._sources())),
        ]
        subject = f"{_CLAUSE}: {self._counted(items)}"
        closing = (*self._closing(), *((f"{_HEAD}: {self._facts.head}",) if self._facts.head else ()))
        # nothing has to be remembered of it: the lead gets one each week, whatever the last one contained
        return DigestMessage(DigestKind.LEAD, recipient, to, email, subject, _filled(sections), closing, ())

    def _is_new(self, item: DigestItem) -> bool:
        return item.since is not None and (self._now - item.since).days < _WEEK

    def _unreached(self, items: Iterable[DigestItem]) -> DigestSection:
        """Return whom no digest reaches, with the number of their tickets; of masked tickets nobody is named."""
        if not self._options.has_mail:
            return _list("No digest goes to owners", ["the settings name no mail server (`[digest] mail_env`)"])
        owners: Counter[str] = Counter()
        managers: Counter[str] = Counter()
        for item in {(item.source, item.ticket_id): item for item in items if item.matter in _PERSONAL}.values():
            if not self._is_reached(item.owner_id):
                owners[_owner(item)] += 1
        for item in items:
            if goes_to_manager(item, self._now) and not self._is_reached(self._manager_of(item.owner_id)):
                managers[_owner(item)] += 1
        lines = [f"{name}: {count_of(count, 'ticket')}, no address" for name, count in sorted(owners.items())]
        lines += [
            f"{name}: {count_of(count, 'warning')} open for more than three weeks, no line manager with an address"
            for name, count in sorted(managers.items())
        ]
        return _list("Owners whom no digest reaches", lines)

    def _sources(self) -> Iterator[str]:
        for source in self._facts.sources:
            read = f"as of {utc_minute_words(source.as_of)}" if source.as_of else "never read to the end"
            yield f"{source.name}: {read}" + (f"; {source.problem}" if source.problem else "")

    # --- words -----------------------------------------------------------------------------------------------------
    def _section(self, title: str, items: Sequence[DigestItem], *, owner: bool = False) -> DigestSection:
        ordered = sorted(items, key=_urgency)
        lines = tuple(line_of(item, self._now, self._options.timezone, owner=owner) for item in ordered[:MOST_LINES])
        return DigestSection(title, lines, max(0, len(items) - MOST_LINES))

    @staticmethod
    def _counted(items: Sequence[DigestItem]) -> str:
        counted: Sequence[tuple[str, Callable[[int], str]]] = (
            ("overdue", lambda n: f"{n} overdue"),
            ("due", lambda n: f"{n} due soon"),
            ("review_due", lambda n: count_of(n, "review")),
            ("waiver_ends", lambda n: f"{count_of(n, 'waiver')} ending"),
            ("warning", lambda n: count_of(n, "warning")),
        )
        numbers = [words(n) for matter, words in counted if (n := len(_of(items, matter)))]
        return _SEPARATOR.join(numbers) or "nothing is open"

    def _closing(self) -> tuple[str, ...]:
        read = [source.as_of for source in self._facts.sources if source.as_of is not None]
        whole = read and len(read) == len(self._facts.sources)
        as_of = f"as of {utc_minute_words(min(read))}" if whole else "not every source was read to its end yet"
        return (
            *((f"The register: {self._options.public_url}",) if self._options.public_url else ()),
            f"From capa-sync, {as_of}. It names what these checks found; it does not judge conformity.",
        )


def _list(title: str, lines: Sequence[str]) -> DigestSection:
    shown = tuple(DigestLine(text) for text in lines[:MOST_LINES])
    return DigestSection(title, shown, max(0, len(lines) - MOST_LINES))


def _owner(item: DigestItem) -> str:
    return "owners of confidential tickets" if item.owner == RESTRICTED else item.owner or "no owner"


def _of(items: Iterable[DigestItem], matter: str) -> list[DigestItem]:
    return [item for item in items if item.matter == matter]


def _filled(sections: Iterable[DigestSection]) -> tuple[DigestSection, ...]:
    return tuple(section for section in sections if section.lines)


_SEVERITIES = ("high", "medium", "low", "info", "")


def _urgency(item: DigestItem) -> tuple[int, str, str, str]:
    """Return what comes first: the most severe, then the earliest, then by key."""
    when: date | datetime | None = item.due_at or item.since
    severity = _SEVERITIES.index(item.severity) if item.severity in _SEVERITIES else len(_SEVERITIES)
    return severity, when.isoformat() if when else "", item.source, item.ticket_key
