"""A journey's desk with ways to break, to restart and to count what is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from capa_sync.daemon.cycle import CycleResult, run_cycle
from capa_sync.daemon.health import health_of
from capa_sync.model.write import Write
from capa_sync.sandbox.stories.script import Create, Day, Fill, Scene
from tests.daemon.harness import FACTS
from tests.journey.harness import Harness, open_harness, runtime_of

START = "2025-05-05 09:00"
HOUR = timedelta(hours=1)


class SourceHarness:
    """One tracker and the house that mirrors it; faults are not asserted away."""

    def __init__(self, harness: Harness, folder: Path) -> None:
        self.harness = harness
        self.folder = folder

    def broken(self, story: str) -> str:
        """A ticket whose action was planned before its cause was known; returns its id on the tracker."""
        self._play(story, Create({**FACTS, "title": f"Review missed: {story}"}))
        self.later(HOUR)
        self._play(story, Fill({"action_text": "Do the missing review and name a deputy", "due_at": Day(-60)}))
        self.later(HOUR)
        return str(self.harness.player.address(story)[0])

    def mend(self, story: str) -> None:
        """Somebody writes down the cause."""
        self._play(story, Fill({"root_cause": "No deputy was named for the review while its owner was on leave."}))

    def _play(self, story: str, event: Create | Fill) -> None:
        self.harness.player.play(Scene(story, 0, 0, "anna.lee", event))

    def later(self, by: timedelta) -> None:
        """Let time pass for everybody."""
        self.harness.clock.advance(by)

    def cycle(self) -> CycleResult:
        """One cycle, half a minute later."""
        self.later(timedelta(seconds=30))
        return run_cycle(self.harness.runtime, self.harness.runtime.setups[self.harness.source])

    def restart(self) -> None:
        """A new process on the same register."""
        self.harness.runtime.register.close()
        self.harness.runtime = runtime_of(
            self.harness.source, self.folder, self.harness.server.url, self.harness.clock
        )

    def sent(self, pattern: str = "") -> int:
        """How many requests `METHOD path` that match have reached the tracker since `forget`."""
        lines = [f"{request.method} {request.path}" for request in self.harness.server.requests]
        return sum(1 for line in lines if re.search(pattern, line))

    def forget(self) -> None:
        """Count requests from now on."""
        self.harness.server.requests.reset()

    def fault(self, match: tuple[str, str], **how: object) -> None:
        """Answer matching requests with a rate limit until `relent`."""
        self.harness.server.faults.add("rate_limit", match, times=None, **how)

    def relent(self) -> None:
        """The tracker is well again."""
        self.harness.server.faults.clear()

    def writes(self, story: str) -> list[Write]:
        """All writes ever meant for a story's ticket."""
        return list(self.harness.runtime.register.outbox.writes(self.harness.source, self.harness.ticket(story)))

    def states(self, story: str) -> set[str]:
        """States of the writes that still count."""
        return {str(write.state) for write in self.writes(story) if write.state != "withheld"}

    @property
    def health(self) -> dict[str, object]:
        """What `status` tells of the source."""
        runtime = self.harness.runtime
        poll_every = {self.harness.source: timedelta(minutes=1)}
        found: dict[str, object] = health_of(runtime.register, poll_every, runtime.clock.now())["sources"][0]
        return found


@contextmanager
def open_source_harness(source: str, folder: Path) -> Iterator[SourceHarness]:
    """One tracker with one clean cycle behind it."""
    with open_harness(source, folder, START) as harness:
        source_harness = SourceHarness(harness, folder)
        assert not source_harness.cycle().problem
        yield source_harness
        assert not harness.server.crashes
