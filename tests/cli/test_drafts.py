"""Rules that were edited on the page wait as drafts in the register until a command makes them live."""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest

from capa_sync.daemon.requests import carry_out_without_runtime
from capa_sync.errors import UserError
from capa_sync.live.workshop import RuleWorkshop
from capa_sync.model.workshop import DraftState, TextOrigin
from capa_sync.settings import load_settings
from capa_sync.store import RegisterLock, open_register
from capa_sync.store.requests import Requests, VerbRequest
from capa_sync.wiring import set_up, writable_rule_files
from tests.cli.test_live_set import ORDER, WAITS, edit, severities
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, Harness, until


def workshop(harness: Harness) -> RuleWorkshop:
    """The workshop as the page beside this register has it."""
    return RuleWorkshop(load_settings(harness.file, {}), harness.file, harness.clock, f"@{harness.folder / 'clock'}")


def lowered(shop: RuleWorkshop) -> str:
    """The live text of the rule with another severity, which its own tests accept."""
    return shop.rule_text(ORDER).live.replace("severity: high", "severity: low")


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """A tracker with one broken ticket, warned by the first set."""
    found = make_harness("jira", rules=(ORDER,), settings=WAITS)
    found.create_broken("jira")
    found.sync()
    return found


def test_a_draft_is_listed_previewed_and_made_live_and_an_older_one_is_refused(harness: Harness) -> None:
    """The commands take it by its number; a draft of a rule that changed in between would undo that change."""
    shop = workshop(harness)
    for title in ("lower", "lower, later"):
        text = lowered(shop) if title == "lower" else f"# {title}\n{lowered(shop)}"
        answer = shop.answer(shop.save(ORDER, text, 0, "mara.roy"))
    assert answer == "2"
    assert harness.run("rules", "drafts").out.splitlines()[1].endswith(f"waits, by mara.roy: {ORDER}")
    shown = json.loads(harness.run("rules", "preview", "--draft", "1", "--json").out)
    assert [(row["what"], row["severity"]) for row in shown["tickets"]] == [("changed", "low")]
    assert severities(harness) == {"high"}
    harness.set_clock(NOW + timedelta(hours=1))
    assert "live from now on" in harness.run("rules", "activate", "--draft", "1").out
    harness.sync()
    assert severities(harness) == {"low"}
    assert [row["state"] for row in json.loads(harness.run("rules", "drafts", "--json").out)] == ["outdated", "live"]
    refused = harness.run("rules", "activate", "--draft", "2")
    assert (refused.code, f"draft 2 is outdated: {ORDER} changed" in refused.err) == (2, True)
    assert harness.run("rules", "activate", "--draft", "9").code == 2
    assert harness.run("rules", "preview", "--draft", "1", "rules").code == 2
    assert "draft of rules" not in harness.run("verify").out
    assert harness.run("verify").code == 0


def test_the_difference_of_a_draft_is_a_patch_for_the_file(harness: Harness) -> None:
    """A draft changes no file; what `rules drafts N` prints makes the file what is live."""
    shop = workshop(harness)
    shop.save(ORDER, lowered(shop), 0, "mara.roy")
    assert harness.run("rules", "activate", "--draft", "1").code == 0
    assert shop.view().rules[0].differs
    assert harness.run("rules", "drafts", "1").out == ""  # nothing differs any more
    assert harness.run("rules", "rollback").code == 0
    difference = harness.run("rules", "drafts", "1").out
    assert f"+++ rules/{ORDER}.yaml" in difference
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    subprocess.run([patch, "-p0"], input=difference, text=True, cwd=harness.folder, check=True, capture_output=True)
    assert shop.rule_text(ORDER, TextOrigin.FILE).text == lowered(shop)


def test_a_running_daemon_keeps_the_draft_at_its_next_tick(harness: Harness) -> None:
    """The page leaves a request; the daemon answers with the number of the draft."""
    shop = workshop(harness)
    with harness.daemon() as daemon:
        request = shop.save(ORDER, lowered(shop), 0, "mara.roy")
        assert until(lambda: shop.answer(request)) == "1"
        assert daemon.lines("draft_saved", draft="1", asked_by="mara.roy")
        assert daemon.stop().code == 0


def test_a_request_that_a_daemon_left_is_carried_out_when_somebody_waits_for_it(harness: Harness) -> None:
    """A daemon that ends between the request and its tick does not leave the page waiting."""
    shop = workshop(harness)
    with RegisterLock(harness.register_file):
        request = shop.save(ORDER, lowered(shop), 0, "mara.roy")
        assert shop.answer(request) is None
    assert shop.answer(request) == "1"
    with harness.register() as register:
        assert register.requests.waiting() == []


def test_a_discarded_draft_is_no_longer_listed_made_live_or_written(harness: Harness) -> None:
    """Also while a daemon holds the register; its texts stay, with who discarded it, and the chain covers that."""
    shop = workshop(harness)
    for _ in range(2):
        shop.save(ORDER, lowered(shop), 0, "mara.roy")
    assert harness.run("rules", "discard", "1").out.splitlines()[-1] == "draft 1 is discarded"
    with RegisterLock(harness.register_file):
        assert "will discard draft 2 at its next tick" in harness.run("rules", "discard", "2").out
        request = shop.discard(2, "mara.roy")
        assert shop.answer(request) is None
    assert shop.answer(request) == f"draft 2 was discarded by {getpass.getuser()}"
    assert (shop.view().drafts, harness.run("rules", "drafts").out.startswith("there is no draft")) == ([], True)
    for words in (("activate", "--draft", "1"), ("preview", "--draft", "1"), ("discard", "1")):
        refused = harness.run("rules", *words)
        assert (refused.code, f"draft 1 was discarded by {getpass.getuser()}" in refused.err) == (2, True)
    assert harness.run("rules", "discard", "9").code == 2
    assert "severity: low" in harness.run("rules", "drafts", "1").out
    assert (shop.draft(1).state, shop.draft(1).discarded_by) == (DraftState.DISCARDED, getpass.getuser())
    assert harness.run("verify").code == 0


def test_a_text_is_checked_tested_and_previewed_before_it_is_saved(harness: Harness) -> None:
    """Mistakes have their lines, also those between rules; tests fail by their case; a preview shows the tickets."""
    shop = workshop(harness)
    text = lowered(shop)
    assert shop.check(ORDER, text) == []
    [mistake] = shop.check(ORDER, text.replace("severity: low", "severity: lwo", 1))
    assert (mistake.line, mistake.hint) == (text[: text.index("severity:")].count("\n") + 1, "did you mean 'low'?")
    [hides] = shop.check(ORDER, text.replace("hides:\n", "hides:\n  - no-such-rule\n"))
    assert "there is no rule 'no-such-rule' to hide" in hides.what
    assert shop.test(ORDER, text).problems == []
    failed = shop.test(ORDER, text.replace("result: breach", "result: ok", 1))
    assert failed.passed < failed.total
    with pytest.raises(UserError):
        shop.preview(ORDER, text.replace("severity: low", "severity: lwo", 1), 0, "mara.roy")
    number = shop.preview(ORDER, text, 0, "mara.roy")
    with pytest.raises(UserError, match=r"by mara\.roy still runs"):
        shop.preview(ORDER, text, 0, "ann.lee")
    done = until(lambda: (found := shop.previewed(number)) and found.ended_at and found)
    assert done.problem == ""
    assert done.result["changes"] == [f"{ORDER}.yaml: changed"]
    assert [row["what"] for row in done.result["tickets"]] == ["changed"]
    shop.close()


def test_the_page_explains_a_ticket_as_the_command_does(harness: Harness) -> None:
    """The same verdicts with the same facts; a ticket that nobody knows has its reason."""
    key = harness.key("jira", "broken")
    with harness.register() as register:
        [(source, ticket_id)] = register.tickets.find(key)
    shop = workshop(harness)
    [found] = shop.explain(source, ticket_id)
    printed = harness.run("explain", key).out
    for lines in ([found.headline], found.notes, *found.verdicts):
        for line in lines:
            assert line in printed
    assert len(found.verdicts) == 1
    [unknown] = shop.explain("jira", "99999")
    assert "is not in the register" in unknown.headline


def test_what_is_edited_is_live_or_from_the_file_or_a_draft_or_new(harness: Harness) -> None:
    """An edited file shows; a draft takes the rules of another one along; a new rule begins as a skeleton."""
    shop = workshop(harness)
    live = shop.rule_text(ORDER)
    assert (live.origin, live.is_other_in_file) == (TextOrigin.LIVE, False)
    edit(harness, "severity: high", "severity: medium")
    assert "severity: medium" in shop.rule_text(ORDER, TextOrigin.FILE).text
    new = shop.rule_text("backup-tested")
    assert (new.origin, new.file, new.live) == (TextOrigin.NEW, "rules/backup-tested.yaml", "")
    shop.save("backup-tested", new.text, 0, "mara.roy")
    shop.save(ORDER, lowered(shop), 1, "mara.roy")
    second = shop.draft(2)
    assert (second.state, second.rules) == (DraftState.WAITS, ["backup-tested", ORDER])
    assert shop.rule_text("backup-tested", draft=2) == replace(new, origin=TextOrigin.DRAFT, draft=2)
    assert [rule.drafts for rule in shop.view().rules if rule.id == ORDER] == [[2]]
    for name in ("../up", "Big", ""):
        with pytest.raises(UserError, match="cannot be the id of a rule"):
            shop.rule_text(name)
        with pytest.raises(UserError, match="cannot be the id of a rule"):
            shop.save(name, "", 0, "mara.roy")


def test_where_saved_files_are_live_no_draft_can_be(make_harness: MakeHarness) -> None:
    """The files would take it back at the next cycle."""
    harness = make_harness("jira", rules=(ORDER,), settings='rules_live = "on_save"')
    harness.sync()
    shop = workshop(harness)
    shop.save(ORDER, lowered(shop), 0, "mara.roy")
    refused = harness.run("rules", "activate", "--draft", "1")
    assert (refused.code, "takes the rules from the files" in refused.err) == (2, True)
    assert shop.view().is_on_save


def test_a_request_that_a_daemon_answers_meanwhile_is_there(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks into the register it is carried out: the page has its answer, and not that there is none."""
    shop = workshop(harness)
    with RegisterLock(harness.register_file):
        request = shop.save(ORDER, lowered(shop), 0, "mara.roy")

    def carried_out_meanwhile(requests: Requests) -> list[VerbRequest]:
        monkeypatch.undo()
        with open_register(harness.register_file, clock_now=harness.clock.now()) as register:
            carry_out_without_runtime(register, harness.clock.now(), None)
        return requests.waiting()

    monkeypatch.setattr(Requests, "waiting", carried_out_meanwhile)
    assert shop.answer(request)


WRITABLE = f"{WAITS}\nweb = {{ rules_folder_writable = true }}"


def test_files_are_written_where_the_settings_allow_it_and_nobody_edited_them(make_harness: MakeHarness) -> None:
    """By the daemon when one runs, else by the page; an edit in between is not lost; else the page may not ask."""
    harness = make_harness("jira", rules=(ORDER,), settings=WRITABLE)
    harness.sync()
    shop, file = workshop(harness), harness.folder / "rules" / f"{ORDER}.yaml"
    file.chmod(0o640)
    shop.save(ORDER, lowered(shop), 0, "mara.roy")
    new = shop.rule_text("backup-tested").text
    shop.save("backup-tested", new, 1, "mara.roy")
    assert shop.draft(1).unwritten == [ORDER]
    assert shop.answer(shop.write_files(1, shop.draft(1).seen, "mara.roy")) == f"written: {ORDER}.yaml"
    assert (file.read_text(encoding="utf-8"), file.stat().st_mode & 0o777) == (lowered(shop), 0o640)
    with harness.daemon() as daemon:
        request = shop.write_files(2, shop.draft(2).seen, "mara.roy")
        assert until(lambda: shop.answer(request)) == "written: backup-tested.yaml"
        assert daemon.lines("rules_written", asked_by="mara.roy")
        assert daemon.stop().code == 0
    assert (file.parent / "backup-tested.yaml").read_text(encoding="utf-8") == new
    assert shop.draft(2).unwritten == []
    with RegisterLock(harness.register_file):
        edit(harness, "severity: low", "severity: info")
        request = shop.write_files(1, shop.draft(1).seen, "mara.roy")
        edit(harness, "severity: info", "severity: medium")
    with open_register(harness.register_file, clock_now=harness.clock.now()) as register:
        setup = set_up(load_settings(harness.file, {}), harness.file, {}, with_secrets=False)
        files = writable_rule_files(setup.settings, setup.folder)
        carry_out_without_runtime(register, harness.clock.now(), files)
    assert "it was edited after you looked at it" in str(shop.answer(request))
    assert "severity: medium" in file.read_text(encoding="utf-8")
    assert harness.run("verify").code == 0
    harness.write_settings()
    text = harness.file.read_text(encoding="utf-8").replace(WRITABLE, WAITS)
    harness.file.write_text(text, encoding="utf-8")
    closed = workshop(harness)
    assert closed.draft(1).unwritten is None
    with pytest.raises(UserError, match="may not have files written"):
        closed.write_files(1, "", "mara.roy")


def test_an_edit_after_the_page_was_shown_is_not_overwritten(make_harness: MakeHarness) -> None:
    """What counts is the page that the person looked at, not the instant of the click."""
    harness = make_harness("jira", rules=(ORDER,), settings=WRITABLE)
    harness.sync()
    shop = workshop(harness)
    shop.save(ORDER, lowered(shop), 0, "mara.roy")
    seen = shop.draft(1).seen
    edit(harness, "severity: high", "severity: medium")
    with pytest.raises(UserError, match="a file was edited after you looked at this draft; look at it again"):
        shop.write_files(1, seen, "mara.roy")
    assert "severity: medium" in (harness.folder / "rules" / f"{ORDER}.yaml").read_text(encoding="utf-8")
    assert shop.answer(shop.write_files(1, shop.draft(1).seen, "mara.roy")) == f"written: {ORDER}.yaml"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [("broken: [", "this is not YAML"), ("severity: purple", "purple"), ("", "the file is empty")],
)
def test_a_draft_with_mistakes_says_so_and_is_written_nowhere(
    make_harness: MakeHarness, text: str, mistake: str
) -> None:
    """Unfinished work is kept, and the good file stays."""
    harness = make_harness("jira", rules=(ORDER,), settings=WRITABLE)
    harness.sync()
    shop, file = workshop(harness), harness.folder / "rules" / f"{ORDER}.yaml"
    before = file.read_text(encoding="utf-8")
    text = before.replace("severity: high", text) if text.startswith("severity") else text
    shop.save(ORDER, text, 0, "mara.roy")
    shown = shop.draft(1)
    assert any(mistake in str(problem) for problem in shown.problems), shown.problems
    assert str(shown.problems[0]).startswith(f"{ORDER}.yaml:")
    with pytest.raises(UserError) as refused:
        shop.write_files(1, shown.seen, "mara.roy")
    assert refused.value.problems == shown.problems
    assert file.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("is_inside", [True, False])
def test_patch_takes_the_difference_of_a_draft_wherever_the_rules_are(
    make_harness: MakeHarness, is_inside: bool
) -> None:
    """The page names the command that takes what `rules drafts` prints."""
    if shutil.which("patch") is None:
        pytest.skip("patch is not installed")
    harness = make_harness("jira", rules=(ORDER,), settings=WAITS)
    harness.write_settings()
    place = harness.folder / "rules"
    if not is_inside:
        place = place.rename(harness.folder.parent / f"{harness.folder.name}-rules")
        text = harness.file.read_text(encoding="utf-8").replace('"rules"', f'"../{place.name}"')
        harness.file.write_text(text, encoding="utf-8")
    assert harness.run("sync").code == 0
    shop = workshop(harness)
    wanted = lowered(shop)
    shop.save(ORDER, wanted, 0, "mara.roy")
    lines = harness.run("rules", "drafts", "1").out
    command = [*shop.draft(1).patch.split(), "--batch"]
    done = subprocess.run(command, cwd=harness.folder, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert (place / f"{ORDER}.yaml").read_text(encoding="utf-8") == wanted
