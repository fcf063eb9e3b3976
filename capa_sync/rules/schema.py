"""The form of a rule file: its keys, and how each key is read (docs/contract.md 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from capa_sync.model.finding import SEVERITY_ORDER, Mode, Outcome, Severity
from capa_sync.model.near import day_hint
from capa_sync.rules.case import Case
from capa_sync.rules.case_reader import read_cases
from capa_sync.rules.clauses import clause_mistake
from capa_sync.rules.condition_reader import ConditionReader
from capa_sync.rules.conditions import Block
from capa_sync.rules.key_words import FORMS, KEY_WORDS, MODE_WORDS, SAY_WORDS, SEVERITY_WORDS
from capa_sync.rules.phrases.phrase import PhraseError
from capa_sync.rules.phrases.table import Vocabulary
from capa_sync.rules.profiles import NUMBERS, STANDARDS
from capa_sync.rules.reading import check_keys, items_of, text_of, word_of
from capa_sync.rules.rule import Hide, IfRepaired, Rule, Rung
from capa_sync.rules.wording import MessageTemplate, Sentence, Variant, read_sentence
from capa_sync.rules.yaml_lines import Items, Problems, Text, Tree, YamlTable, read_yaml

KEYS = (
    "rule",
    "title",
    "clause",
    "severity",
    "mode",
    "applies_to",
    "when",
    "require",
    "hides",
    "since",
    "if_repaired",
    "message",
    "fix",
    "tests",
)
NEEDED = ("rule", "title", "clause", "severity", "require", "message", "fix", "tests")
SEVERITIES = tuple(severity.value for severity in Severity)
MODES = tuple(mode.value for mode in Mode)
_LADDER = "write `[low, high when due_at more than 7 days ago]`, the lowest first and alone"
_ID = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")


def read_rule(
    text: str, file: str, vocabulary: Vocabulary, problems: Problems, cases: Sequence[Case] | None = None
) -> Rule | None:
    """Return the rule of a file's text, or None after recording what is wrong with it.

    `cases` are its tests, where the text has none.
    """
    tree = read_yaml(text, problems)
    if tree is None:
        return None
    if not isinstance(tree, YamlTable):
        problems.add(tree.line, "a rule file holds `key: value` lines", "begin with `rule:` and the id of the rule")
        return None
    meant = check_keys(tree, KEYS, "a rule has no key", problems, KEY_WORDS)
    for key in NEEDED:
        if tree.get(key) is None and key not in meant and not (key == "tests" and cases is not None):
            problems.add(1, f"the key '{key}' is missing", f"write {FORMS[key]}")
    rule = _Reader(tree, file, vocabulary, problems).rule(cases)
    if (
        rule.if_repaired is not None
        and rule.require.lines
        and not any(line.phrase.order for line in rule.require.lines)
    ):
        line = next(key.line for key, _ in tree if key.value == "if_repaired")
        problems.add(line, "'if_repaired' is about an order, and 'require' demands none", "leave the line out")
    return None if problems.found else rule


def _id_hint(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")
    return f"write `rule: {plain}`" if _ID.match(plain) else "small letters, digits and single hyphens"


class _Reader:
    """Reads the mapping of one rule file."""

    def __init__(self, tree: YamlTable, file: str, vocabulary: Vocabulary, problems: Problems) -> None:
        self._tree = tree
        self._file = file
        self._problems = problems
        self._conditions = ConditionReader(vocabulary, problems)

    def rule(self, cases: Sequence[Case] | None) -> Rule:
        """Return the rule; it is invalid where problems were recorded."""
        rule_id = self._id()
        block = self._conditions.block
        return Rule(
            id=rule_id,
            title=self._text("title"),
            clause=self._clause(),
            mode=self._mode(),
            severity=self._severity(),
            applies_to=block(self._tree.get("applies_to"), "applies_to"),
            when=block(self._tree.get("when"), "when"),
            require=self._require(),
            hides=self._hides(),
            since=self._since(),
            if_repaired=self._if_repaired(),
            message=self._wording("message"),
            fix=self._wording("fix"),
            cases=self._cases() if cases is None else cases,
            file=self._file,
            number=NUMBERS.get(rule_id, 0),
            places={name.value: name.line for name, _ in self._tree},
        )

    def _text(self, key: str) -> str:
        tree = self._tree.get(key)
        return "" if tree is None else text_of(tree, key, self._problems, 1)

    def _line(self, key: str) -> int:
        return next((name.line for name, _ in self._tree if name.value == key), 1)

    def _id(self) -> str:
        rule_id, line = self._text("rule"), self._line("rule")
        if rule_id and not _ID.match(rule_id):
            self._problems.add(line, f"'{rule_id}' is no id", _id_hint(rule_id))
        elif rule_id and rule_id != Path(self._file).stem:
            hint = f"call the file {rule_id}.yaml or the rule {Path(self._file).stem}"
            self._problems.add(line, f"the rule '{rule_id}' does not bear the name of its file", hint)
        return rule_id

    def _clause(self) -> Mapping[str, str]:
        tree = self._tree.get("clause")
        if tree is None:
            return {}
        if not isinstance(tree, YamlTable) or not tree.entries:
            hint = "write the standard before it, such as `clause: {iso27001-2022: 10.2 b}`"
            self._problems.add(tree.line, "'clause' must name the standard", hint)
            return {}
        check_keys(tree, tuple(STANDARDS), "there is no standard", self._problems)
        clauses = {key.value: text_of(value, key.value, self._problems, key.line) for key, value in tree}
        for key, value in tree:
            mistake = (
                clause_mistake(key.value, clauses[key.value])
                if key.value in STANDARDS and clauses[key.value]
                else None
            )
            if mistake:
                self._problems.add(value.line, *mistake)
        return clauses

    def _mode(self) -> Mode:
        tree = self._tree.get("mode")
        if tree is None:
            return Mode.QUIET
        word = word_of(tree, MODES, "mode", self._problems, tree.line, MODE_WORDS)
        return Mode(word) if word else Mode.QUIET

    def _severity(self) -> tuple[Rung, ...]:
        tree = self._tree.get("severity")
        if tree is None:
            return (Rung(Severity.INFO),)
        if isinstance(tree, Text):
            return (self._first_rung(tree),)
        members = tree.members if isinstance(tree, Items) else ()
        if not members:
            self._problems.add(tree.line, "'severity' must be a word or a ladder", _LADDER)
            return (Rung(Severity.INFO),)
        rungs = [self._first_rung(members[0])]
        for member in members[1:]:
            rung = self._rung(member)
            rungs += [rung] if rung is not None else []
            if rung is not None and SEVERITY_ORDER.index(rung.severity) <= SEVERITY_ORDER.index(rungs[0].severity):
                what = f"this step changes nothing, because '{rungs[0].severity}' always holds"
                self._problems.add(member.line, what, "begin the ladder with its lowest word")
        return tuple(rungs)

    def _first_rung(self, tree: Tree) -> Rung:
        if not isinstance(tree, Text) or re.search(r" when | if |,", tree.value):
            self._problems.add(tree.line, "the first step of a ladder must be a word alone", _LADDER)
            return Rung(Severity.INFO)
        word = word_of(tree, SEVERITIES, "severity", self._problems, tree.line, SEVERITY_WORDS)
        return Rung(Severity(word)) if word else Rung(Severity.INFO)

    def _rung(self, tree: Tree) -> Rung | None:
        head, guard = self._guarded(tree, "severity")
        if head is None:
            return None
        if guard is None:
            word, _, condition = head.value.partition(" if ")
            hint = f"write `{word} when {condition or 'due_at more than 7 days ago'}`"
            self._problems.add(tree.line, "a further step of a ladder needs `when`", hint)
            return None
        word = word_of(head, SEVERITIES, "severity", self._problems, head.line, SEVERITY_WORDS)
        when = self._conditions.guard(guard, "when")
        return Rung(Severity(word), when) if word and when is not None else None

    def _guarded(self, tree: Tree, key: str) -> tuple[Text | None, Tree | None]:
        """Split `WORD when FIELD PHRASE` or `{WORD when: condition}` into the word and the condition."""
        if isinstance(tree, Text):
            head, when, tail = tree.value.partition(" when ")
            return Text(head.strip(), tree.line), Text(tail, tree.line) if when else None
        if isinstance(tree, YamlTable) and len(tree.entries) == 1 and tree.entries[0][0].value.endswith(" when"):
            head_key, value = tree.entries[0]
            return Text(head_key.value.removesuffix(" when").strip(), head_key.line), value
        self._problems.add(tree.line, f"cannot read this in '{key}'", "write `WORD when FIELD PHRASE` on one line")
        return None, None

    def _require(self) -> Block:
        tree = self._tree.get("require")
        block = self._conditions.block(tree, "require")
        if tree is not None and not block.members and not self._problems.found:
            self._problems.add(tree.line, "'require' holds no condition", "write `- field: phrase` below it")
        return block

    def _hides(self) -> tuple[Hide, ...]:
        found: list[Hide] = []
        for member in items_of(self._tree.get("hides"), "hides", self._problems):
            head, guard = self._guarded(member, "hides")
            if head is None:
                continue
            rules = tuple(name.strip() for name in head.value.split(",") if name.strip())
            when = self._conditions.guard(guard, "when") if guard is not None else None
            if self._text("rule") in rules:
                self._problems.add(head.line, "the rule hides itself", "name the rules that are a consequence of it")
            found.append(Hide(rules, when, head.line))
        return tuple(found)

    def _since(self) -> date | None:
        tree = self._tree.get("since")
        if tree is None:
            return None
        text = text_of(tree, "since", self._problems, tree.line)
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._problems.add(tree.line, f"'{text}' is no day", day_hint(text, "write a day such as 2026-01-01"))
            return None

    def _if_repaired(self) -> IfRepaired | None:
        tree = self._tree.get("if_repaired")
        if tree is None:
            return None
        head, guard = self._guarded(tree, "if_repaired")
        word = (
            word_of(head, ("ok", "historical"), "word for 'if_repaired'", self._problems, tree.line) if head else ""
        )
        if guard is None:
            return IfRepaired(word == "historical")
        if word == "ok":
            self._problems.add(tree.line, "only `historical` takes `when`", "write `historical when FIELD PHRASE`")
        return IfRepaired(historical=True, when=self._conditions.guard(guard, "when"))

    def _wording(self, key: str) -> MessageTemplate:
        """Read a message: one text, or a list of `{when: condition, say: text}` whose last entry has no `when`."""
        tree = self._tree.get(key)
        if tree is None:
            return MessageTemplate(())
        if not isinstance(tree, Items):
            return MessageTemplate((Variant(self._sentence(tree, key, self._line(key))),))
        found = tuple(self._variant(member, key) for member in tree.members)
        if not found:
            self._problems.add(tree.line, f"'{key}' holds no text", f"write `{key}: …`")
        for place, variant in enumerate(found, 1):
            is_last = place == len(found)
            if is_last and variant.when is not None:
                hint = "leave its `when` out, or add `- say: …` below it"
                self._problems.add(variant.line, f"{key}: the last text has a `when`, so nothing may be said", hint)
            elif not is_last and variant.when is None:
                hint = "give this text a `when`, or move it to the end"
                self._problems.add(variant.line, f"{key}: the texts after this one are never said", hint)
        return MessageTemplate(found)

    def _variant(self, tree: Tree, key: str) -> Variant:
        if not isinstance(tree, YamlTable):
            what = f"a text of '{key}' is `say: …`, all but the last with `when: …`"
            self._problems.add(tree.line, what, "write `- say: …`")
            return Variant(Sentence(()), line=tree.line)
        meant = check_keys(tree, ("when", "say"), f"a text of '{key}' has no key", self._problems, SAY_WORDS)
        guard = tree.get("when")
        when = self._conditions.guard(guard, "when") if guard is not None else None
        if tree.get("say") is None and "say" in meant:
            return Variant(Sentence(()), when, tree.line)
        return Variant(self._sentence(tree.get("say"), "say", tree.line), when, tree.line)

    def _sentence(self, tree: Tree | None, key: str, line: int) -> Sentence:
        try:
            return read_sentence(text_of(tree, key, self._problems, line))
        except PhraseError as error:
            self._problems.add(line, f"{key}: {error.what}", error.hint)
            return Sentence(())

    def _cases(self) -> tuple[Case, ...]:
        cases = read_cases(self._tree.get("tests"), self._problems)
        tree = self._tree.get("tests")
        if tree is None or self._problems.found:
            return cases
        expected = {expect.outcome for case in cases for expect in case.expects}
        for outcome, word in ((Outcome.OK, "ok"), (Outcome.BREACH, "breach")):
            if outcome not in expected:
                self._problems.add(
                    self._line("tests"), f"no test expects '{word}'", "add a test of a ticket that is so"
                )
        return cases
