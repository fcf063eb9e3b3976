"""Each phrase about time means the same as its independent reference, on hundreds of made-up lives."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from capa_sync.rules.context import Terms
from capa_sync.rules.derived import open_record
from capa_sync.rules.phrases.phrase import Family
from capa_sync.rules.phrases.table import BUILT_IN, vocabulary
from capa_sync.rules.subjects import SUBJECTS
from tests.unit.rules.lives import LONDON, last_record, truth_of, wild_case
from tests.unit.rules.references import REFERENCES

LIVES = [last_record(wild_case(seed)) for seed in range(400)]
TERMS = Terms(LONDON)


@pytest.mark.parametrize("line", REFERENCES)
def test_a_phrase_and_its_reference_agree(line: str) -> None:
    """On every life, now and some weeks later, both give the same truth; both truths occur often enough."""
    seen: Counter[bool | None] = Counter()
    for record, last in LIVES:
        for days in (0, 12, 30):
            now = last + timedelta(days=days)
            truth = truth_of(line, open_record(record, now, TERMS))
            name = line.partition(":")[0]
            if name in record.fields and not record.fields[name].is_known:
                continue
            assert truth == REFERENCES[line](record, now), (record.timeline, record.actions, record.comments, now)
            seen[truth] += 1
    assert min(seen[True], seen[False]) >= 10, seen


def test_every_phrase_over_time_has_a_reference() -> None:
    """Every phrase of the families about time has a reference, except the comparisons of two days."""
    families = {Family.ORDER, Family.HISTORY, Family.CLOCK, Family.DUE, Family.CLOSURE}
    covered = {"on or before FIELD", "within N days of FIELD", "at least N days after FIELD"}
    covered.add("not more than N business days ago")  # the opposite of a phrase that has a reference
    for line in REFERENCES:
        name, _, sentence = line.partition(": ")
        covered.add(vocabulary().find(SUBJECTS[name], sentence)[0].template)
    assert {phrase.template for phrase in BUILT_IN if phrase.family in families} <= covered
