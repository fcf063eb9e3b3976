"""Texts on tickets in several languages: each source has its own; a change of language alone writes nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, Harness

ORDER = "root-cause-before-action"
ENGLISH, GERMAN = "Do this:", "Unsere Bitte:"


def _text(harness: Harness, source: str) -> str:
    picture = harness.picture(source, "broken")
    found = picture["text"] if source == "servicenow" else str(*picture["comments"])
    return str(found).replace("\\", "")


def _set_language(harness: Harness, language: str) -> None:
    text = harness.file.read_text(encoding="utf-8")
    text = re.sub(r'^language = ".*"\n', "", text, flags=re.MULTILINE)
    harness.file.write_text(text.replace("[write_back]\n", f'[write_back]\nlanguage = "{language}"\n'), "utf-8")


def test_each_source_has_its_language_and_a_change_writes_nothing(make_harness: MakeHarness) -> None:
    """German on every kind of tracker, English where a source says so; another language is older wording."""
    english = {"jira-dc": 'write_back = { language = "en" }'}
    harness = make_harness(rules=(ORDER,), write_back='mode = "on"\nlanguage = "de"', extra=english)
    for source in harness.names:
        harness.create_broken(source)
    harness.sync()
    texts = {source: _text(harness, source) for source in harness.names}
    assert [GERMAN in text for text in texts.values()] == [True, False, True]
    assert ENGLISH in texts["jira-dc"]
    for source in ("jira", "servicenow"):
        assert "Prüfung nach Abschnitt 10 – 1 Punkt ist offen" in texts[source]
        assert "(Stand: 15. Juni 2026 10:00 UTC+1)" in texts[source]
        assert "Die Korrekturmaßnahme hat begonnen (10. Juni 2026)" in texts[source]
    assert "Die Korrekturmaßnahme hat begonnen" in harness.picture("servicenow", "broken")["notes"][0]
    before, tables = len(harness.writes()), harness.tables()
    harness.sync()
    assert [harness.tables()[name] == tables[name] for name in ("finding", "write_out")] == [True, True]

    _set_language(harness, "en")
    harness.set_clock(NOW + timedelta(hours=1))
    harness.sync()
    harness.sync()
    assert len(harness.writes()) == before
    status = harness.run("status").out
    assert [f"{source}: 1 comment has older wording" in status for source in harness.names] == [True, False, True]
    assert harness.run("sync", "--refresh", "all").code == 0
    assert [ENGLISH in _text(harness, source) for source in harness.names] == [True, True, True]
    assert [GERMAN in _text(harness, source) for source in harness.names] == [False, False, False]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('language = "nl"', "there are no texts in 'nl'; shipped are en, de; or write texts/nl.yaml"),
        ('language = "../de"', 'write the code of a language in small letters, as in "en" or "de"'),
        ('texts = "nowhere"', "write_back.texts: there is no folder 'nowhere'"),
        ('language = "de"\ntexts = "texts"', "de.yaml:2: there is no sentence 'of_rules'; did you mean 'of_rule'?"),
    ],
)
def test_a_mistake_of_the_language_has_its_line(make_harness: MakeHarness, lines: str, says: str) -> None:
    """Exit 2 and one line, before anything is read from a tracker."""
    harness = make_harness("jira", rules=(ORDER,), write_back=f'mode = "on"\n{lines}')
    (harness.folder / "texts").mkdir()
    (harness.folder / "texts" / "de.yaml").write_text("language: de\nsentences: {of_rules: x}\n", encoding="utf-8")
    done = harness.run("sync")
    assert (done.code, says in done.err) == (2, True), done.err
    assert re.search(r"\.(toml|yaml):\d+: ", done.err)
    assert len(done.err.splitlines()) == 1
