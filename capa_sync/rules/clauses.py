"""Which clauses the standards have: a rule that cites one that is not there would mislead an auditor.

The numbers are those of the published tables of contents (docs/clause10.md 7). Of the clause on nonconformity and
corrective action the letters are known too; elsewhere a letter is taken as written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from capa_sync.model.near import one_of

_HIGH_LEVEL = {4: 4, 5: 3, 6: 2, 7: 5, 8: 3, 9: 3, 10: 2}
_SECTIONS: Mapping[str, Mapping[int, int]] = {
    "iso27001-2022": {**_HIGH_LEVEL, 6: 3},
    "iso27001-2013": _HIGH_LEVEL,
    "iso9001-2015": {**_HIGH_LEVEL, 6: 3, 8: 7, 10: 3},
    "iso13485-2016": {4: 2, 5: 6, 6: 4, 7: 6, 8: 5},
}
"""Standard -> chapter -> its last section."""
_LETTERS: Mapping[str, Mapping[str, str]] = {
    "iso27001-2022": {"10.2": "abcdefg"},
    "iso27001-2013": {"10.1": "abcdefg"},
    "iso9001-2015": {"10.2.1": "abcdef", "10.2.2": "ab"},
    "iso13485-2016": {"8.5.2": "abcdef", "8.5.3": "abcde"},
}
_ANNEX = {"iso27001-2022": {5: 37, 6: 8, 7: 14, 8: 34}}
_CITED = re.compile(
    r"(?P<annex>A\.)?(?P<chapter>\d{1,4})(?:\.(?P<section>\d{1,4}))?(?P<rest>(?:\.\d+)*)(?:\s+(?P<letter>[a-z])\b)?"
)


def clause_mistake(standard: str, text: str) -> tuple[str, str] | None:
    """Return what is wrong with the clauses that a text cites, and what to write; None where each of them exists."""
    cited = list(_CITED.finditer(text))
    if not cited:
        return f"'{text}' names no clause", f"such as {_example(standard)}"
    for clause in cited:
        if clause["annex"]:
            known = _ANNEX.get(standard)
            if known and int(clause["section"] or 1) > known.get(int(clause["chapter"]), 0):
                return f"{standard} has no '{clause[0]}'", "its Annex A has A.5.1 to A.8.34"
            continue
        last = _SECTIONS[standard].get(int(clause["chapter"]), 0)
        if not last or int(clause["section"] or 1) > last:
            return f"{standard} has no clause '{clause[0]}'", f"such as {_example(standard)}"
        number = f"{clause['chapter']}.{clause['section']}{clause['rest']}"
        letters = _LETTERS[standard].get(number, "")
        if letters and clause["letter"] and clause["letter"] not in letters:
            what = f"{standard} has no clause '{clause[0]}'"
            return what, one_of(f"{number} {letter}" for letter in letters)
    return None


def _example(standard: str) -> str:
    number, letters = next(iter(_LETTERS[standard].items()))
    return f"`{standard}: {number} {letters[0]}`"
