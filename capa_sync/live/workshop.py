"""The workshop of the page: rules are edited, checked, tested and previewed, and kept as drafts in the register.

It implements `ports.Workshop`. Nothing here changes the register: what does is left as a request that the daemon
carries out at its next tick, or this process where no daemon holds the register.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from capa_sync.daemon.requests import ask, carry_out_where_free
from capa_sync.daemon.rule_files import files_seen
from capa_sync.errors import Problem, UserError
from capa_sync.live.drafts import (
    StoredDraft,
    discard_draft,
    draft_in_use,
    draft_numbered,
    newest_drafts,
    shown_name,
    text_difference,
)
from capa_sync.live.explained import TicketExplainer
from capa_sync.live.files import rules_of
from capa_sync.live.previews import Previews
from capa_sync.model.clock import Clock
from capa_sync.model.light import light
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.userfile import decoded, read_user_file, yaml_files
from capa_sync.model.verdict_set import PartKind, SetPart, VerdictSet
from capa_sync.model.workshop import (
    Completion,
    DraftState,
    DraftSummary,
    ExplainedTicket,
    RulePreview,
    RuleText,
    TestedRule,
    TextOrigin,
    WorkshopRule,
    WorkshopView,
)
from capa_sync.rules import (
    Rule,
    RuleSet,
    check_rule,
    completions,
    is_rule_id,
    phrases_table,
    rule_skeleton,
    run_tests,
)
from capa_sync.settings import Settings
from capa_sync.starter import rule_paths
from capa_sync.store import SAVE_DRAFT, WRITE_RULES, Register, open_register
from capa_sync.wiring import writable_rule_files
from capa_sync.yamlfiles import LARGEST

DRAFTS = 20
"""Drafts that the page lists."""


@light
class _LiveRules:
    """The live set, with its rules loaded.

    Attributes:
        set_hash: of the whole set. texts: rule id -> its part. rules: loaded from them.
    """

    set_hash: str
    texts: Mapping[str, SetPart]
    rules: RuleSet

    def text(self, rule: str) -> str:
        """Return the live text of a rule, "" when it is not live."""
        return self.texts[rule].text if rule in self.texts else ""


class RuleWorkshop:
    """Works on the register and the rule files of one settings file; safe for many threads.

    Args:
        settings, file: as the page was started with. clock: the time. test_clock: its text, for the previews.
    """

    def __init__(self, settings: Settings, file: Path, clock: Clock, test_clock: str = "") -> None:
        self._settings = settings
        self._folder = file.resolve().parent
        self._clock = clock
        self._rule_files = writable_rule_files(settings, self._folder)
        self._explainer = TicketExplainer(settings, file, clock)
        self._previews = Previews(file, clock, test_clock)
        self._loaded: _LiveRules | None = None
        self._lock = threading.Lock()

    # --- to look at --------------------------------------------------------------------------------------------
    def view(self) -> WorkshopView:
        """Return the rules of the live set and of the files, and the newest drafts."""
        with self._reading() as register:
            drafts = [stored.summary(self._folder, self._rule_files) for stored in newest_drafts(register, DRAFTS)]
            live = self._live(register)
        files = self._files()
        rules = [
            WorkshopRule(
                id=name,
                file=shown_name(self._name(live, files, name), self._folder),
                is_live=name in live.texts,
                differs=name in files and _text_of(files[name]) != live.text(name),
                drafts=[d.number for d in drafts if name in d.rules and d.state is not DraftState.LIVE],
            )
            for name in sorted({*files, *live.texts})
        ]
        return WorkshopView(rules, drafts, self._settings.rules_live == "on_save")

    def draft(self, number: int) -> DraftSummary:
        """Return a draft, compared with what is live. Raises UserError when there is none of this number."""
        with self._reading() as register:
            stored = draft_numbered(register, number)
            problems = self._problems(self._live(register), stored)
        return replace(stored.summary(self._folder, self._rule_files), problems=problems)

    def explain(self, source: str, ticket_id: str) -> Sequence[ExplainedTicket]:
        """Explain a mirrored ticket by the live set: every verdict with the facts that it rests on."""
        with self._reading() as register:
            return self._explainer.explain(register, source, ticket_id)

    def rule_text(self, rule: str, origin: TextOrigin = TextOrigin.LIVE, draft: int = 0) -> RuleText:
        """Return the text of a rule to edit: the one that is live unless another is asked for.

        A rule that is neither live nor in a file begins as a skeleton. Raises UserError for what cannot be the id of
        a rule, and when there is no such draft.
        """
        with self._reading() as register:
            live = self._live(register)
            drafted = draft_numbered(register, draft).rules if draft else ()
        files = self._files()
        in_draft = next((part.text for part in drafted if part.key == rule), None)
        in_file = _text_of(files[rule]) if rule in files else None
        found = RuleText(
            id=rule,
            file=shown_name(self._name(live, files, rule), self._folder),
            text=live.text(rule),
            origin=TextOrigin.LIVE,
            draft=draft,
            live=live.text(rule),
            is_other_in_file=in_file is not None and in_file != live.text(rule),
        )
        if in_draft is not None:
            return replace(found, text=in_draft, origin=TextOrigin.DRAFT)
        if in_file is not None and (origin is TextOrigin.FILE or rule not in live.texts):
            return replace(found, text=in_file, origin=TextOrigin.FILE)
        if rule not in live.texts:
            return replace(found, text=rule_skeleton(rule), origin=TextOrigin.NEW)
        return found

    def vocabulary(self) -> Mapping[str, Any]:
        """Return the phrases, fields and placeholders of rules with their meanings, as `rules phrases` has them."""
        return phrases_table()

    # --- an edited text ----------------------------------------------------------------------------------------
    def check(self, rule: str, text: str, draft: int = 0) -> Sequence[Problem]:
        """Return every mistake of a text beside the other live rules, and those of a draft."""
        return self._checked(rule, text, draft)[1]

    def complete(self, text: str, at: int) -> Sequence[Completion]:
        """Return what may follow at a cursor, which stands before the character `at` of a text."""
        return completions(text, at)

    def test(self, rule: str, text: str, draft: int = 0) -> TestedRule:
        """Run the tests inside a text. Raises UserError with its mistakes."""
        read, problems, options = self._checked(rule, text, draft)
        if read is None or problems:
            raise UserError(problems)
        report = run_tests(RuleSet([read], options, ""))
        passed = sum(result.passed for result in report.results)
        return TestedRule(passed, len(report.results), report.problems)

    def difference(self, rule: str, text: str) -> Sequence[str]:
        """Return the lines of a difference from the live text of a rule to this one, which `patch -p0` takes."""
        with self._reading() as register:
            live = self._live(register)
        name = shown_name(self._name(live, self._files(), rule), self._folder)
        return list(text_difference(name, live.text(rule), text))

    def preview(self, rule: str, text: str, draft: int, by: str) -> int:
        """Begin to judge the mirrored tickets by the live rules with this one, and with the others of a draft.

        Return the number of the preview. Raises UserError while another one runs, and with the mistakes of the text.
        """
        problems = self._checked(rule, text, draft)[1]
        if problems:
            raise UserError(problems)
        with self._reading() as register:
            drafted = draft_numbered(register, draft).rules if draft else ()
        return self._previews.begin(rule, {**{part.key: part.text for part in drafted}, rule: text}, by)

    def previewed(self, number: int) -> RulePreview | None:
        """Return a preview, whether it has ended or not; None when this page knows none of that number."""
        return self._previews.find(number)

    def stop_preview(self, number: int) -> None:
        """End a preview that still runs."""
        self._previews.stop(number)

    # --- requests ----------------------------------------------------------------------------------------------
    def save(self, rule: str, text: str, draft: int, by: str) -> int:
        """Ask that a text is kept as a draft, with the other rules of draft `draft` (0: alone).

        Return the number of the request; its answer is the number of the new draft. Raises UserError.
        """
        if not is_rule_id(rule):
            raise UserError([Problem("", 0, f"'{rule[:80]}' cannot be the id of a rule")])
        if len(text.encode()) > LARGEST:
            raise UserError([Problem(f"{rule}.yaml", 1, f"the file is larger than {LARGEST // 1_024} KiB")])
        with self._writing() as register:
            live = self._live(register)
            others = draft_numbered(register, draft).rules if draft else ()
            part = SetPart(PartKind.RULE, rule, self._name(live, self._files(), rule), text)
            wanted = VerdictSet(tuple(others)).with_parts([part])
            register.verdict_sets.keep(wanted)
            arguments = {"set_hash": wanted.hash, "base_hash": live.set_hash, "by": by}
            return ask(register, SAVE_DRAFT, arguments, self._clock.now())

    def write_files(self, draft: int, seen: str, by: str) -> int:
        """Ask that the rules of a draft are written into their files; return the request's number.

        `seen` is that of the draft's summary which somebody looked at. The answer says in words what was written, or
        why nothing was. Raises UserError where that is not allowed, where a file was edited since, and for a draft
        with mistakes.
        """
        if self._rule_files is None:
            hint = "set [web] rules_folder_writable, or bring the difference into the files yourself"
            raise UserError([Problem("", 0, "the page may not have files written here", hint)])
        with self._writing() as register:
            stored = draft_in_use(register, draft)
            expected = self._rule_files.differing(stored.texts)
            if problems := self._problems(self._live(register), stored):
                raise UserError(problems)
            if files_seen(expected) != seen:
                what, hint = "a file was edited after you looked at this draft", "look at it again, and then write it"
                raise UserError([Problem("", 0, what, hint)])
            asked = {"draft": draft, "expected": expected, "by": by}
            return ask(register, WRITE_RULES, asked, self._clock.now(), self._rule_files)

    def discard(self, draft: int, by: str) -> int:
        """Ask that a draft is discarded; return the number of the request, whose answer says in words what was done.

        Raises UserError when there is no such draft, or it was discarded before.
        """
        with self._writing() as register:
            return discard_draft(register, draft, by, self._clock.now())

    def answer(self, request: int) -> str | None:
        """Return the answer to a request, None while it waits; it is carried out here once no daemon is there.

        Raises UserError when there is no such request.
        """
        with self._reading() as register:
            # in this order: a daemon may answer it meanwhile
            is_waiting = any(waiting.id == request for waiting in register.requests.waiting())
            found = register.requests.answer(request)
            if found is None and not is_waiting:
                raise UserError([Problem("", 0, f"there is no request {request}", "go back to the workshop")])
        if found is not None:
            return found
        with self._writing() as register:
            carry_out_where_free(register, self._clock.now(), self._rule_files)
            return register.requests.answer(request)

    def close(self) -> None:
        """End the previews that still run."""
        self._previews.close()

    # --- inside ------------------------------------------------------------------------------------------------
    def _checked(self, rule: str, text: str, draft: int) -> tuple[Rule | None, list[Problem], JudgeOptions]:
        """Read a text; return its rule, its mistakes beside the other rules, and what rules may read."""
        with self._reading() as register:
            live = self._live(register)
            drafted = draft_numbered(register, draft).rules if draft else ()
        others = {other.id: other for other in live.rules.rules}
        for part in drafted:
            read, _ = check_rule(part.text, part.name, ())
            others |= {part.key: read} if read is not None else {}
        return *check_rule(text, f"{rule}.yaml", others.values()), live.rules.options

    def _problems(self, live: _LiveRules, stored: StoredDraft) -> list[Problem]:
        """Return the mistakes of each text of a draft, beside the live rules and the other texts of the draft."""
        read = {part.key: check_rule(part.text, f"{part.key}.yaml", ()) for part in stored.rules}
        others = {rule.id: rule for rule in live.rules.rules} | {
            key: rule for key, (rule, _) in read.items() if rule is not None
        }
        return [
            problem
            for part in stored.rules
            for problem in check_rule(part.text, f"{part.key}.yaml", others.values())[1]
        ]

    def _reading(self) -> Register:
        path = self._folder / self._settings.register_file
        return open_register(path, clock_now=self._clock.now(), create=False, read_only=True)

    def _writing(self) -> Register:
        path = self._folder / self._settings.register_file
        return open_register(path, clock_now=self._clock.now(), now=self._clock.now, create=False)

    def _live(self, register: Register) -> _LiveRules:
        """Return the live rules, loaded again when another set is live. Raises UserError when there is none."""
        live = register.verdict_sets.live()
        if live is None:
            what, hint = (
                "no rules are live yet",
                "the first `capa-sync sync` or `run` makes those of the settings live",
            )
            raise UserError([Problem("", 0, what, hint)])
        with self._lock:
            if self._loaded is None or self._loaded.set_hash != live.set_hash:
                stored = register.verdict_sets.load(live.set_hash)
                texts = {part.key: part for part in stored.of(PartKind.RULE).values()}
                self._loaded = _LiveRules(live.set_hash, texts, rules_of(stored, self._settings))
            return self._loaded

    def _files(self) -> dict[str, Path]:
        """Return rule id -> the file of the settings' rules that holds it."""
        return {file.stem: file for file in yaml_files(rule_paths(self._settings.rules, self._folder))}

    def _name(self, live: _LiveRules, files: Mapping[str, Path], rule: str) -> str:
        """Return the file of a rule as a verdict set names it; of a new rule, the one that it should have."""
        if rule in live.texts:
            return live.texts[rule].name
        if rule in files:
            return str(files[rule])
        folders = [path for path in map(self._folder.joinpath, self._settings.rules) if path.is_dir()]
        return str((folders[0] if folders else self._folder / "rules") / f"{rule}.yaml")


def _text_of(file: Path) -> str | None:
    """Return the text of a rule file, None when it cannot be read."""
    try:
        return decoded(read_user_file(file, str(file), LARGEST), str(file))
    except UserError:
        return None
