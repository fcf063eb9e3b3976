"""The settings examples: complete, known, and valid, so that copying a line never fails."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capa_sync.model.settings import DEFAULT_DEADLINES
from capa_sync.settings import Settings, load_settings
from tests.docs.settings_keys import keys

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TOML, ENV = DEPLOY / "settings.example.toml", DEPLOY / "settings.example.env"
_COMMENTED = re.compile(r"^# ([a-z_-]+ = .*)$", re.MULTILINE)
_VARIABLE = re.compile(r"^#? ?(CAPA_SYNC_[A-Z0-9_]+)=(.*)$", re.MULTILINE)
_NAMED = (("sources",), ("digest", "targets"))
"""Tables whose keys are names that the user chooses."""


def paths(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key of a read file, names that the user chooses as `*`."""
    for name, value in table.items():
        here = (*path, "*" if path in _NAMED else name)
        if isinstance(value, dict) and (*path, name) != ("deadlines",):
            yield from paths(value, here)
        else:
            yield here


def uncommented() -> str:
    """Return the example with every commented key active."""
    return _COMMENTED.sub(r"\1", TOML.read_text(encoding="utf-8"))


def test_the_example_as_it_stands_is_valid() -> None:
    """It loads without an error, and write-back is off."""
    settings = load_settings(TOML, {})
    assert settings.write_back.mode == "off"
    assert set(settings.sources) == {"jira", "servicenow"}


def test_every_key_of_the_model_is_in_the_example_and_no_other() -> None:
    """Every key is there, active or commented, in the right table."""
    assert set(paths(tomllib.loads(uncommented()))) == set(keys(Settings))


@pytest.mark.parametrize("line", _COMMENTED.findall(TOML.read_text(encoding="utf-8")))
def test_every_commented_line_is_valid(line: str, tmp_path: Path) -> None:
    """Each commented line, activated alone, gives valid settings."""
    file = tmp_path / "capa-sync.toml"
    file.write_text(TOML.read_text(encoding="utf-8").replace(f"\n# {line}", f"\n{line}"), encoding="utf-8")
    load_settings(file, {})


def test_the_values_shown_are_the_defaults() -> None:
    """A deadline or brake in the example has the value that holds without the line."""
    shown = load_settings(TOML, {})
    assert shown.write_back == Settings().write_back
    assert shown.web == Settings().web
    assert shown.deadlines == DEFAULT_DEADLINES
    jira = shown.sources["jira"].model_dump()
    plain = {name: field.default for name, field in type(shown.sources["jira"]).model_fields.items()}
    same = ("poll_every", "census_every", "full_sweep_every", "overlap", "request_budget", "page_size")
    same += ("max_answer", "request_deadline", "max_clock_skew")
    assert {name: jira[name] for name in same} == {name: plain[name] for name in same}


def test_every_variable_is_known_and_every_key_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All variables at once are accepted, and each key of the model has its variable."""
    found = dict(_VARIABLE.findall(ENV.read_text(encoding="utf-8")))
    file = tmp_path / "capa-sync.toml"
    file.write_text(TOML.read_text(encoding="utf-8"), encoding="utf-8")
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(file, os.environ)
    assert str(settings.sources["jira"].auth.token_file) == "/run/secrets/jira-token"
    named = set()
    for name in found:
        path = name.removeprefix("CAPA_SYNC_").lower().split("__")
        for table in _NAMED:
            if tuple(path[: len(table)]) == table:
                path[len(table)] = "*"
        named.add(tuple(path[:1] if path[0] == "deadlines" else path))
    assert named == set(keys(Settings))


def test_the_example_files_hold_no_secret() -> None:
    """Secrets are empty, and the TOML names variables and files only."""
    for line in ENV.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert line.endswith("=")
    assert not re.search(r"^(# )?(token|password|client_secret) = ", TOML.read_text(encoding="utf-8"), re.MULTILINE)
