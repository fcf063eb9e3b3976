"""What became of requests in comments, in the language of the ticket: the register keeps these answers in English."""

from __future__ import annotations

from dataclasses import fields
from string import Formatter

from capa_sync.model.comment_texts import ENGLISH, CommentTexts, Sentences

_ANSWERS = tuple(field.name for field in fields(Sentences) if field.name.startswith("refused_"))
_HINTS = tuple(field.name for field in fields(Sentences) if field.name.startswith("hint_"))
"""Sentences that stand in others, in the order in which they are looked for."""


def in_language(answer: str, texts: CommentTexts) -> str:
    """Return an answer in a language; unchanged where it is not of the catalogue, as one of an earlier version."""
    if texts.sentences is ENGLISH.sentences:
        return answer
    return _translated(answer, _ANSWERS, texts)


def name_in_language(name: str, texts: CommentTexts) -> str:
    """Return who asked: a person's name, or the words for one who is not known."""
    return texts.sentences.unknown_person if name == ENGLISH.sentences.unknown_person else name


def _translated(text: str, names: tuple[str, ...], texts: CommentTexts) -> str:
    for name in names:
        found = _filled_in(getattr(ENGLISH.sentences, name), text)
        if found is not None:
            said: str = getattr(texts.sentences, name)
            return said.format(**found | {"hint": _translated(found.get("hint", ""), _HINTS, texts)})
    return text


def _filled_in(form: str, text: str) -> dict[str, str] | None:
    """Return what a text has in the places of a form's names; None where it was not made from the form."""
    parts = [(literal, name) for literal, name, _, _ in Formatter().parse(form)]
    ends = [literal for literal, _ in parts[1:]] + [""]
    values: dict[str, str] = {}
    position = 0
    for (literal, name), end in zip(parts, ends, strict=True):
        if not text.startswith(literal, position):
            return None
        position += len(literal)
        if name is not None:
            stop = text.find(end, position) if end else len(text)
            if stop < 0:
                return None
            values[name] = text[position:stop]
            position = stop
    return values if position == len(text) else None
