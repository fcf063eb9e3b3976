"""Serves the page: one socket and one thread; the caller starts and stops it."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from capa_sync.errors import Problem, RegisterUnavailable, SettingsError
from capa_sync.model.light import light
from capa_sync.model.page import PageOptions
from capa_sync.model.visitor import AccessRole
from capa_sync.ports.workshop import Workshop
from capa_sync.web.guard import ViewGuard
from capa_sync.web.sign_ins import SignIns
from capa_sync.web.site import RegisterSite

START_SECONDS = 20.0
STOP_SECONDS = 5.0


@light
class RegisterPage:
    """A running page.

    Attributes:
        url: its address for a browser.
    """

    url: str
    _server: uvicorn.Server
    _thread: threading.Thread
    _sites: Sequence[RegisterSite]

    def stop(self) -> None:
        """Stop within seconds; a second call has no effect."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        for site in self._sites:
            site.page.close()


def refuse_taken_address(listen: str, options: PageOptions) -> None:
    """Raise SettingsError where `serve_register` could not listen now, to tell it before long work."""
    host, port = _address(listen, options)
    _bind(host, port, listen).close()


def serve_register(
    path: Path, listen: str, options: PageOptions | None = None, workshop: Workshop | None = None
) -> RegisterPage:
    """Serve a register file's public views on `listen` (`ADDRESS:PORT`, port 0 for any free one).

    `options` tell the zone of its dates, where a proxy shows it and who may sign in; without them it shows UTC, on
    loopback alone. `workshop` is for admins, who have to sign in.

    Raises:
        SettingsError: the address is malformed, in use, or not on loopback without a sign-in.
        RegisterUnavailable: the file is missing or no register.
    """
    options = options or PageOptions()
    host, port = _address(listen, options)
    _refuse_no_register(path)
    bound = _bind(host, port, listen)
    address, port = bound.getsockname()[:2]
    shown, hosts = _names(address, port)
    sign_ins = SignIns(options, hosts)
    sites = {
        role.is_masked: RegisterSite(path, options, role, sign_ins, workshop)
        for role in ((AccessRole.READER, AccessRole.AUDITOR) if options.access.is_on else (AccessRole.READER,))
    }
    with _closing_on_error(bound, list(sites.values())):
        for site in sites.values():
            site.page.connect()
        apps = {is_masked: site.app() for is_masked, site in sites.items()}
        server = uvicorn.Server(
            uvicorn.Config(
                ViewGuard(apps, hosts, options, sign_ins),
                ws="none",  # a request for a web socket is answered as any other, by the guard
                log_config=None,  # its lines go where ours go, through the same renderer
                log_level="error",  # what it warns of, any page in a browser of this machine could write at will
                access_log=False,
                server_header=False,
                proxy_headers=False,  # the address of who connects counts, not the one that a header names
            )
        )
        thread = threading.Thread(target=server.run, args=([bound],), name="register-page", daemon=True)
        thread.start()
        _wait_until_started(server, thread)
    return RegisterPage(f"http://{shown}/", server, thread, list(sites.values()))


def _address(listen: str, options: PageOptions) -> tuple[str, int]:
    """Split `ADDRESS:PORT`. Raises SettingsError for a malformed one, and where others could come without sign-in."""
    host, _, port = listen.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    what, hint = "is not an address and port on loopback", "write [web.auth], without which nobody can sign in"
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        if 0 <= int(port) <= 65_535:
            if address.is_loopback or (options.access.is_on and (options.public_url or not address.is_unspecified)):
                return host, int(port)
            if options.access.is_on:
                what, hint = "is every address of this machine", "say in public_url under which one people open it"
    hint += '; or use "127.0.0.1:8765", and a reverse proxy that asks who is there'
    raise SettingsError([Problem("", 0, f"[web] listen = {listen!r} {what}", hint)])


def _refuse_no_register(path: Path) -> None:
    """Raise RegisterUnavailable unless there is a regular file."""
    if path.is_symlink():
        raise RegisterUnavailable(f"{path}: a symbolic link; name the file itself as `register` in the settings")
    if path.exists() and not path.is_file():
        raise RegisterUnavailable(f"{path}: not a regular file; name a file as `register` in the settings")
    if not path.is_file():
        raise RegisterUnavailable(f"{path}: there is no register yet; `capa-sync sync` makes it")


def _names(address: str, port: int) -> tuple[str, frozenset[str]]:
    """Return how the address is written in a browser, and the Host headers that mean it."""
    found = ipaddress.ip_address(address)
    if found.is_unspecified:
        address = "::1" if found.version == 6 else "127.0.0.1"
    host = f"[{address}]" if ":" in address else address
    names = [host, *(("localhost",) if found.is_loopback or found.is_unspecified else ())]
    return f"{host}:{port}", frozenset([f"{name}:{port}" for name in names] + (names if port == 80 else []))


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
def _closing_on_error(bound: socket.socket, sites: Sequence[RegisterSite]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        bound.close()
        for site in sites:
            site.page.close()
        raise
