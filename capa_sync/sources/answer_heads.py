"""Reads the one answer that belongs to a request: interim answers come before it, and nothing may follow it.

A server may send interim answers (RFC 9110, 15.2: `103 Early Hints`, `102 Processing`) before the final one. The
standard library takes each of them but 100 for the final one, and the real answer, a refusal perhaps, then for the
answer to the next request on the same connection. The same happens with bytes that a server sends after an answer.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from contextlib import suppress
from typing import Any

MOST_INTERIM = 20
"""Interim answers that are left out before one answer; the next one counts as the answer, and says nothing."""
NOT_FINAL = "the server ends without a final answer"
_SWITCHED = 101
"""The only status below 200 that is final: what follows is no HTTP. capa-sync never asks for it."""


class AnswerTooSlow(TimeoutError):
    """An answer did not end within its time."""


class FinalResponse(http.client.HTTPResponse):
    """A response that can be read until `total` seconds after the request was sent, and no longer.

    Its status is that of the final answer. Below 200 it is none (`is_final`), and its connection is closed.
    """

    total: float

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        timed = _TimedReader(self.fp.detach(), sock, time.monotonic() + self.total)
        self.fp = _WholeReader(timed)

    def begin(self) -> None:
        """Read status and headers; the connection of an answer that is not final serves no other request."""
        super().begin()
        if not is_final(self.status):
            self.will_close = True

    def _read_status(self) -> tuple[str, int, str]:
        """Return the status line of the final answer; the lines of those before it are read and left out."""
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        for _ in range(MOST_INTERIM):
            if is_final(found[1]) or found[1] == _SWITCHED:
                break
            http.client.parse_headers(self.fp)
            found = super()._read_status()  # type: ignore[misc]
        is_one_more = found[1] == http.client.CONTINUE  # which the library would go on to skip, without a bound
        return (found[0], _SWITCHED, found[2]) if is_one_more else found


class OwnAnswers:
    """Makes a connection unfit for the next request when bytes wait on it that nobody asked for.

    The base class looks at the socket alone; of a TLS connection, bytes may be decrypted already.
    """

    sock: Any

    @property
    def is_connected(self) -> bool:
        """Tell whether the connection may be used for another request."""
        pending = getattr(self.sock, "pending", None)
        with suppress(OSError, ValueError):
            if pending is not None and pending():
                return False
        return bool(super().is_connected)  # type: ignore[misc]


def is_final(status: int) -> bool:
    """Tell whether a status says what became of a request."""
    return status >= 200


class _WholeReader(io.BufferedReader):
    """Ends the connection when more bytes were received with an answer that is over: they answer nothing of ours."""

    raw: _TimedReader

    def close(self) -> None:
        if not self.closed:
            self.raw.is_over = True
            with suppress(OSError, ValueError):
                if self.peek(1):
                    self.raw.end_connection()
        super().close()


class _TimedReader(io.RawIOBase):
    """Reads from a socket, and checks the remaining time before each packet.

    Attributes:
        is_over: nothing more is read, as at the end of the connection.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._raw = raw
        self._sock = sock
        self._until = until
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_over:
            return 0
        left = self._until - time.monotonic()
        if left <= 0:
            raise AnswerTooSlow("the answer did not end within its time")
        patience = self._sock.gettimeout()
        if patience is not None and patience <= left:
            return self._raw.readinto(buffer)
        self._sock.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        except TimeoutError:
            raise AnswerTooSlow("the answer did not end within its time") from None

    def end_connection(self) -> None:
        """Send and receive nothing more on this connection; whoever looks at it finds it dropped."""
        with suppress(OSError, ValueError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._raw.close()
        super().close()
