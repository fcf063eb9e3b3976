"""A tour through all requests of capa-sync to a tracker, with one endpoint that returns malformed answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from capa_sync.daemon.cycle import run_hinted
from capa_sync.daemon.requests import RESUME, WITHDRAW, carry_out_requests, release
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.jira.routes import find_route
from capa_sync.sandbox.messages import Reply, Request
from tests.sync.equal import assert_same
from tests.sync.ours import Ours, ours_on
from tests.sync.users import users_on
from tests.sync.world import World

_REST = re.compile(r"/rest/api/\d/(.+)")
_TABLE = re.compile(r"/api/now/(?:v\d/)?table/(\w+)(/\w+)?")
_MOST = 4
_DAYS = 4
"""Days that may pass until everything is as before, besides the first two hours."""
OWN = "an error of capa-sync itself"
_RIGHT = (Presence.PRESENT, Presence.UNOBSERVED)


@dataclass(frozen=True, order=True)
class Endpoint:
    """A method and a pattern of the path; `name` is its readable form."""

    name: str
    method: str
    path: str


def endpoint_of(request: Any, face: str) -> Endpoint:
    """The endpoint of a request that a sandbox answered; a request that it does not route is a mistake of ours."""
    path = request.path.partition("?")[0]
    rest = _REST.fullmatch(path)
    if rest is not None:
        route, _parts, _exists = find_route(request.method, rest[1], face)
        assert route is not None, (request.method, path)
        return Endpoint(route.path.pattern.replace("([^/]+)", "*"), request.method, f"/{route.path.pattern}(\\?|$)")
    table = _TABLE.fullmatch(path)
    if table is None:
        return Endpoint(path, request.method, re.escape(path))
    id_pattern = r"/\w+" if table[2] else ""
    return Endpoint(
        f"{table[1]}{'/*' if id_pattern else ''}", request.method, f"/table/{table[1]}{id_pattern}(\\?|$)"
    )


class Tour:
    """One world and its tracker, led through deeds, cycles and restarts.

    Attributes:
        doubled: tickets that at any instant had two comments of ours, or two equal work notes.
        own_errors: faults that were reported as errors of capa-sync itself.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.name = world.only.name
        self.users = users_on(world.only)
        self.faults = world.only.server.faults
        self.doubled: list[tuple[str, Ours]] = []
        self.own_errors: list[str] = []
        self._turns: Counter[str] = Counter()
        self._records: list[str] = []
        if self.name != "servicenow":
            world.only.settings(inline_changelog_cap=2, inline_comment_cap=1)
        world.only.server.after.append(self._look)
        for _ in range(2):
            self._new_record()
        self.heal()

    @property
    def face(self) -> str:
        """The Jira version, "" for ServiceNow."""
        return {"jira": "cloud", "jira-dc": "datacenter"}.get(self.name, "")

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints that a whole tour requests, as the sandbox routes them."""
        log = self.world.only.server.requests
        log.reset()
        self.deeds()
        self.asked()
        self.heal()
        return sorted({endpoint_of(exchange, self.face) for exchange in log})

    def _new_record(self) -> str:
        before = set(self.users.records())
        self.users.create(self._word())
        [ticket] = set(self.users.records()) - before
        self.users.create_part(ticket, self._word())
        self._records.append(ticket)
        return ticket

    def _word(self) -> str:
        self._turns["word"] += 1
        return f"word {self._turns['word']}"

    def deeds(self) -> None:
        """People work: a new record that breaks a rule, edits, comments, a mended one, a broken one, a deletion."""
        users = self.users
        new = self._new_record()
        users.say(new, self._word())
        old = self._records[:-1]
        for ticket in old[-2:]:
            users.say(ticket, self._word())
            users.say(ticket, self._word())
            users.edit(ticket, self._word(), 0)
            users.edit(ticket, self._word(), 1)
        for number in range(3):
            users.save_many(old[-1], self._word(), number)
        if len(self._records) > _MOST:
            users.delete(self._records.pop(0))

    def asked(self) -> None:
        """A process starts, all is due: sign-in, poll, full read, census, judging, writing, a hint, a withdrawal."""
        world = self.world
        world.restart()
        self._try_cycle(days=8)
        *_older, changed, unchanged = self._records
        self.users.edit(changed, self._word(), 1)
        world.later(minutes=1)
        hinted = run_hinted(world.runtime, world.runtime.contexts[self.name], [changed, unchanged, "99999"])
        self._note([hinted.problem])
        self._take_back()

    def _take_back(self) -> None:
        """A person has all our texts withdrawn, and allows them again later."""
        halts = self.world.runtime.register.halts
        halts.set(self.name, Halt(HaltKind.WITHDRAWN, self.world.clock.now(), "a person"))
        self._ask(WITHDRAW)
        release(self.world.runtime, [self.name], None)
        self._try_cycle(minutes=1)
        halts.end(self.name, self.world.clock.now())
        self._ask(RESUME)

    def _ask(self, verb: str) -> None:
        register = self.world.runtime.register
        register.requests.leave(verb, {"source": self.name}, self.world.clock.now())
        carry_out_requests(self.world.runtime)

    def heal(self) -> None:
        """Answers are right again: what waited is written, and what was quarantined is read, within days.

        That ends with a day without a write. A change may wait for a day after its ticket's last notification. And a
        ServiceNow session that still reads when its cycle has failed is answered after this test has moved the clock:
        for one cycle the clocks then disagree, and nothing is judged. What is written later is a change of its
        ticket, which the next poll reads.
        """
        self.faults.clear()
        self.world.cycle(hours=2)
        for _ in range(_DAYS):
            is_whole, written = self._is_whole(), self.world.writes()
            self.world.cycle(days=1)
            if is_whole and self.world.writes() == written:
                return

    def _is_whole(self) -> bool:
        try:
            self.compare()
        except AssertionError:
            return False
        return True

    def with_fault(self, endpoint: Endpoint, shape: str, *, for_good: bool) -> int:
        """Run the tour while an endpoint returns malformed answers, once or for good; return how many it returned."""
        self.deeds()
        self.own_errors.clear()
        times = None if for_good else 1
        fault = self.faults.add("malformed", (endpoint.method, endpoint.path), times=times, shape=shape)
        self.asked()
        for later in ({"hours": 2}, {"days": 1}):
            self._try_cycle(**later)
        self.check_presence()
        assert self.own_errors == []
        return fault.hits

    def _try_cycle(self, **later: float) -> None:
        """Run a cycle, and note what ended as an error of capa-sync itself instead of a fault of the source."""
        results = self.world.try_cycle(**later).values()
        self._note(result.problem for result in results if result.is_own_error)
        self._note(row["error"] for row in self.world.view("v_writes"))
        self._note(row["quarantine_reason"] for row in self.world.view("v_tickets"))

    def _note(self, reasons: Iterable[object]) -> None:
        self.own_errors += [str(reason) for reason in reasons if OWN in str(reason)]

    def check_presence(self) -> None:
        """No ticket that is visible is taken for gone."""
        truth = self.users.truth()
        for ticket, presence in self.world.presences().items():
            if ticket in truth and truth[ticket].in_scope:
                assert presence in _RIGHT, (ticket, presence)

    def compare(self) -> None:
        """The mirror equals the tracker, and each ticket carries what the register says, once."""
        world, truths = self.world, self.users.truth()
        for ticket, truth in truths.items():
            if truth.in_scope:
                assert_same(world, self.users, ticket, truth)
                assert world.presence(ticket) is Presence.PRESENT, ticket
        assert self.doubled == []
        assert [row for row in world.view("v_tickets") if row["quarantine_reason"]] == []
        stuck = [row for row in world.view("v_writes") if row["state"] not in ("delivered", "withheld")]
        assert stuck == []
        for ticket in self.users.records():
            shown = world.view("v_findings", ticket_id=ticket, state="open")
            ours = ours_on(self.users, ticket)
            if shown:
                assert len(ours.texts) == 1, (ticket, ours)
                assert ours.state in ("warning", "overdue"), (ticket, ours)
            else:
                assert ours.state in ("", "clear"), (ticket, ours)

    def check(self) -> None:
        """Everything is complete, and still is a day later, after a full census, without a write."""
        self.compare()
        written = self.world.writes()
        self.world.cycle(days=1)
        later = self.world.writes()
        assert later == written, f"written a day later: {later[len(written) :]}"
        self.compare()

    def _look(self, request: Request, _reply: Reply) -> None:
        if request.method == "GET":
            return
        for ticket in self.users.ids():
            ours = ours_on(self.users, ticket)
            if len(ours.texts) > 1 or len(set(ours.notes)) < len(ours.notes):
                self.doubled.append((ticket, ours))
