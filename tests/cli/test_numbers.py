"""A number on the command line that is none, or too large: each verb says in plain words which one it takes."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from capa_sync.cli.app import _guarded, _run, cli
from capa_sync.cli.verbs import VerbGroup


def _numbers(group: VerbGroup, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield verb and option of every number that a verb takes; a number without an option has none."""
    for name, verb in group.verbs.items():
        found = verb.load()
        if isinstance(found, VerbGroup):
            yield from _numbers(found, *path, name)
            continue
        for param in found.params:
            if isinstance(param.type, click.IntRange):
                yield (*path, name, *([param.opts[0]] if isinstance(param, click.Option) else []))


assert isinstance(cli, VerbGroup)
NUMBERS = sorted(set(_numbers(cli)))


@pytest.mark.parametrize("value", ["x", "1.5", "99999999999999999999999", "-7"])
@pytest.mark.parametrize("words", NUMBERS, ids=" ".join)
def test_a_number_that_is_none_is_told_in_plain_words(
    words: tuple[str, ...], value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No word of the library that reads the command line, and no bound of the machine."""
    arguments = [*words, value] if words[-1].startswith("-") else [*words, "--", value]
    code = _guarded(lambda: _run(arguments))
    err = capsys.readouterr().err
    if value.startswith("9") and "there is no such settings file" in err:
        return  # a count without a bound: the number is right, and the settings are read next
    assert code == 2
    [line] = err.splitlines()
    assert value in line
    assert "whole number" in line
    assert not any(word in line for word in ("range", "valid", "x>=", "9223372036854775807"))


def test_every_kind_of_number_is_tried() -> None:
    """Options and arguments of verbs and of groups."""
    assert {("plan", "--limit"), ("similar", "--limit"), ("history",), ("rules", "discard")} <= set(NUMBERS)
