"""Verdict sets: identity, what a rollback goes back to, and that a stored set judges exactly as its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.live.compare import unactivated
from capa_sync.live.files import configuration_of, verdict_set_of
from capa_sync.model.verdict_set import PartKind, SetPart, VerdictSet, differences, earlier
from capa_sync.settings import load_settings
from capa_sync.wiring import Configuration, configure

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """rules = ["{rules}"]
timezone = "Europe/London"
holidays = ["GB-ENG", "2026-12-24"]
profile = "strict"
deadlines = {{ contain = {{ major = "3bd" }} }}
[sources.jira]
kind = "jira"
url = "https://example.atlassian.net"
query = "project = CAPA"
mapping = "{mappings}/jira-cloud.yaml"
auth = {{ method = "basic", user = "a@example.com", token_env = "TOKEN" }}
"""


def line(*names: str) -> list[tuple[str, bool]]:
    """Return activations of these sets; a name after `<` was a rollback."""
    return [(name.lstrip("<"), name.startswith("<")) for name in names]


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ([], ""),
        (line("a"), ""),
        (line("a", "b"), "a"),
        (line("a", "b", "c", "<b"), "a"),
        (line("a", "b", "c", "<b", "<a"), ""),
        (line("a", "b", "<a", "c"), "a"),
        (line("a", "b", "a"), "b"),
        (line("a", "a", "b"), "a"),
    ],
)
def test_a_rollback_goes_one_change_back_and_a_second_one_further(
    past: list[tuple[str, bool]], expected: str
) -> None:
    """What was taken back is not gone back to; a set that was activated twice counts twice."""
    assert earlier(past) == expected


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """A configuration of two shipped rules and a shipped mapping."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "rules").mkdir()
    for name in ("action-overdue", "extent-assessed"):
        (folder / "rules" / f"{name}.yaml").write_bytes((ROOT / "rules" / f"{name}.yaml").read_bytes())
    file = folder / "capa-sync.toml"
    file.write_text(SETTINGS.format(rules="rules", mappings=ROOT / "mappings"))
    return configure(load_settings(file, {}), file, {}, with_secrets=False)


def test_a_stored_set_loads_with_the_hashes_of_its_files(configured: Configuration) -> None:
    """Rules, options, mapping and people are the same, so that no ticket is judged again."""
    stored = verdict_set_of(configured)
    loaded = configuration_of(configured, stored)
    assert loaded.rules.hash == configured.rules.hash
    assert loaded.options == configured.options
    assert {name: mapping.hash for name, mapping in loaded.mappings.items()} == {
        name: mapping.hash for name, mapping in configured.mappings.items()
    }
    assert verdict_set_of(loaded).hash == stored.hash
    assert unactivated(configured.settings, configured.folder, stored) == []


def test_each_part_that_differs_is_named(configured: Configuration) -> None:
    """New, changed and removed texts are told apart; where a file stands does not count."""
    before = VerdictSet(
        (SetPart(PartKind.RULE, "a", "rules/a.yaml", "1"), SetPart(PartKind.PEOPLE, "jira", "people.yaml", "1"))
    )
    after = VerdictSet(
        (SetPart(PartKind.RULE, "a", "other/a.yaml", "1"), SetPart(PartKind.RULE, "b", "rules/b.yaml", "2"))
    )
    assert differences(before, after) == ["people.yaml (people of jira): removed", "rules/b.yaml: new"]
    changed = configured.settings.model_copy(update={"profile": "light"})
    assert unactivated(changed, configured.folder, verdict_set_of(configured)) == [
        "settings (profile, deadlines, period of recurrence, holidays, time zone): changed"
    ]
