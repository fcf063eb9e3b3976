"""Writes the page of mistakes and answers from the broken files that the tests load (tests/broken/)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

BROKEN = Path(__file__).resolve().parents[1] / "tests" / "broken"
_KINDS = (("rules", "Rule files"), ("mappings", "Mapping files"), ("people", "People files"))
_BEFORE, _AFTER = 2, 1
"""Lines shown before and after the line of an answer."""
_INTRODUCTION = (
    "What people write by mistake in rule, mapping and people files, and what capa-sync answers. An answer is one "
    "line: the file and the line, what is wrong, and after the semicolon what to write instead. A file may have "
    "several mistakes; all that can be seen are reported at once. Where the YAML itself is broken, the rest of the "
    "file cannot be read, and the first mistake is reported alone. In the examples the line of an answer is marked; "
    "a tab is shown as `⇥`.\n\nMade from the files of `tests/broken/`, which a test loads with the real loaders."
)


def mistakes_page() -> str:
    """Return the page as Markdown: each mistake with the lines that cause it and the answer, by kind of file."""
    lines = ["# Mistakes and answers", "", _INTRODUCTION]
    for folder, title in _KINDS:
        index = tomllib.loads((BROKEN / f"{folder}.toml").read_text(encoding="utf-8"))["mistakes"]
        lines += ["", f"## {title}"]
        for group, entries in groupby(index, key=lambda entry: entry["group"]):
            lines += ["", f"### {title}: {group[0].lower()}{group[1:]}"]
            for entry in entries:
                lines += ["", f"**{_escaped(entry['mistake'])}**", "", *_example(BROKEN / folder, entry["answers"])]
    return "\n".join(lines) + "\n"


def _example(folder: Path, answers: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the file around each answer, and the answers below."""
    places = [_place(answer) for answer in answers]
    for name in dict.fromkeys(name for name, _ in places):
        text = (folder / name).read_bytes().decode("utf-8", errors="replace").lstrip("\ufeff")
        yield from _excerpt(
            text.replace("\0", "").splitlines(), sorted({line for file, line in places if file == name})
        )
    yield from ("```text", *answers, "```")


def _place(answer: str) -> tuple[str, int]:
    found = re.match(r"(.+?):(\d+): ", answer)
    if found is None:
        raise ValueError(answer)
    return found[1], int(found[2])


def _excerpt(text: Sequence[str], marked: Sequence[int]) -> Iterator[str]:
    first, last = max(1, marked[0] - _BEFORE), min(len(text), marked[-1] + _AFTER)
    if first > last:
        return
    shown = [line.replace("\t", "⇥   ") for line in text[first - 1 : last]]
    within = ",".join(str(line - first + 1) for line in marked if line <= last)
    yield from ("````{code-block} text", f":lineno-start: {first}", f":emphasize-lines: {within}", "")
    yield from (*shown, "````", "")


def _escaped(text: str) -> str:
    return re.sub(r"([*<>_`\\])", r"\\\1", text)
