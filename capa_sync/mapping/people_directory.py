"""Persons behind accounts: one canonical id for a person over all sources, and which accounts count as human."""

from __future__ import annotations

from collections.abc import Iterable

from capa_sync.mapping.people import People
from capa_sync.mapping.texts import fold
from capa_sync.model.light import light
from capa_sync.model.site import Account
from capa_sync.model.values import EMPTY, Raw, Value, ValueState


@light
class Known:
    """What an account means: the person's id and name, whether active, and whether a human uses it.

    `by` is the person for a change's `by`; None for an ignored account: its value is unreadable (docs/contract.md 7).
    """

    person: str
    name: str
    active: bool | None
    human: bool
    value: Value
    by: str | None


class PeopleDirectory:
    """Resolves account ids of one source to persons; caches the results."""

    def __init__(
        self, source: str, people: People, accounts: Iterable[Account], ignored: Iterable[str], own: Iterable[str]
    ) -> None:
        self._source = source
        self._people = people
        self._by_id: dict[str, Account] = {}
        for account in accounts:
            self._by_id.setdefault(account.id, account)
            for alias in account.aliases:
                self._by_id.setdefault(alias, account)
        self._ignored = frozenset(fold(name) for name in ignored)
        self._own = frozenset(own)
        self._known: dict[str, Known] = {}
        self._persons: dict[str, Known] = {}

    def known(self, account: str, name: str = "") -> Known:
        """Return who this account is; `name` is the display name that came with it, if any."""
        found = self._known.get(account)
        if found is None or (name and found.name == account):
            found = self._known[account] = self._resolve(account, name)
            self._persons[found.person] = found
        return found

    def author(self, account: str) -> tuple[str | None, bool]:
        """Return the person behind the account of a change, and whether the account is human."""
        known = self._known.get(account) or self.known(account)
        return known.by, known.human

    def is_human(self, account: str) -> bool:
        """Return whether a change by this account counts as a person's; an unknown author counts as a person."""
        return not account or (self._known.get(account) or self.known(account)).human

    def person_value(self, raw: Raw) -> Value:
        """Return a person field's value; unreadable for an ignored account, an error for several persons."""
        account = raw.ids[0] if raw.ids else raw.text
        if not account:
            return EMPTY
        if len(raw.ids) > 1:
            return Value(ValueState.ERROR, text=raw.text, reason="the field names more than one person")
        return self.known(account, raw.names[0] if raw.names else raw.text).value

    def persons_among(self, data: Iterable[object]) -> set[str]:
        """Return the values that are ids of persons, listed in the people file or resolved before."""
        met, listed = self._persons, self._people.names
        return {value for value in data if isinstance(value, str) and (value in met or value in listed)}

    def active_of(self, person: str) -> bool | None:
        """Return whether a person is active; None where neither the people file nor the tracker says so."""
        if person in self._people.gone:
            return False
        met = self._persons.get(person)
        return met.active if met is not None else self._is_active(person, None, listed=True)

    def name_of(self, person: str) -> str:
        """Return a person's display name."""
        met = self._persons.get(person)
        return met.name if met is not None else self._people.names.get(person, person)

    def listed_person(self, person: str) -> Value:
        """Return the value of a person id as the people file writes it."""
        return Value(ValueState.FILLED, person, self._people.names.get(person, person))

    def _resolve(self, account: str, name: str) -> Known:
        entry = self._by_id.get(account)
        ids = (account,) if entry is None else (account, entry.id, *entry.aliases)
        person = next(filter(None, (self._people.accounts.get((self._source, account_id)) for account_id in ids)), "")
        listed = bool(person)
        person = person or f"{self._source}:{entry.id if entry else account}"
        shown = self._people.names.get(person) or (entry.name if entry else "") or name or account
        words = {fold(word) for word in (*ids, entry.name if entry else name)} | ({fold(person)} if listed else set())
        human = not self._own.intersection(ids) and not words & self._ignored
        active = False if person in self._people.gone else self._is_active(person, entry, listed=listed)
        value = (
            Value(ValueState.FILLED, person, shown)
            if human
            else Value(ValueState.UNREADABLE, text=shown, reason=f"'{shown}' is an account that stands for no person")
        )
        return Known(person, shown, active, human, value, person if human else None)

    def _is_active(self, person: str, entry: Account | None, *, listed: bool) -> bool | None:
        if not listed:
            return entry.active if entry else None
        states = [
            self._by_id[account].active
            for (source, account), owner in self._people.accounts.items()
            if owner == person and source == self._source and account in self._by_id
        ]
        return True if True in states else (False if False in states else None)


def persons_of(source: str, people: People, accounts: Iterable[Account]) -> dict[str, str]:
    """Return account id (or alias) -> person id, where the person id is not simply `SOURCE:ACCOUNT`."""
    met = list(accounts)
    directory = PeopleDirectory(source, people, met, (), ())
    known = {account_id for where, account_id in people.accounts if where == source}
    known |= {account_id for account in met for account_id in (account.id, *account.aliases)}
    persons = {account_id: directory.known(account_id).person for account_id in known if account_id}
    return {account_id: person for account_id, person in persons.items() if person != f"{source}:{account_id}"}
