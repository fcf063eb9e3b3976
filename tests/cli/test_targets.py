"""No verb that writes a file takes the place of one that capa-sync reads: settings, and every file that they name."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from capa_sync.cli.app import cli
from capa_sync.errors import RegisterUnavailable, UserError
from capa_sync.settings.named_files import holds_paths, named_files
from capa_sync.settings.schema import Settings
from capa_sync.store import open_register
from tests.docs.settings_keys import keys
from tests.unit.store.fake_parser import T0
from tests.unit.store.test_chain import fill

SETTINGS = """
rules = ["rules", "more/own.yaml"]
[waivers]
file = "waivers.yaml"
[write_back]
texts = "texts"
[web.auth]
tokens = "tokens.txt"
[web.auth.proxy]
secret_file = "secrets/proxy"
[digest]
mail_file = "secrets/mail"
targets.team.url_file = "secrets/team"
[hints]
listen = "127.0.0.1:1"
[sources.jira]
kind = "jira"
url = "https://jira.example"
query = "project = CAPA"
mapping = "mappings/jira.yaml"
hint_secret_file = "secrets/hint"
auth = { method = "pat", token_file = "secrets/token" }
[sources.desk]
kind = "servicenow"
url = "https://desk.example"
table = "sn_grc_issue"
mapping = "mappings/desk.yaml"
auth = { method = "oauth-client-credentials", client_id = "c", client_secret_file = "secrets/client" }
[sources.other]
kind = "servicenow"
url = "https://other.example"
table = "sn_grc_issue"
mapping = "mappings/desk.yaml"
auth = { method = "basic", user = "u", password_file = "secrets/password" }
"""
NAMED = (
    *("more/own.yaml", "rules/deep/one.yaml", "rules/new.yml", "waivers.yaml", "texts/de.yaml", "tokens.txt"),
    *("secrets/proxy", "secrets/mail", "secrets/team", "secrets/hint", "secrets/token", "secrets/client"),
    *("secrets/password", "mappings/jira.yaml", "mappings/desk.yaml", "mappings/people.yaml"),
)
"""Files that the settings, or a mapping that they name, name; a rule that is not there yet would be read, too."""
VERBS = {
    "export": ("register", "export", "@", "--format", "csv"),
    "pack": ("register", "pack", "CAPA-1", "--output", "@"),
    "backup": ("register", "backup", "@"),
    "head": ("register", "head", "--output", "@"),
}
PATH_KEYS = {
    *("rules", "waivers.file", "write_back.texts", "web.auth.tokens", "web.auth.proxy.secret_file"),
    *("digest.mail_file", "digest.targets.*.url_file", "sources.*.mapping", "sources.*.hint_secret_file"),
    *(f"sources.*.auth.{kind}_file" for kind in ("token", "password", "client_secret")),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, every file that they name, and a register, as the current one."""
    place = tmp_path / "home"
    for name in NAMED:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("kept", encoding="ascii")
    (place / "mappings/jira.yaml").write_text(
        "kind: jira\n'people': \"people.yaml\"  # beside it\n", encoding="ascii"
    )
    (place / "rules/new.yml").unlink()
    (place / "capa-sync.toml").write_text(SETTINGS, encoding="ascii")
    with open_register(place / "register.db", clock_now=T0) as register:
        fill(register)
    (tmp_path / "link").symlink_to(place)
    monkeypatch.chdir(place)
    return place


def refusal(*words: str) -> str:
    """Run a verb; return the one line with which it refuses."""
    error = CliRunner().invoke(cli, words).exception
    assert isinstance(error, UserError), error
    (line,) = str(error).splitlines()
    return line


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file that is no part of the register."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.startswith(("register.db", ".register.db"))
    }


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_writes_over_no_file_that_the_settings_name(folder: Path, verb: str) -> None:
    """Settings, mappings, people, rules, texts, waivers, tokens and secrets; the line says what names it."""
    before = contents(folder)
    for name in NAMED:
        line = refusal(*(word.replace("@", name) for word in VERBS[verb]))
        assert line.startswith(f"{name}: a file that `")
        assert line.endswith(" names; name another file; nothing was written")
    assert "the settings file itself" in refusal(*(word.replace("@", "capa-sync.toml") for word in VERBS[verb]))
    assert contents(folder) == before


@pytest.mark.parametrize("verb", VERBS)
def test_the_path_may_be_spelt_in_any_way(folder: Path, verb: str) -> None:
    """By `..`, by a folder that is a link, in full, or by another name of the same file."""
    (folder / "twin").hardlink_to(folder / "capa-sync.toml")
    names = ("../home/capa-sync.toml", "../link/capa-sync.toml", str(folder / "capa-sync.toml"), "twin")
    for name in (*names, "rules/../mappings/people.yaml", "../link/rules/deep/../new.yml"):
        line = refusal(*(word.replace("@", name) for word in VERBS[verb]))
        assert line.endswith("name another file; nothing was written"), line


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("register", "report", "waivers.html", "--from", "2026-01-01", "--to", "2026-03-31"), "waivers.html"),
        (("register", "sample", "audit", "--seed", "x"), "audit"),
        (("register", "export", "list.csv"), "list.csv.meta.json"),
        (("register", "head", "--time-stamp", "https://tsa.example", "--output", "head"), "head.tsr"),
    ],
)
def test_what_a_verb_writes_besides_is_looked_at_too(folder: Path, words: tuple[str, ...], file: str) -> None:
    """A page, a folder, what stands beside a file; one that is named and not there yet, too."""
    settings = SETTINGS.replace('file = "waivers.yaml"', f'file = "{file}"')
    (folder / "capa-sync.toml").write_text(settings, encoding="ascii")
    assert refusal(*words) == (
        f"{file}: a file that `waivers.file` of the settings names; name another file; nothing was written"
    )


def test_a_file_beside_the_named_ones_is_written(folder: Path) -> None:
    """In the folder of the rules, too, where its ending is none that is read there."""
    for name in ("capa-sync.csv", "rules/register.csv", "mappings/people.yaml.csv"):
        done = CliRunner().invoke(cli, ["register", "head", "--output", name])
        assert done.exit_code == 0, done.exception
        assert (folder / name).exists()


def test_every_key_that_holds_a_path_is_known() -> None:
    """A new key of that kind is to be decided on here."""
    found = {".".join(path) for path in keys(Settings) if holds_paths(path[-1])}
    assert found == PATH_KEYS
    assert {path for path in map(".".join, keys(Settings)) if "file" in path or "folder" in path} - found == {
        "web.rules_folder_writable",
        "profile",
    }
    assert list(named_files(Settings())) == []


@pytest.mark.parametrize("name", [".", "/", "", "..", "rules"])
@pytest.mark.parametrize(
    "verb",
    [
        *(VERBS[name] for name in ("export", "backup", "head")),
        ("register", "export", "@"),
        ("register", "report", "@", "--from", "2026-01-01", "--to", "2026-03-31"),
    ],
    ids=" ".join,
)
def test_a_folder_or_nothing_as_target_is_one_line(folder: Path, verb: tuple[str, ...], name: str) -> None:
    """As a variable of a shell that is not set gives it."""
    before = contents(folder)
    found = CliRunner().invoke(cli, [word.replace("@", name) for word in verb])
    assert isinstance(found.exception, UserError | RegisterUnavailable | SystemExit), found.exception
    assert len(str(found.exception).splitlines()) == 1
    assert contents(folder) == before
