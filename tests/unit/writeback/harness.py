"""A harness for the write-back's tests: a real register, a tracker in memory, and a clock set by the test."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from capa_sync.findings.diff import DiffResult, diff_findings
from capa_sync.kinds import kind_named
from capa_sync.model.finding import Finding, FindingState, Mode, Outcome, Severity, Verdict
from capa_sync.model.settings import WriteOptions
from capa_sync.model.write import Delivered, Write, WriteKind
from capa_sync.store import Register, open_register

T0 = datetime(2025, 6, 4, 9, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ON = WriteOptions(mode="on", settle=timedelta(0), timezone="Europe/London", channels=kind_named("jira").channels)


def finding(rule: str = "root-cause-before-action", **more: object) -> Finding:
    """Make an open finding of a rule in warn mode."""
    words: dict[str, object] = {
        "source": "jira",
        "ticket_id": "10001",
        "rule": rule,
        "episode": 1,
        "state": FindingState.OPEN,
        "severity": Severity.HIGH,
        "opened_at": T0 - DAY,
        "rule_set": "r1",
        "mode": Mode.WARN,
        "message": f"{rule} is broken",
    }
    return Finding(**(words | more))  # type: ignore[arg-type]


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime = T0) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the set instant."""
        return self.at


class Killed(BaseException):
    """The process died at a checkpoint."""


class Book:
    """A real register in its own folder, with the queries that the tests make of its outbox."""

    def __init__(self) -> None:
        self._folder = _folder()
        file = Path(self._folder.name) / "register.db"
        file.write_bytes(_new_register())
        self.register = open_register(file, clock_now=T0)
        self.outbox = self.register.outbox
        self._close = weakref.finalize(self, _shut, self.register, self._folder)

    def row(self, write_id: str, ticket_id: str = "10001") -> Write:
        """Return a stored write by its id."""
        return next(row for row in self.rows(ticket_id) if row.id == write_id)

    def rows(self, ticket_id: str = "10001") -> list[Write]:
        """Return a ticket's writes in order."""
        return list(self.outbox.writes("jira", ticket_id))

    def close(self) -> None:
        """Close the register and remove its folder."""
        self._close()


@cache
def _new_register() -> bytes:
    """Return the file of a new register: making one runs every migration, copying one does not."""
    with _folder() as folder:
        file = Path(folder) / "register.db"
        open_register(file, clock_now=T0).close()
        return file.read_bytes()


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)


def _shut(register: Register, folder: tempfile.TemporaryDirectory[str]) -> None:
    register.close()
    folder.cleanup()


class Tracker:
    """A tracker behind the TicketWriter port: comments, labels, fields and notes by ticket, and scripted faults.

    A fault is raised before the request is applied, or, with `after`, when it was applied already.
    """

    def __init__(self) -> None:
        self.comments: dict[str, dict[str, str]] = {}
        self.labels: dict[str, set[str]] = {}
        self.fields: dict[str, dict[str, str]] = {}
        self.notes: dict[str, list[str]] = {}
        self.faults: list[tuple[Exception, bool]] = []
        self.requests: list[tuple[str, str]] = []
        self.sent: list[Write] = []
        self.marked: dict[str, str] = {}
        self.made = 0

    def deliver(self, write: Write, remote_id: str) -> Delivered:
        """Apply one write, or raise the next scripted fault."""
        fault, applied = self.faults.pop(0) if self.faults else (None, True)
        self.requests.append((write.ticket_id, write.kind.value))
        self.sent.append(write)
        done = self._apply(write, remote_id) if applied else Delivered()
        if fault is not None:
            raise fault
        return done

    def look_up(self, write: Write, remote_id: str) -> Delivered | None:
        """Return the write if it is there, found by what it put into the ticket."""
        if write.kind is WriteKind.COMMENT:
            own = self.comments.get(write.ticket_id, {})
            text = write.text.plain() if write.text else ""
            return next((Delivered(remote_id=key) for key, body in own.items() if body == text), None)
        if write.kind is WriteKind.WORK_NOTE:
            return Delivered() if write.marker in self.notes.get(write.ticket_id, []) else None
        return Delivered() if self.marked.get(f"{write.ticket_id} {write.kind}") == write.id else None

    def delete_comment(self, ticket_id: str) -> None:
        """Delete our comment as a person would."""
        self.comments[ticket_id].clear()

    def _apply(self, write: Write, remote_id: str) -> Delivered:
        self.marked[f"{write.ticket_id} {write.kind}"] = write.id
        match write.kind:
            case WriteKind.COMMENT:
                return self._comment(write, remote_id)
            case WriteKind.LABELS:
                have = self.labels.setdefault(write.ticket_id, set())
                self.labels[write.ticket_id] = (have | set(write.labels_add)) - set(write.labels_remove)
            case WriteKind.WORK_NOTE:
                self.notes.setdefault(write.ticket_id, []).append(write.marker)
            case _:
                self.fields.setdefault(write.ticket_id, {}).update(write.fields)
        return Delivered()

    def _comment(self, write: Write, remote_id: str) -> Delivered:
        own = self.comments.setdefault(write.ticket_id, {})
        if remote_id and remote_id not in own:
            return Delivered(deleted_by_person=True)
        if not own:
            self.made += 1
        key = remote_id or next(iter(own), f"c{self.made}")
        own[key] = write.text.plain() if write.text else ""
        return Delivered(remote_id=key)


class Killer:
    """A checkpoint that kills the process at the n-th call."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        """Note the name; raise when the count is reached."""
        self.names.append(name)
        if len(self.names) - 1 == self.at:
            raise Killed(name)


class Never:
    """A stop signal that is never set."""

    def is_set(self) -> bool:
        """Return false: nobody stops."""
        return False


def judged(previous: Sequence[Finding], broken: Mapping[str, Severity], now: datetime) -> DiffResult:
    """Judge a ticket whose broken rules are given; every other known rule is ok."""
    rules = {row.rule for row in previous} | set(broken)
    verdicts = [
        Verdict(
            rule=rule,
            outcome=Outcome.BREACH if rule in broken else Outcome.OK,
            severity=broken.get(rule, Severity.LOW),
            mode=Mode.WARN,
            message=f"{rule} is broken",
        )
        for rule in sorted(rules)
    ]
    return diff_findings(previous, verdicts, source="jira", ticket_id="10001", now=now, rule_set="r1")
