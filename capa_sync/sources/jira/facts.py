"""Reads a Jira's facts about itself, and proves our identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from capa_sync.errors import Authentication, BadAnswer, Fatal
from capa_sync.model.site import Account, FieldDef, SiteFacts, StatusDef
from capa_sync.sources.jira.answers import IS_A_JIRA
from capa_sync.sources.jira.client import BadRequest, JiraClient
from capa_sync.sources.jira.lists import read_lists
from capa_sync.sources.jira.options import Api
from capa_sync.sources.jira.people import JiraAccounts, read_account
from capa_sync.sources.jira.query import ScopeQuery
from capa_sync.sources.jira.times import read_instant
from capa_sync.sources.jira.values import account_of

_LONG_AGO = 946_684_800_000  # 2000-01-01, epoch ms


def read_facts(client: JiraClient, api: Api, people: JiraAccounts) -> SiteFacts:
    """Sign in, find out which product answers, and read the lists of the site."""
    server = find_product(client, api)
    me = read_me(client)
    fields = {raw["id"]: _field(raw) for raw in _list(client, client.get("field"), "field", _is_field)}
    statuses = {raw["id"]: read_status(raw) for raw in _list(client, client.get("status"), "status", is_status)}
    return SiteFacts(
        fields=tuple(fields.values()),
        statuses=tuple(statuses.values()),
        me=read_account(me),
        accounts=people.all(),
        time_zone=str(me.get("timeZone") or "UTC"),
        server_time=_server_time(server),
        history_has_ids=client.is_cloud,
        lists=read_lists(client),
    )


def find_product(client: JiraClient, api: Api) -> dict[str, Any]:
    """Find out which product answers, let the client know it, and return what the server tells about itself."""
    server = _object(client, client.get("serverInfo"), "serverInfo")
    client.is_cloud = server.get("deploymentType") == "Cloud" if api == "auto" else api == "cloud"
    return server


def read_me(client: JiraClient) -> dict[str, Any]:
    """Read our own account. Raises Authentication when there is none."""
    me = _object(client, client.get("myself"), "myself")
    if not account_of(me):
        raise Authentication(client.source, "Jira does not say who we are: the sign-in is lost")
    if client.identity.account and account_of(me) != client.identity.account:
        raise BadAnswer(client.source, "myself shows another account than the one that the answers are given to")
    return me


def prove_identity(client: JiraClient, me: Account) -> None:
    """Raise Authentication unless Jira still knows us as the account that we signed in with."""
    found = account_of(read_me(client))
    if found != me.id:
        raise Authentication(client.source, f"Jira now takes us for another account ({found} instead of {me.id})")


def try_query(client: JiraClient, query: ScopeQuery) -> None:
    """Prove that Jira understands the configured query, and find out which form of dates it needs.

    Raises:
        Fatal: names the query and Jira's own message.
    """
    path = "search/jql" if client.is_cloud else "search"

    def ask(*conditions: str) -> None:
        client.post(path, {"jql": query.where(*conditions), "maxResults": 1, "fields": ["id"]})

    try:
        ask(query.since("updated", _LONG_AGO))
        return
    except BadRequest:
        query.understands_epoch = False
    try:
        ask()
    except BadRequest as error:
        words = error.message.rpartition("does not understand it: ")[2]
        do = "mend `query` in the settings; try it in Jira's own search as our account"
        raise Fatal(client.source, f"the query {query.scope!r} is not accepted: {words}", do=do) from error


def _object(client: JiraClient, answer: Any, path: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise BadAnswer(client.source, f"{path} gives no object", do=IS_A_JIRA)
    return answer


def _list(client: JiraClient, answer: Any, path: str, is_row: Callable[[Any], bool]) -> list[Mapping[str, Any]]:
    if not isinstance(answer, list) or not all(map(is_row, answer)):
        raise BadAnswer(client.source, f"{path} gives no list in Jira's form", do=IS_A_JIRA)
    if not answer:
        raise BadAnswer(client.source, f"{path} gives an empty list, as no Jira has; it is not believed")
    return answer


def _is_listed(row: Any, nested: str) -> bool:
    """Tell whether a row has an id, and words for a name and an object for what is nested, where it has these."""
    return (
        isinstance(row, dict)
        and isinstance(id_ := row.get("id"), str)
        and bool(id_)
        and isinstance(row.get("name"), str | None)
        and isinstance(row.get(nested), dict | None)
    )


def _is_field(row: Any) -> bool:
    return _is_listed(row, "schema")


def is_status(row: Any) -> bool:
    """Tell whether this is one status of a list of statuses."""
    return _is_listed(row, "statusCategory")


def _field(raw: Mapping[str, Any]) -> FieldDef:
    schema = raw.get("schema") or {}
    kind = str(schema.get("type") or "")
    if schema.get("items"):
        kind = f"{kind}/{schema['items']}"
    return FieldDef(raw["id"], raw.get("name") or raw["id"], kind, bool(raw.get("custom")))


def read_status(raw: Mapping[str, Any]) -> StatusDef:
    """Return one status of a list of statuses, for which `is_status` holds."""
    category = (raw.get("statusCategory") or {}).get("key") or ""
    known = category if category in ("new", "indeterminate", "done") else ""
    return StatusDef(raw["id"], raw.get("name") or "", known)


def _server_time(server: Mapping[str, Any]) -> datetime | None:
    try:
        return read_instant(server["serverTime"])
    except (KeyError, TypeError, ValueError):
        return None
