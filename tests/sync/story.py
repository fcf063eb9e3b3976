"""A random sequence of events on one tracker, and what must hold of its mirror once nothing changes any more."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar
from unittest import TestCase

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from capa_sync.model.ticket import Presence, Role
from capa_sync.sandbox.messages import Request
from tests.sync.equal import assert_rebuilt, assert_roles, assert_same
from tests.sync.portions import small_portions
from tests.sync.users import JiraUserDriver, UserDriver, users_on
from tests.sync.world import World, open_world

SCOPE = {
    "jira": "project in (CAPA, SUPP)",
    "jira-dc": "project in (NC, SUPP)",
    "servicenow": "u_track=nonconformity",
}
ACTION_ONLY = {"types: [is resolved by] ": "types: [is resolved by]\n    also_record: false "}
"""The shipped entry for links, with the key that makes a linked ticket an action alone."""
PICK = st.integers(0, 59)
"""All deeds except those that remove a ticket."""
ANCHORS = 3
EVENTS = 20
"""How many events come between two comparisons. One costs as much as fifty events, and a story should have events."""
FAULTS: dict[str, dict[str, Any]] = {
    "drop_before": {},
    "drop_after": {},
    "truncate_closed": {},
    "truncate": {},
    "html": {},
    "answer": {"status": 500},
    "rate_limit": {"retry_after": 5000},
    "proxy_error": {},
    "firewall": {"kind": "proxy_error", "status": 403},
    "missing page": {"kind": "proxy_error", "status": 404},
}
"""The faults that a cycle may meet: kind, or name with its kind, and options of `Faults.add`."""
GONE = {Presence.DELETED, Presence.DELETED_OR_HIDDEN, Presence.UNOBSERVED}


class Story(RuleBasedStateMachine):
    """The state machine of one tracker; `name` is its source."""

    name: ClassVar[str]
    mode: ClassVar[str] = "off"
    judged_by: ClassVar[tuple[str, ...] | None] = ("root-cause-before-action",)

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="capa-sync-story-"))
        self._stack.callback(shutil.rmtree, folder)
        # so that a cycle may die between two commits of a sweep
        self._stack.enter_context(small_portions(3))
        more = "page_size = 3" if self.name == "servicenow" else ""
        self.world: World = self._stack.enter_context(
            open_world(folder, self.name, query=SCOPE, more=more, mode=self.mode, rules=self.judged_by)
        )
        self.users: UserDriver = users_on(self.world.only)
        self.words = 0
        self.shown = self.has_silent = False
        self.events = 0
        if self.name != "servicenow":
            self.world.only.settings(short_pages=3, inline_changelog_cap=2, inline_comment_cap=1)
        self.meddling: list[tuple[int, Any]] = []
        self.world.only.server.before.append(self._meddle)

    # --- what people do ------------------------------------------------------------------------------------------

    def _word(self) -> str:
        self.words += 1
        return f"word {self.words}"

    def _one(self, pick: int, among: list[str] | None = None) -> str:
        found = self.users.ids() if among is None else among
        return found[pick % len(found)]

    @initialize()
    def begin(self) -> None:
        """Create the tickets that exist from the start and are never removed."""
        for _ in range(ANCHORS):
            self.users.create(self._word())
        self.anchors = set(self.users.ids())
        self.users.create_part(self._one(0), self._word())

    def _act(self, what: int, pick: int, other: int) -> None:
        """Carry out one deed."""
        users, word = self.users, self._word()
        ticket = self._one(pick)
        deeds = (
            lambda: users.create(word),
            lambda: users.edit(ticket, word, other),
            lambda: users.save_many(ticket, word, other),
            lambda: users.step(ticket, other),
            lambda: users.say(ticket, word),
            lambda: users.unsay(ticket, word),
            lambda: users.create_part(self._one(pick, users.records()), word),
            lambda: users.leave(ticket, other),
            lambda: (
                users.adopt(self._one(other, users.parts()), self._one(pick, users.records()))
                if users.parts()
                else None
            ),
            lambda: users.delete(ticket) if ticket not in self.anchors else None,
            lambda: users.link_some(ticket, self._one(other), pick + other),
        )
        deeds[what % len(deeds)]()

    @rule(what=st.integers(0, 10), pick=PICK, other=PICK)
    def act(self, what: int, pick: int, other: int) -> None:
        """A person does something."""
        self._act(what, pick, other)

    @rule(
        many=st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 10]), PICK, PICK), min_size=2, max_size=6)
    )
    def act_at_once(self, many: list[tuple[int, int, int]]) -> None:
        """Several things happen at one instant."""
        for what, pick, other in many:
            self._act(what, pick, other)

    @rule(other=PICK)
    def bulk(self, other: int) -> None:
        """Every ticket is edited within one second, and every second ticket twice."""
        for number, ticket in enumerate(self.users.ids()):
            self.users.edit(ticket, self._word(), other)
            if number % 2:
                self.users.save_many(ticket, self._word(), other)

    @rule(pick=PICK)
    def hide(self, pick: int) -> None:
        """A ticket is hidden from our account."""
        ticket = self._one(pick)
        if ticket not in self.anchors:
            self.users.hide(ticket)

    @rule()
    def show(self) -> None:
        """Everything is shown to our account again."""
        self.users.show_all()
        self.shown = True

    @rule(pick=PICK, number=PICK)
    def alter_silently(self, pick: int, number: int) -> None:
        """A value changes without a trace."""
        self.users.alter_silently(self._one(pick), self._word(), number)
        self.has_silent = True

    @rule(seconds=st.sampled_from([0.0, 90.0]), whole=st.booleans())
    def lag(self, seconds: float, whole: bool) -> None:
        """The search index begins or ceases to lag."""
        self.users.lag(seconds, whole=whole)

    @rule(seconds=st.sampled_from([1, 1, 40, 400, 90_000]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.world.later(seconds=seconds)

    @rule(at=st.integers(0, 12), what=st.integers(0, 10), pick=PICK, other=PICK)
    def meddle(self, at: int, what: int, pick: int, other: int) -> None:
        """Something will happen just before the request with the given number, counted from now."""
        self.meddling.append((at, lambda: self._act(what, pick, other)))

    def _meddle(self, request: Request) -> None:
        due = [deed for left, deed in self.meddling if left <= 0]
        self.meddling = [(left - 1, deed) for left, deed in self.meddling if left > 0]
        for deed in due:
            deed()

    # --- what the daemon does ------------------------------------------------------------------------------------

    @rule()
    def cycle(self) -> None:
        """Run a cycle with what is due."""
        self.world.try_cycle()

    @rule(kind=st.sampled_from(sorted(FAULTS)), after=st.integers(0, 9), times=st.integers(1, 8))
    def faulty_cycle(self, kind: str, after: int, times: int) -> None:
        """Run a cycle over a bad connection: the fault ends while the cycle runs, or does not."""
        faults = self.world.only.server.faults
        faults.add_from({"kind": kind, "after": after, "times": times, **FAULTS[kind]})
        self.world.try_cycle()
        faults.clear()

    @rule(after=st.integers(0, 9))
    def killed_cycle(self, after: int) -> None:
        """The process dies at a commit, before or after it, and another process begins."""
        self._kill_at = after
        self.world.runtime.checkpoint = self._checkpoint
        with suppress(_KilledError):
            self.world.try_cycle()
        self.world.restart()

    def _checkpoint(self, _name: str) -> None:
        self._kill_at -= 1
        if self._kill_at < 0:
            raise _KilledError

    @rule()
    def full_cycle(self) -> None:
        """A person asks for a full read."""
        self.world.try_cycle(full=True)

    @rule(links_exclude=st.booleans())
    def edit_mapping(self, links_exclude: bool) -> None:
        """A person changes in the mapping what a linked ticket is, and restarts the daemon."""
        if isinstance(self.users, JiraUserDriver):
            self.users.links_exclude = links_exclude
            self.world.resettle(self.name, mapping=ACTION_ONLY if links_exclude else {})

    @rule(is_narrow=st.booleans())
    def edit_query(self, is_narrow: bool) -> None:
        """A person narrows the query or widens it again; the next census finds which tickets came and went."""
        if isinstance(self.users, JiraUserDriver):
            self.users.outside = frozenset({"CHANGE", "SUPP"} if is_narrow else {"CHANGE"})
            query = f"project = {self.users.main}" if is_narrow else SCOPE[self.name]
            self.world.resettle(self.name, query=query)
            self.shown = True

    @rule()
    def rebuild(self) -> None:
        """The derived tables are rebuilt, whatever has been read by now."""
        assert_rebuilt(self.world)

    # --- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def count(self) -> None:
        """One more event has happened."""
        self.events += 1

    def _quiet(self) -> None:
        """Nothing happens any more; the index catches up; two polls run."""
        self.events = 0
        self.meddling.clear()
        self.users.lag(0.0)
        self.world.later(hours=2)  # longer than any tracker asked us to stay away
        self.world.cycle()
        self.world.cycle()

    @precondition(lambda self: self.events > EVENTS and not self.shown and not self.has_silent)
    @rule()
    def settle(self) -> None:
        """Once nothing changes, polls alone bring every visible ticket."""
        self._quiet()
        for ticket, truth in self.users.truth().items():
            if truth.in_scope:
                assert_same(self.world, self.users, ticket, truth)

    @precondition(lambda self: self.events > EVENTS)
    @rule()
    def settle_for_a_week(self) -> None:
        """Census and full sweep find what polls cannot: silent changes, and tickets that vanished or came back."""
        self._quiet()
        self.world.cycle(days=8)
        self.world.cycle()
        self.world.cycle(days=1)
        self.shown = self.has_silent = False
        self._all_equal()

    def _all_equal(self) -> None:
        truths, world = self.users.truth(), self.world
        assert_roles(world, self.users)
        for ticket, truth in truths.items():
            if truth.in_scope:
                assert_same(self.world, self.users, ticket, truth)
                assert world.presence(ticket) is Presence.PRESENT, truth.key
        tickets = world.runtime.register.tickets
        roles = tickets.roles(self.name)
        for ticket, presence in world.presences().items():
            truth = truths.get(ticket)
            if truth is None or not truth.is_seen:
                # a table that shows none of the rows that it counts is closed to us, for all that we can know
                closed = self.name == "servicenow" and not any(t.is_part and t.is_seen for t in truths.values())
                assert presence in GONE or (closed and presence is Presence.ACCESS_LOST), (ticket, presence)
            elif not truth.in_scope:
                left = presence in (Presence.OUT_OF_SCOPE, Presence.UNOBSERVED) or roles[ticket] is Role.ACTION
                assert left, (truth.key, presence)
            if truth is None and presence is Presence.DELETED:
                assert self.world.only.tracker.rows("sys_audit_delete", f"documentkey={ticket}")
            observed = {name for name, _, _ in world.observed(ticket)}
            assert observed <= self.users.silent.get(ticket, set()), (ticket, observed)
        set_aside = tickets.quarantined(self.name).values()
        assert [why for why in set_aside if "is not listed under `stage" not in why] == []
        seen = [ticket for ticket, truth in truths.items() if truth.in_scope]
        fresh = world.runtime.contexts[self.name].source.read_tickets(seen)
        assert {reading.ticket.id: reading.ticket.values for reading in fresh} == {
            id_: world.ticket(id_).values for id_ in seen
        }
        assert_rebuilt(world)

    def teardown(self) -> None:
        """At the end everything is equal, whatever happened."""
        try:
            if hasattr(self, "anchors"):
                self.settle_for_a_week()
        finally:
            self._stack.close()


class _KilledError(BaseException):
    """The process ends here."""


SOAK = int(os.environ.get("CAPA_SYNC_SOAK", "0"))


def as_test_case(story: type[Story], tracker: str, stories: int) -> type[TestCase]:
    """Make a test case of some stories on one tracker, the same at each run; a soak takes new and longer ones."""
    on_tracker: Any = type(story)(
        f"{story.__name__}On{tracker.title().replace('-', '')}", (story,), {"name": tracker}
    )
    case: type[TestCase] = on_tracker.TestCase
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=SOAK or stories,
        stateful_step_count=80 if SOAK else 60,
        derandomize=not SOAK,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=[Phase.generate],  # a generated story is short enough to read; shrinking one takes minutes
        suppress_health_check=list(HealthCheck),
    )
    return case
