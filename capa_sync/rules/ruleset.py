"""A loaded rule set: it evaluates records and reports which subjects it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from capa_sync.model.finding import Mode, Verdict
from capa_sync.model.record import CapaRecord
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import judge, next_due_at
from capa_sync.rules.gates import Gates
from capa_sync.rules.read_digests import read_digests
from capa_sync.rules.rule import Rule
from capa_sync.rules.terms import Terms


class _Ready(NamedTuple):
    """What was prepared for the options of the latest call."""

    given: JudgeOptions
    terms: Terms
    gates: Gates


class RuleSet:
    """Rules ready to evaluate records; implements `ports.Judge`.

    Attributes:
        rules: all rules, drafts included, in the order of the pack, then by id.
        hash: SHA-256 over the rule files and the options that change a verdict; stored with each evaluation.
        texts: rule id -> the whole text of its file.
        former_hashes: those that earlier versions of the phrases gave the same files and options, the first of them
            first.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        options: JudgeOptions,
        digest: str,
        texts: Mapping[str, str] = MappingProxyType({}),
        former_hashes: Iterable[str] = (),
    ) -> None:
        ordered = sorted(rules, key=lambda rule: (not rule.number, rule.number, rule.id))
        self.rules: tuple[Rule, ...] = tuple(ordered)
        self.options = options
        self.hash = digest
        self.texts = texts
        self.former_hashes = tuple(former_hashes)
        self._active = [rule for rule in ordered if rule.mode is not Mode.DRAFT]
        terms = Terms(options)
        self._ready = _Ready(options, terms, Gates(self._active, terms))

    def evaluate(
        self, record: CapaRecord, options: JudgeOptions, now: datetime, *, explain: bool = False
    ) -> list[Verdict]:
        """Return one verdict at `now` for each rule that is not a draft.

        `explain` adds evidence to verdicts that are ok, not applicable or cannot tell; this takes several times as
        long.
        """
        ready = self._ready_for(options)
        context = open_record(record, now, ready.terms)
        if explain or record.unread_join:
            return [judge(rule, context, explain=explain) for rule in self._active]
        gate = ready.gates.of(context)
        verdicts, fields = [*gate.verdicts], record.fields
        for exclusions, questions in gate.open:
            for name, states in exclusions:
                if fields[name].state in states:
                    break
            else:
                for place, question in questions:
                    verdicts[place] = question.answer(context)
        return verdicts

    @property
    def language(self) -> int:
        """The version of the phrases by which these rules judge."""
        return len(self.former_hashes) + 1

    def language_of(self, rule_set: str) -> int | None:
        """Return the version of the phrases that gave these rules a hash; None for a hash of other rules."""
        hashes = (*self.former_hashes, self.hash)
        return hashes.index(rule_set) + 1 if rule_set in hashes else None

    def only(self, rule_id: str) -> RuleSet:
        """Return a set of one rule, which is evaluated even as a draft. Raises KeyError for an unknown rule."""
        rule = {rule.id: rule for rule in self.rules}[rule_id]
        active = replace(rule, mode=Mode.QUIET) if rule.mode is Mode.DRAFT else rule
        return RuleSet([active], self.options, self.hash)

    def read_digests(
        self, rule_id: str, record: CapaRecord, options: JudgeOptions, now: datetime
    ) -> Mapping[str, str]:
        """Return subject -> digest of what an active rule requires of a record; {} for a rule that is not active."""
        rule = next((rule for rule in self._active if rule.id == rule_id), None)
        if rule is None:
            return {}
        return read_digests(rule, open_record(record, now, self._ready_for(options).terms))

    def _ready_for(self, options: JudgeOptions) -> _Ready:
        ready = self._ready
        if options is not ready.given:  # callers pass the same object each time; comparing the values is slow
            terms, gates = ready.terms, ready.gates
            if options != terms.options:
                terms = Terms(options)
                gates = Gates(self._active, terms)
            ready = self._ready = _Ready(options, terms, gates)
        return ready

    @staticmethod
    def next_due_at(verdicts: Iterable[Verdict]) -> datetime | None:
        """Return the earliest instant at which time alone may change a verdict of a record; None: never."""
        return next_due_at(verdicts)

    def reads(self) -> Mapping[str, frozenset[str]]:
        """Return rule id -> subjects that it reads, to find rules that can never run with a mapping."""
        return {rule.id: rule.reads for rule in self._active}
