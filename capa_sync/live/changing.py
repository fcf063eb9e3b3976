"""Makes another verdict set live: the one in the files of the settings, or an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from capa_sync.errors import Problem, UserError
from capa_sync.live.files import configuration_of, options_of, rule_parts, verdict_set_of
from capa_sync.model.light import light
from capa_sync.model.userfile import decoded, read_user_file
from capa_sync.model.verdict_set import How, PartKind, SetPart, VerdictSet, differences, earlier
from capa_sync.revision import folder_revision
from capa_sync.rules import load_rules
from capa_sync.starter import rule_paths
from capa_sync.store import Register
from capa_sync.wiring import Configuration, Setup, configured
from capa_sync.yamlfiles import LARGEST


@light
class SetChange:
    """A set that is to become live, checked and tested.

    Attributes:
        wanted: the set. configuration: loaded from it. differences: what differs from the live set, in words.
        how, rules_alone, revision: as in `Activation`.
    """

    wanted: VerdictSet
    configuration: Configuration
    differences: tuple[str, ...]
    how: How
    rules_alone: bool
    revision: str = ""

    def arguments(self, by: str) -> Mapping[str, Any]:
        """Return the arguments of the request that makes the set live."""
        return {
            "set_hash": self.wanted.hash,
            "rule_set": self.configuration.rules.hash,
            "by": by,
            "how": self.how.value,
            "rules_alone": self.rules_alone,
            "revision": self.revision,
        }


def activate(
    register: Register, wanted: VerdictSet, configuration: Configuration, now: datetime, by: str, how: How
) -> None:
    """Store a set that was read from the files of the settings, and make it live; needs the register's lock."""
    with register.transaction():
        register.verdict_sets.keep(wanted)
        register.verdict_sets.activate(
            wanted.hash,
            rule_set=configuration.rules.hash,
            at=now,
            by=by,
            how=how,
            revision=_revision(configuration),
        )


def change_to_files(setup: Setup, register: Register, *, rules_alone: bool) -> SetChange:
    """Return the change to the set in the files of the settings; with `rules_alone` all else stays as it is live.

    Raises:
        UserError: with every mistake of the set, and every failure of its tests.
    """
    stored = live_set(register)
    if rules_alone and stored.parts:
        return change_to_rules(setup, register, ())
    configuration = configured(setup)
    wanted = verdict_set_of(configuration)
    found = tuple(differences(stored, wanted))
    return SetChange(wanted, configuration, found, How.ACTIVATE, rules_alone, _revision(configuration))


def change_to_rules(setup: Setup, register: Register, paths: Sequence[Path]) -> SetChange:
    """Return the change of the live set to other rules: files change or join its rules, folders replace them.

    Without paths it is the rules that the settings name.

    Raises:
        UserError: with every mistake of the set, and every failure of its tests.
    """
    stored = live_set(register)
    wanted = rules_of_paths(setup, stored, paths)
    configuration = configuration_of(setup, wanted)
    found = tuple(differences(stored, wanted))
    return SetChange(wanted, configuration, found, How.ACTIVATE, rules_alone=True, revision=_revision(configuration))


def change_to_set(
    register: Register, wanted: VerdictSet, configuration: Configuration, *, rules_alone: bool = False
) -> SetChange:
    """Return the change to a set that is loaded already."""
    found = tuple(differences(live_set(register), wanted))
    return SetChange(wanted, configuration, found, How.ACTIVATE, rules_alone)


def rules_of_paths(setup: Setup, stored: VerdictSet, paths: Sequence[Path]) -> VerdictSet:
    """Return a set with other rules: files change or join its rules, folders replace them.

    Without paths it is the rules that the settings name. Raises UserError.
    """
    chosen = list(paths) or rule_paths(setup.settings.rules, setup.folder)
    if not paths or any(path.is_dir() for path in paths):
        rules = load_rules(chosen, options_of(stored, setup.settings))
        return stored.with_rules_of(VerdictSet(tuple(rule_parts(rules))))
    return stored.with_parts(
        SetPart(PartKind.RULE, path.stem, str(path), decoded(read_user_file(path, str(path), LARGEST), str(path)))
        for path in chosen
    )


def live_set(register: Register) -> VerdictSet:
    """Return the live set; one without parts while there is none."""
    live = register.verdict_sets.live()
    return register.verdict_sets.load(live.set_hash) if live is not None else VerdictSet(())


def change_to_earlier(setup: Setup, register: Register, *, rules_alone: bool) -> SetChange:
    """Return the change to the set (with `rules_alone`: to the rules) that was live before the last change.

    Raises:
        UserError: there is no earlier one, or this version of capa-sync finds mistakes in it.
    """
    sets = register.verdict_sets
    past = sets.activations()
    known = {done.set_hash: sets.load(done.set_hash) for done in past}
    hash_of = {name: stored.rules_hash() if rules_alone else name for name, stored in known.items()}
    target = earlier((hash_of[done.set_hash], done.how is How.ROLLBACK) for done in past)
    if not target:
        what = "there are no earlier rules to go back to" if rules_alone else "there is no earlier set to go back to"
        raise UserError([Problem("", 0, what, "`capa-sync history` lists what was live")])
    live = known[past[-1].set_hash]
    found = next(known[done.set_hash] for done in reversed(past) if hash_of[done.set_hash] == target)
    wanted = live.with_rules_of(found) if rules_alone else found
    configuration = configuration_of(setup, wanted)
    return SetChange(wanted, configuration, tuple(differences(live, wanted)), How.ROLLBACK, rules_alone)


def _revision(configuration: Configuration) -> str:
    settings, folder = configuration.settings, configuration.folder
    files = [*rule_paths(settings.rules, folder), configuration.file.resolve()]
    files += [folder / mapping.file for mapping in configuration.mappings.values()]
    files += [folder / mapping.people.file for mapping in configuration.mappings.values() if mapping.people.file]
    return folder_revision(folder, files)
