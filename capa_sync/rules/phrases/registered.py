"""Phrases of other distributions: an entry point of the group `capa_sync.phrases` adds them to the vocabulary.

Their code is not ours. What cannot be loaded is a mistake of who installed it, reported in one line. A phrase that
raises an error while a record is evaluated cannot tell, and the reason names the class and place of the error: no
other rule suffers, and no ticket text gets into a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from capa_sync.errors import Problem, UserError, place_of
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Clocked, Truth
from capa_sync.rules.phrases.phrase import Arguments, Phrase, PhraseError, Test
from capa_sync.rules.subjects import SUBJECTS, Subject
from capa_sync.rules.words import present_fact

GROUP = "capa_sync.phrases"
"""Entry point group; each entry is a Phrase or an iterable of phrases."""
T = TypeVar("T")


@dataclass(frozen=True)
class Registered(Phrase):
    """A phrase of another distribution.

    Attributes:
        origin: name and version of the distribution; part of the hash of each rule set that says the phrase, so that
            another version evaluates every ticket again.
    """

    origin: str = ""


def registered(built_in: Iterable[Phrase]) -> list[Registered]:
    """Return the phrases of installed distributions. Raises UserError where one cannot be loaded or is ambiguous."""
    found: list[Registered] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        for phrase in _loaded(entry):
            _check(entry, phrase, [*built_in, *found])
            found.append(_of_entry(entry, phrase))
    return found


def _loaded(entry: EntryPoint) -> Iterator[Phrase]:
    try:
        loaded = entry.load()
        phrases = [loaded] if isinstance(loaded, Phrase) else list(loaded)
    except Exception as error:
        raise _refused(entry, f"{type(error).__name__}: {error}") from error
    for phrase in phrases:
        if not isinstance(phrase, Phrase):
            raise _refused(entry, f"it names a {type(phrase).__name__}, which is no Phrase")
        yield phrase


def _check(entry: EntryPoint, phrase: Phrase, others: Iterable[Phrase]) -> None:
    """Raise UserError where a phrase cannot be read, or where it and another one may have the same sentence."""
    name, _, sentence = phrase.example.partition(": ")
    subject = SUBJECTS.get(name)
    if subject is None or subject.kind not in phrase.kinds or phrase.match(sentence) is None:
        raise _refused(entry, f"'{phrase.example}' is no example of '{phrase.template}'")
    for other in others:
        own = other.example.partition(": ")[2]
        if phrase.template == other.template or other.match(sentence) or phrase.match(own):
            raise _refused(entry, f"'{phrase.template}' has a sentence that '{other.template}' has too")


def _refused(entry: EntryPoint, why: str) -> UserError:
    what = f"the phrases of {_origin(entry)} cannot be loaded from {entry.value}: {why}"
    return UserError([Problem("", 0, what, "repair the distribution, or uninstall it")])


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.name


def _of_entry(entry: EntryPoint, phrase: Phrase) -> Registered:
    package = entry.module.partition(".")[0]

    def build(subject: Subject, arguments: Arguments) -> Test:
        try:
            test = phrase.build(subject, arguments)
        except PhraseError:
            raise
        except Exception as error:
            raise PhraseError(_failed(phrase, package, error), "report it to its author") from error
        return _fenced(test, phrase, package)

    return Registered(
        phrase.template,
        phrase.family,
        phrase.kinds,
        build,
        phrase.says,
        phrase.example,
        phrase.order,
        phrase.history,
        _origin(entry),
    )


def _failed(phrase: Phrase, package: str, error: Exception) -> str:
    place = f"{type(error).__name__} at {place_of(error, package)}"
    return say.PHRASE_FAILED.format(phrase=phrase.template, place=place)


def _fenced(test: Test, phrase: Phrase, package: str) -> Test:
    """Return a test whose functions raise nothing: where one of them fails, its truth is not known, and says why."""

    def holds(context: Context) -> Truth:
        return _tried(lambda: test.holds(context), None)

    def clock(context: Context) -> Clocked:
        assert test.clock is not None  # noqa: S101 - replaced below where there is none
        return _tried(lambda: test.clock(context), Clocked(None))  # type: ignore[misc]

    def why(context: Context) -> str:
        try:
            test.holds(context) if test.clock is None else test.clock(context)
        except Exception as error:  # noqa: BLE001 - becomes the reason
            return _failed(phrase, package, error)
        return _tried(lambda: test.why(context), "") if test.why is not None else ""  # type: ignore[misc]

    def safely(made: Callable[[Context], list[T]] | None) -> Callable[[Context], list[T]] | None:
        return None if made is None else lambda context: _tried(lambda: list(made(context)), [])

    facts = test.facts or (lambda context: [present_fact(name, context) for name in test.reads])
    broken_at = test.broken_at
    return replace(
        test,
        holds=holds,
        clock=None if test.clock is None else clock,
        now=None,
        facts=safely(facts),
        lacks=safely(test.lacks),
        marks=safely(test.marks),
        broken_at=None if broken_at is None else lambda context: _tried(lambda: broken_at(context), None),
        why=why,
    )


def _tried(call: Callable[[], T], otherwise: T) -> T:
    try:
        return call()
    except Exception:  # noqa: BLE001 - `why` says which error it was
        return otherwise
