"""Generated tickets are parsed, mapped, judged and rendered on each tracker: one is quarantined, all else goes on.

`make fuzz PAYLOADS=100000` runs so many on each tracker; `make test` a seeded sample.
"""

from __future__ import annotations

import os
import random
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from capa_sync.daemon.outcome import Evaluated
from capa_sync.daemon.pipeline import Pipeline
from capa_sync.daemon.plan_cache import PickledPlan, unpickled
from capa_sync.errors import Skippable
from capa_sync.model.settings import ChildSpec
from capa_sync.model.ticket import Part, Presence, Reading, SourceTicket
from capa_sync.ports.reading import Parser
from capa_sync.sources.bodies import UNREADABLE
from capa_sync.sources.decoding import decode_json
from capa_sync.sources.jira.changes import FieldNames
from capa_sync.sources.jira.children import Kinship
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.markup import to_adf, to_wiki
from capa_sync.sources.jira.parts import comments_part, history_part, undecorate
from capa_sync.sources.servicenow.cells import lean, value_of
from capa_sync.sources.servicenow.parts import AUDIT, JOURNAL, RECORD, part_of
from capa_sync.sources.servicenow.writer import plain_text
from capa_sync.sources.transport import Limits
from tests.fuzz.odd import as_bytes, spoiled
from tests.sync.users import users_on
from tests.sync.world import SOURCES, World, open_world

PAYLOADS = int(os.environ.get("CAPA_SYNC_FUZZ", "0"))
SEED = os.environ.get("CAPA_SYNC_FUZZ_SEED", "9")
SHARES = 20 if PAYLOADS else 1
SAMPLE = 150
MOST_CPU = 2.0
"""CPU seconds that any ticket may cost; checked by `make fuzz` alone."""
PART_KINDS = (("record", "history", "comments"), (RECORD, AUDIT, JOURNAL))
"""Kinds of parts of a Jira ticket, and of a ServiceNow ticket."""


class OneTicket:
    """A mirror that holds one ticket."""

    def __init__(self, ticket: SourceTicket) -> None:
        self._ticket = ticket

    def ticket(self, _source: str, ticket_id: str, _parser: Parser) -> SourceTicket | None:
        """Return the ticket if it has that id."""
        return self._ticket if ticket_id == self._ticket.id else None

    def presence(self, _source: str, _ticket_id: str) -> Presence:
        """Every ticket is present."""
        return Presence.PRESENT

    def children_of(self, _source: str, _ticket_id: str) -> list[str]:
        """No child is mirrored."""
        return []

    def read_at(self, _source: str, _ticket_id: str) -> datetime | None:
        """It is read at the instant of the evaluation."""
        return None

    def key(self, _source: str, ticket_id: str) -> str:
        """The key is the id."""
        return ticket_id

    def unread(self, _source: str) -> Mapping[str, str]:
        """Every ticket could be read."""
        return {}


class Line:
    """Takes a payload from its bytes to the text on the ticket, without a request."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.name = world.only.name
        self.context = world.runtime.contexts[self.name]
        users = users_on(world.only)
        source: Any = self.context.source
        self.parser: Any = source.parser()
        assert self.context.facts is not None
        self._names = FieldNames(self.context.facts.fields)
        self._kinship = Kinship([ChildSpec("subtask"), ChildSpec("link"), ChildSpec("child")])
        self.templates = [self._template(reading) for reading in source.read_tickets(users.records())]

    def _template(self, reading: Reading) -> dict[str, Any]:
        return {part.kind: decode_json(part.body) for part in reading.parts}

    def payload(self, template: dict[str, Any], dice: random.Random) -> bytes:
        """Make one payload."""
        parts = {kind: template[kind] for kind in PART_KINDS[self.name == "servicenow"]}
        return as_bytes(spoiled(dice, parts))

    def carry(self, template: dict[str, Any], payload: bytes) -> str:
        """Take one payload through; return how it ended: `refused`, `quarantined` or `judged`."""
        if len(payload) > Limits().answer:
            return "refused"  # before it is decoded
        try:
            found = {**template, **decode_json(payload)}
        except ValueError:
            return "refused"
        try:
            ticket = self._servicenow(found) if self.name == "servicenow" else self._jira(found)
        except (Skippable, *UNREADABLE):
            return "quarantined"
        now = self.world.runtime.clock.now()
        pipeline = Pipeline(self.world.runtime.inputs(self.context, now), [ticket.id])
        mirror: Any = OneTicket(ticket)
        pipeline._mirror = mirror
        [outcome] = pipeline._evaluate([ticket.id])
        if not isinstance(outcome, Evaluated):
            return "quarantined"
        self._render(outcome.plan)
        return "judged"

    def _jira(self, found: Any) -> SourceTicket:
        issue = found["record"]
        if not isinstance(issue.get("id"), str):
            raise Skippable(self.name, "?", "no id")
        draft = Draft.of({**issue, "changelog": {}})
        if draft.fault:
            raise Skippable(self.name, draft.key, draft.fault)
        self._kinship.may_be_action(draft.fields)
        entries = [entry for entry in found["history"]["histories"] if isinstance(entry, dict)]
        undecorate(entries)
        self._names.resolve(entries)
        comments = [comment for comment in found["comments"] if isinstance(comment, dict)]
        changes = self.parser.changes(draft.issue, self.parser.dated(draft.issue, entries))
        self.parser.build(draft.issue, changes, comments, (), history_complete=True)
        parts: list[Part] = [draft.part, history_part(entries, is_complete=True), comments_part(comments)]
        ticket: SourceTicket = self.parser.parse(parts)
        return ticket

    def _servicenow(self, found: Any) -> SourceTicket:
        record = found[RECORD]
        bodies = {**found, RECORD: {**record, "row": lean(record["row"])}}
        for kind in (AUDIT, JOURNAL):
            bodies[kind] = [{column: value_of(row, column) for column in row} for row in found[kind]]
        parts = [part_of(kind, body) for kind, body in bodies.items()]
        self.parser.build(bodies)
        ticket: SourceTicket = self.parser.parse(parts)
        return ticket

    def _render(self, sealed: PickledPlan | None) -> None:
        """Render every text that would be written in the form of its tracker."""
        plan = unpickled(sealed.pickled).plan() if sealed is not None else None
        for write in plan.writes if plan is not None else ():
            if write.text is not None:
                assert len(to_wiki(write.text)) < 10_000
                assert to_adf(write.text)["content"]
                assert len(plain_text(write.text.plain())) < 10_000


@pytest.fixture(scope="module", params=SOURCES)
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The means to take payloads through, with templates of tickets that have a history, comments and actions."""
    source: str = request.param
    with open_world(tmp_path_factory.mktemp(source), source, mode="on", rules=None) as world:
        users = users_on(world.only)
        for number in range(3):
            users.create(f"word {number}")
        for ticket in users.records():
            users.create_part(ticket, "an action")
            for number in range(3):
                users.save_many(ticket, f"word {number}", number)
                users.edit(ticket, f"text {number}", number)
                users.say(ticket, f"comment {number}")
            users.step(ticket, 1)
        world.cycle()
        yield Line(world)


@pytest.mark.parametrize("share", range(SHARES))
def test_no_payload_raises_what_is_no_reason_for_quarantine(
    line: Line, share: int, record_property: Callable[[str, object], None]
) -> None:
    """From bytes to text: judged, or quarantined with a reason; never an error of our own, never seconds of CPU."""
    failures: list[str] = []
    ends: dict[str, int] = {}
    for number in range(PAYLOADS // SHARES if PAYLOADS else SAMPLE):
        dice = random.Random(f"{SEED} {line.name} {share} {number}")  # noqa: S311 - makes cases
        template = dice.choice(line.templates)
        payload = line.payload(template, dice)
        begun = time.process_time()
        try:
            how = line.carry(template, payload)
        except Exception as error:  # noqa: BLE001 - gathered, so that one failure does not hide the others
            frame = traceback.extract_tb(error.__traceback__)[-1]
            failures.append(
                f"{share} {number}: {type(error).__name__} {str(error)[:200]} {frame.filename}:{frame.lineno}"
            )
            how = "raised"
        spent = time.process_time() - begun
        if PAYLOADS and spent > MOST_CPU:
            failures.append(f"{share} {number}: {spent:.1f} s")
        ends[how] = ends.get(how, 0) + 1
    for how, total in ends.items():
        record_property(f"{line.name} tickets: payloads {how}", total)
    assert not failures, "\n".join(failures[:40])
    assert ends.get("judged", 0) > ends.get("refused", 0), ends
