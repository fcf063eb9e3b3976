"""Waivers that members of the waiver group ask for on the page: checked as `waive` does it, left for the daemon."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from capa_sync.cli.context import open_for_reading, register_path
from capa_sync.errors import UserError
from capa_sync.model.clock import Clock
from capa_sync.model.comment_texts import ENGLISH
from capa_sync.settings import Settings

if TYPE_CHECKING:
    from capa_sync.daemon.runtime import Runtime
    from capa_sync.mapping import People
    from capa_sync.store import Register
    from capa_sync.wiring import Configuration


def _is_email(people: People, person: str, name: str) -> bool:
    contact = people.contacts.get(person)
    return contact is not None and contact.email != "" and contact.email.casefold() == name.casefold()


class PageWaiving:
    """Implements `capa_sync.model.page.Waiving` by the register's live set, which is loaded when another is live."""

    def __init__(self, settings: Settings, config: Path, clock: Clock) -> None:
        self._settings, self._config, self._clock = settings, config, clock
        self._path = register_path(config, settings)
        self._loaded: tuple[int, Configuration] | None = None

    def may(self, name: str) -> bool:
        """Return whether somebody may waive; nobody may while the live set cannot be loaded."""
        try:
            return bool(self._member(name))
        except UserError:
            return False

    def obstacles(self, name: str, source: str, ticket_id: str, rules: Iterable[str]) -> Mapping[str, str]:
        """Return rule -> why a member may not waive it on a ticket; nothing while the live set cannot be loaded."""
        try:
            member = self._member(name)
            with open_for_reading(self._path, self._clock) as register:
                unwaivable = self._configuration(register).options.unwaivable
                owner = register.records.owner_id(source, ticket_id)
        except UserError:
            return {}
        if owner and member == owner:
            return dict.fromkeys(rules, ENGLISH.sentences.refused_owner.format(person=member))
        return {rule: ENGLISH.sentences.refused_unwaivable.format(rule=rule) for rule in rules if rule in unwaivable}

    def waive(self, ticket: str, rule: str, until: str, reason: str, by: str) -> bool:
        """Leave a request for a waiver. Raises UserError when it would not count."""
        from capa_sync.daemon.waiver_requests import WaiverWish, waiting_waiver_of
        from capa_sync.model.waiver import Way
        from capa_sync.store import WAIVE, waiver_as_json

        member, user = self._member(by) or by, getpass.getuser()
        wish = WaiverWish(ticket, rule, until, reason, member, "", recorded_by=user, way=Way.PAGE)
        with self._runtime() as runtime:
            waiver, waits = waiting_waiver_of(runtime, wish, self._clock.now())
        self._leave(WAIVE, {**waiver_as_json(waiver), "waits": waits})
        return waits

    def approve(self, ticket: str, rule: str, by: str) -> None:
        """Leave a request for a second person. Raises UserError when nothing waits, or this person may not."""
        from capa_sync.daemon.waiver_requests import approval_of
        from capa_sync.store import APPROVE

        with self._runtime() as runtime:
            waiver = approval_of(runtime, ticket, rule, self._member(by) or by, self._clock.now())
        asked = {"source": waiver.source, "ticket_id": waiver.ticket_id, "id": waiver.id, "by": waiver.approved_by}
        self._leave(APPROVE, asked)

    def _member(self, name: str) -> str:
        """Return the id of an active member of the waiver group, named by id or e-mail address; "" for others."""
        with open_for_reading(self._path, self._clock) as register:
            mappings = self._configuration(register).mappings.values()
        for people in [mapping.people for mapping in mappings]:
            members = people.groups.get(people.waiver_group, ())
            named = [person for person in members if name == person or _is_email(people, person, name)]
            if len(named) == 1 and named[0] not in people.gone:
                return named[0]
        return ""

    @contextmanager
    def _runtime(self) -> Iterator[Runtime]:
        from capa_sync.wiring import build_runtime_for_reading

        with open_for_reading(self._path, self._clock) as register:
            yield build_runtime_for_reading(self._configuration(register), register, self._clock)

    def _configuration(self, register: Register) -> Configuration:
        """Return the live set; where none is live, the set that `sync` will take."""
        from capa_sync.live.settle import settle
        from capa_sync.wiring import set_up

        live = register.verdict_sets.live()
        if live is not None and self._loaded is not None and self._loaded[0] == live.number:
            return self._loaded[1]
        setup = set_up(self._settings, self._config, os.environ, with_secrets=False)
        now = self._clock.now()
        found = settle(setup, register, now, getpass.getuser(), stores=False, keeps_live=True).configuration
        self._loaded = (live.number, found) if live is not None else None
        return found

    def _leave(self, verb: str, asked: Mapping[str, object]) -> None:
        from capa_sync.daemon.requests import ask
        from capa_sync.store import open_register

        now = self._clock.now()
        with open_register(self._path, clock_now=now, now=self._clock.now, create=False) as register:
            ask(register, verb, asked, now)
