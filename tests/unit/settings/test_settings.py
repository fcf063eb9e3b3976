"""Settings: every mistake is one line with its place and a hint, without any secret."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from capa_sync.errors import SettingsError
from capa_sync.model.settings import Days
from capa_sync.settings import Settings, load_settings
from capa_sync.settings.lines import find_line
from capa_sync.settings.units import parse_holidays

GOOD = """register = "mine.db"
timezone = "Europe/London"
holidays = ["GB-ENG", 2026-07-01]
baseline = 2026-01-01

[deadlines]
contain = { major = "3bd", minor = "8d" }

[write_back]
mode = "plan"

[sources.jira]
kind = "jira"
url = "https://example.atlassian.net"
query = "project = CAPA"
mapping = "mappings/jira-cloud.yaml"
  [sources.jira.auth]
  method = "basic"
  user = "bot@example.com"
  token_env = "JIRA_TOKEN"
"""


def load(tmp_path: Path, text: str, **environ: str) -> Settings:
    """Load a settings text."""
    file = tmp_path / "capa-sync.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    """Return the problems of a settings text as `line: words`."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text, **environ)
    return [str(problem).removeprefix(f"{tmp_path}/capa-sync.toml:") for problem in caught.value.problems]


def test_a_good_file_loads_with_lengths_deadlines_and_defaults(tmp_path: Path) -> None:
    """Lengths, deadlines by grade, holidays and defaults are typed."""
    settings = load(tmp_path, GOOD)
    assert settings.register_file == "mine.db"
    assert settings.deadlines["contain"] == {
        "major": Days(3, True),
        "minor": Days(8),
        "observation": Days(20, True),
    }
    assert settings.baseline == date(2026, 1, 1)
    assert settings.sources["jira"].poll_every == timedelta(seconds=60)
    assert settings.write_back.mode == "plan"
    assert settings.sources["jira"].write_back.mode is None


def test_write_back_is_off_by_default(tmp_path: Path) -> None:
    """Without the key the mode is off, so that nothing is written unasked."""
    assert load(tmp_path, GOOD.replace('mode = "plan"', "")).write_back.mode == "off"


def test_an_unknown_key_has_its_line_and_a_guess(tmp_path: Path) -> None:
    """A typo is reported with its line and what was probably meant."""
    found = problems(tmp_path, GOOD.replace("timezone =", "timezon ="))
    assert found == ["2: there is no setting 'timezon'; did you mean 'timezone'?"]


def test_several_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """A person can correct everything in one go."""
    text = GOOD.replace("Europe/London", "Mars/Base").replace('"3bd"', '"3 weeks"').replace('"plan"', '"yes"')
    assert [problem.split(":")[0] for problem in sorted(problems(tmp_path, text))] == ["10", "2", "7"]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ('"20bd"', "a period is a number of calendar days: 365d"),
        ("true", "a period is a number of calendar days: 365d"),
        ('"0d"', "write 1 or more"),
        ('"3661d"', "write 3660 or less"),
    ],
)
def test_a_period_of_recurrence_is_a_number_of_days(tmp_path: Path, written: str, says: str) -> None:
    """Business days, none, and more than ten years are refused."""
    [found] = problems(tmp_path, f"recurs_within = {written}\n{GOOD}")
    assert found.startswith("1: ")
    assert says in found


def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path) -> None:
    """The error names the two ways to give a secret, never its value."""
    found = problems(tmp_path, GOOD.replace('token_env = "JIRA_TOKEN"', 'token = "hush-hush"\n  token_env = "T"'))
    assert "use token_env or token_file" in found[0]
    assert "hush-hush" not in "".join(found)


def test_invalid_toml_is_reported_with_its_line(tmp_path: Path) -> None:
    """Broken TOML is the user's mistake, not a traceback."""
    assert problems(tmp_path, GOOD.replace('"mine.db"', "mine.db"))[0] == (
        '1: this is no value; text needs quotes: key = "text"'
    )


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """Without a file the message says what to do."""
    with pytest.raises(SettingsError, match="there is no such settings file; run `capa-sync init FOLDER`"):
        load_settings(tmp_path / "none.toml", {})


def test_variables_win_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any key can be a variable, with two underscores between the levels."""
    wanted = {
        "CAPA_SYNC_REGISTER": "other.db",
        "CAPA_SYNC_SOURCES__JIRA__URL": "https://other.example",
        "CAPA_SYNC_WRITE_BACK__MODE": "on",
    }
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    settings = load(tmp_path, GOOD, **wanted)
    assert settings.register_file == "other.db"
    assert settings.sources["jira"].url == "https://other.example"
    assert settings.write_back.mode == "on"


def test_names_with_a_dash_have_variables_with_an_underscore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell cannot set a variable with a dash in its name; deadlines and sources can still be set."""
    wanted = {
        "CAPA_SYNC_DEADLINES__ROOT_CAUSE__MAJOR": "3bd",
        "CAPA_SYNC_SOURCES__JIRA_DC__URL": "https://other.example",
        "CAPA_SYNC_SOURCES__JIRA_DC__AUTH__USER": "other@example.com",
    }
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    settings = load(tmp_path, GOOD.replace("[sources.jira", "[sources.jira-dc"), **wanted)
    assert settings.deadlines["root-cause"]["major"] == Days(3, business=True)
    assert settings.deadlines["contain"]["major"] == Days(3, business=True)
    assert list(settings.sources) == ["jira-dc"]
    source = settings.sources["jira-dc"]
    assert (source.url, source.query) == ("https://other.example", "project = CAPA")
    assert (source.auth.user, source.auth.token_env) == ("other@example.com", "JIRA_TOKEN")


@pytest.mark.parametrize("name", ["HOLIDAYS", "RULES", "SOURCES"])
def test_a_variable_that_is_no_json_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A list in the environment must be JSON; otherwise the message names the variable, without a traceback."""
    monkeypatch.setenv(f"CAPA_SYNC_{name}", "s3cret")
    (problem,) = problems(tmp_path, GOOD, **{f"CAPA_SYNC_{name}": "s3cret"})
    assert problem.startswith(f"CAPA_SYNC_{name}: a list or a table in a variable is written as JSON; ")
    assert "s3cret" not in problem


def test_a_holiday_is_a_code_or_a_date_with_or_without_quotes(tmp_path: Path) -> None:
    """Quotes around a date are no mistake: a variable has no other way to write it."""
    found = load(tmp_path, GOOD.replace("2026-07-01", '2026-07-01, "2026-12-24"'))
    assert {date(2026, 7, 1), date(2026, 12, 24), date(2026, 12, 25)} <= parse_holidays(list(found.holidays))
    assert "is no country or region code" in problems(tmp_path, GOOD.replace("2026-07-01", '"2026-13-24"'))[0]


@pytest.mark.parametrize(
    ("variable", "guess"),
    [
        ("CAPA_SYNC_TIMEZON", "CAPA_SYNC_TIMEZONE"),
        ("CAPA_SYNC_SOURCES__JIRA__ULR", "CAPA_SYNC_SOURCES__JIRA__URL"),
        ("CAPA_SYNC_REGISTR", "CAPA_SYNC_REGISTER"),
    ],
)
def test_an_unknown_variable_is_an_error_with_a_guess(tmp_path: Path, variable: str, guess: str) -> None:
    """A typo in the environment is as much an error as one in the file."""
    found = problems(tmp_path, GOOD, **{variable: "x"})
    assert f"the variable {variable} is no setting; did you mean {guess}?" in found


def test_a_variable_that_holds_a_secret_may_have_our_prefix(tmp_path: Path) -> None:
    """A variable that a `*_env` key names is no unknown setting."""
    text = GOOD.replace("JIRA_TOKEN", "CAPA_SYNC_JIRA_TOKEN")
    assert load(tmp_path, text, CAPA_SYNC_JIRA_TOKEN="x").sources["jira"].auth.token_env == "CAPA_SYNC_JIRA_TOKEN"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "jira"', 'kind = "servicenow"', "a servicenow source needs table"),
        ('query = "project = CAPA"', 'query = ""', "a jira source needs query"),
        ('  user = "bot@example.com"\n', "", "basic needs user"),
        ('url = "https://example.atlassian.net"', 'url = "example"', "sources.jira.url"),
        ('mapping = "mappings/jira-cloud.yaml"\n', "", "sources.jira.mapping: this key is missing"),
    ],
)
def test_a_source_that_cannot_work_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    """What a kind of source or a way to sign in needs is checked at load."""
    assert words in problems(tmp_path, GOOD.replace(old, new))[0]


def test_lines_are_found_in_inline_tables_and_nested_ones() -> None:
    """The finder understands table headers, dotted keys and inline tables."""
    text = '[a.b]\nx = 1\n[a]\ny = { z = 2 }\n"odd key" = 3\nc.d = 4\n'
    assert find_line(text, ("a", "b", "x")) == 2
    assert find_line(text, ("a", "y", "z")) == 4
    assert find_line(text, ("a", "odd key")) == 5
    assert find_line(text, ("a", "c", "d")) == 6
    assert find_line(text, ("a", "b", "missing")) == 1
    assert find_line(text, ("nothing",)) == 0
    text = '[source.jira]\nkind = "jira"\n[sources.jira.auth]\nmethod = "basic"\n[sources.jira]\nurl = 1\n'
    assert find_line(text, ("sources", "jira", "kind")) == 5, "its own header"
    text = text.replace("[sources.jira]", "[sources.other]")
    assert find_line(text, ("sources", "jira", "kind")) == 3, "where the table is named first"
    assert find_line(text, ("sources",)) == 3


SECRETS = {
    "basic": 'user = "bot"\n  password_env = "P"',
    "pat": 'token_env = "T"',
    "oauth-client-credentials": 'client_id = "c"\n  client_secret_env = "S"\n  token_url = "https://id.example.com/token"',
    "api-key": 'token_env = "T"',
}
MADE_WITH = {
    ("jira", "basic"): True,
    ("jira", "pat"): True,
    ("jira", "oauth-client-credentials"): True,
    ("jira", "api-key"): False,
    ("servicenow", "basic"): True,
    ("servicenow", "pat"): False,
    ("servicenow", "oauth-client-credentials"): True,
    ("servicenow", "api-key"): True,
}
"""(kind, method) -> whether a source of that kind can sign in with that method."""


def one_source(kind: str, method: str) -> str:
    """Return settings with one source that signs in with a method."""
    rest = 'query = "project = CAPA"' if kind == "jira" else 'table = "u_capa"'
    return (
        f'[sources.here]\nkind = "{kind}"\nurl = "https://example.com"\n{rest}\nmapping = "m.yaml"\n'
        f'  [sources.here.auth]\n  {SECRETS[method]}\n  method = "{method}"\n'
    )


@pytest.mark.parametrize(("kind", "method", "fits"), [(*pair, fits) for pair, fits in MADE_WITH.items()])
def test_a_source_signs_in_only_with_a_method_of_its_kind(kind: str, method: str, fits: bool, tmp_path: Path) -> None:
    """For each kind and each method: it loads, or one line names the place and the methods of that kind."""
    text = one_source(kind, method)
    if fits:
        assert load(tmp_path, text).sources["here"].auth.method == method
        return
    line = text.splitlines().index(f'  method = "{method}"') + 1
    [problem] = problems(tmp_path, text)
    known = " or ".join(other for (of, other), can in MADE_WITH.items() if of == kind and can)
    assert problem == (f"{line}: sources.here.auth.method: a {kind} source signs in with {known}")


def test_a_method_of_another_kind_in_a_variable_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable wins over the file, so the message names the variable."""
    name = "CAPA_SYNC_SOURCES__HERE__AUTH__METHOD"
    monkeypatch.setenv(name, "api-key")
    assert problems(tmp_path, one_source("jira", "pat"), **{name: "api-key"}) == [
        f"{name}: a jira source signs in with basic or pat or oauth-client-credentials"
    ]


def test_a_table_on_a_jira_source_is_refused(tmp_path: Path) -> None:
    """It was ignored, while the other keys of ServiceNow were refused."""
    [problem] = problems(tmp_path, GOOD.replace("[sources.jira]\n", '[sources.jira]\ntable = "x"\n'))
    assert "table is for servicenow; a jira source names its tickets in query" in problem
