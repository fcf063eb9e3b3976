"""The text checks read English: of a text that is mostly in another language they cannot tell, and they say why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capa_sync.rules.conditions import Line
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.languages import language_of
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.subjects import SUBJECTS
from tests.corpus.measure import HALVES, entries
from tests.unit.rules.lives import case_of, context_on

TEXTS = {
    "en": "The reminder was sent to the mailbox of a leaver, and nobody is named as deputy in the procedure.",
    "de": "Die Erinnerung ging an das Postfach eines früheren Mitarbeiters, und es ist keine Vertretung benannt.",
    "fr": "Le rappel a été envoyé dans la boîte d'une personne partie et le remplaçant n'est pas nommé.",
    "es": "El recordatorio se envió al buzón de una persona que ya no está y no hay ningún suplente.",
    "other": "提醒发送到了已离职员工的邮箱，程序中没有指定代理人。",
}
MIXED = "Backup-Job ABC-1 failed on server db-03 (exit 137, OOM killer), restart at 04:10 UTC, ticket INC-77."
CHECKS = {
    "root_cause": "names the failing of a person",
    "why_chain": "names a part of the system",
    "effectiveness_note": "says at least 3 words more than that it is done",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_is_told_and_a_line_of_a_log_is_not(language: str) -> None:
    """Few words, or words of no language, decide nothing."""
    assert language_of(TEXTS[language]) == language
    assert language_of(MIXED) == language_of("Server rebooted") == ""


def test_no_english_text_of_the_corpus_is_called_foreign() -> None:
    """A wrong guess would silence the check on a text that it can read."""
    texts = [entry.shown for half in HALVES for entry in entries(half)]
    assert sum(language_of(text) not in {"", "en"} for text in texts) == 0


def _context(field: str, text: str, language: str = "en") -> Context:
    case = f"case: a\ntimeline: [{{day: 2026-03-02, title: x, {field}: {text!r}}}]\n"
    context = context_on(case_of(case), "2026-03-02")
    return open_record(replace(context.record, language=language), context.now, context.terms)


def _line(field: str) -> Line:
    phrase, test = vocabulary().find(SUBJECTS[field], CHECKS[field])
    return Line(SUBJECTS[field], CHECKS[field], phrase, test, 1)


@pytest.mark.parametrize("field", CHECKS)
def test_a_check_of_words_cannot_tell_of_another_language(field: str) -> None:
    """The reason names the language and nothing of the ticket, so that it is counted once for a source."""
    line = _line(field)
    assert line.judge(_context(field, TEXTS["en"]))[0] is not None
    german = _context(field, TEXTS["de"].replace("'", ""))
    assert line.judge(german)[0] is None
    assert line.unknown(german) == "a text is mostly in German, and this check reads English alone"


def test_what_the_mapping_says_counts_for_every_text_and_an_empty_field_is_still_empty() -> None:
    """With `language: de` no text is checked, whatever it looks like; an empty field has no text."""
    line = _line("root_cause")
    short = _context("root_cause", "Somebody forgot it", "de")
    assert line.judge(short)[0] is None
    assert "the mapping says that texts are in German" in line.unknown(short)
    assert line.judge(_context("description", "Something", "de"))[0] is False
