"""The decoder makes nesting that is too deep harmless, wherever brackets stand in an answer."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from capa_sync.sources import decoding
from capa_sync.sources.decoding import DEEPEST, decode_json

_SIGNS = ('"[{"', '"]}"', '"\\""', '"\\\\"', '"]\\\\"', "NaN", "1", "null")


def nested(dice: random.Random, levels: int) -> str:
    """Return a document as text with this many levels, with brackets and quotes in its texts."""
    if not levels:
        return dice.choice(_SIGNS)
    inner = [nested(dice, levels - 1), *(dice.choice(_SIGNS) for _ in range(dice.randrange(3)))]
    dice.shuffle(inner)
    if dice.random() < 0.5:
        return f"[{','.join(inner)}]"
    return "{" + ",".join(f'"{number}]": {value}' for number, value in enumerate(inner)) + "}"


def depth(value: Any) -> int:
    """Return how many levels a document has."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@pytest.mark.parametrize("levels", range(12))
def test_only_what_is_nested_too_deep_is_cut(levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets in texts do not count, and a document at the limit stays complete."""
    dice = random.Random(levels)  # noqa: S311 - makes cases
    for _ in range(40):
        text = f"[NaN, {nested(dice, levels)}]".encode()  # NaN, so that the strict parser refuses it
        monkeypatch.setattr(decoding, "DEEPEST", 99)
        whole = decode_json(text)
        assert depth(whole) == levels + 1
        monkeypatch.setattr(decoding, "DEEPEST", 7)
        assert depth(decode_json(text)) == min(levels + 1, 7)
        assert (decode_json(text) == whole) is (levels + 1 <= 7)


@pytest.mark.parametrize("levels", range(12))
def test_the_levels_of_a_document_are_counted_outside_of_its_texts(levels: int) -> None:
    """Escaped quotes and backslashes begin and end no text; the strict parser says what the levels are."""
    dice = random.Random(levels)  # noqa: S311 - makes cases
    for _ in range(40):
        text = nested(dice, levels).replace("NaN", r'"\\\"[\\"').encode()
        assert decoding._depth(text) == depth(orjson.loads(text)) == levels


@pytest.mark.parametrize("text", ['["\\', '["', "[" * 5000, "[" * 5000 + '"', "]" * 5000, "{" * 500 + "}" * 400, ""])
def test_a_document_that_is_cut_off_is_no_json(text: str) -> None:
    """The decoder raises ValueError and nothing else."""
    with pytest.raises(ValueError, match=r"."):
        decode_json(text.encode())


def test_one_deep_value_leaves_its_neighbours() -> None:
    """A value beyond the limit becomes null below it; the values before and after it are kept."""
    deep = "[" * 3_000 + "]" * 3_000
    found = decode_json(f'{{"before": "[", "deep": {deep}, "behind": ["]"]}}'.encode())
    assert (found["before"], found["behind"]) == ("[", ["]"])
    assert depth(found) == DEEPEST
