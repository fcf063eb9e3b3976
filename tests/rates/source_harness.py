"""The harness of the journey tests, with faults, restarts and a count of the requests."""

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
    """One tracker and the runtime that mirrors it; problems of cycles are allowed."""

    def __init__(self, harness: Harness, folder: Path) -> None:
        self.harness = harness
        self.folder = folder

    def create_broken(self, story: str) -> str:
        """Create a ticket whose action was planned before its cause was known; return its id on the tracker."""
        self._play(story, Create({**FACTS, "title": f"Review missed: {story}"}))
        self.later(HOUR)
        self._play(story, Fill({"action_text": "Do the missing review and name a deputy", "due_at": Day(-60)}))
        self.later(HOUR)
        return str(self.harness.player.address(story)[0])

    def enter_cause(self, story: str) -> None:
        """Let a person enter the cause."""
        self._play(story, Fill({"root_cause": "No deputy was named for the review while its owner was on leave."}))

    def _play(self, story: str, event: Create | Fill) -> None:
        self.harness.player.play(Scene(story, 0, 0, "anna.lee", event))

    def later(self, by: timedelta) -> None:
        """Move the clock of tracker and runtime."""
        self.harness.clock.advance(by)

    def cycle(self) -> CycleResult:
        """Run one cycle, half a minute later."""
        self.later(timedelta(seconds=30))
        return run_cycle(self.harness.runtime, self.harness.runtime.contexts[self.harness.source])

    def restart(self) -> None:
        """Replace the runtime by a new one on the same register, as a new process has it."""
        self.harness.runtime.register.close()
        self.harness.runtime = runtime_of(
            self.harness.source, self.folder, self.harness.server.url, self.harness.clock
        )

    def sent(self, pattern: str = "") -> int:
        """Return how many requests `METHOD path` that match have reached the tracker since `reset_requests`."""
        lines = [f"{request.method} {request.path}" for request in self.harness.server.requests]
        return sum(1 for line in lines if re.search(pattern, line))

    def reset_requests(self) -> None:
        """Count requests from now on."""
        self.harness.server.requests.reset()

    def fault(self, match: tuple[str, str], **how: object) -> None:
        """Answer matching requests with a rate limit until `clear_faults`."""
        self.harness.server.faults.add("rate_limit", match, times=None, **how)

    def clear_faults(self) -> None:
        """Remove all faults of the tracker."""
        self.harness.server.faults.clear()

    def writes(self, story: str) -> list[Write]:
        """Return all writes that were ever planned for a story's ticket."""
        return list(self.harness.runtime.register.outbox.writes(self.harness.source, self.harness.ticket(story)))

    def states(self, story: str) -> set[str]:
        """Return the states of the writes that are not withheld."""
        return {str(write.state) for write in self.writes(story) if write.state != "withheld"}

    @property
    def health(self) -> dict[str, object]:
        """What `status` shows about the source."""
        runtime = self.harness.runtime
        poll_every = {self.harness.source: timedelta(minutes=1)}
        found: dict[str, object] = health_of(runtime.register, poll_every, runtime.clock.now())["sources"][0]
        return found


@contextmanager
def open_source_harness(source: str, folder: Path) -> Iterator[SourceHarness]:
    """Open one tracker after one cycle without a problem."""
    with open_harness(source, folder, START) as harness:
        source_harness = SourceHarness(harness, folder)
        assert not source_harness.cycle().problem
        yield source_harness
        assert not harness.server.crashes
