"""The end of a daemon waits for whatever uses the register: it is closed next."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from capa_sync.daemon import daemon as daemon_module
from tests.patience import PATIENCE
from tests.sync.world import open_world


@pytest.mark.parametrize("work", ["carry_out_requests", "run_cycle"])
def test_the_end_waits_for_a_tick_as_for_a_cycle(work: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement under way while the register is closed ends the process by a signal, and not with 0."""
    begun, may_end, has_ended = threading.Event(), threading.Event(), threading.Event()

    def under_way(*_arguments: object) -> list[str]:
        begun.set()
        assert may_end.wait(PATIENCE)
        has_ended.set()
        return []

    monkeypatch.setattr(daemon_module, work, under_way)
    monkeypatch.setattr(daemon_module, "GRACE", PATIENCE)
    with open_world(tmp_path, "jira") as world:
        ended: list[bool] = []

        def run() -> None:
            ended.append(daemon_module.Daemon(world.runtime, is_asked=lambda: True).run())
            ended.append(has_ended.is_set())

        daemon = threading.Thread(target=run)
        daemon.start()
        assert begun.wait(PATIENCE)
        world.runtime.stop.set()
        daemon.join(0.5)
        assert daemon.is_alive()
        may_end.set()
        daemon.join(PATIENCE)
        assert ended == [True, True]


def test_a_tick_after_the_end_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was handed to a thread before the end, and begins after it."""
    with open_world(tmp_path, "jira") as world:
        daemon = daemon_module.Daemon(world.runtime, is_asked=lambda: True)
        world.runtime.stop.set()
        assert daemon.run()
        monkeypatch.setattr(
            daemon_module, "carry_out_requests", lambda _runtime: pytest.fail("the register is closed")
        )
        daemon._tick()
