"""The texts of rules in the language of a comment: which of them are used, and what is wrong with the others.

A text in another language is used only for the English that it was made from: where a rule has other texts, or
another number of them, the English ones are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from capa_sync.errors import Problem
from capa_sync.model.amounts import count_of
from capa_sync.model.comment_texts import ENGLISH, CommentTexts, RuleTexts
from capa_sync.model.near import near_or_all
from capa_sync.rules.placeholders import RenderContext
from capa_sync.rules.rule import Rule
from capa_sync.rules.wording import MessageTemplate, Sentence, read_sentence


class Translation(NamedTuple):
    """The texts of a rule in one language; "" and () where it has none and the English one is used."""

    title: str
    message: tuple[Sentence, ...]
    fix: tuple[Sentence, ...]


def words_on_ticket(rule: Rule, rendering: RenderContext, *, has_fix: bool) -> tuple[str, ...]:
    """Return language, title, message and fix in the language of the record's source.

    () where the ticket's text is in English, as the rule has it.
    """
    context = rendering.context
    texts = context.terms.options.texts.get(context.record.source)
    if texts is None:
        return ()
    place = (texts.language, rule.id)
    if place not in context.terms.translations:
        context.terms.translations[place] = translation_of(rule, texts)
    translation: Translation = context.terms.translations[place]
    message = _said(rule.message, translation.message, rendering, texts)
    fix = _said(rule.fix, translation.fix, rendering, texts) if has_fix else ""
    return (texts.language, translation.title or rule.title, message, fix)


def _said(
    template: MessageTemplate, sentences: Sequence[Sentence], rendering: RenderContext, texts: CommentTexts
) -> str:
    """Return a text in the language; in English, its dates and lists too, where the language has no such text."""
    if not sentences:
        return template.render(rendering)[0]
    context = rendering.context
    number = template.choice(context)
    context.texts = texts
    try:
        return sentences[number].render(rendering)[0]
    finally:
        context.texts = ENGLISH


def translation_of(rule: Rule, texts: CommentTexts) -> Translation:
    """Return the texts of a rule in a language, each from the first file that has one for the rule's English."""
    if texts.language == ENGLISH.language:  # an edited English: only dates, lists and names differ
        return Translation("", _sentences_of(rule.message), _sentences_of(rule.fix))
    entries = [entry for entry in texts.rules.get(rule.id, ()) if entry.of in ("", digest_of(rule))]
    return Translation(
        next((entry.title for entry in entries if entry.title), ""),
        next((_read(entry.message) for entry in entries if _fits(entry.message, rule.message)), ()),
        next((_read(entry.fix) for entry in entries if _fits(entry.fix, rule.fix)), ()),
    )


def _sentences_of(template: MessageTemplate) -> tuple[Sentence, ...]:
    return tuple(variant.sentence for variant in template.variants)


def _read(texts: Iterable[str]) -> tuple[Sentence, ...]:
    return tuple(map(read_sentence, texts))


def _fits(texts: Sequence[str], template: MessageTemplate) -> bool:
    return len(texts) == len(template.variants)


def digest_of(rule: Rule) -> str:
    """Return what identifies the English texts of a rule, for `of` in a language file."""
    digest = hashlib.sha256(rule.title.encode())
    for template in (rule.message, rule.fix):
        digest.update(b"\0")
        digest.update("\0".join(english_of(template)).encode())
    return digest.hexdigest()[:8]


def english_of(template: MessageTemplate) -> list[str]:
    """Return the texts of a message or fix as a rule file writes them, each on one line."""
    return [variant.sentence.typed for variant in template.variants]


def translation_problems(rules: Iterable[Rule], texts: CommentTexts, *, of_site: str = "") -> list[Problem]:
    """Return what is wrong with the texts of rules in a language: an unknown rule, another number, another English.

    `of_site` is the site's language file: only its entries are reported, since a site's own rules make shipped
    texts useless without a mistake of theirs. "": of every file.
    """
    known = {rule.id: rule for rule in rules}
    return [
        problem
        for name, entries in texts.rules.items()
        for entry in entries
        if not of_site or entry.file == of_site
        for problem in _mistakes(name, entry, known)
    ]


def _mistakes(name: str, entry: RuleTexts, known: Mapping[str, Rule]) -> Iterator[Problem]:
    rule = known.get(name)
    if rule is None:
        yield Problem(entry.file, entry.line, f"there is no rule '{name}'", near_or_all(name, known))
        return
    if entry.of and entry.of != digest_of(rule):
        what = f"the English texts of '{name}' changed since these were made (`of: {entry.of}`)"
        yield Problem(entry.file, entry.line, what, f"compare them, then write `of: {digest_of(rule)}`")
    for key, texts, template in (("message", entry.message, rule.message), ("fix", entry.fix, rule.fix)):
        if texts and not _fits(texts, template):
            own, wanted = count_of(len(texts), "text"), count_of(len(template.variants), "text")
            what = f"'{key}' of '{name}' has {own}, in the rule it has {wanted}"
            yield Problem(entry.file, entry.line, what, "write one for each, in the order of the rule")


def untranslated(rules: Iterable[Rule], texts: CommentTexts) -> dict[str, tuple[str, ...]]:
    """Return rule -> the parts of it that appear in English."""
    if texts.language == ENGLISH.language:
        return {}
    found = {}
    for rule in rules:
        translation = translation_of(rule, texts)
        parts = zip(("title", "message", "fix"), translation, strict=True)
        found[rule.id] = tuple(name for name, part in parts if not part)
    return {rule: parts for rule, parts in found.items() if parts}
