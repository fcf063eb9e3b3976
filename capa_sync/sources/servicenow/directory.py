"""Tables and users of an instance; each is read once, kept in memory, and read again on demand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from capa_sync.errors import Authentication
from capa_sync.model.light import light
from capa_sync.model.site import Account
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.dictionary import TableFacts, all_rows, read_table
from capa_sync.sources.servicenow.history import batches
from capa_sync.sources.servicenow.options import ServiceNowAuth
from capa_sync.sources.servicenow.query import condition, one_of

USER_ID = re.compile(r"[0-9a-f]{32}")
_MANY_USERS = 5000
_USER = ("sys_id", "user_name", "name", "active")


@light
class Me:
    """The user that we are signed in as."""

    sys_id: str
    user_name: str
    name: str
    time_zone: str
    language: str


@dataclass(slots=True)
class InstanceDirectory:
    """Looks up tables and users of one instance."""

    client: TableClient
    auth: ServiceNowAuth
    me: Me | None = None
    _tables: dict[str, TableFacts] = field(default_factory=dict)
    _users: dict[str, Account] = field(default_factory=dict)
    _user_ids: dict[str, str] = field(default_factory=dict)
    _no_users: set[str] = field(default_factory=set)
    _new: dict[str, Account] = field(default_factory=dict)

    def who_am_i(self) -> Me:
        """Read our own user. Raises Authentication when the instance names none, or another one than before."""
        who = (
            condition("user_name", "=", self.auth.user)
            if self.auth.method == "basic"
            else "sys_id=javascript:gs.getUserID()"
        )
        fields = ("sys_id", "user_name", "name", "time_zone", "preferred_language")
        rows = self.client.rows("sys_user", who, limit=2, fields=fields, linked=False, counted=False).rows
        if len(rows) != 1:
            ask = "check user and secret, and ask the admin of the instance whether our account may read sys_user"
            raise Authentication(self.client.source, "sys_user does not show who we are", do=ask)
        found = Me(*(value_of(rows[0], column) for column in fields))
        is_user = isinstance(rows[0].get("sys_id"), str) and USER_ID.fullmatch(found.sys_id) and found.user_name
        is_ours = self.auth.method != "basic" or found.user_name.casefold() == self.auth.user.casefold()
        if not is_user or not is_ours:
            raise Authentication(self.client.source, "sys_user answers with another user, or with none")
        if self.me is not None and self.me.sys_id != found.sys_id:
            raise Authentication(self.client.source, f"we were {self.me.user_name} and now are {found.user_name}")
        self.me = found
        return found

    def forget(self) -> None:
        """Forget tables and users, so that they are read again."""
        self._tables.clear()
        self._users.clear()
        self._user_ids.clear()
        self._no_users.clear()

    def table(self, name: str) -> TableFacts:
        """Return what is known of a table; read it at its first use. Raises SourceError."""
        if name not in self._tables:
            self._tables[name] = read_table(self.client, name, self.language)
        return self._tables[name]

    def keep_tables(self, tables: Iterable[TableFacts]) -> None:
        """Keep the facts of tables that were read in parallel."""
        self._tables.update((table.name, table) for table in tables)

    @property
    def language(self) -> str:
        """The language of labels and messages for our user."""
        return self.me.language if self.me and self.me.language else "en"

    def learn_users(self, ids: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        """Look up users by sys_id and by user name, if not yet known, in as few requests as possible."""
        fresh_ids = sorted({i for i in ids if USER_ID.fullmatch(i)} - self._users.keys() - self._no_users)
        fresh_names = sorted(n for n in set(names) - self._user_ids.keys() - self._no_users if _is_listable(n))
        for column, fresh in (("sys_id", fresh_ids), ("user_name", fresh_names)):
            for batch in batches(fresh):
                self._keep_users(all_rows(self.client, "sys_user", one_of(column, batch), _USER))
        self._no_users.update(i for i in fresh_ids if i not in self._users)
        self._no_users.update(n for n in fresh_names if n not in self._user_ids)

    def learn_all_users(self) -> None:
        """Read every user of a small instance, so that the first evaluation knows who is active."""
        answer = self.client.rows("sys_user", "ORDERBYsys_id", limit=1, fields=("sys_id",))
        if answer.total is not None and answer.total <= _MANY_USERS:
            self._keep_users(all_rows(self.client, "sys_user", "", _USER))

    def _keep_users(self, rows: Sequence[Row]) -> None:
        for row in rows:
            sys_id, user_name, active = (value_of(row, c) for c in ("sys_id", "user_name", "active"))
            name = value_of(row, "name") or user_name
            aliases = (user_name,) if user_name else ()
            found = Account(sys_id, name, active == "true" if active else None, aliases)
            if self._users.get(sys_id) != found:
                self._users[sys_id] = self._new[sys_id] = found
            if user_name:
                self._user_ids[user_name] = sys_id

    def read_users(self, ids: Sequence[str]) -> list[Account]:
        """Ask about users by sys_id, also about known ones; return those that the instance shows."""
        wanted = sorted(filter(USER_ID.fullmatch, ids))
        shown = [
            row
            for batch in batches(wanted)
            for row in all_rows(self.client, "sys_user", one_of("sys_id", batch), _USER)
        ]
        self._keep_users(shown)
        return [self._users[value_of(row, "sys_id")] for row in shown]

    def take_new(self) -> list[Account]:
        """Return the users that are new or differ since the last call."""
        found, self._new = list(self._new.values()), {}
        return found

    def user_id(self, user_name: str) -> str:
        """Return the sys_id of a user name, "" when it is unknown."""
        return self._user_ids.get(user_name, "")

    def user(self, sys_id: str) -> Account | None:
        """Return a user that is already known."""
        return self._users.get(sys_id)

    def accounts(self) -> tuple[Account, ...]:
        """Return the known users, in order of id."""
        return tuple(self._users[key] for key in sorted(self._users))


def _is_listable(name: str) -> bool:
    return bool(name) and name.isprintable() and "," not in name and "^" not in name
