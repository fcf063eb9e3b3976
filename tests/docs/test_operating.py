"""The operating page: its commands do what it says, and it has every exit code and every log line."""

from __future__ import annotations

import ast
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from capa_sync.cli import app
from capa_sync.daemon.log import LogAction
from tests.daemon.fork_server import Child, ForkServer
from tests.daemon.harness import until
from tests.docs.demo_world import DemoWorld

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operating.md"
STATE, BACKUPS = "/var/lib/capa-sync", "/var/backups"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINE_OF_ANOTHER_LOGGER = re.compile(r"\baction=(\w+)")


def section(title: str) -> str:
    """Return the text of one section of the page."""
    return PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table(title: str) -> list[list[str]]:
    """Return the cells of a section's first table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


# --- exit codes and log lines --------------------------------------------------------------------------------------
def test_every_exit_code_is_explained() -> None:
    """The table has the constants of the command line, and nothing else."""
    codes = {value for name, value in vars(app).items() if name.startswith("EXIT_")}
    assert {int(row[0]) for row in table("Exit codes")} == codes


def levels_in_code() -> dict[str, set[str]]:
    """Return, by action name, the levels at which the code logs it; an empty set when it is never logged."""
    levels: dict[str, set[str]] = defaultdict(set, {action.value: set() for action in LogAction})
    for file in sorted((ROOT / "capa_sync").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        named = {id(node): level for call, level in log_calls(tree) for node in ast.walk(call.args[0])}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "LogAction":
                # an action outside of a call is passed to one without `level=`, which is "info" (see log_calls)
                levels[LogAction[node.attr].value] |= named.get(id(node), {"info"})
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                for action in _LINE_OF_ANOTHER_LOGGER.findall(ast.unparse(node.args[0])):
                    levels[action].add(node.func.attr)
    for name in ("cycle_failed", "safety_stop"):  # `_REPORTED` names them too, and logs nothing
        levels[name].discard("info")
    return dict(levels)


def log_calls(tree: ast.Module) -> Iterator[tuple[ast.Call, set[str]]]:
    """Yield each call of `log` with its levels; a level in a variable stands for every text assigned to it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log":
            (given,) = [word.value for word in node.keywords if word.arg == "level"] or [None]
            if given is None:
                yield node, {"info"}
            else:
                assert "LogAction" in ast.unparse(node.args[0]), "an action with a level is named where it is logged"
                yield node, texts_of(given, tree)


def texts_of(value: ast.expr, tree: ast.Module) -> set[str]:
    """Return the texts that an expression may stand for."""
    if isinstance(value, ast.Name):
        assigned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and names(node, value.id)]
        return set().union(*(texts_of(other, tree) for other in assigned))
    if isinstance(value, ast.IfExp):
        return texts_of(value.body, tree) | texts_of(value.orelse, tree)
    assert isinstance(value, ast.Constant), ast.unparse(value)
    return {str(value.value)}


def names(node: ast.Assign, name: str) -> bool:
    """Return whether an assignment is to this name."""
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def test_every_line_of_the_log_is_explained_at_its_level() -> None:
    """The table has each action once, with every level at which the code logs it; alarms say what to do."""
    explained = [
        (action, set() if row[1] == "none" else set(row[1].split(", ")))
        for row in table("Log lines and alarms")
        for action in re.findall(r"`(\w+)`", row[0])
    ]
    assert sorted(explained, key=str) == sorted(levels_in_code().items(), key=str)
    alarms = [row for row in table("Log lines and alarms") if {"error", "warning"} & set(row[1].split(", "))]
    assert [row[0] for row in alarms if not (row[2] and row[3])] == []


# --- backup and restore --------------------------------------------------------------------------------------------
@cache
def blocks(title: str) -> tuple[str, ...]:
    """Return the shell commands of a section."""
    return tuple(_BLOCK.findall(section(title)))


class Place:
    """A folder with a settings file and a register, and another one for backups."""

    def __init__(self, world: DemoWorld, folder: Path, fork_server: ForkServer) -> None:
        self.state, self.backups, self.outputs = folder / "state", folder / "backups", folder / "outputs"
        self.world, self.fork_server = world, fork_server
        for made in (self.state, self.backups, self.outputs):
            made.mkdir()
        shutil.copy(world.settings, self.state / "capa-sync.toml")
        shutil.copy(world.register, self.register)

    @property
    def register(self) -> Path:
        """The register's file."""
        return self.state / "register.db"

    def shell(self, commands: str) -> str:
        """Run commands of the page with this place's folders; return what they print."""
        here = commands.replace(STATE, str(self.state)).replace(BACKUPS, str(self.backups))
        here = here.replace("python3 -c", f"{sys.executable} -c")
        here = here.replace("capa-sync register ", f"{sys.executable} -m capa_sync register ")
        done = subprocess.run(
            ["sh", "-eu", "-c", here],
            cwd=self.state,
            env=self.world.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *words: str) -> Child:
        """Start a verb on this place's settings."""
        settings = str(self.state / "capa-sync.toml")
        return self.world.start(self.fork_server, self.outputs, *words, "--config", settings)

    def verb(self, *words: str) -> Child:
        """Run a verb on this place's settings to its end."""
        return self.start(*words).wait()

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Run the daemon during a block, which starts after the first finished cycle."""
        child = self.start("run")
        try:
            until(lambda: child.ended.is_set() or "action=cycle_finished" in child.err)
            yield
        finally:
            child.signal(signal.SIGTERM).wait()
        assert child.code == 0, child.err


@pytest.fixture
def place(demo_world: DemoWorld, tmp_path: Path, fork_server: ForkServer) -> Place:
    """A place with the register of the demo's first cycle."""
    return Place(demo_world, tmp_path, fork_server)


def counts(path: Path) -> dict[str, int]:
    """Return the number of rows of every public view."""
    connection = sqlite3.connect(path)
    views = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'v!_%' ESCAPE '!'"
        )
    ]
    found = {view: connection.execute(f"SELECT COUNT(*) FROM {view}").fetchone()[0] for view in views}  # noqa: S608
    connection.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("commands", blocks("Backup"), ids=["verb", "wrapper", "backup", "python"])
def test_a_backup_of_a_running_daemon_comes_back(place: Place, commands: str) -> None:
    """The register is copied while the daemon runs, then damaged; the restored register has the same rows."""
    if "sqlite3 /" in commands and shutil.which("sqlite3") is None:
        pytest.skip("the program sqlite3 is not installed")
    copy = place.backups / "capa-sync-register.db"
    with place.daemon():
        printed = place.shell(commands)
        assert place.verb("rebuild").code == 6, "the daemon holds the register"
    printed = "" if "capa-sync register" in commands else printed
    assert printed.split() == (["ok"] if "quick_check" in commands else [])
    assert copy.stat().st_mode & 0o777 == 0o600
    before = counts(copy)
    assert all(before[view] for view in ("v_register", "v_findings", "v_changes", "v_tickets", "v_writes")), before
    with place.register.open("r+b") as file:
        file.seek(4096)
        file.write(b"damage" * 20_000)
    done = place.verb("sync")
    assert (done.code, done.err.count("\n")) == (6, 1), done.err
    assert "docs/operating.md, Restore" in done.err
    for commands_of_restore in blocks("Restore"):
        place.shell(commands_of_restore)
    done = place.verb("status")
    assert done.code == 0, done.err
    assert counts(place.register) == before
    assert sqlite3.connect(place.register).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert place.verb("sync").code == 0


@pytest.mark.slow
def test_a_lost_register_is_not_created_again_while_its_marker_exists(place: Place) -> None:
    """Every verb ends with 6 and names the marker; without the marker the next start creates a new register."""
    assert place.verb("sync").code == 0
    for file in place.state.glob("register.db*"):
        if file.suffix != ".origin":
            file.unlink()
    for verb in ("sync", "status", "rebuild"):
        done = place.verb(verb)
        assert (done.code, done.err.count("\n")) == (6, 1), done.err
        assert "register.db.origin" in done.err
    (place.state / "register.db.origin").unlink()
    done = place.verb("sync")
    assert done.code == 4, "comments of the lost register are found, and nothing is written before a release"


def test_the_page_names_every_file_beside_the_register(place: Place) -> None:
    """While a daemon runs, the folder has no other file."""
    with place.daemon():
        found = {file.name for file in place.state.iterdir()} - {"capa-sync.toml"}
    assert found == {row[0].strip("`") for row in table("The register's files")}


def test_what_a_new_version_would_write_is_seen_before_the_upgrade(place: Place) -> None:
    """`plan` migrates only a copy; reading verbs ask for a start of the new version, and `sync` migrates the file."""
    undo_last_migration(place.register)
    content = place.register.read_bytes()
    done = place.verb("plan", "--limit", "1")
    assert done.code == 0, done.err
    assert place.register.read_bytes() == content
    done = place.verb("status")
    assert (done.code, done.err.count("\n")) == (6, 1)
    assert "made by an older capa-sync; start `capa-sync run` or `sync` once" in done.err
    assert place.verb("sync").code == 0
    assert place.verb("status").code == 0


@pytest.mark.parametrize("verb", ["sync", "plan", "status"])
def test_an_older_version_refuses_a_migrated_register(place: Place, verb: str) -> None:
    """The answer is one line with the register's path, and the file is not changed."""
    connection = sqlite3.connect(place.register)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('capa_sync', '0999_later', '')"
    )
    connection.commit()
    connection.close()
    content = place.register.read_bytes()
    done = place.verb(verb)
    assert (done.code, done.err.count("\n")) == (6, 1), done.err
    assert f"{place.register}: made by a newer capa-sync (it has 0999_later)" in done.err
    assert place.register.read_bytes() == content


def undo_last_migration(register: Path) -> None:
    """Turn a register into that of the version before step 0014, without its views."""
    connection = sqlite3.connect(register)
    for (view,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
        connection.execute(f'DROP VIEW "{view}"')
    connection.execute("ALTER TABLE register_row DROP COLUMN history_gap")
    connection.execute("DELETE FROM _sqlite_migrations WHERE name = '0014_history_gap'")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
