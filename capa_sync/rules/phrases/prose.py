"""Phrases about what a text says, by the word lists of docs/text-checks.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from capa_sync.model.record import Action
from capa_sync.model.values import Value
from capa_sync.rules import texts
from capa_sync.rules.context import Context
from capa_sync.rules.languages import other_language
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.actions import action_facts
from capa_sync.rules.phrases.phrase import Arguments, Family, Phrase, Test, check_kind, field, fields, number
from capa_sync.rules.subjects import Kind, Subject

_TEXT = frozenset({Kind.TEXT})
_PROSE = frozenset({Kind.TEXT, Kind.LIST})
_SHORT = 120
"""Characters; a longer text that mentions a later answer has given one of its own."""
_BEFORE_DUTY = 8
"""Words between a failing and what was not followed."""


def _written(value: Value) -> list[str]:
    """Return the texts of a filled value; none for anything else."""
    if not value.is_filled or value.media_only:
        return []
    return list(value.data) if isinstance(value.data, tuple) else [str(value.data)]


def _of_words(test: Callable[[list[str]], bool], longest: int | None = None) -> Callable[[Subject, Arguments], Test]:
    """Return the builder of a test of the words of a value; false for a value without any, and for longer texts."""

    def build(subject: Subject, _: Arguments) -> Test:
        def holds(context: Context) -> Truth:
            value = context.value(subject.name)
            if not value.is_known:
                return None
            return any(
                (longest is None or len(text) <= longest) and test(texts.words_of(text)) for text in _written(value)
            )

        return Test((subject.name,), holds, present=True)

    return build


def _names_system(words: list[str]) -> bool:
    """Tell whether a word for a part of the system stands anywhere but behind a failing, as what was not followed."""
    failings = texts.FAILINGS.places(words)
    duties = {
        place
        for _, end in failings
        for place in range(end, min(end + _BEFORE_DUTY, len(words)))
        if texts.stem(words[place]) in texts.DUTIES.stems
    }
    within = {place for start, end in failings for place in range(start, end)}
    return any(start not in duties and start not in within for start, _ in texts.SYSTEM_PARTS.places(words))


def _says_more(subject: Subject, args: Arguments) -> Test:
    least = number(args[0])

    def holds(context: Context) -> Truth:
        value = context.value(subject.name)
        if not value.is_known:
            return None
        return len(texts.content(_written(value)) - texts.COMPLETIONS.stems) >= least

    return Test((subject.name,), holds, present=True)


def _others(context: Context, subjects: Sequence[Subject]) -> tuple[list[str], bool]:
    """Return the texts of other subjects, for `actions` those of the actions, and whether these are all."""
    values = [context.value(subject.name) for subject in subjects if subject.kind is not Kind.ACTIONS]
    is_whole = True
    if any(subject.kind is Kind.ACTIONS for subject in subjects):
        values += [action.text for action in context.actions]
        is_whole = not context.actions_unknown
    found = [text for value in values for text in _written(value)]
    return found, is_whole and all(value.is_known for value in values)


def _is_apart(own: list[str], context: Context, subjects: Sequence[Subject], limit: float) -> Truth:
    """Tell whether each of some texts shares less than a part of its words with other subjects."""
    others, is_whole = _others(context, subjects)
    if any(texts.share(text, others) >= limit for text in own):
        return False
    return True if is_whole or not own else None


def _shares_less(subject: Subject, args: Arguments) -> Test:
    limit, others = number(args[0]) / 100, fields(args[1])
    for other in others:
        check_kind(other, Kind.TEXT, Kind.LIST, Kind.ACTIONS)

    def holds(context: Context) -> Truth:
        value = context.value(subject.name)
        return _is_apart(_written(value), context, others, limit) if value.is_known else None

    return Test((subject.name, *(other.name for other in others)), holds)


def _changes(text: str, others: list[str]) -> bool:
    """Tell whether a text has a word for a change that the others lack."""
    return bool(texts.content([text]) & texts.CHANGES.stems - texts.content(others))


def _reminds(text: str) -> bool:
    words = texts.words_of(text)
    return texts.REMINDERS.is_in(words) and not texts.CHANGES.is_in(words)


def _goes_beyond(_: Subject, args: Arguments) -> Test:
    limit, other = number(args[0]) / 100, field(args[1])
    check_kind(other, Kind.TEXT)

    def does(action: Action, context: Context) -> Truth:
        if not action.text.is_known:
            return None
        written = _written(action.text)
        if all(_reminds(text) for text in written):
            return False
        done, is_whole = _others(context, [other])
        if not is_whole:
            return None
        return any(texts.share(text, done) < limit or _changes(text, done) for text in written)

    def holds(context: Context) -> Truth:
        truths = [does(action, context) for action in context.actions]
        if True in truths:
            return True
        return None if None in truths or context.actions_unknown else False

    return Test(("actions", other.name), holds, facts=action_facts)


def _in_english(build: Callable[[Subject, Arguments], Test]) -> Callable[[Subject, Arguments], Test]:
    """Return a builder of the same test, which cannot tell of a text that is mostly in another language."""

    def built(subject: Subject, args: Arguments) -> Test:
        test = build(subject, args)

        def holds(context: Context) -> Truth:
            return None if other_language(context, test.reads) else test.holds(context)

        return replace(test, holds=holds, why=lambda context: other_language(context, test.reads))

    return built


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "announces a later answer",
        Family.TEXT,
        _PROSE,
        _in_english(_of_words(texts.ANNOUNCEMENTS.is_in, _SHORT)),
        "It is short and says that something follows or stands elsewhere, such as `RCA will follow` (English).",
        "root_cause: announces a later answer",
    ),
    Phrase(
        "names the failing of a person",
        Family.TEXT,
        _PROSE,
        _in_english(_of_words(texts.FAILINGS.is_in)),
        "It has a word for somebody's mistake, such as `forgot`, `human error`, `lack of awareness` (English).",
        "root_cause: names the failing of a person",
    ),
    Phrase(
        "names a part of the system",
        Family.TEXT,
        _PROSE,
        _in_english(_of_words(_names_system)),
        "It has a word for what can be changed, such as `process`, `owner`, `check`; behind a failing a duty such as "
        "`did not follow the procedure` is none (English).",
        "why_chain: names a part of the system",
    ),
    Phrase(
        "says at least N words more than that it is done",
        Family.TEXT,
        _TEXT,
        _in_english(_says_more),
        "It has so many different words beside those such as `done`, `implemented`, `effective`, `closed` (English).",
        "effectiveness_note: says at least 3 words more than that it is done",
    ),
    Phrase(
        "shares less than N percent of its words with FIELD, FIELD",
        Family.TEXT,
        _TEXT,
        _in_english(_shares_less),
        "Of its different words, endings and words such as `the` left out, fewer stand in these texts; `actions` "
        "stands for the texts of the actions. True where it is empty.",
        "root_cause: shares less than 70 percent of its words with title, description",
    ),
    Phrase(
        "at least one is no reminder and shares less than N percent of its words with FIELD",
        Family.ACTIONS,
        frozenset({Kind.ACTIONS}),
        _in_english(_goes_beyond),
        "At least one action does more than to train, remind or inform people, and does not repeat that text; a word "
        "for a change that the text lacks is no repetition (English).",
        "actions: at least one is no reminder and shares less than 60 percent of its words with correction",
    ),
)
