"""What became of requests in comments, in the language of the ticket: the register keeps these answers in English."""

from __future__ import annotations

from dataclasses import fields
from string import Formatter

from capa_sync.model.comment_texts import ENGLISH, CommentTexts, Sentences

_NAMES = tuple(field.name for field in fields(Sentences) if field.name.startswith("refused_"))


def in_language(answer: str, texts: CommentTexts) -> str:
    """Return an answer in a language; unchanged where it is not of the catalogue, as one of an earlier version."""
    if texts.sentences is ENGLISH.sentences:
        return answer
    for name in _NAMES:
        found = _filled_in(getattr(ENGLISH.sentences, name), answer)
        if found is not None:
            said: str = getattr(texts.sentences, name)
            return said.format(**found)
    return answer


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
