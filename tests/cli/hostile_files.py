"""Hostile and broken contents for each kind of file that users write, and the loaders that read them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from capa_sync.cli.trackers import loaded_tracker
from capa_sync.errors import Problem, UserError
from capa_sync.mapping.loader import load_mapping
from capa_sync.rules.loader import load_rules
from capa_sync.settings import load_settings
from tests.daemon.fork_server import ROOT

MEBIBYTE = 1_048_576
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(f'*{old}' for _ in range(9))}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
YAML_PIECES: dict[str, str] = {
    "aliases in aliases": BOMB,
    "one alias": "a: &x 1\nb: *x\n",
    "an anchor alone": "a: &x 1\n",
    "a merge key": "a: {b: 1}\nc:\n  <<: {b: 1}\n",
    "a merge of an alias": "a: &x {b: 1}\nc: {<<: *x}\n",
    "an alias of itself": "a: &x [*x]\n",
    "deep lists": "a: " + "[" * 50_000,
    "deep closed lists": "a: " + "[" * 5_000 + "]" * 5_000,
    "deep maps": "a: " + "{b: " * 20_000,
    "deep blocks": "".join(" " * level + f"k{level}:\n" for level in range(400)),
    "deep dashes": "- " * 100_000,
    "a long number": "a: " + "9" * 5_000 + "\n",
    "a long number as key": "9" * 5_000 + ": a\n",
    "a long hexadecimal number": "a: 0x" + "f" * 50_000 + "\n",
    "a long fraction": "a: 1." + "0" * 50_000 + "\n",
    "an endless number": "a: 1e999999999\n",
    "a number in base 60": "a: " + ":".join(["59"] * 5_000) + "\n",
    "a day that is none": "a: 2026-13-45\n",
    "an hour that is none": "a: 2026-01-01 99:99:99\n",
    "a zone that is none": "a: 2026-01-01T10:00:00+99:99\n",
    "year nought": "a: 0000-00-00\n",
    "a tag": "a: !!python/object/apply:os.system [id]\n",
    "a binary tag": "a: !!binary x\n",
    "a timestamp tag": "a: !!timestamp x\n",
    "an integer tag": "a: !!int x\n",
    "a set": "a: !!set {b, c}\n",
    "a list as key": "[a, b]: c\n",
    "a map as key": "{a: b}: c\n",
    "a question as key": "? [a]\n: b\n",
    "nothing as key": ": a\n~: b\n",
    "a key twice": "a: secret-1\na: secret-2\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "an unknown directive": "%FOO bar\n---\na: 1\n",
    "a wrong version": "%YAML 9.9\n---\na: 1\n",
    "a cut text": 'a: "b\n',
    "an odd escape": 'a: "\\q"\n',
    "half a character": 'a: "\\ud800"\n',
    "a null character": 'a: "\\0"\n',
    "a control character": "a: b\x07\n",
    "a tab": "a:\n\tb: c\n",
    "a list on top": "- a\n",
    "a word on top": "a\n",
    "nothing": "",
    "comments alone": "# a\n" * 50_000,
    "too many entries": "a:\n" + "- b\n" * 120_000,
    "many keys": "".join(f"k{number}: v\n" for number in range(40_000)),
    "a long text": "a: " + "b" * 400_000 + "\n",
    "a long key": "b" * 400_000 + ": a\n",
    "too large": "# " + "b" * 5_000_000,
    "many maps in a list": "a:\n" + "- {b: c, d: e}\n" * 30_000,
}
SHARED_BYTES: dict[str, bytes] = {
    "no UTF-8": b"a: b\nc: \xff\xfe\n",
    "zeros": b"\0" * 100_000,
    "half a character in UTF-16": "a: b".encode("utf-16"),
}
TOML_PIECES: dict[str, str] = {
    "a name with a zero": '[web.auth]\ntokens = "\\u0000"',
    "deep lists": "a = " + "[" * 100_000,
    "deep lists over lines": "a = [\n" + "[\n" * 5_000,
    "deep tables": "a = " + "{b = " * 10_000,
    "a deep name": ".".join(["a"] * 60_000) + " = 1",
    "a deep table name": "[" + ".".join(["a"] * 60_000) + "]",
    "a long number": "a = " + "9" * 5_000,
    "a long number in its place": "[write_back]\nmax_new_comments_per_day = " + "9" * 30,
    "a long hexadecimal number": "a = 0x" + "f" * 50_000,
    "an endless number": "[write_back]\nmax_changed_share = 1e999999",
    "no number": "[write_back]\nmax_changed_share = nan",
    "a long length": '[write_back]\nsettle = "99999999999999999999d"',
    "a length of ages": '[write_back]\nsettle = "999999999d"',
    "a length in other digits": '[write_back]\nsettle = "²m"',
    "a deadline without end": '[deadlines]\ncontain = { major = "99999999999999bd" }',
    "a day that is none": "baseline = 2026-13-45",
    "the first day": "baseline = 0001-01-01",
    "the last day": "baseline = 9999-12-31",
    "many calendars": "holidays = [" + ",".join(f'"G{number}"' for number in range(5_000)) + "]",
    "one calendar many times": "holidays = [" + ",".join(['"GB-ENG"'] * 1_500) + '\n, "QQ"]',
    "a calendar that is none": 'holidays = ["-"]',
    "a calendar without a name": 'holidays = [""]',
    "a zone outside": 'timezone = "../../../../etc/passwd"',
    "a zone with a null": 'timezone = "\\u0000"',
    "a long zone": 'timezone = "' + "a" * 10_000 + '"',
    "many unknown keys": "".join(f"k{number} = 1\n" for number in range(9_000)),
    "many lines": "\n" * 30_000,
    "an unfinished table": "[" + " " * 15_000,
    "a long line": "a = '" + "b" * 100_000 + "'",
    "a long key": '"' + "b" * 15_000 + '" = 1',
    "a quoted name of nothing": '"" = 1',
    "a port that is none": '[web]\nlisten = "127.0.0.1:99999"',
    "many sources": "".join(f'[sources.s{number}]\nkind = "jira"\n' for number in range(3_000)),
    "a word": "a",
    "too large": "# " + "b" * 5_000_000,
}
SITE = '{"kind": "site", "face": "FACE"}\n'
SANDBOX_PIECES: dict[str, str] = {
    "deep lists": SITE + "[" * 100_000,
    "a deep ticket": SITE + '{"kind": "ticket", "issue": ' + '{"a": ' * 900 + "1" + "}" * 900 + "}",
    "a deeper ticket": SITE + '{"kind": "ticket", "issue": ' + '{"a": ' * 90_000 + "1" + "}" * 90_000 + "}",
    "a long number": SITE + '{"kind": "user", "accountId": ' + "9" * 5_000 + "}",
    "a number as id": SITE + '{"kind": "project", "id": 1e999, "key": "A"}',
    "no number": SITE + '{"kind": "project", "id": NaN, "key": "A"}',
    "null": SITE + "null",
    "a list": SITE + "[]",
    "a word": SITE + '"a"',
    "no kind": SITE + "{}",
    "a list as kind": SITE + '{"kind": []}',
    "a ticket of null": SITE + '{"kind": "ticket", "issue": null}',
    "a ticket of a list": SITE + '{"kind": "ticket", "issue": []}',
    "fields of a word": SITE + '{"kind": "ticket", "issue": {"id": "1", "key": "A-1", "fields": "x"}}',
    "a changelog of a word": SITE
    + '{"kind": "ticket", "issue": {"id": "1", "key": "A-1", "fields": {}, "changelog": 3}}',
    "a record of a word": SITE + '{"kind": "ticket", "table": "task", "record": "x"}',
    "a table of a list": SITE + '{"kind": "ticket", "table": [], "record": {}}',
    "stamps of nothing": SITE + '{"kind": "ticket", "table": "task", "record": {"sys_created_on": {"value": []}}}',
    "half a character": SITE + '{"kind": "user", "accountId": "\\ud800", "user_name": "\\ud800"}',
    "a face of a list": '{"kind": "site", "face": []}',
    "a face of a map": '{"kind": "site", "face": {"a": 1}}',
    "a deep first line": "[" * 100_000,
    "a long first number": "9" * 5_000,
    "blank lines": "\n" * 300_000,
    "a site of a word": '{"kind": "site", "face": "FACE", "api_user": 3, "properties": 3, "tables": 3}',
    "a line without end": SITE + "[" + "1," * (9 * MEBIBYTE),
}


def mapping(content: bytes, folder: Path) -> None:
    """Load the content as a mapping."""
    file = folder / "map.yaml"
    file.write_bytes(content)
    load_mapping(file)


def people(content: bytes, folder: Path) -> None:
    """Load the content as the people file of a valid mapping."""
    text = (ROOT / "mappings" / "jira-cloud.yaml").read_text()
    (folder / "map.yaml").write_text(text)
    (folder / "people.yaml").write_bytes(content)
    load_mapping(folder / "map.yaml")


def rule(content: bytes, folder: Path) -> None:
    """Load the content as a rule file."""
    file = folder / "some-rule.yaml"
    file.write_bytes(content)
    load_rules([file])


def settings(content: bytes, folder: Path) -> None:
    """Load the content as settings."""
    file = folder / "capa-sync.toml"
    file.write_bytes(content)
    load_settings(file, {})


def sandbox(content: bytes, folder: Path) -> None:
    """Load the content as a sandbox file of each face."""
    for face in ("cloud", "datacenter", "servicenow"):
        file = folder / f"{face}.jsonl"
        file.write_bytes(content.replace(b"FACE", face.encode()))
        with contextlib.suppress(*([UserError] if face != "servicenow" else [])), loaded_tracker(file, 0):
            pass


LOADERS: dict[str, Callable[[bytes, Path], None]] = {
    "mapping": mapping,
    "people": people,
    "rule": rule,
    "settings": settings,
    "sandbox": sandbox,
}


def cases() -> Iterator[tuple[str, str, bytes]]:
    """Yield every kind of file with every hostile content: (kind, name of the case, content)."""
    for kind in LOADERS:
        texts = {"settings": TOML_PIECES, "sandbox": SANDBOX_PIECES}.get(kind, YAML_PIECES)
        for name, text in texts.items():
            yield kind, name, text.encode()
        for name, content in SHARED_BYTES.items():
            yield kind, name, content


CASES = {f"{kind}: {name}": (kind, content) for kind, name, content in cases()}


def problems_of(kind: str, content: bytes, folder: Path) -> list[Problem]:
    """Return the problems that a loader reports; none when it accepts the file."""
    try:
        LOADERS[kind](content, folder)
    except UserError as error:
        return error.problems
    return []
