"""Rows that a census missed: found by their ids in bulk, proven deleted, or proven gone one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import Any

from capa_sync.errors import AccessDenied, BadAnswer
from capa_sync.model.site import Census, Located
from capa_sync.sources.servicenow.answers import NoSuchTable
from capa_sync.sources.servicenow.cells import Row, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.history import batches
from capa_sync.sources.servicenow.keyset import KeysetPager
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.servicenow.query import join, one_of

_PAGE = 200
_DELETION = ("sys_id", "tablename", "documentkey", "sys_created_on", "sys_created_by")


class Missing:
    """Searches rows that a census missed."""

    def __init__(self, client: TableClient, options: ServiceNowOptions) -> None:
        self._client = client
        self._options = options

    def locate(self, ids: Mapping[str, str], census: Census) -> Located:
        """Return which of these are in scope, and which exist; see `ports.Source`."""
        records = [id_ for id_, table in ids.items() if table == self._options.table]
        existing = {value_of(row, "sys_id") for row in self._listed(self._options.table, records, ("sys_id",))}
        found = self._in_query(sorted(existing), census.witness) if existing else set()
        in_scope, records_in_scope = set(found), census.ids | found  # a page of the census may have left a record out
        for table, reference in self._options.child_tables:
            children = [id_ for id_, of in ids.items() if of == table]
            rows = self._listed(table, children, ("sys_id", reference))
            existing |= {value_of(row, "sys_id") for row in rows}
            in_scope |= {
                value_of(row, "sys_id")
                for row in rows
                if reference not in row
                or value_of(row, reference) in records_in_scope  # a hidden reference is not an empty one
            }
        for table in {*ids.values()}.difference(self._options.tables):  # the settings name it no longer
            others = [id_ for id_, of in ids.items() if of == table]
            existing |= {value_of(row, "sys_id") for row in self._listed(table, others, ("sys_id",))}
        return Located(frozenset(in_scope), frozenset(existing - in_scope))

    def deletions(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the proofs of those deletions that the instance still records; {} where we may not read them.

        The instance records them under the real class and deletes old ones: a missing proof proves nothing.
        """
        found: dict[str, str] = {}
        try:
            for batch in batches(ids):
                rows = self._all_rows("sys_audit_delete", one_of("documentkey", batch), _DELETION)
                found.update((value_of(row, "documentkey"), _proof(row)) for row in rows)
        except (AccessDenied, NoSuchTable):
            return {}
        return {id_: proof for id_, proof in found.items() if id_ in set(ids)}

    def prove_gone(self, ids: Mapping[str, str]) -> frozenset[str]:
        """Send a request of its own for each row; a refused one counts as gone for us."""
        return frozenset(id_ for id_, table in ids.items() if self._is_gone(table, id_))

    def _is_gone(self, table: str, sys_id: str) -> bool:
        try:
            return self._client.one(table, sys_id, ("sys_id",)) is None
        except AccessDenied:
            return True

    def _in_query(self, ids: Sequence[str], witness: str) -> set[str]:
        """Return which of these the query names: asked twice, in opposite orders, so that no incomplete page decides.

        Each answer must also name the census's witness, if it has one.
        """
        found: set[str] = set()
        for batch in batches(ids):
            base = join(self._options.query, one_of("sys_id", [*batch, *([witness] if witness else [])]))
            upwards = {value_of(row, "sys_id") for row in self._all_rows(self._options.table, base, ("sys_id",))}
            self._believe(upwards, witness)
            if upwards >= set(batch):
                found |= upwards
                continue
            query = join(base, "ORDERBYDESCsys_id")
            answer = self._client.rows(self._options.table, query, limit=_PAGE, fields=("sys_id",), linked=False)
            downwards = {value_of(row, "sys_id") for row in answer.rows}
            self._believe(downwards, witness)
            found |= upwards | downwards
        return found & set(ids)

    def _believe(self, listed: Set[str], witness: str) -> None:
        if witness and witness not in listed:
            message = (
                f"{self._options.table}: a list leaves out a row that the one before it named; the census is given up"
            )
            raise BadAnswer(self._client.source, message)

    def _listed(self, table: str, ids: Sequence[str], fields: Sequence[str]) -> list[Row]:
        return [row for batch in batches(ids) for row in self._all_rows(table, one_of("sys_id", batch), fields)]

    def _all_rows(self, table: str, base: str, fields: Sequence[str]) -> list[Row]:
        fetch: Any = partial(self._client.rows, table, limit=_PAGE, fields=fields, linked=False)
        return [
            row for answer in KeysetPager(self._client.source, table, fetch, base).by_id("") for row in answer.rows
        ]


def _proof(row: Row) -> str:
    when, who = value_of(row, "sys_created_on"), value_of(row, "sys_created_by")
    return f"sys_audit_delete {value_of(row, 'sys_id')}: deleted {when} UTC by {who or 'unknown'}"
