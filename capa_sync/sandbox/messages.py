"""The interface between the sandbox's HTTP server and a tracker: requests, replies, and the tracker itself."""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from capa_sync.sandbox.clock import SandboxClock


class BadJsonError(ValueError):
    """A request body is not JSON."""


@dataclass(frozen=True)
class Request:
    """One HTTP request as the server reads it.

    Attributes:
        method: upper case.
        target: path with query string, as sent (percent-encoded).
        headers: names in lower case.
        body: raw bytes.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded, without the query string."""
        return unquote(self.target.partition("?")[0])

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, each decoded separately, so that an encoded slash stays within its part."""
        return tuple(unquote(part) for part in self.target.partition("?")[0].split("/") if part)

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The query string; a parameter may occur more than once, and blank values are kept."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def parameter(self, name: str, default: str | None = None) -> str | None:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def header(self, name: str, default: str = "") -> str:
        """A header's value; the case of the name does not matter."""
        return self.headers.get(name.lower(), default)

    def json(self) -> Any:
        """Parse the body as JSON.

        Raises:
            BadJsonError: the body is empty or not JSON.
        """
        try:
            return json.loads(self.body)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise BadJsonError(str(error)) from error


class Reply:
    """One HTTP answer.

    Args:
        status: HTTP status code.
        json: an object to send as JSON.
        text: text to send instead, as HTML unless the headers give another content type.
        content: bytes to send instead, unchanged.
        headers: extra headers; they override the computed content type.
    """

    def __init__(
        self,
        status: int = 200,
        json: object = None,
        *,
        text: str | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        kind = "application/json;charset=UTF-8"
        if content is not None:
            self.body = content
        elif text is not None:
            self.body, kind = text.encode(), "text/html;charset=UTF-8"
        elif json is not None:
            self.body = dump_json(json)
        else:
            self.body = b""
        if self.body:
            self.headers.setdefault("Content-Type", kind)


def dump_json(value: object) -> bytes:
    """Encode as JSON in UTF-8; a lone surrogate, which orjson refuses, is escaped, as Java servers do."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        return json.dumps(value).encode()


class Tracker(ABC):
    """A tracker that answers requests; the server calls it on the thread of each connection.

    Attributes:
        clock: the tracker's own clock.
        settings: the sandbox settings, a dataclass (page caps, traps, …); they may be changed at run time.
    """

    clock: SandboxClock
    settings: Any

    @abstractmethod
    def handle(self, request: Request) -> Reply:
        """Answer one request; the method must be thread-safe."""

    def now(self) -> datetime:
        """The instant by which the tracker dates its changes; a tracker with a wrong clock overrides this."""
        return self.clock.now()

    def act(self, _order: Mapping[str, Any]) -> object:
        """Carry out one order of `POST /_sandbox/act` (a scripted edit); a tracker may accept none."""
        raise KeyError("this tracker takes no orders")

    def set_settings(self, values: Mapping[str, Any]) -> None:
        """Set sandbox settings by name, all or none.

        Raises:
            KeyError: a name is unknown.
        """
        known = {f.name for f in dataclasses.fields(self.settings)}
        for name in values:
            if name not in known:
                message = f"unknown knob {name!r}; known: {', '.join(sorted(known))}"
                raise KeyError(message)
        for name, value in values.items():
            setattr(self.settings, name, value)
