"""Structured logs: one line per action, action names from a closed list, never ticket text or secrets."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, MutableMapping
from enum import StrEnum
from functools import cache, partial
from types import ModuleType
from typing import Any, TextIO, cast

from capa_sync.absent_modules import absent
from capa_sync.model.visible import one_line
from capa_sync.redaction import redacted


class LogAction(StrEnum):
    """Every action name of a log line; the names are stable, so that people can search for them and alert on them."""

    DAEMON_STARTED = "daemon_started"
    DAEMON_STOPPING = "daemon_stopping"
    DAEMON_STOPPED = "daemon_stopped"
    CYCLE_STARTED = "cycle_started"
    CYCLE_FINISHED = "cycle_finished"
    CYCLE_FAILED = "cycle_failed"
    CYCLE_ABANDONED = "cycle_abandoned"
    SOURCE_WAITING = "source_waiting"
    PAGE_COMMITTED = "page_committed"
    CENSUS_TAKEN = "census_taken"
    PRESENCE_CHANGED = "presence_changed"
    PRESENCE_ALARM = "presence_alarm"
    RIGHT_MISSING = "right_missing"
    ACCOUNTS_UNREAD = "accounts_unread"
    FIELD_DRIFTED = "field_drifted"
    MAPPING_PROBLEM = "mapping_problem"
    WAIVERS_PROBLEM = "waivers_problem"
    TICKET_QUARANTINED = "ticket_quarantined"
    TICKET_ERASED = "ticket_erased"
    CLEAN_UP_WAITS = "clean_up_waits"
    FINDING_OPENED = "finding_opened"
    FINDING_CHANGED = "finding_changed"
    FINDING_CLEARED = "finding_cleared"
    WRITE_PLANNED = "write_planned"
    WRITE_DELIVERED = "write_delivered"
    WRITE_DEFERRED = "write_deferred"
    WRITE_FAILED = "write_failed"
    WRITE_UNKNOWN = "write_unknown"
    WRITING_PAUSED = "writing_paused"
    WRITING_RESUMED = "writing_resumed"
    WITHDRAWAL_ASKED = "withdrawal_asked"
    SAFETY_STOP = "safety_stop"
    RELEASED = "released"
    REQUEST_TAKEN = "request_taken"
    REGISTER_LOST = "register_lost"
    RULES_CHANGED = "rules_changed"
    SET_ACTIVATED = "set_activated"
    SET_WAITS = "set_waits"
    SET_REFUSED = "set_refused"
    DRAFT_SAVED = "draft_saved"
    DRAFT_DISCARDED = "draft_discarded"
    RULES_WRITTEN = "rules_written"
    CLOCK_STEPPED = "clock_stepped"
    CLOCK_WAS_AHEAD = "clock_was_ahead"
    CLOCK_WAS_SET = "clock_was_set"
    WORKER_LOST = "worker_lost"
    PAGE_LISTENING = "page_listening"
    PAGE_NOT_SERVED = "page_not_served"
    PAGE_ENDED = "page_ended"
    REVIEW_NOT_KEPT = "review_not_kept"
    DIGEST_SENT = "digest_sent"
    DIGEST_DEFERRED = "digest_deferred"
    DIGEST_UNKNOWN = "digest_unknown"
    DIGEST_DROPPED = "digest_dropped"
    DIGEST_FAILED = "digest_failed"
    HINTS_LISTENING = "hints_listening"
    HINTS_FOLLOWED = "hints_followed"
    HINTS_REFUSED = "hints_refused"


def configure_logs(stream: TextIO | None = None, *, verbose: bool = False, quiet: bool = False) -> None:
    """Write logs as `key=value` lines to `stream` (standard error by default); libraries log from WARNING on.

    `quiet` writes errors only, for verbs that print their own result.
    """
    target = stream or sys.stderr
    least = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    _Lines.set_up = partial(_configure, target, least, quiet=quiet)
    if "structlog" in sys.modules:
        _logger()
    handler = logging.StreamHandler(target)
    handler.setFormatter(_OneLine("level=%(levelname)s logger=%(name)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("capa_sync.sources").setLevel(logging.ERROR if quiet else logging.WARNING)
    for chatty in ("apscheduler", "urllib3", "jira", "pysnow"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def _configure(target: TextIO, least: int, *, quiet: bool) -> None:
    """Set up what writes our lines."""
    structlog = _library()
    structlog.configure(
        processors=[
            *([_drop_reported] if quiet else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _visible,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "action"], bool_as_flag=False),
            lambda _logger, _name, line: redacted(str(line)),  # the line comes from the renderer
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lossy(target))),
        cache_logger_on_first_use=False,
    )


@cache
def _library() -> ModuleType:
    """Return the library, which most verbs that read never need, as they write no line."""
    with absent("rich"):  # structlog loads it where it is installed, for a printout of errors that we do not use
        import structlog
    return structlog


class _Lines:
    """How our lines are written: `set_up` waits for the first one; None: it was called, or there is none."""

    set_up: Callable[[], None] | None = None
    lock = threading.Lock()


def _logger() -> Any:
    if _Lines.set_up is not None:
        with _Lines.lock:  # the first lines may come from two sources at once
            if _Lines.set_up is not None:
                _Lines.set_up()
                _Lines.set_up = None
    return _library().get_logger()


class _Lossy:
    """Writes lines to a stream, and loses those that it does not take.

    A full disk under the log, or a program that read it and ended, must not end the daemon's work: no cycle, and no
    write whose answer is being read.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, or lose it."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits; what the stream does not take waits for the next line."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


_REPORTED = frozenset({LogAction.CYCLE_FAILED, LogAction.SAFETY_STOP})


def _drop_reported(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop a line whose content the printed result already has."""
    if event.get("action") in _REPORTED:
        raise _library().DropEvent
    return event


def is_logged() -> bool:
    """Tell whether lines of level info are written, so that the caller can skip computing one."""
    enabled: bool = _logger().is_enabled_for(logging.INFO)
    return enabled


def log(action: LogAction, *, level: str = "info", **fields: Any) -> None:
    """Write one line; `fields` hold ids, keys, counts and reasons, never ticket text."""
    plain = {name: value for name, value in fields.items() if value not in ("", None)}
    getattr(_logger(), level)(None, action=str(action), **plain)


class _OneLine(logging.Formatter):
    """Formats a library's message and traceback on one line, without secrets and without control characters."""

    def format(self, record: logging.LogRecord) -> str:
        text = redacted(super().format(record))
        return one_line(" | ".join(line.strip() for line in text.splitlines()))


def _visible(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make every value one line without control characters, because a tracker may have written it."""
    for name, value in event.items():
        if not isinstance(value, bool | int | float | None):
            event[name] = one_line(redacted(str(value)))  # before a control character becomes a space
    return event
