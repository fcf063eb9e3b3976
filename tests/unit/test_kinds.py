"""Kinds of source are declared by their packages, and nothing else knows their names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from capa_sync.errors import SettingsError, UserError
from capa_sync.kinds import BUILT_IN, GROUP, UnknownKind, kind_named, kind_names
from capa_sync.model.write import WriteKind
from capa_sync.settings import load_settings

PACKAGE = Path(__file__).resolve().parents[2] / "capa_sync"
OF_A_KIND = ("sources/jira/", "sources/servicenow/", "sandbox/", "cli/trackers.py", "cli/demo.py", "kinds.py")
"""The packages of the kinds, the sandbox of their trackers, and the one table that registers them."""
SOURCE = """
[sources.one]
kind = "{kind}"
url = "https://tracker.example.com"
query = "project = CAPA"
table = "sn_grc_issue"
mapping = "map.yaml"
{more}
"""


def refusal(folder: Path, kind: str, more: str = "") -> str:
    """Return the message for settings with one source."""
    file = folder / "capa-sync.toml"
    file.write_text(SOURCE.format(kind=kind, more=more), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})
    return str(caught.value)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_kind_is_found_by_its_name(name: str) -> None:
    """The table leads to a declaration of the same name."""
    assert kind_named(name).name == name
    assert name in kind_names()


def test_a_name_that_is_no_kind_is_refused() -> None:
    """An unknown kind has no default."""
    with pytest.raises(UnknownKind):
        kind_named("jria")


def test_kinds_are_known_without_a_vendors_library() -> None:
    """Settings and mappings are checked before anything of a vendor is imported."""
    code = (
        "import sys; from capa_sync.kinds import kind_named\n"
        f"for name in {list(BUILT_IN)}: kind_named(name)\n"
        "print(sorted({'jira', 'pysnow', 'requests'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def names_of_kinds(tree: ast.Module) -> Iterator[int]:
    """Yield the lines where code, not prose, has a kind's name as a value."""
    for node in ast.walk(tree):
        values = (
            [*node.comparators, node.left]
            if isinstance(node, ast.Compare)
            else [node.pattern]
            if isinstance(node, ast.match_case)
            else node.keys
            if isinstance(node, ast.Dict)
            else []
        )
        for value in values:
            for part in ast.walk(value) if value is not None else ():
                if isinstance(part, ast.Constant) and part.value in BUILT_IN:
                    yield part.lineno


def test_nothing_but_its_own_package_compares_the_name_of_a_kind() -> None:
    """What depends on the kind is read from its declaration."""
    found = [
        f"{name}:{line}"
        for file in PACKAGE.rglob("*.py")
        if not (name := file.relative_to(PACKAGE).as_posix()).startswith(OF_A_KIND)
        for line in names_of_kinds(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_message_for_an_unknown_kind_lists_the_known_kinds(tmp_path: Path) -> None:
    """The message lists the known kinds."""
    auth = 'auth = { method = "pat", token_env = "T" }'
    assert "sources.one.kind: write one of 'jira' or 'servicenow'" in refusal(tmp_path, "jria", auth)


@pytest.mark.parametrize(
    ("kind", "method", "known"),
    [
        ("jira", "api-key", "a jira source signs in with basic or pat or oauth-client-credentials"),
        ("servicenow", "pat", "a servicenow source signs in with basic or oauth-client-credentials or api-key"),
    ],
)
def test_a_way_to_sign_in_that_the_kind_lacks_is_refused(tmp_path: Path, kind: str, method: str, known: str) -> None:
    """It is a mistake in the settings, not a fault at the first request."""
    assert known in refusal(tmp_path, kind, f'auth = {{ method = "{method}", token_env = "T" }}')


def test_a_kind_that_signs_in_needs_its_table(tmp_path: Path) -> None:
    """Without `auth` the key is reported missing like any other."""
    assert "sources.one.auth: this key is missing" in refusal(tmp_path, "jira")


def install(place: Path, monkeypatch: pytest.MonkeyPatch, name: str, entry: str, code: str = "") -> None:
    """Install a distribution with one entry point, and its module `odd_kind`, on Python's path."""
    about = place / f"{name.replace('-', '_')}-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{entry}\n", encoding="utf-8")
    (place / "odd_kind.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(place)
    monkeypatch.delitem(sys.modules, "odd_kind", raising=False)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("", "AttributeError: module 'odd_kind' has no attribute 'ODD'"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("ODD = 'jira'", "it is no SourceKind of the name 'odd'"),
    ],
)
def test_a_kind_that_cannot_be_loaded_is_one_line_for_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    """The message names the broken distribution and its fault, without a traceback."""
    install(tmp_path, monkeypatch, "odd", "odd = odd_kind:ODD", code)
    with pytest.raises(UserError) as caught:
        kind_named("odd")
    assert str(caught.value) == f"the kind of source 'odd' cannot be loaded from odd_kind:ODD: {why}"
    (tmp_path / "capa-sync.toml").write_text(SOURCE.format(kind="odd", more=""), encoding="utf-8")
    with pytest.raises(UserError, match="the kind of source 'odd' cannot be loaded"):
        load_settings(tmp_path / "capa-sync.toml", {})


def test_two_distributions_with_one_kind_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them is meant is not guessed."""
    install(tmp_path / "a", monkeypatch, "odd-a", "odd = odd_kind:ODD")
    install(tmp_path / "b", monkeypatch, "odd-b", "odd = odd_kind:ODD")
    with pytest.raises(UserError, match="two installed distributions add the kind of source 'odd': odd-a, odd-b"):
        kind_named("odd")


def test_no_distribution_takes_the_name_of_a_built_in_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry point is not even imported."""
    install(tmp_path, monkeypatch, "odd", "jira = odd_kind:ODD", "1/0")
    kind_named.cache_clear()
    assert kind_named("jira").title == "Jira"
    assert kind_names().count("jira") == 1


def test_every_channel_belongs_to_a_kind() -> None:
    """No write channel is left that nothing uses."""
    assert {channel for name in BUILT_IN for channel in kind_named(name).channels} == set(WriteKind)
