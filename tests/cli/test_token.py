"""`token` makes what somebody signs in with, and the settings say who is trusted; each mistake is one line."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from capa_sync.cli.app import cli
from capa_sync.cli.page import page_options
from capa_sync.errors import UserError
from capa_sync.model.clock import ShiftedClock
from capa_sync.model.page_access import PageToken, token_digest
from capa_sync.model.visitor import AccessRole
from capa_sync.settings import load_settings
from capa_sync.settings.page_tokens import read_tokens
from tests.unit.store.fake_parser import T0

PROXY = '[web.auth.proxy]\nsecret_env = "PAGE_PROXY_SECRET"\nadmins = ["mara.roy"]\n'


def token(*words: str) -> None:
    """Run the verb on the settings of the present folder, at T0."""
    cli.main(args=["token", *words, "--test-clock", T0.isoformat()], prog_name="capa-sync", standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with settings that name a file of tokens, as the present one."""
    monkeypatch.chdir(tmp_path)
    Path("capa-sync.toml").write_text('[web.auth]\ntokens = "page-tokens"\n', encoding="utf-8")
    return tmp_path


def test_the_token_is_shown_once_and_its_hash_is_added(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is made for its owner alone, keeps its other lines, and has no token in it."""
    token("mara.roy", "--role", "admin")
    shown = capsys.readouterr().out.splitlines()[-1]
    file = folder / "page-tokens"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text(file.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")  # an editor's last line
    token("external.audit", "--role", "auditor", "--until", "2026-03-02")
    first, second = read_tokens(file, "page-tokens")
    assert first == PageToken("mara.roy", AccessRole.ADMIN, token_digest(shown))
    assert (second.name, second.role, f"{second.until}") == ("external.audit", AccessRole.AUDITOR, "2026-03-02")
    assert shown not in file.read_text(encoding="utf-8")
    token("bob", "--role", "reader", "--print")
    assert "bob" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "words", "expected"),
    [
        ("", ["x", "--role", "reader"], "the settings name no file of tokens"),
        ('[web.auth]\ntokens = "t"\n', ["two words", "--role", "reader"], "'two words' cannot be a name here"),
        ('[web.auth]\ntokens = "t"\n', ["x", "--role", "reader", "--until", "2026-03-01"], "2026-03-01 has passed"),
        (
            '[web.auth]\ntokens = "t"\n',
            ["x", "--role", "reader", "--until", "soon"],
            "--until takes a day, not 'soon'",
        ),
        ('[web.auth]\ntokens = "no/t"\n', ["x", "--role", "reader"], "this file cannot be written: No such file"),
    ],
)
def test_a_mistake_of_the_verb_is_one_line(folder: Path, settings: str, words: list[str], expected: str) -> None:
    """It says what to do, and no file is made."""
    Path("capa-sync.toml").write_text(settings, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        token(*words)
    (problem,) = refused.value.problems
    assert expected in str(problem)
    assert [file.name for file in folder.iterdir()] == ["capa-sync.toml"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mara.roy admin", "page-tokens:2: this is no token; write NAME ROLE sha256:HASH"),
        ("mara.roy admin plain", "page-tokens:2: the third word is no sha256:HASH; write NAME ROLE sha256:HASH"),
        (f"mara.roy admni sha256:{'0' * 64}", "page-tokens:2: there is no role 'admni'; did you mean 'admin'?"),
        (f"mara.roy admin sha256:{'0' * 64} 2026-13-01", "page-tokens:2: the fourth word is no day"),
    ],
)
def test_a_line_with_a_mistake_is_named_when_the_page_starts(folder: Path, line: str, expected: str) -> None:
    """With its place in the file and the form that it has to have."""
    (folder / "page-tokens").write_text(f"# people\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        page_options(load_settings(folder / "capa-sync.toml", {}), folder / "capa-sync.toml", ShiftedClock(T0))
    (problem,) = refused.value.problems
    assert str(problem).startswith(expected)


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (None, "the variable PAGE_PROXY_SECRET is not set"),
        ("short", "it has fewer than 16 characters"),
        ("x" * 16, ""),
    ],
)
def test_a_proxy_is_trusted_with_a_long_secret_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None, expected: str
) -> None:
    """The secret is in a variable or a file; the mistake names the key and its line."""
    settings = folder / "capa-sync.toml"
    settings.write_text(PROXY, encoding="utf-8")
    if secret is not None:
        monkeypatch.setenv("PAGE_PROXY_SECRET", secret)
    if not expected:
        proxy = page_options(load_settings(settings, {}), settings, ShiftedClock(T0)).access.proxy
        assert proxy is not None
        assert (proxy.role_of("mara.roy"), proxy.role_of("bob")) == (AccessRole.ADMIN, AccessRole.READER)
        return
    with pytest.raises(UserError) as refused:
        page_options(load_settings(settings, {}), settings, ShiftedClock(T0))
    assert f"capa-sync.toml:2: web.auth.proxy.secret_env: {expected}" in str(refused.value.problems[0])
