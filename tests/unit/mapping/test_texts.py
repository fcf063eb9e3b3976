"""Normalised texts, templates and placeholders."""

from __future__ import annotations

import pytest

from capa_sync.mapping.placeholders import is_placeholder
from capa_sync.mapping.texts import Template, fold, normalise, squash

_SHORT = (
    "TBD tbd. T.B.D. TBA n/a N/A n.a. None none. NONE nil - -- – ? ??? ... … [..] […] [TBD] <root_cause> {text} todo"
)
PLACEHOLDERS = [
    *_SHORT.split(),
    "see above",
    "See description.",
    "please see the ticket",
    "to be determined",
    "To be confirmed later",
    "still to be done",
    "Not yet known",
    "not analysed yet",
    "under investigation",
    "work in progress",
    "in progress",
    "[to be filled by the owner]",
    "Enter text here",
    "please describe the root cause here",
    "Select one",
    "as above",
    "ditto",
    "Lorem ipsum dolor sit amet",
    "no idea",
    "not applicable",
    "(none)",
    '"TBD"',
    "✅",
    "***",
]
GOOD = [
    "No deputy named in AC-03; reminder lost with leaver mailbox",
    "none, because no personal data were involved",
    "N/A: no customer was affected",
    "See above all the missing owner: nobody maintained the list",
    "Open port 22 on the jump host",
    "London office",
    "Pending approvals were not tracked by the tool",
    "A.5.18",
    "審査が行われなかった",
    "No second check in release step",
    "[AC-03] names no deputy and the reminder was lost with the mailbox",
    "Test environment used production data",
    "not done because the owner had left and nobody took over",
    "1234",
]


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_is_recognised(text: str) -> None:
    """What people write for "nothing yet" is a placeholder."""
    assert is_placeholder(normalise(text))


@pytest.mark.parametrize("text", GOOD)
def test_a_real_text_is_no_placeholder(text: str) -> None:
    """A text with content is kept, even if it begins like a placeholder."""
    assert not is_placeholder(normalise(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\n b\t\tc ", "a b c"),
        (" a b ", "a b"),
        ("a  b", "a b"),
        ("\u200b\ufeff ", ""),
        ("no\u00a0break", "no break"),
        ("bell\x07\x00rings", "bell rings"),
        ("\uff21\uff22\uff23", "ABC"),
        ("so\u00adft", "soft"),
        ("\u202eevil\u202c", "evil"),
        ("\U0001f600 ok", "\U0001f600 ok"),
    ],
)
def test_text_is_normalised(text: str, expected: str) -> None:
    """Control and invisible characters are removed, space collapses, forms of one character become the same."""
    assert normalise(text) == expected


def test_names_are_compared_without_case_and_form() -> None:
    """Two spellings of one name are the same name."""
    assert fold(" Won\u2019t  DO ") == fold("won\u2019t do")
    assert squash("*Bold* _cause_") == squash("bold cause")


@pytest.mark.parametrize(
    ("template", "text", "left"),
    [
        ("Why 1: … Why 2: …", "Why 1: Why 2:", ""),
        ("Why 1: ... Why 2: ...", "Why 1: no deputy Why 2:", "no deputy"),
        ("Why 1: … Why 2: …", "why 1: no owner\nwhy 2: left", "no owner left"),
        ("What let it happen?", "What let it happen?\n\nNo owner", "No owner"),
        ("Why 1:\nWhy 2:", "Why 1: - Why 2: -", ""),
        ("Why 1: …", "Because of rain", "Because of rain"),
        ("Why 1: …", "WHY 1: rain", "rain"),
        ("Ursache für: …", "URSACHE FÜR: Regen", "Regen"),
        ("Ursache für: …", "Ursache: Regen", "Ursache: Regen"),
    ],
)
def test_what_a_template_pre_fills_counts_as_nothing(template: str, text: str, left: str) -> None:
    """Only what a person wrote besides the template is left."""
    assert Template((template,)).strip(normalise(text)) == left
