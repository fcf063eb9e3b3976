"""Tells in which language a text mostly is, by its commonest words; a short or mixed text is in none."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from capa_sync.model.language import CHECKED, LANGUAGES
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context
from capa_sync.rules.texts import LONGEST, words_of

_FEWEST = 8
"""Words; the language of a shorter text is not determined."""
_SHARE = 0.15
"""Share of a text's words that are commonest words of one language."""
_DIFFERENT = 3
"""So many different ones of them at least."""
_LEAD = 2
"""So many times the commonest words of any other language."""
_COMMONEST = {
    "en": """the of and to is was were are been be has have had not this that these those with for from by at which
        it its they their we our he she you as on or if when where there would should could can will did does but a an
        no in do me so all per come one then after before only over under any each more""",
    "de": """der die das und ist nicht ein eine einen einem einer den dem des mit auf für von zu zum zur wurde wurden
        werden wird sich auch es sind bei nach aus durch als wie noch nur über kann keine kein haben hat dass im am
        vom oder weil sowie bereits""",
    "fr": """le la les des du une un est et pas dans pour sur par avec qui que ne ce cette ces au aux sont été être
        avait ont il elle nous vous ils leur plus mais ou donc car lors sans""",
    "es": """el la los las del una un es y no en para por con que se su sus al fue han son ha este esta estos como más
        pero sin sobre entre cuando porque también había""",
    "it": """il lo la gli le della del dei delle un una è e non in per con che si sono stato stata alla nel nella di
        da al dal questo questa ma come più anche""",
    "nl": """de het een en is niet van voor met op aan door dat die dit zijn werd wordt worden er bij naar ook maar
        als om te uit heeft geen""",
    "pt": """o a os as do da dos das um uma é e não em para por com que se foi são ao à no na nos nas mais como mas
        sem sobre foram ser""",
}
_ENGLISH = frozenset(_COMMONEST[CHECKED].split())
_WORDS = {
    language: frozenset(words.split()) - (frozenset() if language == CHECKED else _ENGLISH)
    for language, words in _COMMONEST.items()
}
"""Without the words that English has too: a text is called foreign by what English lacks."""


def other_language(context: Context, names: Sequence[str]) -> str:
    """Return why the words of these subjects cannot be checked: they are not in English; "" when they can."""
    written = [text for name in names for text in _texts(context, name)]
    declared = context.record.language
    if written and declared != CHECKED:
        return say.OTHER_LANGUAGE_BY_MAPPING.format(language=LANGUAGES.get(declared, declared))
    found = next((language for text in written if (language := language_of(text)) not in {"", CHECKED}), "")
    return say.OTHER_LANGUAGE.format(language=LANGUAGES[found]) if found else ""


def _texts(context: Context, name: str) -> list[str]:
    """Return the texts of a subject; of `actions` those of the actions."""
    values = [action.text for action in context.actions] if name == "actions" else [context.value(name)]
    filled = [value.data for value in values if value.is_filled and not value.media_only]
    return [" ".join(data) if isinstance(data, tuple) else str(data) for data in filled]


@lru_cache(maxsize=5_000)
def language_of(text: str) -> str:
    """Return the code of the language that a text is mostly in, `other` for another script, "" for no decision."""
    if _is_of_another_script(text[:LONGEST]):
        return "other"
    words = words_of(text)
    if len(words) < _FEWEST:
        return ""
    counts = sorted(((_count(words, known), language) for language, known in _WORDS.items()), reverse=True)
    (most, language), (second, _) = counts[:2]
    is_plain = most >= _SHARE * len(words) and most >= _LEAD * second
    return language if is_plain and len(_WORDS[language].intersection(words)) >= _DIFFERENT else ""


def _count(words: Sequence[str], known: frozenset[str]) -> int:
    return sum(word in known for word in words)


def _is_of_another_script(text: str) -> bool:
    """Tell whether most letters are not Latin; one letter of Chinese is a word."""
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(not letter.isascii() and "LATIN" not in unicodedata.name(letter, "LATIN") for letter in letters)
    return foreign > len(letters) / 2
