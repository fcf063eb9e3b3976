"""Checks Jira requests and answers against the vendor's OpenAPI documents.

The documents come from neither the sandbox nor the daemon, so they check both. All relaxations are here:

1. Answers: `format: date-time` is dropped. Jira sends `2026-03-01T09:00:00.000+0300`, an offset without colon,
   which RFC 3339 and so the format refuse (docs/jira.md 10.2).
2. Answers: `from`, `fromString`, `to`, `toString` of a change may be null; the vendor's own examples hold nulls.
3. Data Center answers: the values of an issue's `fields` are typed as objects and not nullable, though a summary
   is a string; any value is taken.
4. Data Center answers: the lists of fields, statuses, priorities, resolutions, issue types, projects and project
   statuses are typed as a single item; an array of such items is required instead.
5. Data Center requests and answers: the value of an entity property is typed as a string holding JSON, though
   Jira takes and gives the JSON itself; any JSON value is taken. The query parameters `fields` and `expand` of
   `GET /search` are typed as objects; comma strings are taken.
6. Cloud v2 requests are checked against the v3 document, whose paths and schemas they share; the bodies of
   comments are without schema there.
7. Error answers (4xx) are checked only where the document gives their schema.
8. A 204 is documented with a JSON body, which HTTP forbids; its content is dropped.
9. Data Center documents basic sign-in only; a personal access token (bearer) is taken as well.
10. The reduced documents lack what the daemon did not use when they were made; the list of link types is taken from
    the whole ones. Any other path that is not in them is an error here.
"""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from typing import Any

from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from capa_sync.sandbox.http import Exchange, Reply, Request
from tests.absent_data import SPECS

_FILES = {"cloud": "jira-cloud-v3.reduced.openapi.json", "datacenter": "jira-dc-10.3.reduced.openapi.json"}
_WHOLE = {
    "cloud": ("jira-cloud-v3.openapi.json", "/rest/api/3/issueLinkType"),
    "datacenter": ("jira-dc-10.3.openapi.json", "/api/2/issueLinkType"),
}
_HOST = "http://sandbox"
_SINGLE_ITEM_LISTS = ("field", "status", "priority", "resolution", "issuetype", "project")


def check(request: Request, response: Reply | None, face: str) -> list[str]:
    """Return where a request and its answer differ from the vendor's document.

    Args:
        request: as the sandbox read it.
        response: None checks the request alone.
        face: cloud or datacenter.

    Returns:
        One line for each violation; empty when both fit.
    """
    asked = _mock_request(request, face)
    found = [_spell(error) for error in _document(face, "request").iter_request_errors(asked)]
    if response is not None and response.status != 429:
        kind = response.headers.get("Content-Type", "application/json").partition(";")[0]
        answer = MockResponse(response.body, response.status, dict(response.headers), kind)
        found += [_spell(error) for error in _document(face, "response").iter_response_errors(asked, answer)]
    return [f"{request.method} {request.target[:120]}: {line}" for line in found]


def check_exchange(exchange: Exchange, face: str) -> list[str]:
    """Do the same for an entry of the log of a server that keeps answers."""
    answer = None
    if exchange.status and exchange.answer is not None:
        answer = Reply(exchange.status, content=exchange.answer, headers=exchange.answer_headers)
    return check(exchange.request, answer, face)


def _mock_request(request: Request, face: str) -> MockRequest:
    path = request.target.partition("?")[0]
    if face == "cloud":
        path = path.replace("/rest/api/2/", "/rest/api/3/", 1)
    headers = {name: value for name, value in request.headers.items() if name not in ("content-length", "host")}
    kind = request.header("content-type", "application/json").partition(";")[0]
    args = {name: values if len(values) > 1 else values[0] for name, values in request.query.items()}
    return MockRequest(
        _HOST, request.method.lower(), path, args=args, headers=headers, data=request.body or None, content_type=kind
    )


@lru_cache
def _document(face: str, side: str) -> OpenAPI:
    spec = json.loads((SPECS / _FILES[face]).read_text(encoding="utf-8"))
    spec["servers"] = [{"url": _HOST if face == "cloud" else _HOST + "/rest"}]
    _add_link_types(spec, *_WHOLE[face])
    _drop_bodies_of_204(spec)
    if side == "response":
        _relax(spec)
    if face == "datacenter":
        _relax_data_center(spec)
    return OpenAPI.from_dict(spec, config=Config(spec_validator_cls=None))  # type: ignore[arg-type]  # the vendor file itself has wrong defaults


def _add_link_types(spec: dict[str, Any], file: str, path: str) -> None:
    whole = json.loads((SPECS / file).read_text(encoding="utf-8"))
    spec["paths"].setdefault(path, {"get": whole["paths"][path]["get"]})
    for name, schema in whole["components"]["schemas"].items():
        if name.startswith("IssueLinkType"):
            spec["components"]["schemas"].setdefault(name, schema)


def _drop_bodies_of_204(spec: dict[str, Any]) -> None:
    for path in spec["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation.get("responses", {}).get("204", {}).pop("content", None)


def _relax(spec: dict[str, Any]) -> None:
    for schema in _schemas(spec):
        if schema.get("format") == "date-time":
            del schema["format"]
    for name in ("ChangeDetails", "ChangeItemBean"):
        properties = spec["components"]["schemas"].get(name, {}).get("properties", {})
        for value in ("from", "fromString", "to", "toString"):
            if value in properties:
                properties[value]["nullable"] = True


def _relax_data_center(spec: dict[str, Any]) -> None:
    spec["components"]["schemas"]["EntityPropertyBean"]["properties"]["value"] = {}
    for owner in ("comment/{commentId}", "issue/{issueIdOrKey}"):
        put = spec["paths"][f"/api/2/{owner}/properties/{{propertyKey}}"]["put"]
        put["requestBody"]["content"]["application/json"]["schema"] = {}
    for parameter in spec["paths"]["/api/2/search"]["get"]["parameters"]:
        if parameter["name"] in ("fields", "expand"):
            parameter["schema"] = {"type": "string"}
    schemes = spec["components"].setdefault("securitySchemes", {})
    schemes["basic"], schemes["token"] = ({"type": "http", "scheme": name} for name in ("basic", "bearer"))
    for path in spec["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "security" in operation:
                operation["security"] = [{"basic": []}, {"token": []}]
    spec["security"] = [{"basic": []}, {"token": []}]
    spec["components"]["schemas"]["IssueBean"]["properties"]["fields"]["additionalProperties"] = {}
    paths = [f"/api/2/{name}" for name in _SINGLE_ITEM_LISTS] + ["/api/2/project/{projectIdOrKey}/statuses"]
    for path in paths:
        for content in _contents(spec["paths"][path]["get"]):
            if content.get("schema", {}).get("type") != "array":
                content["schema"] = {"type": "array", "items": copy.deepcopy(content.get("schema", {}))}


def _contents(operation: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            found += list(answer.get("content", {}).values())
    return found


def _schemas(node: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            found.append(node)
        for child in node.values():
            found += _schemas(child)
    elif isinstance(node, list):
        for child in node:
            found += _schemas(child)
    return found


def _spell(error: BaseException) -> str:
    """An error with its causes."""
    reasons = [str(error)]
    causes = getattr(error.__cause__, "schema_errors", None) or getattr(error, "schema_errors", None) or ()
    reasons += [f"{'.'.join(map(str, cause.absolute_path))}: {cause.message[:200]}" for cause in causes]
    if len(reasons) == 1 and error.__cause__ is not None:
        reasons.append(str(error.__cause__)[:300])
    return "; ".join(reasons)
