"""After any order of edits, faults, kills and restarts every ticket carries exactly the one comment that it should.

The stories of `story.py` with write-back on and all shipped rules; people delete our comments and alter our labels.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from capa_sync.daemon.requests import PAUSE, RESUME, WITHDRAW, carry_out_requests, release
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.messages import Reply, Request
from capa_sync.starter import starter_path
from tests.sync.ours import OWN_LABELS, Ours, delete_ours, ours_on, relabel
from tests.sync.story import FAULTS, PICK, Story, as_test_case
from tests.sync.users import JiraUserDriver
from tests.sync.world import World, beside

FAULTS_OF_WRITES: dict[str, dict[str, Any]] = {**FAULTS, "status_after": {"status": 500}}
WRITES = ("POST|PUT|PATCH", r"/issue/\d+(/comment|/properties/capa-sync)?(\?|$)|/table/sn_grc_issue/")
"""Method and path of the requests that write, and of no search by POST."""
RULES = tuple(sorted(file.stem for file in starter_path("rules").glob("*.yaml")))
LEFT_IN_PEACE = 2
"""How often a person deletes our comment before nothing is written any more (docs/contract.md 8)."""
READ = (None, Presence.PRESENT, Presence.OUT_OF_SCOPE)
"""Presences of tickets of which we know what people deleted; None: we never wrote on it."""
CALM = (
    "no open warnings from these checks",
    "nothing can be checked on this ticket at present",
    "these checks no longer apply to this ticket",
)
"""What a text says where nothing is open, by what could be checked."""
MOST_NAMED = 5
"""How many points one text shows."""


class WarnedStory(Story):
    """The state machine with write-back on."""

    mode = "on"
    judged_by = None

    def __init__(self) -> None:
        super().__init__()
        self.deletions: Counter[str] = Counter()
        self.doubled: list[tuple[str, Ours]] = []
        self.world.only.server.after.append(self._look)

    @rule(pick=PICK)
    def delete_our_comment(self, pick: int) -> None:
        """A person deletes our comment; while we do not know yet that it was written, this leaves no trace."""
        ticket = self._one(pick)
        is_known = bool(self.world.runtime.register.outbox.remote_comment(self.name, ticket))
        deleted = delete_ours(self.users, ticket)
        self.deletions[ticket] += deleted if is_known else 0

    @rule(pick=PICK, label=st.sampled_from(OWN_LABELS))
    def alter_our_labels(self, pick: int, label: str) -> None:
        """A person puts one of our labels on a ticket, or removes it."""
        relabel(self.users, self._one(pick), label)

    @rule(kind=st.sampled_from(sorted(FAULTS_OF_WRITES)), after=st.integers(0, 4), times=st.integers(1, 4))
    def faulty_writes(self, kind: str, after: int, times: int) -> None:
        """A ticket breaks a rule at once, and the writes of the next cycle meet a fault, applied or not."""
        self._break_one()
        faults = self.world.only.server.faults
        method, path = WRITES
        fault = {"kind": kind, "method": method, "path": path, "after": after, "times": times}
        faults.add_from({**fault, **FAULTS_OF_WRITES[kind]})
        self.world.try_cycle()
        faults.clear()

    @rule(after=st.integers(0, 40))
    def killed_writes(self, after: int) -> None:
        """A ticket breaks a rule at once, and the process dies somewhere in the next cycle."""
        self._break_one()
        self.killed_cycle(after)

    @rule(after=st.integers(0, 60))
    def withdraw_and_resume(self, after: int) -> None:
        """A person withdraws everything, and the process dies meanwhile: in the end nothing of ours is left."""
        self._ask(WITHDRAW, lambda halts: halts.set(self.name, Halt(HaltKind.WITHDRAWN, self.world.clock.now(), "")))
        release(self.world.runtime, [self.name], None)
        self.killed_cycle(after)
        self.meddling.clear()
        self.users.lag(0.0)
        for days in (1, 0):  # what is shown to us again is found by a census, which runs within a day
            release(self.world.runtime, [self.name], None)
            self.world.cycle(days=days, seconds=30)
        for ticket, truth in self.users.truth().items():
            if truth.in_scope:
                ours = ours_on(self.users, ticket)
                assert (ours.texts, ours.state, ours.rules or "") == ((), "", ""), ticket
            if self.world.presences().get(ticket) in READ:  # of others a deletion may be found later
                self.deletions[ticket] = self.world.runtime.register.outbox.deletions(self.name, ticket)
        self._ask(RESUME, lambda halts: halts.end(self.name, self.world.clock.now()))

    @rule()
    def paused_cycle(self) -> None:
        """Nothing is written while the source is paused."""
        self._break_one()
        self._ask(PAUSE, lambda halts: halts.set(self.name, Halt(HaltKind.PAUSED, self.world.clock.now(), "")))
        before = self.world.writes()
        self.world.try_cycle()
        self.world.try_cycle()
        assert self.world.writes() == before
        self._ask(RESUME, lambda halts: halts.end(self.name, self.world.clock.now()))

    def _ask(self, verb: str, change: Callable[[Any], object]) -> None:
        """What the commands `pause`, `resume` and `withdraw` leave in the register."""
        register = self.world.runtime.register
        change(register.halts)
        register.requests.leave(verb, {"source": self.name}, self.world.clock.now())
        carry_out_requests(self.world.runtime)

    def _break_one(self) -> None:
        """An action is planned before the cause of a new ticket is known."""
        before = set(self.users.records())
        self.users.create(self._word())
        [ticket] = set(self.users.records()) - before
        self.users.create_part(ticket, self._word())

    def _look(self, request: Request, _reply: Reply) -> None:
        """At any instant, and whatever was lost: at most one comment a ticket, and no work note twice."""
        if request.method != "GET":
            for ticket in self.users.ids():
                ours = ours_on(self.users, ticket)
                if len(ours.texts) > 1 or len(set(ours.notes)) < len(ours.notes):
                    self.doubled.append((ticket, ours))

    def _quiet(self) -> None:
        """Polls of a quiet tracker also read what we wrote."""
        super()._quiet()
        self.world.cycle()
        self.world.cycle()

    def _all_equal(self) -> None:
        """The mirror equals the tracker, the tickets say what the register says, and then nothing is written."""
        for _ in range(3):  # at most one notification a day: what people deleted comes back within days
            self.world.cycle(days=1)
        self.world.cycle()
        super()._all_equal()
        rows = self.world.view("v_findings", source=self.name, state="open")
        judged = {row["ticket_id"]: row for row in self.world.view("v_tickets", source=self.name)}
        for ticket, truth in self.users.truth().items():
            if truth.in_scope and truth.is_action:
                self._check_withdrawn(ticket)
            elif truth.in_scope and not judged[ticket]["quarantine_reason"]:
                self._check(ticket, [row["rule"] for row in rows if row["ticket_id"] == ticket])
        assert self.doubled == []
        before = self.world.writes()
        self.world.cycle()
        self.world.cycle(full=True)
        assert self.world.writes() == before
        self._judged_alike()

    def _judged_alike(self) -> None:
        """A register that begins now judges what it sees as this one does after all that has happened."""
        with (
            tempfile.TemporaryDirectory() as folder,
            beside(self.world, Path(folder), query=self.world.written["query"]) as other,
        ):
            other.cycle()
            ours, theirs = _verdicts(self.world), _verdicts(other)
            for ticket in ours.keys() & theirs.keys():
                if self._is_plain(ticket):
                    assert ours[ticket] == theirs[ticket], ticket

    def _is_plain(self, ticket: str) -> bool:
        """Return whether neither the ticket nor an action of it changed without a trace or was hidden from us."""
        parts = self.world.runtime.register.tickets.children_of(self.name, ticket)
        unhurt = all(self.world.presence(part) is Presence.PRESENT for part in parts)
        return unhurt and self.users.silent.keys().isdisjoint((ticket, *parts))

    def _check(self, ticket: str, broken: list[str]) -> None:
        ours, shown = ours_on(self.users, ticket), self._shown(ticket, broken)
        if self.deletions[ticket] >= LEFT_IN_PEACE:
            assert ours.texts == ()
        elif shown:
            self._check_warned(ticket, ours, shown)
        else:
            self._check_calm(ticket, ours)

    def _check_warned(self, ticket: str, ours: Ours, shown: set[str]) -> None:
        assert len(ours.texts) == 1, (ticket, shown)
        assert ours.state in ("warning", "overdue"), ticket
        assert ("capa-overdue" in ours.labels) == (ours.state == "overdue") or not isinstance(
            self.users, JiraUserDriver
        )
        named = {name for name in RULES if name in ours.texts[0]}
        assert named <= shown, (ticket, named, shown)
        assert len(named) == min(len(shown), MOST_NAMED), (ticket, named, shown)
        if ours.rules is None:
            assert ours.notes, ticket
        else:
            assert set(ours.rules.split()) == shown, ticket
            assert "capa-warning" in ours.labels, ticket

    def _check_calm(self, ticket: str, ours: Ours) -> None:
        assert ours.state in ("", "clear"), (ticket, ours)
        assert not ours.rules, (ticket, ours)
        if ours.state:
            assert ours.labels == frozenset(), ticket
        assert all(any(claim in text for claim in CALM) for text in ours.texts), (ticket, ours)

    def _check_withdrawn(self, ticket: str) -> None:
        """No action carries a warning; one that was a record once carries at most the text that it is none."""
        ours = ours_on(self.users, ticket)
        if self.deletions[ticket] < LEFT_IN_PEACE:
            assert ours.state in ("", "clear"), (ticket, ours)
            assert not ours.rules, (ticket, ours)
            assert all("is an action" in text for text in ours.texts), (ticket, ours)

    def _shown(self, ticket: str, broken: list[str]) -> set[str]:
        """Open findings that no other open one hides."""
        findings = self.world.runtime.register.findings.latest(self.name, ticket)
        return {finding.rule for finding in findings if finding.rule in broken and finding.hidden_by not in broken}


def _verdicts(world: World) -> dict[str, dict[str, tuple[str, str]]]:
    """Ticket -> rule -> outcome and severity."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for _source, ticket, name, outcome, severity, *_rest in world.runtime.register.rows_by_table()["verdict"]:
        found.setdefault(ticket, {})[name] = (outcome, severity)
    return found


TestCloud = as_test_case(WarnedStory, "jira", 1)
TestDataCenter = as_test_case(WarnedStory, "jira-dc", 1)
TestServiceNow = as_test_case(WarnedStory, "servicenow", 1)
