"""Every kind of fault of a source has something that a person can do, in one line that ends well."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest

from capa_sync import errors
from capa_sync.errors import Authentication, Fatal, NotBefore, Retryable, SourceError
from capa_sync.model.to_do import TO_DO, sentence, to_do, with_next_step
from capa_sync.sources.servicenow.answers import NoSuchTable, NotFound

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SourceError)] + [
    NoSuchTable,
    NotFound,
]


def _made(kind: type[SourceError]) -> SourceError:
    """Return an error of a kind, whatever its constructor takes."""
    made = kind.__new__(kind)
    SourceError.__init__(made, "jira", "GET search: no such project.")
    return made


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_of_fault_has_a_next_step(kind: type[SourceError]) -> None:
    """The nearest kind of the table decides, and no line ends a sentence before it goes on."""
    made = _made(kind)
    assert to_do(made) in TO_DO.values()
    if issubclass(kind, Retryable | NotBefore):
        assert with_next_step(made) == made.message
    else:
        assert with_next_step(made) == f"GET search: no such project; {to_do(made)}"


def test_what_a_fault_names_itself_wins() -> None:
    """A general word would hide it, also for a fault that may pass."""
    assert to_do(Authentication("jira", "no", do="sign in once")) == "sign in once"
    assert (
        with_next_step(Fatal("jira", "no", do="check `url`: is it that of a Jira?"))
        == "no; check `url`: is it that of a Jira?"
    )
    waits = NotBefore("jira", "asked us to wait", datetime(2026, 1, 1, tzinfo=UTC))
    assert with_next_step(waits) == "asked us to wait"
    assert "instant" in to_do(waits)


TEXTS = {
    "is that a Jira?": "is that a Jira?",
    "did you mean 'summary'?.": "did you mean 'summary'?",
    "no such value.": "no such value.",
    "and so on …": "and so on …",
    "stop!": "stop!",
    "plain": "plain.",
}


@pytest.mark.parametrize(("text", "ends"), TEXTS.items())
def test_a_sentence_ends_with_one_mark(text: str, ends: str) -> None:
    """A tracker's words and our hints end as they like."""
    assert sentence(text) == ends
