"""`plan` before, during and after a pause or a withdrawal: it says what `sync` then does, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.sandbox.stories.script import Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import Harness

RULES = ("root-cause-before-action",)
STORIES = ("one", "two", "three")
RELEASE = "before `capa-sync sync --release N|all`"
FREE = "no brake holds: `capa-sync sync` writes all of it"
ASKED = "a withdrawal was asked for"
_TICKET = re.compile(r"/(?:issue|sn_grc_issue)/([^/?]+)")


def _first(harness: Harness) -> None:
    """A register that never wrote."""
    assert harness.run("sync").code == 4


def _held(harness: Harness) -> None:
    """One ticket of three was released, the others wait."""
    assert harness.run("sync", "--release", "1").code == 0


def _released(harness: Harness) -> None:
    """All were written on, and there is one ticket more."""
    harness.sync()
    harness.create_broken(harness.names[0], "later", days=0)


def _nothing(harness: Harness) -> None:
    """Nobody asked for a halt."""


def _paused(harness: Harness) -> None:
    assert harness.run("pause").code == 0


def _asked(harness: Harness) -> None:
    assert harness.run("withdraw").code == 0


def _done(harness: Harness) -> None:
    _asked(harness)
    harness.sync()


def _resumed(harness: Harness) -> None:
    _done(harness)
    assert harness.run("resume").code == 0


BRAKES: dict[str, Callable[[Harness], None]] = {"first": _first, "held": _held, "released": _released}
HALTS: dict[str, Callable[[Harness], None]] = {
    "none": _nothing,
    "paused": _paused,
    "asked": _asked,
    "done": _done,
    "resumed": _resumed,
}


def _plan(harness: Harness, *, reads_text: bool = True) -> dict[str, Any]:
    """Return the plan of the only source, after checking it against its list of tickets and the text for people."""
    result = json.loads(harness.run("plan", "--json").out)
    [source] = result["sources"]
    assert source["tickets"] == sum(source["would"].values()) == len(result["tickets"])
    assert {write["ticket_key"] for write in result["planned"]} == {row["ticket"] for row in result["tickets"]}
    if reads_text:
        text = harness.run("plan").out
        assert all(f"  {line}" in text.splitlines() for line in source["brakes"])
        assert ("for example, on" in text) == bool(source["would"]["new comment"])
    return dict(source)


def _written(harness: Harness, *options: str, code: int | None = None) -> int:
    """Run `sync`, and return on how many tickets it wrote."""
    before = len(harness.writes())
    done = harness.run("sync", *options)
    assert code in (None, done.code), done.err
    return len({_TICKET.findall(path)[0] for _source, _method, path in harness.writes()[before:]})


def _set_mode(harness: Harness, mode: str) -> None:
    text = harness.file.read_text(encoding="utf-8")
    harness.file.write_text(re.sub(r'mode = "(?:on|off|plan)"', f'mode = "{mode}"', text), encoding="utf-8")


def _assert_true(source: dict[str, Any], halt: str) -> None:
    """Assert that the lines name the state that there is, and no other."""
    said = "\n".join(source["brakes"])
    assert ("writing is paused" in said) == (halt == "paused")
    assert (ASKED in said) == (halt == "asked" and source["tickets"] > 0)
    assert ("no warning is written" in said or "our texts are being withdrawn" in said) == (halt in ("asked", "done"))
    assert ("never written before" in said) <= (halt not in ("asked", "done"))
    if halt in ("asked", "done"):
        assert source["would"]["new comment"] == source["would"]["edit"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("halt", HALTS)
@pytest.mark.parametrize("brake", BRAKES)
def test_sync_writes_on_as_many_tickets_as_plan_says(make_harness: MakeHarness, brake: str, halt: str) -> None:
    """In every mode, with each brake and halt: what plan says of `sync` and of its release is what these do."""
    harness = make_harness("jira", rules=RULES)
    for story in STORIES:
        harness.create_broken("jira", story)
    BRAKES[brake](harness)
    HALTS[halt](harness)
    harness.set_clock(harness.clock.now() + timedelta(hours=25))  # a ticket's people are notified once a day
    for mode in ("off", "plan"):
        _set_mode(harness, mode)
        source = _plan(harness, reads_text=False)
        _assert_true(source, halt)
        assert FREE not in source["brakes"]
        assert (source["mode"], _written(harness)) == (mode, 0)
    _set_mode(harness, "on")
    source = _plan(harness)
    _assert_true(source, halt)
    tickets, said = source["tickets"], "\n".join(source["brakes"])
    if halt == "paused":
        assert ("even then nothing would be written" in said) == (brake != "released")
        assert (_written(harness, code=0), _written(harness, "--release", "all", code=2)) == (0, 0)
    elif RELEASE in said:
        assert (_written(harness, code=4), _written(harness, "--release", "all", code=0)) == (0, tickets)
        assert tickets
    else:
        assert (FREE in said) == bool(tickets)
        assert _written(harness, code=0) == tickets


@pytest.mark.parametrize("source", ["jira", "servicenow"])
def test_a_withdrawal_plans_removals_alone_and_then_nothing(make_harness: MakeHarness, source: str) -> None:
    """Warnings that a brake held before are neither counted nor shown while they are not written, nor previewed."""
    harness = make_harness(source, rules=RULES)
    for story in STORIES:
        harness.create_broken(source, story)
    assert harness.run("sync", "--release", "1").code == 0
    assert harness.run("withdraw").code == 0
    planned = _plan(harness)
    assert planned["would"] == {"new comment": 0, "edit": 0, "withdrawal": 1, "labels only": 0}
    assert planned["brakes"][-1] == f"{ASKED}: nothing would be written {RELEASE}"
    assert _written(harness, "--release", "all") == 1
    planned = _plan(harness)
    assert (planned["tickets"], len(planned["brakes"])) == (0, 1)
    assert planned["brakes"][0].startswith("all our texts are taken back; no warning is written since")
    assert _written(harness) == 0
    rule = harness.folder / "rules" / f"{RULES[0]}.yaml"
    rule.write_text(rule.read_text(encoding="utf-8").replace("severity: high", "severity: low"), encoding="utf-8")
    [previewed] = json.loads(harness.run("preview", "--json").out)["sources"]
    assert not any(previewed["would"].values())
    assert not any(previewed["would_now"].values())
    assert previewed["brakes"] == planned["brakes"]


def test_a_brake_holds_no_write_that_was_allowed_before(make_harness: MakeHarness) -> None:
    """A release of one ticket whose write the tracker refused for now: `sync` goes on with it, the rest is held."""
    harness = make_harness("jira", rules=RULES)
    for story in STORIES:
        harness.create_broken("jira", story)
    harness.servers["jira"].faults.add("answer", ("POST", "/comment"), status=429, answer={}, times=None)
    assert harness.run("sync", "--release", "1").code == 3
    harness.servers["jira"].faults.clear()
    harness.set_clock(harness.clock.now() + timedelta(hours=1))
    planned = _plan(harness)
    assert planned["tickets"] == 3
    assert planned["brakes"] == [
        "`sync` goes on with what was allowed before: 1 ticket",
        f"an earlier stop was not released: nothing else would be written {RELEASE}",
    ]
    assert _written(harness, code=4) == 1


def test_what_a_brake_held_and_now_waits_for_quiet_is_not_counted(make_harness: MakeHarness) -> None:
    """A ticket that somebody edits is named as waiting, and no release writes on it before it is quiet."""
    harness = make_harness("jira", rules=RULES, extra={"jira": 'write_back = { settle = "10m" }'})
    harness.create_broken("jira", "one")
    assert harness.run("sync").code == 4
    assert _plan(harness)["tickets"] == 1
    key = harness.key("jira", "one")
    harness.set_clock(harness.clock.now() + timedelta(hours=1))
    harness.play_event("jira", "one", Fill({"location": "The finance application in Leeds"}))
    planned = _plan(harness)
    assert (planned["tickets"], [row["ticket"] for row in planned["waiting"]]) == (0, [key])
    assert _written(harness, "--release", "all") == 0
