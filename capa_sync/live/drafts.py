"""Drafts of rules: how they differ from what is live, and the set that one of them would make live."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from capa_sync.daemon.requests import ask
from capa_sync.daemon.rule_files import RuleFiles, files_seen
from capa_sync.errors import Problem, UserError
from capa_sync.live.changing import SetChange, change_to_set, live_set
from capa_sync.live.files import configuration_of
from capa_sync.model.draft import RuleDraft
from capa_sync.model.light import light
from capa_sync.model.verdict_set import PartKind, SetPart, VerdictSet
from capa_sync.model.workshop import DraftState, DraftSummary
from capa_sync.store import DISCARD_DRAFT, Register
from capa_sync.wiring import Setup


@light
class StoredDraft:
    """A draft with its texts.

    Attributes:
        draft: when and by whom it was saved. state: see `DraftState`. rules: the texts that it changes or adds.
        changed_since: ids of the rules that were changed in what is live since it was saved.
        before: rule id -> the text that is live now, "" for a rule that is not live.
    """

    draft: RuleDraft
    state: DraftState
    rules: tuple[SetPart, ...]
    changed_since: tuple[str, ...]
    before: dict[str, str]

    def difference(self, folder: Path) -> Iterator[str]:
        """Yield the lines of the difference from what is live to the draft, for the command `patch_command`."""
        base = folder if self.is_inside(folder) else None
        for part in self.rules:
            yield from text_difference(shown_name(part.name, base), self.before[part.key], part.text)

    def is_inside(self, folder: Path) -> bool:
        """Return whether all its files are below a folder."""
        return all(not Path(shown_name(part.name, folder)).is_absolute() for part in self.rules)

    @property
    def texts(self) -> dict[str, str]:
        """Return rule id -> the text that it has in the draft."""
        return {part.key: part.text for part in self.rules}

    def summary(self, folder: Path, files: RuleFiles | None) -> DraftSummary:
        """Return what the page shows of it; `files` as in `Runtime.rule_files`."""
        differing = files.differing(self.texts) if files is not None else None
        return DraftSummary(
            self.draft.number,
            self.draft.saved_at,
            self.draft.saved_by,
            self.state,
            [part.key for part in self.rules],
            self.changed_since,
            list(self.difference(folder)),
            list(differing) if differing is not None else None,
            self.draft.discarded_at,
            self.draft.discarded_by,
            files_seen(differing or {}),
            patch_command(is_inside=self.is_inside(folder)),
        )


def text_difference(name: str, before: str, after: str) -> Iterator[str]:
    """Yield the lines of a unified difference of one file, which `patch` takes, without line ends."""
    old = name if before else "/dev/null"
    yield from difflib.unified_diff(before.splitlines(), after.splitlines(), old, name, lineterm="")


def patch_command(*, is_inside: bool) -> str:
    """Return the command that takes a difference of files, which are all below the settings' folder or not.

    GNU patch refuses full names and those with `..`: below the root folder full names lose their first slash.
    """
    return "patch -p0" if is_inside else "patch -p1 -d /"


def shown_name(name: str, folder: Path | None) -> str:
    """Return the name of a file from a folder on, where it is inside; otherwise in full, without `..`."""
    path = Path(os.path.normpath(name))
    if not path.is_absolute():
        return name
    return str(path.relative_to(folder)) if folder is not None and path.is_relative_to(folder) else str(path)


def stored_draft(register: Register, draft: RuleDraft) -> StoredDraft:
    """Return a draft with its texts, compared with what is live now."""
    return _compared(register, draft, live_set(register))


def newest_drafts(register: Register, most: int) -> Sequence[StoredDraft]:
    """Return the newest drafts with their texts, the newest first."""
    live = live_set(register)
    return [_compared(register, draft, live) for draft in register.drafts.newest(most)]


def draft_numbered(register: Register, number: int) -> StoredDraft:
    """Return a draft by its number. Raises UserError when there is none."""
    draft = register.drafts.find(number)
    if draft is None:
        raise UserError([Problem("", 0, f"there is no draft {number}", "`capa-sync rules drafts` lists them")])
    return stored_draft(register, draft)


def draft_in_use(register: Register, number: int) -> StoredDraft:
    """Return a draft by its number. Raises UserError when there is none, or when somebody discarded it."""
    found = draft_numbered(register, number)
    if found.state is DraftState.DISCARDED:
        what = f"draft {number} was discarded by {found.draft.discarded_by}"
        raise UserError([Problem("", 0, what, "to go on with it, open a rule of it on the page and save it again")])
    return found


def discard_draft(register: Register, number: int, by: str, now: datetime) -> int:
    """Ask that a draft is discarded; return the number of the request, whose answer says in words what was done.

    Raises UserError when there is no such draft, or it was discarded before.
    """
    draft_in_use(register, number)
    return ask(register, DISCARD_DRAFT, {"draft": number, "by": by}, now)


def change_to_draft(setup: Setup, register: Register, number: int) -> SetChange:
    """Return the change of the live set to the rules of a draft; all other rules stay as they are live.

    Raises:
        UserError: there is no such draft, somebody discarded it, a rule of it was changed in what is live since it
            was saved, the files decide (`rules_live = "on_save"`), or with every mistake of the set.
    """
    found = draft_in_use(register, number)
    if setup.settings.rules_live == "on_save":
        what = f'draft {number} cannot be made live, because `rules_live = "on_save"` takes the rules from the files'
        raise UserError([Problem("", 0, what, f"bring `capa-sync rules drafts {number}` into the files")])
    if found.state is DraftState.OUTDATED:
        names = ", ".join(found.changed_since)
        what = f"draft {number} is outdated: {names} changed in what is live after it was saved"
        raise UserError([Problem("", 0, what, "open it on the page, look at both, and save it again")])
    wanted = live_set(register).with_parts(found.rules)
    return change_to_set(register, wanted, configuration_of(setup, wanted), rules_alone=True)


def _compared(register: Register, draft: RuleDraft, live: VerdictSet) -> StoredDraft:
    rules = register.verdict_sets.load(draft.set_hash).parts
    now, base = _texts(live), _texts(register.verdict_sets.load(draft.base_hash))
    changed = tuple(part.key for part in rules if now.get(part.key, "") not in (base.get(part.key, ""), part.text))
    is_live = all(now.get(part.key) == part.text for part in rules)
    state = DraftState.LIVE if is_live else DraftState.OUTDATED if changed else DraftState.WAITS
    if draft.discarded_at is not None:
        state = DraftState.DISCARDED
    return StoredDraft(draft, state, rules, changed, {part.key: now.get(part.key, "") for part in rules})


def _texts(verdict_set: VerdictSet) -> dict[str, str]:
    return {key: part.text for (_, key), part in verdict_set.of(PartKind.RULE).items()}
