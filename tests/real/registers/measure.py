"""Measures `mapping suggest` on the names of fourteen registers and two Jira sites, which its author did not choose.

Each register counts as a site: its columns are fields without a type, its values options and statuses. The labels
stand beside this file, one for each row of the data, without the names themselves.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from capa_sync.kinds import kind_named
from capa_sync.mapping.suggestions import suggest
from capa_sync.mapping.suggestions.names import Guess, guess_option, guess_status
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.inspection import Inspection
from capa_sync.model.site import Account, FieldDef, SiteFacts
from tests.absent_data import DATA

REGISTERS = DATA / "capa-registers"
AEA, MERICO = DATA / "jira-cloud-aea", DATA / "jira-cloud-merico"
HERE = Path(__file__).parent
SURE = 0.8
_FIELD_OF = {
    "severity": "grade", "kind": "grade", "origin": "source", "source": "source", "cause": "cause_category",
}  # fmt: skip
Row = dict[str, str]


@dataclass
class Score:
    """How many names have a meaning of ours, how many were proposed above SURE, and which of them wrongly."""

    labelled: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of the sure proposals that are right."""
        return self.right / max(1, self.right + len(self.wrong))

    @property
    def recall(self) -> float:
        """Share of the labelled names for which a right and sure proposal was made."""
        return self.right / max(1, self.labelled)

    def note(self, name: str, guess: Guess | None, labels: Sequence[str]) -> None:
        """Count one name."""
        self.labelled += "-" not in labels
        if guess is None or guess.confidence <= SURE:
            return
        if guess.meaning in labels:
            self.right += "-" not in labels
        else:
            self.wrong.append(f"{name}: {guess.meaning}, not {' or '.join(labels)}")


def scores() -> dict[str, Score]:
    """Return the scores of columns, statuses and options."""
    found = {"columns": Score(), "statuses": Score(), "options": Score()}
    rows = list(_labelled("columns"))
    for register in dict.fromkeys(row["source"] for row, _ in rows):
        site = [(row["column"], labels) for row, labels in rows if row["source"] == register]
        meant = _proposed([name for name, _ in site])
        for place, (name, labels) in enumerate(site):
            found["columns"].note(f"{register}: {name}", meant.get(str(place)), labels)
    for row, labels in _labelled("values", "statuses"):
        name, known = row["value"], _FIELD_OF.get(row["kind"])
        if known is None:
            found["statuses"].note(name, guess_status(name), labels)
        else:
            found["options"].note(name, guess_option(known, name, FIELDS[known].choices), labels)
    return found


def scores_of_sites() -> dict[str, Score]:
    """Return the scores of the two sites: the fields of the one, the statuses of both."""
    found = {"AEA fields": Score(), "AEA statuses": Score(), "Merico statuses": Score()}
    with (AEA / "jira-fields.csv").open(encoding="utf-8-sig", newline="") as file:
        names = [row["Name"] for row in csv.DictReader(file)]
    meant = _proposed(names)
    for place, (name, labels) in enumerate(zip(names, _labels("aea-fields"), strict=True)):
        found["AEA fields"].note(name, meant.get(str(place)), labels)
    with gzip.open(AEA / "changes-until-2022-12.jsonl.gz", "rt", encoding="utf-8") as lines:
        statuses = sorted({status for line in lines if (status := json.loads(line).get("Status"))})
    rows = (json.loads(line)["data"] for line in (MERICO / "api_status.jsonl").read_text("utf-8").splitlines())
    others = [(json.loads(row) if isinstance(row, str) else row)["name"] for row in rows]
    for site, known in (("AEA", statuses), ("Merico", others)):
        for name, labels in zip(known, _labels(f"{site.lower()}-statuses"), strict=True):
            found[f"{site} statuses"].note(name, guess_status(name), labels)
    return found


def _proposed(names: Sequence[str]) -> dict[str, Guess]:
    """Return place of a column -> what is proposed for it."""
    fields = tuple(FieldDef(str(place), name) for place, name in enumerate(names))
    suggestion = suggest(
        kind_named("jira"), SiteFacts(fields, (), Account("me", "me")), Inspection(fields=fields, statuses=())
    )
    return {proposal.field.id: proposal.guess for rivals in suggestion.fields.values() for proposal in rivals}


def _labelled(labels: str, data: str = "") -> Iterator[tuple[Row, list[str]]]:
    """Yield each row of a file of the data with its labels."""
    with (REGISTERS / f"{data or labels}.csv").open(encoding="utf-8", newline="") as file:
        yield from zip(csv.DictReader(file), _labels(labels), strict=True)


def _labels(name: str) -> list[list[str]]:
    lines = (HERE / f"{name}.labels").read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if not line.startswith("#")]
