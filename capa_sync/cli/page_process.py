"""The page beside a daemon: a process of its own, so that no request on it can slow or end the daemon.

The parent half starts the process again when it ends. The child half is a program (`main`); its arguments are the
settings file and the text of the test clock. It serves until its standard input is closed, which also happens when
the daemon is killed, and writes one line on its standard output: its address, or why it could not start.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import capa_sync
from capa_sync.cli.context import clock_from, read_settings, register_path, say
from capa_sync.daemon.log import LogAction, configure_logs, log
from capa_sync.errors import CapaSyncError, UserError

if TYPE_CHECKING:
    from capa_sync.wiring import Setup

POLITE = 5
"""How much lower the priority of the page is than that of the daemon."""
AGAIN = 60.0
"""Seconds after which a page that ended is started again."""
_TO_SERVE = "set `with_run = true` under `[web]`, or run `capa-sync serve` beside the daemon"
_END = 1.0
"""Seconds for which the page may end by itself before it is killed: the daemon has ten for its own end."""


@contextmanager
def page_beside(setup: Setup, test_clock: str | None) -> Iterator[None]:
    """Serve the page in another process while the block runs, if the settings want that."""
    web = setup.settings.web
    if not web.with_run:
        if "listen" in web.model_fields_set:
            log(LogAction.PAGE_NOT_SERVED, at=web.listen, to_serve=_TO_SERVE)
        yield
        return
    keeper = _PageKeeper(setup, test_clock or "")
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()


class _PageKeeper:
    """Starts the process of the page, and again AGAIN seconds after it ended."""

    def __init__(self, setup: Setup, test_clock: str) -> None:
        place = str(Path(capa_sync.__file__).parents[1])
        start = f"import sys; sys.path.insert(0, {place!r}); from capa_sync.cli.page_process import main; main()"
        self._command = [sys.executable, "-P", "-c", start, str(setup.file.resolve()), test_clock]
        secrets = {*setup.secrets.values(), *setup.hint_secrets.values()}
        self._environ = {name: value for name, value in os.environ.items() if value not in secrets}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._logged = ""

    def start(self) -> None:
        """Start the page; return at once."""
        threading.Thread(target=self._keep, name="page", daemon=True).start()

    def stop(self) -> None:
        """End the page for good."""
        with self._lock:
            self._over.set()
            process = self._process
        if process is None or process.stdin is None:
            return
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _keep(self) -> None:
        while not self._over.is_set():
            problem = self._serve()
            if self._over.is_set():
                return
            if problem != self._logged:
                log(LogAction.PAGE_ENDED, level="warning", problem=problem, again_in_s=int(AGAIN))
            self._logged = problem
            self._over.wait(AGAIN)

    def _serve(self) -> str:
        """Run the process until it ends; return why it ended."""
        try:
            with self._lock:
                if self._over.is_set():
                    return ""
                self._process = process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=self._environ,
                    text=True,
                    start_new_session=True,  # Ctrl-C is for the daemon, which ends the page
                )
        except OSError as error:
            return f"its process cannot be started: {error.strerror}"
        with process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            said = process.stdout.readline().strip()
            if said.startswith("http"):
                self._logged = ""
                log(LogAction.PAGE_LISTENING, at=said)
            code = process.wait()
        return said if said and not said.startswith("http") else f"its process ended with {code}"


def main() -> None:
    """Serve the page until standard input is closed."""
    from capa_sync.cli.page import page_options, page_workshop
    from capa_sync.web import serve_register

    config, clock = Path(sys.argv[1]), clock_from(sys.argv[2])
    with suppress(OSError):  # a service may be forbidden to
        os.nice(POLITE)
    configure_logs()
    try:
        settings = read_settings(config)
        options, workshop = page_options(settings, config, clock), page_workshop(settings, config, clock, sys.argv[2])
        page = serve_register(register_path(config, settings), settings.web.listen, options, workshop)
    except CapaSyncError as error:
        problems = error.problems if isinstance(error, UserError) else [error]
        say("; ".join(map(str, problems)))
        sys.exit(2)
    say(page.url)
    sys.stdin.read()
    page.stop()
    if workshop is not None:
        workshop.close()
