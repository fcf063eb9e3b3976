"""Reads conditions: `field: phrase` lines, any/all/none blocks three levels deep, the inline form `field phrase`."""

from __future__ import annotations

from capa_sync.rules.conditions import Block, Condition, Join, Line
from capa_sync.rules.phrases.phrase import PhraseError, field_hint
from capa_sync.rules.phrases.table import Vocabulary
from capa_sync.rules.reading import COMMA_HINT, items_of
from capa_sync.rules.subjects import KIND_WORDS, SUBJECTS, Subject
from capa_sync.rules.yaml_lines import Items, Problems, Text, Tree, YamlTable

DEEPEST = 3
_JOINS = tuple(join.value for join in Join)


class ConditionReader:
    """Compiles the conditions of one file and records each mistake with its line."""

    def __init__(self, vocabulary: Vocabulary, problems: Problems) -> None:
        self._vocabulary = vocabulary
        self._problems = problems

    def block(self, tree: Tree | None, key: str) -> Block:
        """Return the block of a list of conditions that must all hold; an empty block where there is no list."""
        return Block(Join.ALL, self._members(items_of(tree, key, self._problems), 0))

    def guard(self, tree: Tree, key: str) -> Condition | None:
        """Return the condition after `when`: `field phrase` on one line, a mapping (line or block), or a list."""
        if isinstance(tree, Text):
            return self.inline(tree.value, tree.line)
        if isinstance(tree, Items):
            return self.block(tree, key)
        members = self._members((tree,), 0)
        return members[0] if members else None

    def inline(self, text: str, line: int) -> Condition | None:
        """Return the condition of `field phrase` or `field: phrase`."""
        name, _, sentence = text.strip().partition(" ")
        return self._line(Text(name.rstrip(":"), line), Text(sentence.strip(), line))

    def _members(self, trees: tuple[Tree, ...], depth: int) -> tuple[Condition, ...]:
        found: list[Condition] = []
        for tree in trees:
            if not isinstance(tree, YamlTable) or not tree.entries:
                self._problems.add(tree.line, "a condition must be `field: phrase`", self._as_condition(tree))
                continue
            if len(tree.entries) > 1:
                self._several(tree)
                continue
            key, value = tree.entries[0]
            member = self._nested(key, value, depth) if key.value in _JOINS else self._line(key, value)
            found += [member] if member is not None else []
        return tuple(found)

    @staticmethod
    def _as_condition(tree: Tree) -> str:
        name, _, rest = tree.value.partition(" ") if isinstance(tree, Text) else ("", "", "")
        if name in SUBJECTS and rest:
            return f"write `{name}: {rest}`, with a colon"
        return "such as `root_cause: filled`, or a block any, all or none"

    @staticmethod
    def _as_phrase(subject: Subject, value: Tree) -> str:
        words = (
            [member.value for member in value.members if isinstance(member, Text)] if isinstance(value, Items) else []
        )
        if words and subject.choices:
            return f"write `{subject.name}: is one of {', '.join(words)}`"
        return f"`capa-sync rules phrases` lists what can be said of {KIND_WORDS[subject.kind]}"

    def _several(self, tree: YamlTable) -> None:
        split = tree.flow and any(isinstance(value, Text) and value.absent for _, value in tree)
        hint = COMMA_HINT if split else "start each condition with a dash of its own"
        self._problems.add(tree.line, "one condition holds several lines", hint)

    def _nested(self, key: Text, value: Tree, depth: int) -> Condition | None:
        if depth >= DEEPEST:
            self._problems.add(key.line, f"'{key.value}' nests deeper than {DEEPEST} levels", "make two rules of it")
            return None
        members = self._members(items_of(value, key.value, self._problems), depth + 1)
        if not members and isinstance(value, Items) and not value.members:
            self._problems.add(key.line, f"'{key.value}' holds no condition", "write `- field: phrase` below it")
        return Block(Join(key.value), members)

    def _line(self, key: Text, value: Tree) -> Condition | None:
        subject = SUBJECTS.get(key.value)
        if subject is None:
            self._problems.add(key.line, f"there is no field '{key.value}'", field_hint(key.value, _JOINS))
            return None
        if not isinstance(value, Text) or not value.value.strip():
            self._problems.add(key.line, f"'{key.value}' needs a phrase", self._as_phrase(subject, value))
            return None
        sentence = " ".join(value.value.split())
        try:
            phrase, test = self._vocabulary.find(subject, sentence)
        except PhraseError as error:
            self._problems.add(value.line, error.what, error.hint)
            return None
        return Line(subject, sentence, phrase, test, value.line)
