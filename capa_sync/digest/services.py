"""Hands a message to a service through Apprise. The only module that imports it.

Apprise says whether a service took a message, and in words why not. Only where these words prove that no session was
made, or that the service refused, is the message certainly not there; any other failure may have come after it was
taken.
"""

from __future__ import annotations

import logging
import re
from itertools import pairwise
from types import ModuleType
from typing import Any

from capa_sync.errors import Problem, SettingsError, own_error
from capa_sync.model.digest import SendResult, SendState
from capa_sync.model.visible import one_line
from capa_sync.redaction import redacted

INSTALL = "python -m pip install 'capa-sync[digest]'"
UNREAD = "it is no address that Apprise can read"
MAIL = ("mailto", "mailtos")
_ATTEMPT = re.compile(r"Socket Exception: |Failed to send .*error=")
"""Begins the line about an attempt that failed; an address may ask for several."""
_NO_SESSION = re.compile(r"Connection error while submitting email to ")
"""The line before that of an attempt which failed while the session with the mail server was being made: at
connecting, TLS or the sign-in. What fails from MAIL on has another line."""
_NOT_TAKEN = re.compile(
    r"Socket Exception: .*("
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|\[Errno (111|113|101|-2|-3)\]|\([45]\d\d, b)"
    r"|Failed to send .*error=4\d\d\b"
)
"""Lines of Apprise that prove that nothing was taken: no connection, no such host, a mail server that refused a step
with its code, or an answer 4xx. A line begins so, or it may quote the message itself."""


class Services:
    """The services that Apprise knows. Raises SettingsError where it is not installed."""

    def __init__(self) -> None:
        self._apprise = _library()
        self._log = _CapturedLog()

    def mistake(self, address: str) -> str:
        """Return what is wrong with an address, "" for nothing; nothing is connected."""
        with self._log:
            try:
                return "" if self._apprise.Apprise.instantiate(address) is not None else UNREAD
            except Exception:  # noqa: BLE001 - its text may quote the address
                return UNREAD

    def handed_over(self, address: str, title: str, html: str, text: str) -> SendResult:
        """Hand a message over, in HTML to mail and as text to all others, and return how that ended."""
        with self._log as captured:
            try:
                service = self._apprise.Apprise.instantiate(address)
                if service is None:
                    return SendResult(SendState.PENDING, UNREAD)
                taken = self._notify(service, title, html if _is_mail(service) else text)
            except Exception as error:  # noqa: BLE001 - a fault of a service's plugin ends nothing but this send
                return SendResult(SendState.UNKNOWN, one_line(redacted(own_error(error))))
            if taken:
                return SendResult(SendState.DELIVERED)
            is_sure = len(service) == 1 and captured.proves_nothing_taken()
            state = SendState.PENDING if is_sure else SendState.UNKNOWN
            return SendResult(state, captured.reason(with_detail=_is_mail(service)))

    def _notify(self, service: Any, title: str, body: str) -> bool:
        notifier = self._apprise.Apprise()
        notifier.add(service)
        formats = self._apprise.NotifyFormat
        body_format = formats.HTML if _is_mail(service) else formats.TEXT
        return bool(notifier.notify(title=title, body=body, body_format=body_format))


def _is_mail(service: Any) -> bool:
    return str(service.protocol) in MAIL or str(service.secure_protocol) in MAIL


def _library() -> ModuleType:
    try:
        import apprise
    except ImportError:
        what = "the digest needs the library Apprise, which is not installed"
        raise SettingsError([Problem("", 0, what, INSTALL)]) from None
    return apprise


_DETAIL = "Socket Exception: "
_LONGEST, _LONGEST_LINE = 300, 2_000


class _CapturedLog(logging.Handler):
    """Keeps what Apprise logs while a message is handed over; nothing of it reaches a log, it may hold addresses."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._lines: list[tuple[int, str]] = []
        logger = logging.getLogger("apprise")
        logger.handlers[:] = [self]
        logger.propagate = False
        logger.setLevel(logging.DEBUG)

    def __enter__(self) -> _CapturedLog:
        self._lines = []
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append((record.levelno, redacted(record.getMessage())[:_LONGEST_LINE]))

    def proves_nothing_taken(self) -> bool:
        """Tell whether each attempt proves that nothing of it was taken."""
        lines = [line for _level, line in self._lines]
        attempts = [
            _NOT_TAKEN.match(line) or (before and _NO_SESSION.match(before))
            for before, line in pairwise(["", *lines])
            if _ATTEMPT.match(line)
        ]
        return bool(attempts) and all(attempts)

    def reason(self, *, with_detail: bool) -> str:
        """Return the last warning, as one line without secrets.

        `with_detail`: with what a mail server answered; of a web hook that would be its address too.
        """
        warned = [line for level, line in self._lines if level >= logging.WARNING]
        last = warned[-1] if warned else "the service did not take it"
        detail = [line.removeprefix(_DETAIL) for _level, line in self._lines if line.startswith(_DETAIL)]
        words = f"{last} {detail[-1]}" if with_detail and detail else last
        return " ".join(one_line(redacted(words)).split())[:_LONGEST]
