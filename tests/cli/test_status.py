"""What `status` tells from the register alone."""

from __future__ import annotations

import json

from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import Desk


def _waiting(desk: Desk) -> list[str]:
    done = desk.run("status", "--json")
    return [name for source in json.loads(done.out)["sources"] for name in source["twins_unknown"]]


def test_a_source_that_was_never_read_and_may_name_tickets_of_another_is_told(make_desk: MakeDesk) -> None:
    """The link is noted by whatever runs a cycle first, so that `status` needs no mapping; it goes with the link."""
    desk = make_desk("jira", "servicenow")
    desk.tell_broken("servicenow")
    assert desk.run("sync", "--source", "servicenow").code == 0
    assert _waiting(desk) == ["jira"], "jira's mapping names tickets of servicenow in `same_as`"
    assert "tickets of jira may name these as the same record" in desk.run("status").out
    desk.run("sync")
    assert _waiting(desk) == []


def test_status_works_while_rules_and_mappings_are_being_edited(make_desk: MakeDesk) -> None:
    """It judges nothing: a slip in a rule or a mapping is no reason to hide how the register stands."""
    desk = make_desk("jira")
    desk.sync()
    mapping = desk.folder / "broken.yaml"
    mapping.write_text("mapping: [", encoding="utf-8")
    text = desk.file.read_text(encoding="utf-8")
    lines = [f'mapping = "{mapping}"' if line.startswith("mapping =") else line for line in text.splitlines()]
    desk.file.write_text("\n".join(lines), encoding="utf-8")
    done = desk.run("status")
    assert (done.code, done.err) == (0, "")
    assert desk.run("sync").code == 2
