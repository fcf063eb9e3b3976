"""Answers in ServiceNow's format: error bodies, common headers, JSON or XML."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from capa_sync.sandbox.messages import Reply, Request, dump_json

ACL_DETAIL = "ACL Exception Update Failed due to security constraints"
CANCELLED = "Transaction cancelled: maximum execution time exceeded"
HIBERNATION_PAGE = (
    "<!DOCTYPE html><html><head><title>Instance Hibernating page</title></head><body><h1>Your instance is hibernating"
    "</h1><p>Sign in to the Developer Site to wake it.</p></body></html>"
)
COMMON_HEADERS = {
    "Server": "snow_adc",
    "X-Content-Type-Options": "nosniff",
    "Pragma": "no-store,no-cache",
    "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}


class ApiError(Exception):
    """An error answer to a request."""

    def __init__(
        self, status: int, message: str, detail: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.detail, self.headers = status, message, detail, dict(headers or {})

    def reply(self) -> Reply:
        """Return the answer in ServiceNow's error format."""
        return Reply(self.status, error_body(self.message, self.detail), headers=self.headers)


def error_body(message: str, detail: str | None) -> dict[str, Any]:
    """Return the body of an error (docs/servicenow.md 1.3)."""
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


def no_record() -> ApiError:
    """Return the 404 for a record that is missing or hidden: the answer is the same."""
    return ApiError(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")


def forbidden(detail: str) -> ApiError:
    """Return the 403 of an ACL, a business rule or a data policy."""
    return ApiError(403, "Operation Failed", detail)


def not_authenticated() -> ApiError:
    """Return the 401 for a missing, wrong or expired credential."""
    return ApiError(
        401,
        "User Not Authenticated",
        "Required to provide Auth information",
        {"WWW-Authenticate": 'BASIC realm="Service-now"'},
    )


def cancelled_body(result: list[Any], how: str) -> bytes:
    """Return the body of a cancelled transaction: the rows written so far, then the error (facts 0.5)."""
    error = error_body(
        CANCELLED,
        f"{CANCELLED} Check logs for error trace or enable glide.rest.debug property to verify REST request"
        " processing",
    )
    if how == "error_only":
        return dump_json(error)
    if how == "cut_json":
        return dump_json({"result": result})[:-2] + b"," + dump_json(error)[1:]
    return dump_json({"result": result, **error})


def check_headers(request: Request) -> None:
    """Check Accept and the Content-Type of a body. Raises ApiError with 400, 406 or 415."""
    accept = request.header("accept")
    if not accept:
        raise ApiError(400, "Accept header is missing", "Provide application/json or application/xml")
    if not any(kind in accept for kind in ("json", "xml", "*/*", "application/*")):
        raise ApiError(406, "Not Acceptable", f"{accept} is not supported")
    if request.method in ("POST", "PUT", "PATCH") and request.body:
        kind = request.header("content-type")
        if not kind:
            raise ApiError(400, "Content-Type header is missing", "Provide application/json")
        if "json" not in kind:
            raise ApiError(415, "Unsupported Media Type", f"{kind} is not supported")


def in_wanted_form(request: Request, reply: Reply, body: Any) -> Reply:
    """Set the body as XML if the caller accepts nothing else, otherwise as JSON."""
    accept = request.header("accept")
    if "xml" in accept and "json" not in accept and "*/*" not in accept:
        text = f'<?xml version="1.0" encoding="UTF-8"?><response>{_xml(body)}</response>'
        reply.body = text.encode()
        reply.headers["Content-Type"] = "application/xml;charset=UTF-8"
    else:
        reply.body = dump_json(body)
        reply.headers.setdefault("Content-Type", "application/json;charset=UTF-8")
    return reply


def _xml(value: Any) -> str:
    if not isinstance(value, Mapping):
        return escape("" if value is None else str(value))
    return "".join(
        f"<{name}>{_xml(item)}</{name}>"
        for name, member in value.items()
        for item in (member if isinstance(member, list) else [member])
    )


def compressed(request: Request, reply: Reply) -> Reply:
    """Compress the reply's body with gzip if the client accepts it."""
    if reply.body and "gzip" in request.header("accept-encoding"):
        reply.body = gzip.compress(reply.body, compresslevel=1)
        reply.headers["Content-Encoding"] = "gzip"
    return reply
