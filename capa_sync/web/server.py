"""Serves the page: one socket on loopback and one thread; the caller starts and stops it."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from capa_sync.errors import Problem, RegisterUnavailable, SettingsError
from capa_sync.model.page import PageOptions
from capa_sync.web.guard import ViewGuard
from capa_sync.web.site import RegisterSite

START_SECONDS = 20.0
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """A running page.

    Attributes:
        url: its address for a browser.
    """

    url: str
    _server: uvicorn.Server
    _thread: threading.Thread
    _site: RegisterSite

    def stop(self) -> None:
        """Stop within seconds; a second call has no effect."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._site.page.close()


def serve_register(path: Path, listen: str, options: PageOptions | None = None) -> RegisterPage:
    """Serve a register file's public views on `listen` (`ADDRESS:PORT` on loopback, port 0 for any free one).

    `options` tell the zone of its dates and where a proxy shows it; without them it shows UTC.

    Raises:
        SettingsError: the address is not on loopback, malformed, or in use.
        RegisterUnavailable: the file is missing or no register.
    """
    host, port = _loopback(listen)
    if path.is_symlink():
        raise RegisterUnavailable(f"{path}: a symbolic link; name the file itself as `register` in the settings")
    if path.exists() and not path.is_file():
        raise RegisterUnavailable(f"{path}: not a regular file; name a file as `register` in the settings")
    if not path.is_file():
        raise RegisterUnavailable(f"{path}: there is no register yet; `capa-sync sync` makes it")
    options = options or PageOptions()
    site = RegisterSite(path, options)
    with _closing_on_error(site):
        site.page.connect()
        bound = _bind(host, port, listen)
        address, port = bound.getsockname()[:2]
        shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        hosts = frozenset({shown, f"localhost:{port}"} | ({address, "localhost"} if port == 80 else set()))
        config = uvicorn.Config(
            ViewGuard(site.app(), hosts, options.public_url),
            log_level="warning",
            access_log=False,
            server_header=False,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([bound],), name="register-page", daemon=True)
        thread.start()
        _wait_until_started(server, thread)
    return RegisterPage(f"http://{shown}/", server, thread, site)


def _loopback(listen: str) -> tuple[str, int]:
    """Split `ADDRESS:PORT`. Raises SettingsError unless the address is on loopback."""
    host, _, port = listen.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback and 0 <= int(port) <= 65_535:
            return host, int(port)
    hint = 'the page has no sign-in; use "127.0.0.1:8765" and a reverse proxy that asks who is there'
    raise SettingsError([Problem("", 0, f"[web] listen = {listen!r} is not an address and port on loopback", hint)])


def _bind(host: str, port: int, listen: str) -> socket.socket:
    """Bind the port now, so that a port in use is reported at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        problem = Problem(
            "",
            0,
            f"cannot listen on {listen}: {error.strerror}",
            "choose another port in [web] listen; for the demo with --listen",
        )
        raise SettingsError([problem]) from error
    return bound


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    waited, step = 0.0, threading.Event()
    while not server.started:
        if not thread.is_alive() or waited > START_SECONDS:
            raise RegisterUnavailable("the register's page did not start")
        step.wait(0.02)
        waited += 0.02


@contextmanager
def _closing_on_error(site: RegisterSite) -> Iterator[None]:
    try:
        yield
    except BaseException:
        site.page.close()
        raise
