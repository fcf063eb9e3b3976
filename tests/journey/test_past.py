"""What was true on a past day can be computed later: it equals what was recorded then, or cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from capa_sync.cli.app import cli
from capa_sync.daemon.explaining_past import bind_as_known_at, judge_past
from capa_sync.daemon.past import PastMirror, map_past
from capa_sync.daemon.runtime import Runtime
from capa_sync.model.record import CapaRecord
from tests.journey.harness import SECRETS
from tests.journey.watched import Said, Watched, watch_stories

CYCLES = 5


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """All stories, with some cycles while they happen."""
    with watch_stories(tmp_path_factory.mktemp("watched"), CYCLES) as found:
        yield found


def said_at(runtime: Runtime, at: datetime) -> Said:
    """Return every verdict as of an instant, computed from what the register holds now."""
    bind_as_known_at(runtime, at)
    mirror = PastMirror(runtime.register, {name: one.inputs() for name, one in runtime.contexts.items()}, at)
    found: Said = {}
    for name, context in runtime.contexts.items():
        inputs = runtime.inputs(context, at)
        for ticket_id in runtime.register.tickets.record_ids(name):
            record = map_past(inputs, ticket_id, mirror)
            if isinstance(record, CapaRecord):
                for verdict in judge_past(inputs.of(record.source), record, mirror, explain=False):
                    place = record.source, record.ticket_id, verdict.rule
                    found[place] = (verdict.outcome.value, verdict.severity.value, verdict.reason)
    return found


def test_what_is_computed_later_equals_what_was_recorded(watched: Watched) -> None:
    """Each verdict of each cycle, on all three trackers, with its severity and reason."""
    assert len(watched.recorded) > CYCLES
    for at, recorded in watched.recorded.items():
        assert said_at(watched.runtime, at) == recorded


def test_before_the_first_read_a_verdict_is_the_same_or_cannot_be_told(watched: Watched) -> None:
    """A register that read all at the end contradicts none; no history shows activity and deleted comments."""
    kept, lost = 0, set[str]()
    for at, recorded in watched.recorded.items():
        computed = said_at(watched.late, at)
        assert computed.keys() == recorded.keys()
        differing = {place for place, said in recorded.items() if computed[place] != said}
        assert {computed[place][0] for place in differing} <= {"cannot_tell"}
        kept += len(recorded) - len(differing)
        lost |= {rule for _source, _ticket, rule in differing}
    assert lost == {"owner-active", "due-date-moved"}
    assert kept > 10_000


def run(folder: Path, *arguments: str) -> Result:
    """Run a verb on a register."""
    return CliRunner().invoke(cli, [*arguments, "--config", str(folder / "capa-sync.toml")], env=SECRETS)


def test_explain_shows_a_past_day_the_same_twice(watched: Watched) -> None:
    """It names the day, the set and the version; before the first set and read it says so; later days it refuses."""
    at = sorted(watched.recorded)[-2]
    day = f"{at:%Y-%m-%d}"
    for runtime, words in ((watched.runtime, "from the version that was read"), (watched.late, "before 2026-03-31")):
        folder = runtime.register.path.parent
        shown = run(folder, "explain", "jira:CAPA-3", "--as-of", day)
        assert shown.exit_code == 0, shown.output
        assert f"as of the end of {day} in Europe/London" in shown.output
        assert words in shown.output
        assert run(folder, "explain", "jira:CAPA-3", "--as-of", day).output == shown.output
