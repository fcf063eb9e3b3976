"""`rules new` and `rules twin`: a rule to begin with, and what the tracker itself could demand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from capa_sync.cli.app import cli
from capa_sync.errors import UserError
from capa_sync.rules import load_rules, run_tests, twin_of
from capa_sync.starter import starter_path

SETTINGS = """[sources.jira]
kind = "jira"
url = "https://example.atlassian.net"
query = "project = CAPA"
mapping = "{mappings}/jira-dc.yaml"
auth = {{ method = "pat", token_env = "TOKEN" }}
[sources.servicenow]
kind = "servicenow"
url = "https://example.service-now.com"
table = "sn_grc_issue"
mapping = "{mappings}/servicenow-grc-issue.yaml"
auth = {{ method = "basic", user = "capa", password_env = "PASSWORD" }}
"""


def test_the_skeleton_is_a_draft_that_passes_and_guards_each_condition(tmp_path: Path) -> None:
    """`rules new` writes a rule that loads, and whose tests leave no mutant alive; it never overwrites."""
    done = CliRunner().invoke(cli, ["rules", "new", "location-written-down", str(tmp_path / "rules")])
    assert done.exit_code == 0, done.output
    rules = load_rules([tmp_path / "rules"])
    report = run_tests(rules, mutate=True)
    assert (report.problems, report.survivors) == ([], [])
    [rule] = rules.rules
    assert (rule.id, rule.mode) == ("location-written-down", "draft")
    again = CliRunner().invoke(cli, ["rules", "new", "location-written-down", str(tmp_path / "rules")])
    assert isinstance(again.exception, UserError)
    assert "this is there already" in str(again.exception)


@pytest.mark.parametrize("name", ["", "Big", "two--hyphens", "a/b", "../up", "x" * 81, "trailing-"])
def test_an_id_that_no_rule_may_have_writes_nothing(name: str, tmp_path: Path) -> None:
    """An id is a file name: no path leads out of the folder."""
    done = CliRunner().invoke(cli, ["rules", "new", "--", name, str(tmp_path / "rules")])
    assert isinstance(done.exception, UserError)
    assert "cannot be the id of a rule" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_the_twin_is_a_validator_and_a_data_policy_on_the_mapped_fields(tmp_path: Path) -> None:
    """Each source gets its tracker's own form, on its own fields and statuses."""
    file = tmp_path / "capa-sync.toml"
    file.write_text(SETTINGS.format(mappings=starter_path("mappings")), encoding="utf-8")
    done = CliRunner().invoke(cli, ["rules", "twin", "extent-assessed", "--config", str(file), "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads(done.output)
    assert found["stages"][0] == "planned"
    assert "extent_result" in found["mandatory"]
    jira, servicenow = ("\n".join(source["form"]) for source in found["sources"])
    [validator, *_] = json.loads(jira[jira.index("[\n") :])
    assert validator["ruleKey"] == "system:validate-field-value"
    assert validator["parameters"]["ruleType"] == "fieldRequired"
    policy = json.loads(servicenow[servicenow.index("{") :])
    assert policy["sys_data_policy2"]["model_table"] == "sn_grc_issue"
    assert policy["sys_data_policy2"]["conditions"].startswith("stateIN")
    assert {"field": "u_extent_result", "mandatory": "true"} in policy["sys_data_policy_rule"]


def test_every_shipped_rule_has_a_twin_in_words() -> None:
    """Each says what is demanded; what is mandatory is never more than the rule itself demands."""
    for rule in load_rules([starter_path("rules")]).rules:
        found = twin_of(rule)
        assert found.demands, rule.id
        assert set(found.mandatory) <= {line.subject.name for line in rule.require.lines}, rule.id
