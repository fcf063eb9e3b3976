"""Runs the text checks of the shipped rules over the corpus: each text becomes a ticket, is mapped and evaluated."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from capa_sync.mapping import BoundMapping
from capa_sync.model.finding import Mode, Outcome
from capa_sync.model.record import CapaRecord
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.ticket import ChildRef, SourceTicket
from capa_sync.rules import RuleSet, load_rules
from capa_sync.sandbox.stories.topics import read_topics
from tests.unit.mapping.world import AS_OF, BY_STATUS, bound_to, option, record, ticket

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "rules"
HALVES = ("tuning", "held_back")
CHECKS = (
    "root-cause-substantive",
    "root-cause-not-symptom",
    "root-cause-not-blame",
    "action-not-just-correction",
    "effectiveness-evidence",
)
"""The rules that read prose, in the order of their numbers."""
OUTSIDE = "Found by the internal audit of 12 March and agreed with the process owner."
"""The finding of a text for which the corpus names none."""

MAPPING = """
mapping: corpus
kind: jira
record:
  track: {constant: nonconformity}
  title: {constant: Nonconformity from the audit}
  description: Site
  root_cause: Root cause
  correction: Correction
  why_chain: {field: Five whys, split: lines}
  effectiveness_result: {field: Grade, values: {Major: effective}}
  effectiveness_note: Requirement
  effectiveness_evidence: Twin
  cause_category: {constant: process}
  action_needed: {constant: "yes"}
stage:
  field: Status
  values: {Open: identified, Analysed: analysed, In Action: planned, Implemented: implemented, Review: verified,
    Closed: closed, Waiting: identified, Strange: identified, Done: closed, Doing: planned}
actions:
  - {from: subtask, types: [Action], kind: corrective}
"""
"""The small site of the mapping tests has columns enough; which one holds what does not matter here."""
STATUS = {"cause": "Analysed", "action": "In Action", "result": "Review"}


@dataclass(frozen=True)
class Entry:
    """One text of the corpus, and for each rule whether it is good."""

    half: str
    kind: str
    domain: str
    verdicts: Mapping[str, bool]
    parts: Mapping[str, Any]

    @property
    def shown(self) -> str:
        """Return the text as a person reads it."""
        return self.parts.get("text") or " / ".join(self.parts["actions"])


@dataclass
class Count:
    """How often a rule was right on a half. `alarms` are false, `misses` are bad texts without a breach."""

    good: int = 0
    alarms: int = 0
    bad: int = 0
    misses: int = 0

    @property
    def recall(self) -> float:
        """Return which part of the bad texts was found."""
        return (self.bad - self.misses) / self.bad if self.bad else 0.0


@cache
def entries(half: str) -> tuple[Entry, ...]:
    """Return the texts of one half."""
    groups = YAML(typ="safe").load((HERE / f"{half}.yaml").read_text(encoding="utf-8"))
    return tuple(_entries(half, groups))


def stories() -> Iterator[Entry]:
    """Yield the causes, actions and results of the sandbox's stories, all good; those meant to be bad left out."""
    causes = dict.fromkeys(CHECKS[:3], True)
    for topic in read_topics():
        name, text = f"{topic.source}/{topic.rule}/{topic.twin}", topic.get
        shared = {"finding": f"{text('title')}. {text('what')}", "correction": text("correction")}
        for cause in filter(None, (text("cause"), text("rewritten"))):
            yield Entry("stories", "cause", name, causes, {**shared, "text": cause})
        broken = topic.rule if topic.twin == "broken" else ""
        if (action := text("action")) and broken != CHECKS[3]:
            verdict = {CHECKS[3]: True}
            yield Entry("stories", "action", name, verdict, {**shared, "actions": [action]})
            if (outcome := text("outcome")) and broken != CHECKS[4]:
                verdict = {CHECKS[4]: True}
                yield Entry("stories", "result", name, verdict, {**shared, "actions": [action], "text": outcome})


def _entries(half: str, groups: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    for group in groups:
        verdicts = dict.fromkeys(group.get("good", ()), True) | dict.fromkeys(group.get("bad", ()), False)
        for parts in group["texts"]:
            yield Entry(half, group["kind"], parts["domain"], verdicts, parts)


@cache
def rules_in_force() -> RuleSet:
    """Return the shipped text checks, those in mode draft too."""
    pack = load_rules([RULES])
    return RuleSet(
        [replace(rule, mode=Mode.WARN) for rule in pack.rules if rule.id in CHECKS], JudgeOptions(), pack.hash
    )


@cache
def _bound() -> BoundMapping:
    with tempfile.TemporaryDirectory() as folder:
        return bound_to(Path(folder), MAPPING)


def record_of(entry: Entry) -> CapaRecord:
    """Return the record of a ticket that holds a text of the corpus."""
    parts = entry.parts
    values = {"status": BY_STATUS[STATUS[entry.kind]], "c4": parts.get("finding", OUTSIDE)}
    if entry.kind == "cause":
        values["c1"] = parts["text"]
    values["c2"] = parts.get("correction")
    if entry.kind == "result":
        values |= {"c3": option("100", "Major"), "c8": parts["text"]}
    tasks = {str(number): _task(str(number), text) for number, text in enumerate(parts.get("actions", ()), start=2)}
    refs = tuple(ChildRef(id_, f"CAPA-{id_}", "subtask", "Action") for id_ in tasks)
    return record(_bound(), ticket(values, children=refs), tasks)


def _task(id_: str, text: str) -> SourceTicket:
    return ticket({"summary": text}, id=id_, key=f"CAPA-{id_}", kind="Action", parent="1")


def outcomes(entry: Entry) -> dict[str, Outcome]:
    """Return the outcome of each text check on the record of an entry."""
    ruleset = rules_in_force()
    return {verdict.rule: verdict.outcome for verdict in ruleset.evaluate(record_of(entry), ruleset.options, AS_OF)}


def measure(half: str) -> tuple[dict[str, Count], list[tuple[str, bool, str]]]:
    """Return the counts of each rule on a half, and the mistakes as (rule, whether the text is good, text)."""
    counts = {rule: Count() for rule in CHECKS}
    mistakes: list[tuple[str, bool, str]] = []
    for entry in entries(half):
        found = outcomes(entry)
        for rule, is_good in entry.verdicts.items():
            is_breach, count = found[rule] is Outcome.BREACH, counts[rule]
            if is_good:
                count.good += 1
                count.alarms += is_breach
            else:
                count.bad += 1
                count.misses += not is_breach
            if is_breach is is_good:
                mistakes.append((rule, is_good, entry.shown))
    return counts, mistakes
