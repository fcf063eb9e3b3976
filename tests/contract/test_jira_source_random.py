"""Random events on a tracker, read by polls that are killed at random: the mirror equals the tracker in the end."""

from __future__ import annotations

import contextlib
import random
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.errors import Retryable
from capa_sync.model.settings import ChildSpec
from capa_sync.sandbox.messages import Request
from tests.contract.jira_source_harness import Harness, harness, shapes

CHILDREN = (ChildSpec("subtask"), ChildSpec("link", ("is blocked by",)))
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("drop_after", {}),
    ("drop_before", {}),
    ("answer", {"status": 500}),
    ("rate_limit", {"retry_after": 1}),
    ("truncate_closed", {}),
)


class Life:
    """One random story."""

    def __init__(self, it: Harness, seed: int) -> None:
        self.it = it
        self.dice = random.Random(seed)  # noqa: S311 - a story that can be repeated
        name = "acc-ann" if it.tracker.face == "cloud" else "ann"
        self.ann = it.tracker.as_user(name)
        self.born = 0

    def keys(self, project: str = "") -> list[str]:
        """Keys of tickets that exist."""
        return [issue.key for issue in self.it.tracker.state.issues.values() if issue.key.startswith(project)]

    def step(self) -> None:
        """Carry out one random event."""
        acts = [self.create] * 3 + [self.edit] * 4 + [self.comment, self.bulk, self.move, self.delete, self.subtask]
        acts += [self.link, self.wait, self.wait]
        if len(self.keys("CAPA")) < 4:
            self.create()
        self.dice.choice(acts)()

    def create(self) -> None:
        """Create a ticket."""
        self.born += 1
        self.ann.create(self.dice.choice(["CAPA", "CAPA", "OPS"]), "Nonconformity", {"summary": f"Born {self.born}"})

    def subtask(self) -> None:
        """Create a sub-task."""
        parent = self.dice.choice(self.keys("CAPA"))
        if self.it.tracker.state.find(parent).fields["issuetype"]["name"] == "Nonconformity":
            self.ann.create("CAPA", "Sub-task", {"summary": "part", "parent": parent})

    def edit(self) -> None:
        """Edit two fields of a ticket in one save."""
        words = f"Edit {self.dice.random()}"
        self.ann.edit(self.dice.choice(self.keys()), {"summary": words, "Root cause": words})

    def comment(self) -> None:
        """Write a comment."""
        self.ann.comment(self.dice.choice(self.keys()), "remark")

    def bulk(self) -> None:
        """Edit many tickets at one instant."""
        for key in self.keys("CAPA"):
            self.ann.edit(key, {"summary": f"Bulk {self.dice.random()}"})

    def move(self) -> None:
        """Move a ticket to another project, or back."""
        key = self.dice.choice(self.keys())
        if self.it.tracker.state.find(key).fields["issuetype"]["name"] == "Nonconformity":
            self.ann.move(key, self.dice.choice(["CAPA", "OPS"]))

    def delete(self) -> None:
        """Delete a ticket."""
        self.ann.delete(self.dice.choice(self.keys()))

    def link(self) -> None:
        """Link two tickets."""
        self.ann.link(self.dice.choice(self.keys("")), "Blocks", self.dice.choice(self.keys("CAPA")))

    def wait(self) -> None:
        """Time passes."""
        self.it.tracker.clock.advance(timedelta(seconds=self.dice.choice([0, 1, 20, 200])))

    def meddle(self, request: Request) -> None:
        """Let something happen while pages are read."""
        if "search" in request.path and self.dice.random() < 0.3:
            self.step()

    def read(self) -> None:
        """Run one cycle: killed, with a fault, or without."""
        if self.dice.random() < 0.3:
            kind, options = self.dice.choice(FAULTS)
            self.it.server.faults.add(kind, after=self.dice.randrange(6), **options)
        full = self.dice.random() < 0.15
        with contextlib.suppress(Retryable):
            self.it.cycle(full=full, pages=self.dice.choice([None, None, 1, 2]))
        self.it.server.faults.clear()
        if self.dice.random() < 0.2:
            self.it.restart()


@pytest.mark.parametrize("face", ["cloud", "datacenter"])
@pytest.mark.parametrize("lag", [0.0, 90.0])
@pytest.mark.parametrize("seed", range(6))
def test_after_any_story_the_mirror_equals_the_tracker(face: str, lag: float, seed: int) -> None:
    """Creations, edits, bulk edits, moves, deletions, links and comments between and during reads; faults; kills."""
    with harness(face, page_size=5, batch=10, children=CHILDREN, settings={"index_lag_s": lag}) as it:
        life = Life(it, seed)
        it.server.before.append(life.meddle)
        for _ in range(25):
            for _ in range(life.dice.randrange(5)):
                life.step()
            life.read()
        it.server.before.clear()
        it.tracker.clock.advance(timedelta(seconds=lag + 1))
        for _ in range(3):
            it.cycle()
        truth = {key: shape for key, shape in it.truth().items() if key.startswith("CAPA")}
        assert {key: shape for key, shape in shapes(it.mirror).items() if key in truth} == truth
        census = it.source.take_census()
        in_scope = {str(it.tracker.state.find(key).id) for key in truth}
        assert in_scope <= census.ids
