"""New wording alone triggers no write: it is counted, and edited on request; what cannot be judged is reported."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.sandbox.stories.script import ChangeStage, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import IMPATIENT, NOW, ROOT, Harness

ORDER = "root-cause-before-action"
OLD, NEW = "is written down yet", "stands here yet"


def _reword(harness: Harness) -> None:
    """Change the words of a rule for the state that the tickets are in, in its texts and in its tests."""
    file = harness.folder / "rules" / f"{ORDER}.yaml"
    text = file.read_text(encoding="utf-8")
    new, count = re.subn(OLD.replace(" ", r"\s+"), NEW, text)
    assert count >= 3, "in two texts and in what a test expects"
    file.write_text(new, encoding="utf-8")


def _comments(harness: Harness) -> list[str]:
    found = [harness.picture("jira", story)["comments"] for story in ("broken", "second")]
    assert [len(comments) for comments in found] == [1, 1]
    return [str(comments[0]) for comments in found]


@pytest.fixture
def reworded(make_harness: MakeHarness) -> Harness:
    """Two warned tickets whose rule has new wording since."""
    harness = make_harness("jira", rules=(ORDER,))
    for story in ("broken", "second"):
        harness.create_broken("jira", story)
    harness.sync()
    assert all(OLD in comment for comment in _comments(harness))
    _reword(harness)
    harness.set_clock(NOW + timedelta(hours=1))
    return harness


def test_another_wording_writes_nothing_and_plan_and_status_count_it(reworded: Harness) -> None:
    """Neither the next sync nor the one after it writes; `plan` reports the wording beforehand."""
    harness, before = reworded, len(reworded.writes())
    message = "jira: 2 comments have older wording; `capa-sync sync --refresh N|all` edits them"
    planned = harness.run("plan")
    assert "nothing would be written" in planned.out
    assert message in planned.out
    harness.sync()
    tables = harness.tables()
    harness.sync()
    assert len(harness.writes()) == before
    assert harness.tables()["write_out"] == tables["write_out"]
    assert message in harness.run("status").out


def test_refresh_edits_so_many_and_notifies_nobody(reworded: Harness) -> None:
    """The comments are edited one after the other, in place and without notification, until none is left."""
    harness, before = reworded, len(reworded.writes())
    assert harness.run("sync", "--refresh", "1").code == 0
    assert sorted(NEW in comment for comment in _comments(harness)) == [False, True]
    assert "jira: 1 comment has older wording" in harness.run("status").out
    assert harness.run("sync", "--refresh", "all").code == 0
    assert all(NEW in comment for comment in _comments(harness))
    edits = [
        request
        for request in harness.servers["jira"].requests
        if request.method == "PUT" and "/comment/" in request.path
    ]
    assert len(edits) == 2
    assert all("false" in str(edit.query["notifyUsers"]) for edit in edits)
    assert len(harness.writes()) == before + 2
    assert "older wording" not in harness.run("status").out
    assert harness.run("sync", "--refresh", "all").code == 0
    assert len(harness.writes()) == before + 2


def _texts(harness: Harness, source: str) -> list[str]:
    """The text of ours on both tickets; there is one on each."""
    pictures = [harness.picture(source, story) for story in ("broken", "second")]
    texts = [[picture["text"]] if source == "servicenow" else picture["comments"] for picture in pictures]
    assert [len(found) for found in texts] == [1, 1]
    return [str(found[0]) for found in texts]


def test_refresh_edits_on_every_kind_of_tracker_and_adds_nothing(make_harness: MakeHarness) -> None:
    """So many tickets of each source are edited in place; no second comment and no work note appears."""
    harness = make_harness(rules=(ORDER,))
    for source in harness.names:
        for story in ("broken", "second"):
            harness.create_broken(source, story)
    harness.sync()
    notes = [harness.picture("servicenow", story)["notes"] for story in ("broken", "second")]
    assert all(notes)
    _reword(harness)
    harness.set_clock(NOW + timedelta(hours=1))
    assert harness.run("sync", "--refresh", "1").code == 0
    for source in harness.names:
        assert sorted(NEW in text for text in _texts(harness, source)) == [False, True], source
    assert harness.run("sync", "--refresh", "all").code == 0
    before = len(harness.writes())
    for source in harness.names:
        assert all(NEW in text for text in _texts(harness, source)), source
    assert [harness.picture("servicenow", story)["notes"] for story in ("broken", "second")] == notes
    assert harness.run("sync", "--refresh", "all").code == 0
    assert len(harness.writes()) == before


def test_a_refresh_is_left_for_the_daemon(reworded: Harness) -> None:
    """While `run` holds the register, the daemon edits at its next tick."""
    harness = reworded
    with harness.daemon() as daemon:
        left = harness.run("sync", "--refresh", "all")
        assert (left.code, "will refresh at its next tick" in left.out) == (0, True)
        daemon.wait_for("write_delivered", 2)
    assert all(NEW in comment for comment in _comments(harness))


def test_refresh_takes_a_number_or_all(reworded: Harness) -> None:
    """Any other value is the user's mistake."""
    done = reworded.run("sync", "--refresh", "some")
    assert (done.code, "--refresh takes a number of tickets or `all`, not 'some'" in done.err) == (2, True)


def test_a_comment_rewritten_for_another_reason_takes_the_new_wording(reworded: Harness) -> None:
    """The comment whose facts changed gets the new wording, the other does not."""
    harness = reworded
    harness.play_event("jira", "broken", Fill({"root_cause": "TBD"}))
    harness.play_event("jira", "second", Fill({"root_cause": "No deputy was named, so the reminder reached nobody"}))
    harness.sync()
    broken, second = _comments(harness)
    assert OLD in broken, "a placeholder is no cause: the same facts as before"
    assert "before a root cause was first written down" in second


def _rows(harness: Harness) -> dict[str, list[object]]:
    """Return the rows of a register that a test edited, so that its chain is not whole."""
    with harness.register() as register:
        return register.rows_by_table(derived=True)


def test_an_upgrade_alone_writes_nothing(make_harness: MakeHarness) -> None:
    """The trackers hold comments, fields and notes of a version that stored no facts and hashed other things."""
    harness = make_harness(rules=(ORDER, "action-overdue"))
    for source in harness.names:
        harness.create_broken(source)
    harness.sync()
    before = len(harness.writes())
    with sqlite3.connect(harness.register_file) as register:
        register.execute(
            "UPDATE write_out SET facts = NULL, hash = 'v' || hash, text = replace(text, 'cause', 'why')"
        )
        register.execute("UPDATE finding SET args = '[\"not yet written\"]', message = 'old words', rule_set = 'old'")
        register.execute("DELETE FROM milestone WHERE name = 'judged_with'")
    register.close()
    harness.set_clock(NOW + timedelta(hours=1))
    assert harness.run("sync").code == 0
    tables = _rows(harness)
    assert harness.run("sync").code == 0
    assert len(harness.writes()) == before
    assert _rows(harness) == tables
    reported = harness.run("status").out
    assert [f"{name}: 1 comment has older wording" in reported for name in harness.names] == [True, True, True]
    harness.play_event("jira", "broken", Fill({"root_cause": "No deputy was named, so the reminder reached nobody"}))
    harness.sync()
    assert "first written down on 15 June 2026" in str(harness.picture("jira", "broken")["comments"])


def test_all_that_rules_say_is_one_page(make_harness: MakeHarness) -> None:
    """`rules wording` prints the texts around the points, then those of each rule; `--json` holds the same."""
    harness = make_harness("jira", rules=(ORDER,))
    page = harness.run("rules", "wording", "rules")
    assert page.code == 0
    assert page.out.count("\n## ") == 2
    assert "> Clause 10 check - these checks no longer apply to this ticket (as of" in page.out
    assert "> The root cause was removed again." in page.out
    found = json.loads(harness.run("rules", "wording", "rules", "--json").out)
    assert {rule["rule"] for rule in found["rules"]} == {ORDER}
    assert len(found["on_the_ticket"]) > 8


def test_a_warned_ticket_that_is_rejected_says_that_the_checks_no_longer_apply(make_harness: MakeHarness) -> None:
    """Each tracker gets one such text; our labels are removed, and nothing is called fixed or clear."""
    harness = make_harness(rules=(ORDER, "action-overdue"))
    for source in harness.names:
        harness.create_broken(source)
    harness.sync()
    harness.set_clock(NOW + timedelta(days=1, hours=1))
    for source in harness.names:
        harness.play_event(
            source, "broken", ChangeStage("rejected", {"rejected_reason": "It was an agreed test of the alarm."})
        )
    harness.sync()
    pictures = {source: harness.picture(source, "broken") for source in harness.names}
    for source, picture in pictures.items():
        text = picture["text"] if source == "servicenow" else str(picture["comments"])
        assert "these checks no longer apply to this ticket" in text.replace("\\", ""), source
        assert not re.search("fixed|are clear|no open warnings", text), source
        assert (picture.get("labels", []), picture["state"]) == ([], "clear")
    assert ["no longer apply" in note for note in pictures["servicenow"]["notes"]].count(True) == 1
    before = len(harness.writes())
    harness.sync()
    assert len(harness.writes()) == before


# --- what could not be judged --------------------------------------------------------------------------------------
@pytest.fixture
def blind(make_harness: MakeHarness) -> Harness:
    """A source whose mapping names no field for the location, and lists no option for one ticket's grade."""
    harness = make_harness("jira", rules=("what-when-where", "correction-recorded"))
    harness.create_clean("jira", "first")
    harness.create_clean("jira", "second")
    text = (ROOT / "mappings/jira-cloud.yaml").read_text(encoding="utf-8")
    own = harness.folder / "jira.yaml"
    lines = [line for line in text.splitlines() if not line.startswith(("  location:", "people:"))]
    own.write_text("\n".join(line.replace("Minor: minor", "Lesser: minor") for line in lines), encoding="utf-8")
    settings = harness.write_settings()
    harness.file.write_text(settings.replace(str(ROOT / "mappings/jira-cloud.yaml"), "jira.yaml"), encoding="utf-8")
    harness.set_clock(NOW + timedelta(days=5))
    return harness


def _line(file: Path, start: str) -> int:
    return next(
        n for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if line.startswith(start)
    )


def test_sync_plan_and_status_end_with_what_could_not_be_judged(blind: Harness) -> None:
    """The last line has each reason with its place in the mapping and its tickets; nothing is called clear."""
    file = blind.folder / "jira.yaml"
    planned, done = blind.run("plan"), blind.run("sync")
    status = blind.run("status")
    last = [result.out.splitlines()[-1] for result in (planned, done, status)]
    assert len(set(last)) == 1
    assert last[0].startswith("jira: 4 verdicts cannot tell: ")
    assert (
        f"'location' is not mapped: jira.yaml:{_line(file, 'record:')} names no field for it (2 tickets)" in last[0]
    )
    assert f"is not listed at jira.yaml:{_line(file, '  grade:')} (2 tickets)" in last[0]
    assert "nothing could be checked: no check that applies can tell" in done.out
    assert "no open warnings" not in done.out


def test_a_status_that_the_mapping_lacks_is_told_with_its_line_and_not_as_an_incomplete_history(
    make_harness: MakeHarness,
) -> None:
    """`sync` and `explain` name the past status and where the mapping lists statuses; so does a quarantine."""
    harness = make_harness("jira", rules=(ORDER, "what-when-where"))
    keys = [harness.create_clean("jira", story) for story in ("first", "second")]
    harness.play_event("jira", "second", Fill({"root_cause": "Nobody owns the test."}))
    harness.play_event("jira", "second", ChangeStage("planned"))
    text = (ROOT / "mappings/jira-cloud.yaml").read_text(encoding="utf-8")
    own = harness.folder / "jira.yaml"
    own.write_text(re.sub(r"^(    (Open|Analysed): |people:).*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    settings = harness.write_settings()
    harness.file.write_text(settings.replace(str(ROOT / "mappings/jira-cloud.yaml"), "jira.yaml"), encoding="utf-8")
    place = f"is not listed under `stage: values:` at jira.yaml:{_line(own, 'stage:')}"
    done = harness.run("sync")
    explained = [harness.run("explain", key, "--rule", ORDER).out for key in keys]
    (told,) = [line for line in done.out.splitlines() if "cannot tell: " in line]
    for shown in (told, done.out.replace(told, ""), *explained):
        assert place in shown
        assert "history is incomplete" not in shown


def test_nothing_read_is_nothing_checked(make_harness: MakeHarness) -> None:
    """Unreachable trackers give no all-clear."""
    harness = make_harness("jira", "jira-dc", rules=(ORDER,))
    harness.create_clean("jira-dc")
    harness._stack.close()
    done = harness.run("sync", **IMPATIENT)
    assert done.code == 3
    assert "nothing was checked now: no source could be read" in done.out
    assert "no open warnings" not in done.out


def test_no_check_applies_is_nothing_checked(make_harness: MakeHarness) -> None:
    """Tickets to which no rule applies are not reported as free of warnings."""
    harness = make_harness("jira", rules=("effectiveness-before-close",))
    harness.create_clean("jira")
    done = harness.run("sync")
    assert "nothing was checked: no check applies to any of these tickets" in done.out
    assert "no open warnings" not in done.out
