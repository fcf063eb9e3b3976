"""Starts capa-sync processes quickly: one process imports the program once and forks a child for each command.

Importing takes a second and a half, and the kill tests start some hundreds of processes. Every child is a process of
its own, with its own environment, files, signals and end; what it runs is what `python -m capa_sync` runs. The rules
and mappings that many children read are read once, too: that would be half of a short cycle.
The verbs import what they need when they are called, so the forking process imports all of that before
(`tests/daemon/test_fork_server.py`). Evaluation workers can be forked, too (`ForkedWorker`).
Run as a program, this file is the forking process; `ForkServer` is its other end.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
FIRST_WAIT = "TESTS_FIRST_WAIT"
"""Variable with the seconds after which a child sends a failed read again for the first time, instead of 2."""
LATEST = "TESTS_LATEST"
"""Variable with the seconds after which a child that was asked to stop ends in any case, instead of 9."""
IMPORTS = "TESTS_IMPORTS"
"""Variable that lets a child print at its end which modules it imported itself."""
_OWN_VERBS = ("demo", "sandbox", "serve")
"""Verbs that few tests start, and that load the sandbox and Datasette."""
_WHEN_NEEDED = (
    "capa_sync.sources.jira.build", "capa_sync.sources.servicenow.build", "capa_sync.hints",
    "capa_sync.settings.concealing",
    "capa_sync.sources.jira.kind", "capa_sync.sources.servicenow.kind", "capa_sync.cli.checkpoints",
    "capa_sync.cli.worker", "apscheduler.triggers.interval", "holidays", "orjson", "tests.daemon.steps",
)  # fmt: skip
"""Modules that verbs import only where they use them."""


def memory_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder in memory for registers of killed processes: no test cuts the power, so no disk is needed."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="capa-sync-tests-")


@dataclass
class Child:
    """A started process: its pid, the files of its output, its end; a negative code is the signal that ended it."""

    pid: int
    out_file: Path
    err_file: Path
    forward: Callable[[int, int], None]
    ended: threading.Event = field(default_factory=threading.Event)
    code: int = 0

    @property
    def out(self) -> str:
        """Its standard output so far."""
        return self.out_file.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """Its standard error so far."""
        return self.err_file.read_text(encoding="utf-8")

    def wait(self) -> Child:
        """Wait for its end."""
        assert self.ended.wait(PATIENCE), f"still running after {PATIENCE} s:\n{self.out}\n{self.err}"
        return self

    def signal(self, number: int) -> Child:
        """Let the process's parent send it a signal; one that has ended gets none, whoever has its number now."""
        self.forward(self.pid, number)
        return self


class ForkServer:
    """The other end of the forking process; also a context manager."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=theirs,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            )
        self._lock = threading.Lock()
        self._children_lock = threading.Lock()
        self._pids: queue.Queue[int] = queue.Queue()
        self._children: dict[int, Child] = {}
        self._ends: dict[int, int] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def start(
        self,
        arguments: list[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        out: Path,
        limits: Mapping[str, int],
        yaml: Iterable[Path] = (),
        worker_line: int | None = None,
    ) -> Child:
        """Fork a child for these arguments, in that folder, with exactly this environment.

        Its standard output goes to `out`, errors to `.err` beside it; `limits` are RLIMIT_ constants by name; `yaml`
        are files that it will read, and others after it; with `worker_line`, the descriptor of a socket, the child is
        an evaluation worker.
        """
        err = out.with_suffix(".err")
        out.touch()
        err.touch()
        order: dict[str, Any] = {"arguments": arguments, "env": dict(env), "folder": str(folder)}
        order |= {"limits": dict(limits), "yaml": [str(file) for file in yaml]}
        with self._lock:
            self._send({**order, "out": str(out), "err": str(err)}, () if worker_line is None else (worker_line,))
            pid = self._pids.get(timeout=PATIENCE)
            child = Child(pid, out, err, self._forward)
            with self._children_lock:
                self._children[pid] = child
                self._report_exit(pid)
        return child

    def _forward(self, pid: int, number: int) -> None:
        with self._lock:
            self._send({"signal": number, "pid": pid})

    def _send(self, order: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        line = json.dumps(order).encode() + b"\n"
        sent = socket.send_fds(self._orders, [line], descriptors)
        self._orders.sendall(line[sent:])

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "code" not in message:
                self._pids.put(message["pid"])
                continue
            with self._children_lock:
                self._ends[message["pid"]] = message["code"]
                self._report_exit(message["pid"])

    def _report_exit(self, pid: int) -> None:
        """Record the end of a child once child and exit code are both known; its pid may be reused then."""
        if pid in self._children and pid in self._ends:
            child = self._children.pop(pid)
            child.code = self._ends.pop(pid)
            child.ended.set()

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_error: object) -> None:
        for child in list(self._children.values()):
            child.signal(signal.SIGKILL).wait()
        assert self._process.stdout is not None
        self._orders.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


class ForkedWorker:
    """An evaluation worker that is forked, with those parts of `subprocess.Popen` that the worker pool uses."""

    def __init__(self, fork_server: ForkServer, command: Sequence[str], line: int) -> None:
        settings, register = command[4:6]
        folder = Path(settings).parent
        self._child = fork_server.start(
            [settings, register],
            env=os.environ,
            folder=Path.cwd(),
            out=folder / f"worker-{line}-{time.monotonic_ns()}.out",
            limits={},
            yaml=[*sorted(folder.glob("rules/*.yaml")), *sorted(folder.glob("mappings/*.yaml"))],
            worker_line=line,
        )

    @property
    def returncode(self) -> int | None:
        """Its exit code, None while it runs; a negative code is the signal that ended it."""
        return self._child.code if self._child.ended.is_set() else None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raise `subprocess.TimeoutExpired` after so many seconds."""
        if not self._child.ended.wait(timeout):
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return self._child.code

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        self._child.signal(number)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _serve() -> None:
    """Fork a child for each order line; report its pid, and later its exit code."""
    from capa_sync.cli.app import main

    _import_program()
    running: dict[int, int] = {}
    orders = socket.socket(fileno=0)
    descriptors: list[int] = []
    rest = b""
    parsed = _Parsed()
    gc.collect()
    gc.freeze()  # a collection in a child would copy the pages of all that is here
    while True:
        for ready in select.select([0, *running], [], [])[0]:
            if ready != 0:
                pid = running.pop(ready)
                os.close(ready)
                _send({"pid": pid, "code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})
                continue
            read, received, _, _ = socket.recv_fds(orders, 1 << 20, 1)
            if not read:
                return
            descriptors += received
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                order = json.loads(line)
                if "signal" in order:
                    _signal(running, order)
                    continue
                for file in order["yaml"]:
                    parsed.learn(file)
                pid = os.fork()
                if not pid:
                    _run_child(order, _worker(descriptors[0]) if descriptors else main)
                while descriptors:
                    os.close(descriptors.pop())
                running[os.pidfd_open(pid)] = pid
                _send({"pid": pid})


def _worker(line: int) -> Callable[[Sequence[str]], None]:
    """Return the program of an evaluation worker with this descriptor, as a function of its arguments."""

    def run(arguments: Sequence[str]) -> None:
        sys.argv = ["-c", *arguments, str(line)]
        import_module("capa_sync.cli.worker").main()
        sys.exit(0)

    return run


def _import_program() -> None:
    """Import what the verbs import when they are called; scan for installed phrases and migrate a register once."""
    from capa_sync.absent_modules import absent
    from capa_sync.cli.app import SECTIONS
    from capa_sync.rules.phrases.table import vocabulary
    from capa_sync.store import open_register
    from tests.quick_registers import make_registers_quick

    for name, verb in (entry for section in SECTIONS.values() for entry in section.items()):
        if name not in _OWN_VERBS:
            verb.load()
    with absent("rich"):  # as the program loads it
        import_module("structlog")
    for module in _WHEN_NEEDED:
        import_module(module)
    vocabulary()
    make_registers_quick()
    with memory_folder() as folder:
        open_register(Path(folder) / "register.db", clock_now=datetime.now(UTC)).close()


def _signal(running: Mapping[int, int], order: Mapping[str, int]) -> None:
    """Send a signal to a child that was not waited for yet, through its descriptor."""
    for descriptor, pid in running.items():
        if pid == order["pid"]:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                signal.pidfd_send_signal(descriptor, order["signal"])


class _Parsed:
    """Files that were read before a child is forked; it finds a copy here, and reads any other text itself."""

    def __init__(self) -> None:
        from capa_sync.mapping import reading
        from tests.known_rules import read_each_rule_once

        read_each_rule_once()
        self._parse = reading.load_with_lines
        self._known: dict[str, Any] = {}
        reading.load_with_lines = lambda text: self._known.get(text) or self._parse(text)

    def learn(self, file: str) -> None:
        """Read a file of rules or a mapping, unless its text is known."""
        from capa_sync.rules import loader, report
        from capa_sync.rules.phrases.table import vocabulary
        from capa_sync.rules.yaml_lines import Problems

        text = Path(file).read_text(encoding="utf-8")
        if Path(file).parent.name != "rules":
            self._known[text] = self._known.get(text) or self._parse(text)
        elif (rule := loader.read_rule(text, file, vocabulary(), Problems(file))) is not None:
            report.run_cases(rule)


def _send(message: Mapping[str, int]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _run_child(order: Mapping[str, Any], main: Any) -> None:
    """Run the ordered command in this forked process."""
    from capa_sync.daemon import shutdown
    from capa_sync.sources import retry
    from tests.daemon import steps

    known = set(sys.modules)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["env"])
    for descriptor, file in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    for name, value in order["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    sys.path[:0] = filter(None, order["env"].get("PYTHONPATH", "").split(os.pathsep))
    if steps.VARIABLE in order["env"]:
        steps.install(order["env"][steps.VARIABLE])
    if FIRST_WAIT in order["env"]:
        retry._FIRST_WAIT = float(order["env"][FIRST_WAIT])
    if LATEST in order["env"]:
        shutdown.LATEST = float(order["env"][LATEST])
    code: object = 70
    try:
        main(order["arguments"])
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:  # noqa: BLE001 - shown as the interpreter would, after which the child ends
        sys.excepthook(*sys.exc_info())
    finally:
        if IMPORTS in order["env"]:
            sys.stderr.write(f"imported: {' '.join(sorted(set(sys.modules) - known))}\n")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve()
