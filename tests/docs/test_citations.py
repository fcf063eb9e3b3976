"""Reasons are inside the repository: documents that code and pages cite exist there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = re.compile(r"\.\./shared/(?!specs|data)|(?<![\w/])facts/\w|(?<![\w/.-])CONTRACT\.md")
TEXTS = ("*.py", "*.md", "*.toml", "*.yaml", "*.yml", "Makefile", "run")


def _texts() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *TEXTS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    yield from (ROOT / name for name in listed.split("\0") if name)


def test_no_file_cites_a_document_outside_the_repository() -> None:
    """Reasons are written in `docs/`."""
    own = Path(__file__)
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in _texts()
        if file != own and file.is_file()
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if OUTSIDE.search(line)
    ]
    assert found == []


SECTION = re.compile(r"docs/([a-z0-9-]+)\.md[,:]? (?:section )?(\d+(?:\.\d+)?)")


def test_every_section_that_code_cites_exists() -> None:
    """`docs/jira.md 1.3` is a heading, or a numbered line of its section."""
    missing = []
    for file in _texts():
        if file.suffix != ".py" or not file.is_file():
            continue
        for page, number in SECTION.findall(file.read_text(encoding="utf-8")):
            text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
            if not _has_section(text, number):
                missing.append((str(file.relative_to(ROOT)), page, number))
    assert missing == []


def _has_section(text: str, number: str) -> bool:
    whole, _, part = number.partition(".")
    if re.search(rf"^#+ {re.escape(number)}\.? ", text, re.MULTILINE):
        return True
    if re.search(rf"^(?:- )?{re.escape(number)}\.? ", text, re.MULTILINE):
        return True
    section = re.search(rf"^## {whole}\. .*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return bool(section and part and re.search(rf"^{part}\. |{re.escape(number)}\b", section[0], re.MULTILINE))
