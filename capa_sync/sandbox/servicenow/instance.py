"""One ServiceNow instance: its tables, rows, rights and clock, which all API handlers share."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.servicenow.access import Caller, ServiceNowAccess
from capa_sync.sandbox.servicenow.accounts import CLIENT_CREDENTIALS, Accounts
from capa_sync.sandbox.servicenow.answers import ApiError
from capa_sync.sandbox.servicenow.catalogue import EPOCH, Catalogue, make_id
from capa_sync.sandbox.servicenow.filter import Filter, resolve_query
from capa_sync.sandbox.servicenow.settings import ServiceNowSandboxSettings
from capa_sync.sandbox.servicenow.store import Store, StoredRow
from capa_sync.sandbox.servicenow.tables import shipped_schema
from capa_sync.sandbox.servicenow.write import Writer

_PROPERTIES = {
    "glide.invalid_query.returns_no_rows": "false",
    "glide.sys.default.tz": "GMT",
    "glide.sys.audit_inserts": "false",
    "glide.history.role": "itil",
    # a new instance has it off; here it is on, as capa-sync's README asks an administrator to set it
    CLIENT_CREDENTIALS: "true",
    "glide.oauth.inbound.ropc.grant_type.disabled": "false",
}


class Instance:
    """The state of one instance.

    Attributes:
        ignored_parts: the newest query parts that were dropped without an error, for tests.
    """

    def __init__(self, clock: SandboxClock, settings: ServiceNowSandboxSettings) -> None:
        self.clock, self.settings = clock, settings
        self.schema = shipped_schema()
        self.store = Store(self.schema)
        self.catalogue = Catalogue(self.schema, self.store)
        self.catalogue.publish()
        self.access = ServiceNowAccess(settings, self.store)
        self.accounts = Accounts(self.access)
        self.writer = Writer(self.store, self.catalogue)
        self.ignored_parts: deque[str] = deque(maxlen=1000)
        for name, value in _PROPERTIES.items():
            self.set_property(name, value)

    def now(self) -> datetime:
        """Return the instance's own time."""
        return self.clock.now() + timedelta(seconds=self.settings.clock_skew_s)

    def check_table(self, table: str) -> None:
        """Check that a table exists and is licensed. Raises ApiError 400."""
        if table not in self.schema or table in self.settings.unlicensed_tables:
            raise ApiError(400, f"Invalid table {table}")

    def check_readable(self, table: str, caller: Caller) -> None:
        """Check that the caller may read a table. Raises ApiError 403."""
        if self.access.forbids_table(table, caller):
            raise ApiError(403, "User Not Authorized", "Failed API level ACL Validation")

    def resolve(self, query: str, table: str, caller: Caller) -> Filter:
        """Resolve an encoded query and record its dropped parts."""
        wanted = resolve_query(query, table, self.store, self.access, caller)
        self.ignored_parts.extend(wanted.ignored)
        return wanted

    def set_property(self, name: str, value: str) -> None:
        """Set a system property."""
        values = {"sys_id": make_id("sys_properties", name), "name": name, "value": value}
        system = {"sys_created_on": EPOCH, "sys_updated_on": EPOCH, "sys_mod_count": "0"}
        self.store.add(StoredRow("sys_properties", {**values, **system}))
