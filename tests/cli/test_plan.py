"""People decide by `plan`: it shows what would be written and why, and whether `sync` would write it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from capa_sync.sandbox.stories.script import ChangeStage, Create, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, IMPATIENT, NOW, Harness

ORDER, CORRECTION = "root-cause-before-action", "correction-recorded"
RULES = (ORDER, CORRECTION, "action-overdue")


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """Six tickets to warn on in Jira, one in ServiceNow, two that cannot be mapped; at most four comments a day."""
    harness = shared_harness(
        "jira", "servicenow", rules=RULES, write_back='mode = "on"\nmax_new_comments_per_day = 4'
    )
    for number in range(6):
        harness.create_broken("jira", f"broken-{number}")
    harness.create_broken("servicenow")
    for story in ("odd", "other"):
        harness.play_event("jira", story, Create({**FACTS, "title": story}))
        harness.play_event("jira", story, ChangeStage("under discussion"))
    harness.set_clock(NOW + timedelta(hours=2))
    return harness


def _plan(harness: Harness, *options: str, code: int = 0, **env: str) -> list[str]:
    done = harness.run("plan", *options, **env)
    assert done.code == code, done.err
    return done.out.splitlines()


def test_tickets_are_listed_by_rule_with_what_happens_and_why(harness: Harness) -> None:
    """The output has the rule with its severity and count, then each ticket with the message of its finding."""
    lines = _plan(harness)
    start = lines.index(f"{ORDER} (high): 7 tickets")
    rows = lines[start + 1 : start + 8]
    keys = {f"jira:{harness.key('jira', f'broken-{number}')}" for number in range(6)}
    assert {row.split()[0] for row in rows} == keys | {f"servicenow:{harness.key('servicenow', 'broken')}"}
    assert all("new comment" in row and "The corrective action started on 10 June 2026" in row for row in rows)


def test_the_summary_names_sums_mode_and_every_brake_that_would_hold(harness: Harness) -> None:
    """The first writing and the daily limit both hold, each with its release; within the limit only the first."""
    lines = _plan(harness)
    at = lines.index("jira: 6 tickets: 6 new comments, 0 edits, 0 withdrawals; mode on")
    release = "nothing would be written before `capa-sync sync --release N|all`"
    assert lines[at + 1 : at + 3] == [
        f"  this register has never written before: {release}",
        f"  6 new comments exceed 4 a day: {release}",
    ]
    at = lines.index("servicenow: 1 ticket: 1 new comment, 0 edits, 0 withdrawals; mode on")
    assert lines[at + 1] == f"  this register has never written before: {release}"
    assert not any("exceed" in line for line in lines[at:])


def test_what_is_quarantined_is_named_as_in_sync(harness: Harness) -> None:
    """`plan` has the same words as `sync`; tickets with the same reason share one line."""
    (line,) = [line for line in _plan(harness) if line.startswith("quarantined")]
    keys = [f"jira:{harness.key('jira', story)}" for story in ("odd", "other")]
    assert line.startswith(f"quarantined, not evaluated: {', '.join(keys)}: status 'Under discussion'")


def test_limit_shows_so_many_of_each_rule_and_counts_the_rest(harness: Harness) -> None:
    """`--limit 0` shows all tickets."""
    lines = _plan(harness, "--limit", "3")
    start = lines.index(f"{ORDER} (high): 7 tickets")
    assert lines[start + 4] == "  and 4 more; --limit 0 shows all"
    assert not any("more; --limit" in line for line in _plan(harness, "--limit", "0"))


def test_rule_shows_one_rule_alone_and_texts_the_whole_comment(harness: Harness) -> None:
    """The summary covers all rules; a rule without a ticket is reported as such, and an unknown rule is refused."""
    lines = _plan(harness, "--rule", ORDER, "--texts", "--limit", "1")
    assert sum("Rules: " in line for line in lines) == 1
    assert "jira: 6 tickets: 6 new comments, 0 edits, 0 withdrawals; mode on" in lines
    assert f"{CORRECTION}: nothing would be written because of it" in _plan(harness, "--rule", CORRECTION)
    done = harness.run("plan", "--rule", "corection-recorded")
    assert (done.code, done.err) == (2, f"there is no rule 'corection-recorded'; did you mean '{CORRECTION}'?\n")


def test_json_holds_the_same_for_programs(harness: Harness) -> None:
    """JSON has the tickets with their rules, the sums, the brakes, and each planned write with its text."""
    result = json.loads("\n".join(_plan(harness, "--json")))
    jira = next(source for source in result["sources"] if source["source"] == "jira")
    assert (jira["tickets"], jira["would"]["new comment"], jira["mode"], len(jira["brakes"])) == (6, 6, "on", 2)
    assert {row["does"] for row in result["tickets"]} == {"new comment"}
    assert all(row["rules"] == {ORDER: "high"} for row in result["tickets"])
    texts = [write["text"] for write in result["planned"] if write["kind"] == "comment"]
    assert len(texts) == 6
    assert all("Rules: root-cause-before-action" in text for text in texts)


def test_edits_and_withdrawals_are_distinguished(make_harness: MakeHarness) -> None:
    """A comment with a further point is edited; a comment whose last point was fixed is withdrawn."""
    harness = make_harness("jira", rules=(ORDER, CORRECTION))
    worse, fixed = harness.create_broken("jira", "worse"), harness.create_broken("jira", "fixed")
    harness.sync()
    harness.set_clock(NOW + timedelta(days=30))
    for story in ("worse", "fixed"):
        harness.play_event(
            "jira", story, Fill({"root_cause": "The deputy had no calendar entry for the yearly review."})
        )
    harness.play_event("jira", "fixed", Fill({"correction": "The missing review was done at once by the deputy."}))
    harness.play_event(
        "jira", "fixed", Fill({"action_text": "Name a deputy in the plan, and enter the review for each year"})
    )
    harness.set_clock(NOW + timedelta(days=30, hours=2))
    result = json.loads("\n".join(_plan(harness, "--json")))
    assert {row["ticket"]: row["does"] for row in result["tickets"]} == {worse: "edit", fixed: "withdrawal"}
    lines = _plan(harness)
    assert "jira: 2 tickets: 0 new comments, 1 edit, 1 withdrawal; mode on" in lines
    assert "  no brake holds: `capa-sync sync` writes all of it" in lines
    assert "warnings to be withdrawn, nothing is open any more: 1 ticket" in lines


@pytest.mark.parametrize("mode", ["off", "plan"])
def test_a_mode_that_writes_nothing_is_reported_with_the_other_brakes(make_harness: MakeHarness, mode: str) -> None:
    """Before somebody turns writing on, they read which brakes would hold then."""
    harness = make_harness("jira", rules=(ORDER,), write_back=f'mode = "{mode}"')
    harness.create_broken("jira")
    lines = _plan(harness)
    at = lines.index(f"jira: 1 ticket: 1 new comment, 0 edits, 0 withdrawals; mode {mode}")
    assert lines[at + 1] == f"  write_back.mode is {mode}: `sync` writes nothing before it is on"
    assert lines[at + 2].startswith("  this register has never written before: ")


def test_a_release_that_waits_is_reported(make_harness: MakeHarness) -> None:
    """After `sync --release` of more tickets than there were, no brake holds; a pause does hold."""
    harness = make_harness("jira", rules=(ORDER,))
    harness.sync()
    harness.create_broken("jira", days=0)
    harness.set_clock(NOW + timedelta(hours=2))
    assert "  no brake holds: `capa-sync sync` writes all of it" in _plan(harness)
    harness.run("pause")
    assert any("writing is paused since" in line and "capa-sync resume" in line for line in _plan(harness))


@pytest.mark.parametrize(
    ("source", "removed"),
    [
        ("jira", "our comment, the label capa-warning, the property capa-sync"),
        ("servicenow", "our content of u_capa_sync_state, u_capa_sync_text"),
    ],
)
def test_a_removal_says_in_words_what_is_removed(make_harness: MakeHarness, source: str, removed: str) -> None:
    """After `withdraw`, each ticket is listed with what is removed from it, and with --texts its present text."""
    harness = make_harness(source, rules=(ORDER,))
    key = harness.create_broken(source)
    harness.sync()
    assert harness.run("withdraw", "--source", source).code == 0
    lines = _plan(harness)
    at = lines.index("everything of ours to be taken back, as `capa-sync withdraw` asked: 1 ticket")
    assert lines[at + 1].split() == [f"{source}:{key}", "withdrawal", "removes", *removed.split()]
    assert not any("nothing is open any more" in line for line in lines)
    whole = _plan(harness, "--texts")
    at = whole.index("      the text that goes:")
    assert "Root cause" in "".join(whole[at + 1 : at + 12])
    result = json.loads("\n".join(_plan(harness, "--json")))
    assert ", ".join(result["tickets"][0]["removes"]) == removed
    assert all(entry["detail"].startswith(" removes ") for entry in result["planned"])


def test_tickets_that_wait_for_quiet_are_counted_and_named(make_harness: MakeHarness) -> None:
    """They are named also where nothing else would be written; when the time is over they are planned."""
    quiet = {"jira": 'write_back = { settle = "10m" }'}
    harness = make_harness("jira", rules=(ORDER,), extra=quiet)
    keys = [harness.create_broken("jira", story, days=0) for story in ("one", "two")]
    lines = _plan(harness)
    at = lines.index("jira: nothing would be written; mode on")
    names = ", ".join(keys)
    assert lines[at + 1] == f"  2 tickets wait for 10 minutes of quiet after the last edit by a person: {names}"
    [source] = json.loads("\n".join(_plan(harness, "--json")))["sources"]
    assert [ticket["ticket"] for ticket in source["waiting"]] == keys
    harness.set_clock(NOW + timedelta(minutes=11))
    assert not any("of quiet" in line for line in _plan(harness))


def test_tickets_whose_people_were_notified_today_are_counted_and_named(make_harness: MakeHarness) -> None:
    """A comment that a person deleted is written again a day after the last one."""
    harness = make_harness("jira", rules=(ORDER,))
    key = harness.create_broken("jira")
    harness.sync()
    harness.set_clock(NOW + timedelta(hours=1))
    tracker = harness.players["jira"].tracker
    [own] = [comment for comment in tracker.state.find(key).comments if "capa-sync" in str(comment.author)]
    tracker.as_user("anna").delete_comment(key, str(own.id))
    lines = _plan(harness)
    assert f"  1 ticket waits for 24 hours to pass since their last notification: {key}" in lines
    harness.set_clock(NOW + timedelta(hours=25))
    assert not any("24 hours to pass" in line for line in _plan(harness))


def test_tickets_whose_last_notification_is_in_doubt_are_counted_and_named(make_harness: MakeHarness) -> None:
    """A new point waits for the look-up of a comment whose answer was lost, however long ago that was."""
    harness = make_harness("jira", rules=(ORDER, CORRECTION))
    key = harness.create_broken("jira")
    harness.servers["jira"].faults.add("drop_after", ("POST", "/comment"))
    harness.sync(code=3)
    harness.set_clock(NOW + timedelta(days=30))
    lines = _plan(harness)
    at = lines.index("jira: 1 ticket: 0 new comments, 0 edits, 0 withdrawals, 1 labels only; mode on")
    assert lines[at + 1] == f"  1 ticket waits for the answer whether their last notification arrived: {key}"
    [source] = json.loads("\n".join(_plan(harness, "--json")))["sources"]
    assert [ticket["ticket"] for ticket in source["waiting"]] == [key]
    harness.sync()
    assert not any("last notification arrived" in line for line in _plan(harness))


def _assert_left_out(harness: Harness, source: str, code: int, **env: str) -> list[str]:
    """Assert that `plan` lists no ticket of a source and claims nothing of it; return its lines."""
    lines = _plan(harness, code=code, **env)
    assert any(line.startswith(f"{source}: nothing could be worked out: ") for line in lines)
    assert not any(line.startswith(f"{source}: nothing would be written") for line in lines)
    assert not any(f" {source}:" in line for line in lines), "of the last `sync`, not of now"
    result = json.loads("\n".join(_plan(harness, "--json", code=code, **env)))
    assert not any(row["source"] == source for row in (*result["tickets"], *result["planned"]))
    [row] = [row for row in result["sources"] if row["source"] == source]
    assert (row["tickets"], any(row["would"].values()), row["waiting"], row["brakes"]) == (0, False, [], [])
    return lines


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(
    ("source", "closed"),
    [
        ("jira-dc", ("GET", "/serverInfo|/myself")),
        ("jira-dc", (".*", "/search")),
        ("servicenow", ("GET", "/table/sn_grc_issue")),
    ],
)
def test_for_a_source_that_was_not_read_nothing_could_be_worked_out(
    make_harness: MakeHarness, source: str, closed: tuple[str, str], *, is_known: bool
) -> None:
    """`plan` ends with 3 and lists the other source alone, also where an earlier `sync` left planned writes."""
    harness = make_harness("jira", source, rules=RULES)
    for name in harness.names:
        harness.create_broken(name)
    if is_known:
        assert harness.run("sync").code == 4
        assert f"{ORDER} (high): 2 tickets" in _plan(harness)
    harness.servers[source].faults.add("answer", closed, status=401, answer={}, times=None)
    lines = _assert_left_out(harness, source, 3, **IMPATIENT)
    assert any(line.startswith("jira: 1 ticket: 1 new comment") for line in lines)
    assert f"{ORDER} (high): 1 ticket" in lines
    only = _plan(harness, "--rule", CORRECTION, code=3, **IMPATIENT)
    assert only[0] == f"{CORRECTION}: nothing would be written because of it on jira"
    only = _plan(harness, "--rule", CORRECTION, "--source", source, code=3, **IMPATIENT)
    assert not any("because of it" in line for line in only)


def test_with_a_wrong_clock_nothing_could_be_worked_out(make_harness: MakeHarness) -> None:
    """As `sync`, `plan` judges nothing then and ends with 4; what an earlier `sync` planned is not shown."""
    harness = make_harness("jira", rules=RULES)
    harness.create_broken("jira")
    assert harness.run("sync").code == 4
    (harness.folder / "clock").write_text((NOW + timedelta(hours=3)).isoformat(), encoding="ascii")
    assert harness.run("sync").code == 4
    lines = _assert_left_out(harness, "jira", 4)
    assert not any("no brake holds" in line for line in lines)
    assert sum("our clock is 3 h ahead of the tracker's" in line for line in lines) == 1
