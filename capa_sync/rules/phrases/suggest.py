"""What to write instead of a sentence that is no phrase: a phrase in the person's own words where one is near.

People write what other tools, their own language or plain English say. A table rewrites the usual ways; a suggestion
is made only when it can be read, so that it can be copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from capa_sync.model.near import STAGE_WORDS, nearest
from capa_sync.rules.phrases.phrase import Phrase, PhraseError
from capa_sync.rules.subjects import KIND_WORDS, Subject
from capa_sync.yaml_syntax import STRAIGHT

_NUMBERS = {
    word: str(number)
    for number, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1)
} | {"twice": "2 times", "fourteen": "14", "fifteen": "15", "twenty": "20", "thirty": "30"}
_LONGEST = 200
"""Characters of a sentence that is looked at: the patterns below take long on a long text."""
_UNITS = {"week": 7, "month": 30, "year": 365}
_FILLED = (
    "not (?:empty|blank|null|missing)|non-empty|notempty|present|exists?|set|given|required|mandatory|complete|"
    "provided|defined|true|ausgefüllt|gefüllt|vorhanden|nicht leer|pflicht"
)
_EMPTY = "blank|null|none|missing|unset|not set|undefined|nothing|leer|fehlt|nicht ausgefüllt"
_REWRITES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"(?:is )?(?:overdue|late|expired|in the past)", "more than 0 days ago"),
    (r"(?:is )?not (?:overdue|late|expired)", "not more than 0 days ago"),
    (r"(.*) working days?(.*)", r"\1 business days\2"),
    (r"(?:is )?(?:an? )?active(?: person)?", "an active person"),
    (r"(?:is )?not (?:the )?(?:same (?:person )?as )?([a-z_]+)", r"not the same person as \1"),
    (r"moved (?:later )?(?:more than|at most) (\d+) times?", r"moved later at most \1 times"),
    (r"(?:includes|contain|include) (.+)", r"contains \1"),
    (r"(?:does not|doesn't) (?:includes?|contains?) (.+)", r"does not contain \1"),
    (r"was (.+)", r"has been \1"),
    (r"(?:is )?(?:true|on|ja)", "is yes"),
    (r"(?:is )?(?:false|off|nein)", "is no"),
    (rf"(?:is |was |be |must be |should be )?(?:{_FILLED})", "filled"),
    (rf"(?:is |was )?(?:{_EMPTY})", "not filled"),
    (r"(?:is|was|be|must be|has to be|should be) (.+)", r"\1"),
    (r"(?:==?|equals?|(?:is )?equal to|ist) ?(.+)", r"is \1"),
    (r"([^ ]+(?: or [^ ]+)+)", r"is \1"),
    (r"(?:!=|<>|not|isn't|is no|is not a|does not equal|ist nicht) ?(.+)", r"is not \1"),
    (r"(?:is )?in \W?([^\])]+,[^\])]+)\W?", r"is one of \1"),
    (r"is (not )?(?:either )?(.+)", lambda found: f"is {found[1] or ''}one of {', '.join(_either(found[2]))}"),
    (r"is (not )?(?:a|an|the) (.+)", r"is \1\2"),
    (r"(?:>=|min\.?|minimum|not less than) ?(\d+)(.*)", r"at least \1\2"),
    (r"(?:<=|max\.?|maximum|up to|not more than) ?(\d+)", r"at most \1"),
    (r"(?:>|more than|over|greater than) ?(\d{1,5})", lambda found: f"at least {int(found[1]) + 1}"),
    (r"(?:<|less than|fewer than|under) ?(\d{1,5})", lambda found: f"at most {max(int(found[1]) - 1, 0)}"),
    (r"(?:longer than|more than|over|at least|>=?) ?(\d+) (?:letters?|chars?)", r"at least \1 characters"),
    (r"(?:older|more|later) than (\d+) (business )?(?:days?|d)(?: old| ago)?", r"more than \1 \2days ago"),
    (r"(?:over|>) ?(\d+) (business )?(?:days?|d)(?: old| ago)?", r"more than \1 \2days ago"),
    (r"(?:after|later than|past|from|since|>=?) ?([a-z_]+)", r"at least \1"),
    (r"before ([a-z_]+)", r"filled before \1 was first filled"),
    (r"(?:filled )?before (?:the )?(?:corrective )?actions?(?: starts?| started)?", "filled before action started"),
    (r"(?:filled )?before (?:the )?(?:record |ticket |stage )?(?:is |was |became )?([a-z_]+)",
     r"filled before the record first became \1"),
    (r"filled before ([a-z_]+)(?: (?:is|was))? filled", r"filled before \1 was first filled"),
    (r"([^ ]+)", r"is \1"),
    (r"([^ ]+(?: ?, ?[^ ,]+)+)", r"is one of \1"),
)  # fmt: skip
"""A way to say it, as a whole -> a phrase; each that fits is tried, and so is what a second one makes of it."""


def phrase_hint(subject: Subject, sentence: str, phrases: Sequence[Phrase]) -> str:
    """Return `did you mean …?` with a phrase that can be read, else some of the phrases of that kind of subject."""
    if re.fullmatch(r"(?:is )?not? (?:not )?(yes|no)|is not (yes|no)", sentence):
        return f"write `none: [{{{subject.name}: is {sentence.split()[-1]}}}]`"
    for candidate in _candidates(subject, sentence, phrases) if len(sentence) <= _LONGEST else ():
        if _is_readable(subject, candidate, phrases):
            return f"did you mean '{candidate}'?"
    alike = [phrase.template for phrase in phrases if phrase.slots and _denies(phrase.template) == _denies(sentence)]
    near = get_close_matches(re.sub(r"\d+", "N", sentence[:_LONGEST]), alike, 1, 0.75)
    if near:
        return f"did you mean '{near[0]}'?"
    some = list(dict.fromkeys(phrase.template for phrase in phrases))[:4]
    of_kind = f"of {KIND_WORDS[subject.kind]} you can say: {'; '.join(some)}"
    return f"{of_kind}; `capa-sync rules phrases` lists all"


def _candidates(subject: Subject, sentence: str, phrases: Sequence[Phrase]) -> Iterator[str]:
    """Yield what could have been meant, the likeliest first."""
    plain = _plain(sentence.translate(STRAIGHT))
    yield plain
    yield _quoted(plain)
    yield plain.lower()
    yield from _near(plain.lower(), phrases, 0.85)
    first = list(_rewritten(plain.lower()))
    yield from first
    for candidate in first:
        yield from _rewritten(candidate)
    yield from (_own_words(candidate, subject) for candidate in [plain.lower(), f"is {plain.lower()}", *first])
    yield from _near(plain.lower(), phrases, 0.75)


_BEFORE_NAMES = "is not one of|is one of|is not|is|has been|contains|does not contain|starts with|does not start with"


def _quoted(sentence: str) -> str:
    """Return the sentence with its names of several words in quotes, as a status has them."""
    found = re.fullmatch(rf"({_BEFORE_NAMES}) ([^\"]+)", sentence)
    if found is None:
        return sentence
    names = [f'"{name.strip()}"' if re.search("[ ']", name.strip()) else name.strip() for name in found[2].split(",")]
    return f"{found[1]} {', '.join(names)}"


def _plain(sentence: str) -> str:
    """Return the sentence with numbers in digits and lengths in days."""
    words = sentence.split()
    following = [*words[1:], ""]
    text = " ".join(
        word if after == "of" else _NUMBERS.get(word.lower(), word)  # `one of` is no number
        for word, after in zip(words, following, strict=True)
    )
    return re.sub(
        r"\b(\d{1,3}) (week|month|year)s?\b", lambda found: f"{int(found[1]) * _UNITS[found[2]]} days", text
    )


def _rewritten(sentence: str) -> Iterator[str]:
    for form, instead in _REWRITES:
        if found := re.fullmatch(form, sentence):
            yield found.expand(instead) if isinstance(instead, str) else instead(found)


def _either(words: str) -> list[str]:
    return [word.strip() for word in re.split(r" or |,|/|\|", words) if word.strip()]


def _own_words(sentence: str, subject: Subject) -> str:
    """Return the sentence with the nearest word that the subject can hold."""
    found = re.fullmatch(r"(is not|is|at least|has been) (.+)", sentence)
    near = nearest(found[2], subject.choices, STAGE_WORDS) if found else ""
    return f"{found[1]} {near}" if found and near else sentence


def _near(sentence: str, phrases: Sequence[Phrase], cutoff: float) -> Iterator[str]:
    """Yield the phrases of nearly these words, with the numbers and names of the sentence in their places."""
    plain = {phrase.template: phrase for phrase in phrases if set(phrase.slots) <= {"N"}}
    plain = {template: phrase for template, phrase in plain.items() if _denies(template) == _denies(sentence)}
    numbers = re.findall(r"\d+", sentence)
    for template in get_close_matches(re.sub(r"\d+", "N", sentence), list(plain), 3, cutoff):
        if len(plain[template].slots) == len(numbers):
            rest = iter(numbers)
            yield re.sub(r"\bN\b", lambda _, rest=rest: next(rest), template)  # type: ignore[misc]


def _denies(sentence: str) -> bool:
    """Return whether a sentence says that something is not so; a near phrase must not turn it round."""
    return re.search(r"\b(not|no|never|none)\b|n't\b", sentence) is not None


def _is_readable(subject: Subject, sentence: str, phrases: Sequence[Phrase]) -> bool:
    for phrase in phrases:
        texts = phrase.match(sentence)
        if texts is not None:
            try:
                phrase.test(subject, texts)
            except PhraseError:
                return False
            return True
    return False
