"""The public names, collected from the code that runs; `python -m tests.docs.public_names` adds new ones to the page.

A name is public when a person's file, command, dashboard or alert may use it (docs/contract.md 3 to 7, 9). The page
docs/public-names.md lists them; a test compares it with what is collected here.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from capa_sync.cli import app
from capa_sync.daemon.log import LogAction
from capa_sync.mapping import people
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.settings import DEFAULT_DEADLINES
from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.placeholders import PLACEHOLDERS
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.settings import Settings
from tests.daemon.fork_server import ForkServer
from tests.docs.demo_world import DemoWorld, demo_world_in
from tests.docs.settings_keys import keys

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "public-names.md"
JSON = "Keys of --json"
SANDBOX = "Keys of sandbox files"
"""Loaders read the trackers' own keys too, so that section is written by hand: our keys and the kinds of lines."""
_SECTION = re.compile(r"^## (.+?)\n.*?^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Names = dict[str, set[str]]


def names_on_page() -> Names:
    """Return the names that the page lists, by section."""
    return {title: set(block.splitlines()) for title, block in _SECTION.findall(PAGE.read_text(encoding="utf-8"))}


def names_in_code() -> Names:
    """Return the public names of the code by section, without the keys of `--json`."""
    return {
        "Commands and options": set(_commands(app.cli, "")),
        "Exit codes": {str(value) for name, value in vars(app).items() if name.startswith("EXIT_")},
        "Settings": {".".join(path) for path in keys(Settings)},
        "Keys of rule files and their tests": set(_checked_keys("rules")),
        "Fields of rules and mappings": {*SUBJECTS, *FIELDS},
        "Phrases": {phrase.template for phrase in vocabulary().phrases},
        "Placeholders of messages": {name for name, _ in PLACEHOLDERS},
        "Keys of mapping and people files": set(_checked_keys("mapping"))
        | {f"a people file: {key}" for key in people._KEYS},
        SANDBOX: set(_sandbox_keys()),
        "Columns of the views": {f"{view.name}.{column.name}" for view in PUBLIC_VIEWS for column in view.columns},
        "Log actions": {action.value for action in LogAction} | {"page_error", "request_failed", "sign_in_refused"},
    }


def _commands(command: click.Command, path: str) -> Iterator[str]:
    """Yield every verb with its arguments, and every option of it."""
    context = click.Context(command)
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            # click keeps the help option of an earlier call, so that `-h` would be there or not by the order of tests
            yield from (f"{path} {option}".strip() for option in parameter.opts if option != "-h")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield f"{path} {name}".strip()
            yield from _commands(inner, f"{path} {name}".strip())


# --- keys of files -------------------------------------------------------------------------------------------------
def _checked_keys(package: str) -> Iterator[str]:
    """Yield `what: key` for each call in a package that refuses unknown keys of a user's file."""
    for file in sorted((ROOT / "capa_sync" / package).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (found := _check_of(node)) is not None:
                known, what = found
                names = vars(import_module(f"capa_sync.{package}.{file.stem}")) | {"merged": DEFAULT_DEADLINES}
                yield from (f"{what}: {key}" for key in _values(known, names))


def _check_of(call: ast.Call) -> tuple[ast.expr, str] | None:
    """Return the known keys and what they are keys of, of a call of `check_keys` or of a reader's `keys`."""
    match call.func, call.args:
        case ast.Name(id="check_keys"), [_, known, what, _, *_]:
            return known, re.sub(r" ha(s|ve) no key$|^there is no ", "", _words(what))
        case ast.Attribute(attr="keys"), [_, known, what, *_]:
            return known, _words(what)
    return None


def _words(what: ast.expr) -> str:
    """Return a text of the code, with `…` for what is filled in."""
    if isinstance(what, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in what.values)
    assert isinstance(what, ast.Constant), ast.unparse(what)
    return str(what.value)


def _values(known: ast.expr, names: Mapping[str, Any]) -> list[str]:
    """Return what an expression of the code holds; of one entry of a table, what any entry holds."""
    if isinstance(known, ast.Subscript):
        return [key for entry in _evaluated(known.value, names).values() for key in entry]
    return list(_evaluated(known, names))


def _evaluated(known: ast.expr, names: Mapping[str, Any]) -> Any:
    return eval(compile(ast.Expression(known), "<keys>", "eval"), dict(names))  # noqa: S307 - our own code


_LOADERS = ("loading.py", "jira/load.py", "jira/load_issue.py", "jira/lifecycle.py", "servicenow/load.py")
_READS = frozenset({"get", "pop", "_mapping", "_listed"})


def _sandbox_keys() -> Iterator[str]:
    """Yield every key that a loader reads from a line, the trackers' own keys among them, and every kind of line."""
    sandbox = ROOT / "capa_sync" / "sandbox"
    for name in _LOADERS:
        tree = ast.parse((sandbox / name).read_text(encoding="utf-8"))
        face = "jira" if name.startswith("jira/") else "servicenow" if name.startswith("servicenow/") else "any"
        yield from (f"{face}: {key}" for node in ast.walk(tree) for key in _keys_read(node))
    for file in sorted((sandbox / "jira").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="secrets" | "site"), attr="get")):
                    yield from (f"jira: {key}" for key in _keys_read(node))
                case ast.Subscript(value=ast.Attribute(attr="secrets" | "site")):
                    yield from (f"jira: {key}" for key in _keys_read(node))


def _keys_read(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=arguments) if name in _READS:
            yield from (part.value for part in arguments[:2] if _is_key(part))
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            yield key
        case ast.Compare(left=ast.Name(id="kind"), comparators=[ast.Constant(value=str(kind))]):
            yield kind
        case ast.Compare(left=ast.Constant(value=str(key)), ops=[ast.In()]):
            yield key
        case ast.Dict(keys=members):
            yield from (member.value for member in members if _is_key(member))


def _is_key(part: ast.AST | None) -> bool:
    return isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.replace("_", "").isalnum()


# --- keys of --json ------------------------------------------------------------------------------------------------
NAMED_BY_DATA = re.compile(
    r"(older_wording|records|writes|trackers|rows|filters|packs|checks(\.\*)?)"
    r"|sources\[\]\.(vanished|would_now|endpoints_not_before|verdicts|census_drift)"
    r"|fields\[\]\.states|rules\[\]\.outcomes|tickets\[\]\.fields\[\]\.own"
)
"""Paths below which the keys are names of sources, states or presences, which the data decide."""


UNPRINTED = frozenset(
    f"{verb}: {key}"
    for verb, listed in {
        "status": """halts[].removable halts[].hidden
            held_back[].source held_back[].cause held_back[].tickets safety_stops[].source
            safety_stops[].cause safety_stops[].since stuck_writes[].source stuck_writes[].ticket stuck_writes[].kind
            stuck_writes[].state stuck_writes[].attempts stuck_writes[].error stuck_writes[].age_s
            left_in_peace[].source left_in_peace[].ticket sources[].vanished.* sources[].endpoints_not_before.*
            older_wording.* digest.open[].kind digest.open[].recipient digest.open[].period digest.open[].state
            digest.open[].attempts digest.open[].error digest.open[].age_s""",
        "digest": """asked quiet_until sent sent[].kind sent[].recipient sent[].period sent[].state sent[].error
            messages messages[].kind messages[].recipient messages[].to messages[].when messages[].subject
            messages[].text""",
        "plan": "older_wording.*",
        "sync": "sources[].undelivered sources[].stamped_ahead",
        "demo": "trackers trackers.* look_at",
        "rules coverage": "sources[].rules[].reasons[].reason sources[].rules[].reasons[].tickets",
        "waive": "state source ticket rule until",
        "rules test": """mutants mutants.tried mutants.equal mutants.survived survivors survivors[].rule
            survivors[].file survivors[].line survivors[].change survivors[].test""",
        "preview": """rules[].rule rules[].applied rules[].applied_before tickets[].source tickets[].ticket
            tickets[].rule tickets[].mode tickets[].what tickets[].severity tickets[].severity_before
            tickets[].reason tickets[].reason_before quarantined[].source quarantined[].ticket quarantined[].reason
            sources[].source sources[].mode sources[].tickets sources[].would sources[].would_now
            sources[].waiting sources[].brakes""",
    }.items()
    for key in listed.split()
) | frozenset(
    f"{verb}: cannot_tell[].{key}"
    for verb in ("status", "plan", "sync")
    for key in ("source", "verdicts", "reasons", "reasons[].reason", "reasons[].tickets")
)
"""Keys that the demo's register has no reason to print, for example those of a stuck write."""


def json_keys(world: DemoWorld, folder: Path, fork_server: ForkServer) -> set[str]:
    """Run every verb that prints JSON on a copy of the register; return the paths of the keys that it printed."""
    settings = folder / world.settings.name
    shutil.copy(world.settings, settings)
    shutil.copy(world.register, folder / world.register.name)
    found: set[str] = set()
    for words in _JSON_VERBS:
        with_settings = (
            []
            if words[0] == "rules" and words[1] not in {"coverage", "trend", "twin"}
            else ["--config", str(settings)]
        )
        placed = [word.replace("@", f"{folder}/") for word in words]
        done = world.start(fork_server, folder, *placed, "--json", *with_settings).wait()
        assert done.code in (0, 2, 4), (words, done.err)  # 2: `doctor` tells of the demo's odd status
        name = " ".join(words[:2] if words[0] in {"rules", "register", "mapping"} else words[:1])
        found |= {f"{name}: {path}" for path in _paths(json.loads(done.out), "")}
    of_sets = {key for key in found | UNPRINTED if key.startswith(("preview:", "activate:", "history:"))}
    found |= {f"rules {key}" for key in of_sets}
    return found | {
        key.replace("activate:", "rollback:") for key in found if key.startswith(("activate:", "rules activate:"))
    }


_ONE_RULE = "rules/root-cause-before-action.yaml"
_JSON_VERBS: tuple[tuple[str, ...], ...] = (
    ("doctor",),
    ("mapping", "suggest", "jira"),
    ("mapping", "check", "jira", "CAPA-1"),
    ("explain", "CAPA-1"),
    ("waivers",),
    ("pause",),
    ("status",),
    ("resume",),
    ("withdraw",),
    ("plan", "--limit", "1"),
    ("resume",),
    ("sync",),
    ("status",),
    ("history",),
    ("preview",),
    ("activate",),
    ("rebuild",),
    ("retry",),
    ("rules", "check", _ONE_RULE),
    ("rules", "test", _ONE_RULE),
    ("rules", "wording", _ONE_RULE),
    ("rules", "twin", "root-cause-before-action"),
    ("rules", "coverage"),
    ("rules", "trend", "root-cause-before-action"),
    ("register", "export", "@register.csv"),
    ("register", "pack", "CAPA-1", "--output", "@pack.zip"),
    ("register", "sample", "@sample", "--seed", "1", "--size", "1"),
    ("register", "backup", "@copy.db"),
    ("register", "restore", "@copy.db"),
)
"""Verb with its arguments; `@` stands for the folder of the register's copy."""


def _paths(value: object, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for member in value:
            yield from _paths(member, f"{path}[]")
    elif isinstance(value, dict):
        for key, member in value.items():
            here = f"{path}.{'*' if NAMED_BY_DATA.fullmatch(path) else key}".lstrip(".")
            yield here
            yield from _paths(member, here)


def is_in_source(path: str) -> bool:
    """Return whether the last key of a path is a text in the package: the demo has no stuck write to print."""
    key = path.removesuffix(".*").rpartition(".")[2].rpartition(": ")[2]
    return key in _texts()


@cache
def _texts() -> frozenset[str]:
    return frozenset(
        node.value
        for file in (ROOT / "capa_sync").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


# --- the page ------------------------------------------------------------------------------------------------------
INTRODUCTION = """# Public names

What a file, a command, a dashboard or an alert of yours may rely on. A test holds the code to this page: a name
stays, and a new name joins. `python -m tests.docs.public_names` writes the page, and only adds. To take a name
away is a breaking change: remove its line by hand, and say in CHANGELOG.md what replaces it.

In settings, `*` stands for a name that you choose; in keys of `--json`, for a name that comes from the data, and `[]`
for the members of a list.
"""


def write_page(names: Names) -> None:
    """Write the page with these names and all that it lists already."""
    merged: Names = defaultdict(set)
    for listed in (names_on_page() if PAGE.exists() else {}, names):
        for title, members in listed.items():
            merged[title] |= members if listed is not names or title != SANDBOX else set()
    order = [*names, *(title for title in merged if title not in names)]
    parts = [f"\n## {title}\n\n```text\n{chr(10).join(sorted(merged[title], key=_order))}\n```\n" for title in order]
    PAGE.write_text(INTRODUCTION + "".join(parts), encoding="utf-8")


def _order(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (0, name)


def main() -> None:
    """Collect all names, with a first cycle of the demo for the keys of `--json`, and add them to the page."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as copy,
        demo_world_in(Path(folder)) as world,
        ForkServer() as fork_server,
    ):
        write_page(names_in_code() | {JSON: json_keys(world, Path(copy), fork_server) | UNPRINTED})


if __name__ == "__main__":
    main()
