"""Other words never trigger a write: they are counted, and edited when a person asks; what was not told is told."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.sandbox.stories.script import ChangeStage, Fill
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import NOW, ROOT, Desk

ORDER = "root-cause-before-action"
OLD, NEW = "is written down yet", "stands here yet"


def _reword(desk: Desk) -> None:
    """Give a rule other words for the state that the tickets are in, in its texts and in its tests."""
    file = desk.folder / "rules" / f"{ORDER}.yaml"
    text = file.read_text(encoding="utf-8")
    new, count = re.subn(OLD.replace(" ", r"\s+"), NEW, text)
    assert count >= 3, "in two texts and in what a test expects"
    file.write_text(new, encoding="utf-8")


def _comments(desk: Desk) -> list[str]:
    found = [desk.picture("jira", story)["comments"] for story in ("broken", "second")]
    assert [len(each) for each in found] == [1, 1]
    return [str(each[0]) for each in found]


@pytest.fixture
def reworded(make_desk: MakeDesk) -> Desk:
    """Two warned tickets whose rule got another wording since."""
    desk = make_desk("jira", rules=(ORDER,))
    for story in ("broken", "second"):
        desk.tell_broken("jira", story)
    desk.sync()
    assert all(OLD in each for each in _comments(desk))
    _reword(desk)
    desk.set_clock(NOW + timedelta(hours=1))
    return desk


def test_another_wording_writes_nothing_and_plan_and_status_count_it(reworded: Desk) -> None:
    """Neither the next sync nor the one after it; `plan` tells it beforehand."""
    desk, before = reworded, len(reworded.writes())
    told = "jira: 2 comments have older wording; `capa-sync sync --refresh N|all` edits them"
    planned = desk.run("plan")
    assert "nothing would be written" in planned.out
    assert told in planned.out
    desk.sync()
    tables = desk.tables()
    desk.sync()
    assert len(desk.writes()) == before
    assert desk.tables()["write_out"] == tables["write_out"]
    assert told in desk.run("status").out


def test_refresh_edits_so_many_and_notifies_nobody(reworded: Desk) -> None:
    """One, then the other, as quiet edits in place; then there is none left."""
    desk, before = reworded, len(reworded.writes())
    assert desk.run("sync", "--refresh", "1").code == 0
    assert sorted(NEW in each for each in _comments(desk)) == [False, True]
    assert "jira: 1 comment has older wording" in desk.run("status").out
    assert desk.run("sync", "--refresh", "all").code == 0
    assert all(NEW in each for each in _comments(desk))
    edits = [each for each in desk.servers["jira"].requests if each.method == "PUT" and "/comment/" in each.path]
    assert len(edits) == 2
    assert all("false" in str(each.query["notifyUsers"]) for each in edits)
    assert len(desk.writes()) == before + 2
    assert "older wording" not in desk.run("status").out
    assert desk.run("sync", "--refresh", "all").code == 0
    assert len(desk.writes()) == before + 2


def test_a_refresh_is_left_for_the_daemon(reworded: Desk) -> None:
    """While `run` holds the register, it edits at its next tick."""
    desk = reworded
    with desk.daemon() as daemon:
        left = desk.run("sync", "--refresh", "all")
        assert (left.code, "will refresh at its next tick" in left.out) == (0, True)
        daemon.wait_for("write_delivered", 2)
    assert all(NEW in each for each in _comments(desk))


def test_refresh_takes_a_number_or_all(reworded: Desk) -> None:
    """Anything else is the user's mistake."""
    done = reworded.run("sync", "--refresh", "some")
    assert (done.code, "--refresh takes a number of tickets or `all`, not 'some'" in done.err) == (2, True)


def test_a_comment_rewritten_for_another_reason_takes_the_new_wording(reworded: Desk) -> None:
    """The one whose facts changed, and not the other."""
    desk = reworded
    desk.tell("jira", "broken", Fill({"root_cause": "TBD"}))
    desk.tell("jira", "second", Fill({"root_cause": "No deputy was named, so the reminder reached nobody"}))
    desk.sync()
    broken, second = _comments(desk)
    assert OLD in broken, "a placeholder is no cause: the same facts as before"
    assert "before a root cause was first written down" in second


def test_an_upgrade_alone_writes_nothing(make_desk: MakeDesk) -> None:
    """Comments, fields and notes of a version that kept no facts and hashed other things stand on all trackers."""
    desk = make_desk(rules=(ORDER, "action-overdue"))
    for source in desk.names:
        desk.tell_broken(source)
    desk.sync()
    before = len(desk.writes())
    with sqlite3.connect(desk.register_file) as register:
        register.execute(
            "UPDATE write_out SET facts = NULL, hash = 'v' || hash, text = replace(text, 'cause', 'why')"
        )
        register.execute("UPDATE finding SET args = '[\"not yet written\"]', message = 'old words', rule_set = 'old'")
        register.execute("DELETE FROM milestone WHERE name = 'judged_with'")
    register.close()
    desk.set_clock(NOW + timedelta(hours=1))
    assert desk.run("sync").code == 0
    tables = desk.tables()
    assert desk.run("sync").code == 0
    assert len(desk.writes()) == before
    assert desk.tables() == tables
    told = desk.run("status").out
    assert [f"{name}: 1 comment has older wording" in told for name in desk.names] == [True, True, True]
    desk.tell("jira", "broken", Fill({"root_cause": "No deputy was named, so the reminder reached nobody"}))
    desk.sync()
    assert "first written down on 15 June 2026" in str(desk.picture("jira", "broken")["comments"])


def test_all_that_rules_say_is_one_page(make_desk: MakeDesk) -> None:
    """The texts around the points, then each rule's own; `--json` holds the same."""
    desk = make_desk("jira", rules=(ORDER,))
    page = desk.run("rules", "wording", "rules")
    assert page.code == 0
    assert page.out.count("\n## ") == 2
    assert "> Clause 10 check - these checks no longer apply to this ticket (as of" in page.out
    assert "> The root cause was removed again." in page.out
    found = json.loads(desk.run("rules", "wording", "rules", "--json").out)
    assert {rule["rule"] for rule in found["rules"]} == {ORDER}
    assert len(found["on_the_ticket"]) > 8


def test_a_warned_ticket_that_is_rejected_says_that_the_checks_no_longer_apply(make_desk: MakeDesk) -> None:
    """On every tracker, once, in a text of its own; our labels go, and nothing is called fixed or clear."""
    desk = make_desk(rules=(ORDER, "action-overdue"))
    for source in desk.names:
        desk.tell_broken(source)
    desk.sync()
    desk.set_clock(NOW + timedelta(days=1, hours=1))
    for source in desk.names:
        desk.tell(
            source, "broken", ChangeStage("rejected", {"rejected_reason": "It was an agreed test of the alarm."})
        )
    desk.sync()
    pictures = {source: desk.picture(source, "broken") for source in desk.names}
    for source, picture in pictures.items():
        told = picture["text"] if source == "servicenow" else str(picture["comments"])
        assert "these checks no longer apply to this ticket" in told.replace("\\", ""), source
        assert not re.search("fixed|are clear|no open warnings", told), source
        assert (picture.get("labels", []), picture["state"]) == ([], "clear")
    assert ["no longer apply" in note for note in pictures["servicenow"]["notes"]].count(True) == 1
    before = len(desk.writes())
    desk.sync()
    assert len(desk.writes()) == before


# --- what could not be told ----------------------------------------------------------------------------------------
@pytest.fixture
def blind(make_desk: MakeDesk) -> Desk:
    """A source whose mapping names no field for the location, and lists no option for one ticket's grade."""
    desk = make_desk("jira", rules=("what-when-where", "correction-recorded"))
    desk.tell_clean("jira", "first")
    desk.tell_clean("jira", "second")
    text = (ROOT / "mappings/jira-cloud.yaml").read_text(encoding="utf-8")
    own = desk.folder / "jira.yaml"
    lines = [line for line in text.splitlines() if not line.startswith(("  location:", "people:"))]
    own.write_text("\n".join(line.replace("Minor: minor", "Lesser: minor") for line in lines), encoding="utf-8")
    settings = desk.write_settings()
    desk.file.write_text(settings.replace(str(ROOT / "mappings/jira-cloud.yaml"), "jira.yaml"), encoding="utf-8")
    desk.set_clock(NOW + timedelta(days=5))
    return desk


def _line(file: Path, start: str) -> int:
    return next(
        n for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if line.startswith(start)
    )


def test_sync_plan_and_status_end_with_what_could_not_be_told(blind: Desk) -> None:
    """Grouped by reason, with the place in the mapping and the number of tickets; and nothing is called clear."""
    file = blind.folder / "jira.yaml"
    planned, done = blind.run("plan"), blind.run("sync")
    status = blind.run("status")
    last = [each.out.splitlines()[-1] for each in (planned, done, status)]
    assert len(set(last)) == 1
    assert last[0].startswith("jira: 4 verdicts cannot tell: ")
    assert (
        f"'location' is not mapped: jira.yaml:{_line(file, 'record:')} names no field for it (2 tickets)" in last[0]
    )
    assert f"is not listed at jira.yaml:{_line(file, '  grade:')} (2 tickets)" in last[0]
    assert "nothing could be checked: no check that applies can tell" in done.out
    assert "no open warnings" not in done.out


def test_nothing_read_is_nothing_checked(make_desk: MakeDesk) -> None:
    """An unreachable tracker gives no all-clear; one beside it that was read is told as far as it goes."""
    desk = make_desk("jira", "jira-dc", rules=(ORDER,))
    desk.tell_clean("jira-dc")
    desk._stack.close()
    done = desk.run("sync")
    assert done.code == 3
    assert "nothing was checked now: no source could be read" in done.out
    assert "no open warnings" not in done.out


def test_no_check_applies_is_nothing_checked(make_desk: MakeDesk) -> None:
    """Tickets to which no rule applies are not called free of warnings."""
    desk = make_desk("jira", rules=("effectiveness-before-close",))
    desk.tell_clean("jira")
    done = desk.run("sync")
    assert "nothing was checked: no check applies to any of these tickets" in done.out
    assert "no open warnings" not in done.out
