"""`doctor` proves settings, rights, mapping and rules against real trackers over HTTP, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from capa_sync.cli.doctor import line_of
from capa_sync.daemon.doctor import STARTER_SOURCES
from capa_sync.mapping import load_mapping
from capa_sync.model.inspection import Check, CheckState
from capa_sync.sandbox.stories.script import AddAction, Day, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import ROOT
from tests.daemon.harness import ALL, Harness

Checks = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """All three trackers with a ticket each, and no register yet."""
    harness = shared_harness(rules=("root-cause-before-action",))
    for source in harness.names:
        harness.create_clean(source)
    return harness


def _checks(harness: Harness, *options: str, code: int = 0, **env: str) -> dict[str, Checks]:
    """Return source -> name of a check -> the checks of that name."""
    done = harness.run("doctor", "--json", *options, **env)
    assert done.code == code, f"{done.code}\n{done.out}\n{done.err}"
    found: dict[str, Checks] = {}
    for source in json.loads(done.out)["sources"]:
        for check in source["checks"]:
            found.setdefault(source["source"], {}).setdefault(check["name"], []).append(check)
    return found


def test_all_is_well_on_three_trackers_and_nothing_is_written(harness: Harness) -> None:
    """Each source has its lines, what only a write proves is unproven, no register appears, and `plan` is next."""
    done = harness.run("doctor")
    assert (done.code, done.err) == (0, ""), done.out
    lines = done.out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [*ALL, lines[-1]]
    assert lines[-1].startswith("next: capa-sync plan")
    assert all(" Why it matters: " in line for line in lines if line.startswith("  "))
    assert all(" To do: " in line for line in lines if line.startswith(("  unproven", "  advice")))
    assert any(line.startswith("  unproven") and "ServiceNow tells no rights" in line for line in lines)
    assert "answers us as capa-sync (capa-sync)" in done.out
    assert harness.writes() == []
    assert not harness.register_file.exists()


def _revoke(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.cloud.settings, "revoked_permissions", ["ADD_COMMENTS"])


def _hide_screen(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.cloud.settings, "off_screen", ["labels"])


def _close_audit(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.servicenow.settings, "audit_readable", False)


def _wrong_clock(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.datacenter.settings, "clock_skew_s", 3600.0)


def _refuse(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(harness.env, "JIRA_TOKEN", "wrong-token")


CASES: dict[str, tuple[str, Callable[[Harness, pytest.MonkeyPatch], None], str, str]] = {
    "no comments": ("jira", _revoke, "right_to_write", "missing: “Add comments” in CAPA"),
    "no labels": ("jira", _hide_screen, "labels", "on no edit screen"),
    "closed audit": ("servicenow", _close_audit, "missing_right", "sys_audit is closed to our account"),
    "wrong clock": ("jira-dc", _wrong_clock, "clock", "our clock is 1 h behind the tracker's"),
    "wrong token": ("jira-dc", _refuse, "sign_in", "401"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_source_that_cannot_be_used_as_the_settings_say_is_a_problem(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Exit 3; the check says what is missing and what to do."""
    source, spoil, name, words = CASES[case]
    spoil(harness, monkeypatch)
    check = _checks(harness, "--source", source, code=3)[source][name][0]
    assert check["state"] == "problem"
    assert words in check["what"]
    assert check["do"]


def test_what_mapping_and_tracker_do_not_share_is_told_both_ways(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapped field that is not there, an option and a status that are not listed: file, line and a hint; exit 2."""
    mapping = harness.folder / "spoiled.yaml"
    text = (ROOT / "mappings/jira-cloud.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("  impact: Impact\n", "  impact: Impactt\n"),
        ("Minor: minor, ", ""),
        ("    Contained: contained\n", ""),
        ("  - from: field\n    field: Corrective action\n", "  - from: field\n    field: No such action\n"),
        ("\npeople: people.yaml", ""),
        ("  benefit: Benefit\n", ""),
    ):
        assert old in text
        text = text.replace(old, new)
    mapping.write_text(text, encoding="utf-8")
    monkeypatch.setitem(harness.env, "CAPA_SYNC_SOURCES__JIRA__MAPPING", "spoiled.yaml")
    harness.play_event("jira", "clean", Fill({"location": "Contained"}))  # the word in another field is no status
    checks = _checks(harness, "--source", "jira", code=2)["jira"]
    fields = {check["what"]: check["do"] for check in checks["mapped_field"]}
    place = f"spoiled.yaml:{text[: text.index('  impact:')].count(chr(10)) + 1}: the site has no field 'Impactt'"
    assert fields[place] == "did you mean 'Impact'?"
    [unused] = checks["unused_field"]
    says = "the tracker has what the mapping does not name: `impact: Impact`, `benefit: Benefit`"
    assert (unused["state"], unused["what"]) == ("advice", says)
    [option], [status] = checks["unlisted_option"], checks["unlisted_status"]
    assert (option["state"], status["state"]) == ("mistake", "advice"), "a ticket has the option, and none the status"
    assert "Minor" in option["what"]
    assert "Contained" in status["what"]


SLIPS = (
    ("    types: [Corrective action]", "    types: [Corrective actions]", "did you mean 'Corrective action'?"),
    ("    types: [is resolved by]", "    types: [is solved by]", "did you mean 'is resolved by'?"),
    ('"Won\'t Do", "Not a', '"Wont Do", "Not a', "did you mean 'Won't Do'?"),
    ('["On hold", ', '["Onhold", ', "did you mean 'On hold'?"),
    ("      Internal audit: ", "      Internal audits: ", "did you mean 'Internal audit'?"),
    (
        "# same_as: {field: ServiceNow number, source: servicenow}",
        "same_as: {field: ServiceNow number, source: servicnow}",
        "did you mean 'servicenow'?",
    ),
)
LEFT_OVER = ("      Supplier: supplier\n", "      Supplier: supplier\n      Plugh: other\n      Xyzzy: other\n")


def test_a_slip_in_any_name_of_the_mapping_is_a_mistake(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Types, links, conditions, statuses, options and sources: with line and the right name; leftovers are advice."""
    harness.play_event("jira", "clean", AddAction("Name a deputy", Day(30), "child", "ben.okafor"))
    shipped = (ROOT / "mappings/jira-cloud.yaml").read_text(encoding="utf-8").replace("\npeople: people.yaml", "")
    text = shipped
    for old, new, _hint in (*SLIPS, (*LEFT_OVER, "")):
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    monkeypatch.setitem(harness.env, "CAPA_SYNC_SOURCES__JIRA__MAPPING", "slips.yaml")
    mapping = harness.folder / "slips.yaml"
    mapping.write_text(text, encoding="utf-8")
    found = _checks(harness, "--source", "jira", code=2)["jira"]
    told = {(check["what"].partition(": ")[0], check["do"]): check["state"] for check in found["mapped_value"]}
    for _old, new, hint in SLIPS:
        place = f"slips.yaml:{text[: text.index(new)].count(chr(10)) + 1}"
        assert told.pop((place, hint)) == "mistake", (new, told)
    [(left, advice)] = [(place, state) for (place, _do), state in told.items()]
    assert (left, advice) == (f"slips.yaml:{text[: text.index('      Plugh')].count(chr(10)) + 1}", "advice")
    [unnamed] = found["unnamed_subtask"]
    assert unnamed["what"] == "1 sub-task of type 'Corrective action' is no action by this mapping"
    mapping.write_text(shipped, encoding="utf-8")
    clean = _checks(harness, "--source", "jira")["jira"]
    assert not clean.keys() & {"mapped_value", "unnamed_subtask"}


def test_a_rule_that_lacks_its_fields_is_named_with_them(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the root cause the rule on the order of cause and action can never decide; that is advice."""
    mapping = harness.folder / "small.yaml"
    mapping.write_text(
        "mapping: small\nkind: jira\nrecord:\n  track: {constant: nonconformity}\n  title: Summary\n"
        "stage:\n  field: Status\n  values: {Open: identified, Contained: contained, Analysed: analysed, "
        "Planned: planned, Implemented: implemented, Verified: verified, Closed: closed}\n"
        "  on_hold: [On hold, Waiting for supplier]\n  rejected: [Rejected]\n  cancelled: [Cancelled]\n",
        encoding="utf-8",
    )
    monkeypatch.setitem(harness.env, "CAPA_SYNC_SOURCES__JIRA__MAPPING", "small.yaml")
    done = harness.run("doctor", "--source", "jira", "--json")
    [source] = json.loads(done.out)["sources"]
    [rule] = [check for check in source["checks"] if check["name"] == "rule"]
    assert rule["state"] == "advice"
    assert "root-cause-before-action can never decide: " in rule["what"]
    assert "root_cause" in rule["do"]


def test_after_a_sync_a_renamed_field_is_told(harness: Harness) -> None:
    """The register keeps the id; the new name belongs into the mapping. The register is not changed."""
    harness.sync("--source", "jira")
    assert _checks(harness, "--source", "jira")["jira"]["drift"][0]["state"] == "ok"
    harness.cloud.admin.rename_field("Impact", "Effects")
    before = harness.tables()
    [drift] = _checks(harness, "--source", "jira")["jira"]["drift"]
    harness.cloud.admin.rename_field("Effects", "Impact")
    assert drift["state"] == "advice"
    assert "'Impact' (customfield_" in drift["what"]
    assert "is now called 'Effects'" in drift["what"]
    assert harness.tables() == before


def test_on_data_center_the_name_that_a_field_named_by_its_id_lost_is_told(harness: Harness) -> None:
    """Its history has the old name: the mapping should keep it, also of a rename since the last `sync`."""
    state = harness.datacenter.state
    impact = state.field_by("Impact")
    assert impact is not None
    mapping = harness.mappings / "jira-dc.yaml"
    text = mapping.read_text("utf-8")
    mapping.write_text(text.replace("impact: Impact", f"impact: {impact['id']}"), encoding="utf-8")
    harness.sync("--source", "jira-dc")
    harness.datacenter.admin.rename_field("Impact", "Effects")
    [drift] = _checks(harness, "--source", "jira-dc")["jira-dc"]["drift"]
    harness.datacenter.admin.rename_field("Effects", "Impact")
    mapping.write_text(text, encoding="utf-8")
    assert f"'Impact' ({impact['id']}) is now called 'Effects'" in drift["what"]
    assert drift["do"] == "the id still counts; write 'Impact' into its `aliases`"


def test_accounts_of_a_source_that_is_not_there_are_advice(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one person among many, with the place; the names of the starter's own people file stay without a word."""
    folder = harness.folder / "common"
    folder.mkdir()
    people = (ROOT / "mappings/people.yaml").read_text(encoding="utf-8")
    assert "jira: 5b10ac8d82e05b22cc7d4e02" in people
    for old, new in (
        ("jira: 5b10ac8d82e05b22cc7d4e02", "jira-cloud: 5b10ac8d82e05b22cc7d4e02"),
        ("jira: 5b10ac8d82e05b22cc7d4e03", "helpdesk: 17"),
    ):
        people = people.replace(old, new)
    (folder / "people.yaml").write_text(people, encoding="utf-8")
    mapping = (ROOT / "mappings/jira-cloud.yaml").read_text(encoding="utf-8")
    (folder / "jira-cloud.yaml").write_text(mapping, encoding="utf-8")
    assert "people_source" not in _checks(harness, "--source", "jira")["jira"]
    monkeypatch.setitem(harness.env, "CAPA_SYNC_SOURCES__JIRA__MAPPING", "common/jira-cloud.yaml")
    found = _checks(harness, "--source", "jira")["jira"]["people_source"]
    line, other = (people[: people.index(name)].count("\n") + 1 for name in ("jira-cloud:", "helpdesk:"))
    assert {check["state"] for check in found} == {"advice"}
    assert [check["what"] for check in found] == [
        f"common/people.yaml:{line}: no source is called 'jira-cloud'",
        f"common/people.yaml:{other}: no source is called 'helpdesk'",
    ]
    assert [check["do"] for check in found] == ["did you mean 'jira'?", "write one of jira, jira-dc, servicenow"]


def test_the_starters_people_name_the_sources_that_doctor_passes_over() -> None:
    """`init` never warns about itself."""
    mapping = load_mapping(ROOT / "mappings/jira-cloud.yaml", "jira-cloud.yaml")
    assert set(mapping.people.sources) == STARTER_SOURCES


def test_no_line_ends_a_sentence_twice() -> None:
    """What a tracker said keeps its own full stop out of the line."""
    check = Check("scope", CheckState.PROBLEM, "no such value for the field 'project'.", "why.", "mend it.")
    assert line_of(check) == "no such value for the field 'project'. Why it matters: why. To do: mend it."
