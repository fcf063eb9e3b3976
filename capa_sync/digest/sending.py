"""Sends each message in a process of its own, which ends at the deadline whatever the other side does.

A service may answer without end: a byte now and then, a body or a greeting that never stops, a small body that
decodes to gigabytes. No time-out of a library ends all of these, and a thread cannot be ended. A process can: what
one recipient's service does ends with it, and takes neither time nor memory from the daemon and the next recipient.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic
from urllib.parse import parse_qsl, quote, urlsplit

from capa_sync.digest.render import as_html, as_text
from capa_sync.digest.send_process import Outgoing, sent_in_process
from capa_sync.digest.services import MAIL, Services
from capa_sync.errors import Problem, SettingsError
from capa_sync.model.digest import DigestMessage, SendResult, SendState
from capa_sync.redaction import conceal_address

DEADLINE = 90.0
"""Seconds for one send; a service that takes longer leaves it unknown."""
GRACE = 5.0
"""Seconds that a send under way has when the daemon is to end."""
SPARED = 300.0
"""Seconds for which a server gets nothing more after two sends in a row that ended at the deadline."""
_IN_A_ROW = 2
_RECIPIENTS = ("to", "cc", "bcc")
_SILENT = "the server gave no answer to the messages before this one"
_FORM = "write an Apprise address into the variable or file, as in mailtos://user:password@smtp.example.com?to=…"


class AppriseSender:
    """Sends messages to targets and to persons.

    Args:
        targets: name -> Apprise address. mail: Apprise address of the mail server for persons, "" for none.
        file: the settings file, for messages.

    Raises SettingsError where Apprise is not installed, or cannot read an address; the address is not quoted.
    """

    def __init__(self, targets: Mapping[str, str], mail: str, file: str) -> None:
        self._services = Services()
        self._targets, self._mail = dict(targets), mail
        self._silent: dict[str, tuple[int, float]] = {}
        """Server -> sends in a row that ended at the deadline, and when the last one did."""
        for address in filter(None, (*targets.values(), mail)):
            conceal_address(address)
        problems = [
            Problem(file, 0, f"digest.targets.{name}: {wrong}", _FORM)
            for name, address in targets.items()
            if (wrong := self._services.mistake(address))
        ]
        if mail and (wrong := self._mistake_of_mail(mail)):
            problems.append(Problem(file, 0, f"digest.mail: {wrong}", _FORM))
        if problems:
            raise SettingsError(problems)

    def send(self, message: DigestMessage, stop: threading.Event) -> SendResult:
        """Hand over one message and wait for the answer, at most the deadline, and a grace after `stop`."""
        name = message.recipient.partition(":")[2]
        address = self._personal(message.email) if message.email else self._targets.get(name, "")
        if not address:
            return SendResult(SendState.DROPPED, "the settings do not name this recipient any more")
        server = _server(address)
        if self._is_spared(server):
            return SendResult(SendState.PENDING, _SILENT)
        order = Outgoing(address, message.subject, as_html(message), as_text(message, for_chat=True))
        ended = sent_in_process(order, stop, DEADLINE, GRACE)
        self._note(server, was_silent=ended.was_late)
        return ended.result

    # --- servers that do not answer --------------------------------------------------------------------------------
    def _is_spared(self, server: str) -> bool:
        """Tell whether a server gets nothing for now: each further message would be unknown, and take the deadline.

        One send alone spares nothing: the fault may be that recipient's.
        """
        count, at = self._silent.get(server, (0, 0.0))
        return count >= _IN_A_ROW and monotonic() < at + SPARED

    def _note(self, server: str, *, was_silent: bool) -> None:
        if was_silent:
            count, _at = self._silent.get(server, (0, 0.0))
            self._silent[server] = count + 1, monotonic()
        else:
            self._silent.pop(server, None)

    # --- addresses -------------------------------------------------------------------------------------------------
    def _personal(self, email: str) -> str:
        joint = "&" if "?" in self._mail else "?"
        return f"{self._mail}{joint}to={quote(email, safe='@')}"

    def _mistake_of_mail(self, address: str) -> str:
        parts = urlsplit(address)
        if parts.scheme.lower() not in MAIL:
            return "the address of the mail server begins with mailtos:// (or mailto:// without encryption)"
        if parts.path.strip("/") or any(key.lower() in _RECIPIENTS for key, _ in parse_qsl(parts.query)):
            return "it names a recipient, and the recipients come from the people file"
        return self._services.mistake(
            self._personal("somebody@example.com") if "?" in address else f"{address}?to=a@b.example"
        )


def _server(address: str) -> str:
    """Return what tells the server of an address from others, for memory alone: it may be a token."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return address
