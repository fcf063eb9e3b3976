"""The rule files that the settings name, where the page may have them written (`[web] rules_folder_writable`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.model.userfile import decoded, read_user_file, yaml_files
from capa_sync.output_files import write_together
from capa_sync.rules import is_rule_id
from capa_sync.yamlfiles import LARGEST

_NEW_MODE = 0o644


class RuleFiles:
    """Finds and writes rule files; a rule's place comes from its id and the settings alone, never from a request.

    Args:
        paths: the files and folders of rules that the settings name.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def differing(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return rule id -> digest of the file now ("" for none), of the rules whose file holds another text."""
        now = {rule: self._text(rule) for rule in texts}
        return {rule: _digest(now[rule]) for rule, text in texts.items() if now[rule] != text}

    def write(self, texts: Mapping[str, str], expected: Mapping[str, str]) -> list[Path]:
        """Write the text of each rule into its file; return the files that were written.

        `expected` has the digest that each file had when somebody asked for it (`differing`): one that was edited
        since is not overwritten.

        Raises:
            UserError: such an edit, no place for a new file, or what the file system refuses; then none is written.
        """
        places = {rule: self._place(rule) for rule in texts}
        changed = self.differing(texts)
        for rule in changed:
            if changed[rule] != expected.get(rule):
                raise _refused(places[rule], "it was edited after you looked at it", "look at the difference again")
        write_together({places[rule]: texts[rule] for rule in changed}, _NEW_MODE)
        return [places[rule] for rule in changed]

    def _place(self, rule: str) -> Path:
        """Return the file of a rule: the one that is there, else a new one in the first folder."""
        if not is_rule_id(rule):
            raise UserError([Problem("", 0, f"'{rule[:80]}' cannot be the id of a rule")])
        place = next((file for file in yaml_files(self._paths) if file.stem == rule), None)
        folder = next((path for path in self._paths if path.is_dir()), None)
        if place is None and folder is None:
            raise UserError([Problem("", 0, f"there is no folder for {rule}", "name a folder in `rules` first")])
        found = place or folder / f"{rule}.yaml"  # type: ignore[operator]  # one of both is there
        if found.is_symlink():
            raise _refused(found, "it is a symbolic link", "write where it leads yourself")
        return found

    def _text(self, rule: str) -> str | None:
        """Return the text of a rule's file; None when there is none."""
        file = next((file for file in yaml_files(self._paths) if file.stem == rule), None)
        return None if file is None else decoded(read_user_file(file, str(file), LARGEST), str(file))


def files_seen(differing: Mapping[str, str]) -> str:
    """Return a digest of what `differing` returned: a form holds it, so that a later edit of a file is noticed."""
    return _digest("\n".join(f"{rule} {digest}" for rule, digest in sorted(differing.items())))


def _digest(text: str | None) -> str:
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()


def _refused(file: Path, what: str, hint: str) -> UserError:
    return UserError([Problem(str(file), 0, what, hint)])
