"""Hands a message over through Apprise. The only module that imports it.

Apprise says whether a service took a message, and in words why not. Only where these words prove that no session was
made, or that the service refused, is the message certainly not there; any other failure may have come after it was
taken.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from itertools import pairwise
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from capa_sync.digest.render import as_html, as_text
from capa_sync.errors import Problem, SettingsError, own_error
from capa_sync.model.digest import DigestMessage, SendResult, SendState
from capa_sync.model.visible import one_line
from capa_sync.redaction import conceal_address, redacted

INSTALL = "python -m pip install 'capa-sync[digest]'"
DEADLINE = 90.0
"""Seconds for one send; a service that takes longer leaves it unknown."""
GRACE = 5.0
"""Seconds that a send under way has when the daemon is to end."""
_LOOK = 0.2
_MAIL = ("mailto", "mailtos")
_RECIPIENTS = ("to", "cc", "bcc")
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


class AppriseSender:
    """Sends messages to targets and to persons.

    Args:
        targets: name -> Apprise address. mail: Apprise address of the mail server for persons, "" for none.
        file: the settings file, for messages.

    Raises SettingsError where Apprise is not installed, or cannot read an address; the address is not quoted.
    """

    def __init__(self, targets: Mapping[str, str], mail: str, file: str) -> None:
        self._apprise = _library()
        self._targets, self._mail, self._file = dict(targets), mail, file
        self._log = _CapturedLog()
        self._last: threading.Thread | None = None
        for address in filter(None, (*targets.values(), mail)):
            conceal_address(address)
        problems = [
            Problem(file, 0, f"digest.targets.{name}: {wrong}", _FORM)
            for name, address in targets.items()
            if (wrong := self._mistake(address))
        ]
        if mail and (wrong := self._mistake_of_mail(mail)):
            problems.append(Problem(file, 0, f"digest.mail: {wrong}", _FORM))
        if problems:
            raise SettingsError(problems)

    def send(self, message: DigestMessage, stop: threading.Event) -> SendResult:
        """Hand over one message and wait for the answer, at most the deadline, and a grace after `stop`."""
        name = message.recipient.partition(":")[2]
        address = self._personal(message.email) if message.email else self._targets.get(name, "")
        if not address:
            return SendResult(SendState.DROPPED, "the settings do not name this recipient any more")
        if self._last is not None and self._last.is_alive():
            return SendResult(SendState.PENDING, "an earlier send waits for its answer")
        found: list[SendResult] = []
        thread = self._last = threading.Thread(
            target=lambda: found.append(self._handed_over(address, message)), name="digest-send", daemon=True
        )
        thread.start()
        _wait(thread, stop)
        if found:
            return found[0]
        return SendResult(SendState.UNKNOWN, "no answer came in time")

    # --- addresses -------------------------------------------------------------------------------------------------
    def _personal(self, email: str) -> str:
        joint = "&" if "?" in self._mail else "?"
        return f"{self._mail}{joint}to={quote(email, safe='@')}"

    def _mistake(self, address: str) -> str:
        """Return what is wrong with an address, "" for nothing."""
        with self._log:
            try:
                return "" if self._apprise.Apprise.instantiate(address) is not None else _UNREAD
            except Exception:  # noqa: BLE001 - its text may quote the address
                return _UNREAD

    def _mistake_of_mail(self, address: str) -> str:
        parts = urlsplit(address)
        if parts.scheme.lower() not in _MAIL:
            return "the address of the mail server begins with mailtos:// (or mailto:// without encryption)"
        if parts.path.strip("/") or any(key.lower() in _RECIPIENTS for key, _ in parse_qsl(parts.query)):
            return "it names a recipient, and the recipients come from the people file"
        return self._mistake(
            self._personal("somebody@example.com") if "?" in address else f"{address}?to=a@b.example"
        )

    # --- sending ---------------------------------------------------------------------------------------------------
    def _handed_over(self, address: str, message: DigestMessage) -> SendResult:
        with self._log as captured:
            try:
                service = self._apprise.Apprise.instantiate(address)
                if service is None:
                    return SendResult(SendState.PENDING, _UNREAD)
                taken = self._notify(service, message)
            except Exception as error:  # noqa: BLE001 - a fault of a service's plugin ends nothing but this send
                return SendResult(SendState.UNKNOWN, one_line(redacted(own_error(error))))
            if taken:
                return SendResult(SendState.DELIVERED)
            is_sure = len(service) == 1 and captured.proves_nothing_taken()
            state = SendState.PENDING if is_sure else SendState.UNKNOWN
            return SendResult(state, captured.reason(with_detail=_is_mail(service)))

    def _notify(self, service: Any, message: DigestMessage) -> bool:
        is_mail = _is_mail(service)
        notifier = self._apprise.Apprise()
        notifier.add(service)
        formats = self._apprise.NotifyFormat
        return bool(
            notifier.notify(
                title=message.subject,
                body=as_html(message) if is_mail else as_text(message, for_chat=True),
                body_format=formats.HTML if is_mail else formats.TEXT,
            )
        )


def _is_mail(service: Any) -> bool:
    return str(service.protocol) in _MAIL or str(service.secure_protocol) in _MAIL


_UNREAD = "it is no address that Apprise can read"
_FORM = "write an Apprise address into the variable or file, as in mailtos://user:password@smtp.example.com?to=…"


def _library() -> ModuleType:
    try:
        import apprise
    except ImportError:
        what = "the digest needs the library Apprise, which is not installed"
        raise SettingsError([Problem("", 0, what, INSTALL)]) from None
    return apprise


def _wait(thread: threading.Thread, stop: threading.Event) -> None:
    """Wait for a thread: at most the deadline, and at most the grace once the daemon is to end."""
    left, grace = DEADLINE, GRACE
    while thread.is_alive() and left > 0 and grace > 0:
        thread.join(_LOOK)
        left -= _LOOK
        grace -= _LOOK if stop.is_set() else 0


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
