"""Time stamps of an authority (RFC 3161): that a text was there at an instant. The only user of rfc3161-client."""

from __future__ import annotations

import hashlib
import threading
import urllib.request
from datetime import UTC, datetime
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from capa_sync.errors import NotPublished, Problem, UserError
from capa_sync.model.light import light
from capa_sync.model.visible import seen

_PATIENCE = 30.0
"""Seconds for the authority's whole answer."""
_MOST = 1_048_576
"""Bytes of an answer, at most; a usual one has some thousand."""
_LONGEST = 200
"""Characters of another's words in a message."""
_KIND = "application/timestamp-query"


@light
class Stamp:
    """What a time stamp says: when the text was there, and the name of the authority's certificate."""

    at: datetime
    authority: str


def time_stamp(url: str, text: bytes) -> bytes:
    """Return the authority's answer for a text, as it is stored in a `.tsr` file.

    Its signature is checked by `read_time_stamp`, which needs the authority's root certificate. Raises NotPublished,
    and UserError for an address that is none and where the library is absent.
    """
    library = _library()
    place = urlsplit(url)
    if place.scheme not in ("http", "https") or not place.hostname or place.username:
        what = "the address of --time-stamp is none of a time-stamping authority"
        raise UserError([Problem("", 0, what, "write it as https://tsa.example/, without user and password")])
    asked = library.TimestampRequestBuilder().data(text).hash_algorithm(library.HashAlgorithm.SHA256).build()
    answer = _posted(url, asked.as_bytes())
    found = _decoded(library, answer)
    if found.status not in (0, 1):
        raise NotPublished(f"{url}: the authority refused ({_short('; '.join(found.status_string)) or found.status})")
    if found.tst_info.nonce != asked.nonce or found.tst_info.message_imprint.message != hashlib.sha256(text).digest():
        raise NotPublished(f"{url}: the answer is not about what was asked")
    return answer


def read_time_stamp(answer: bytes, text: bytes, roots: bytes) -> Stamp:
    """Return what a stored answer says of a text, once its signature is proven from these root certificates (PEM).

    Raises NotPublished when it proves nothing of this text, and UserError where the library is absent, or the roots
    are no certificates.
    """
    library = _library()
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates

    try:
        trusted = load_pem_x509_certificates(roots)
    except ValueError:
        what = "there is no certificate in the file of --tsa-ca"
        raise UserError([Problem("", 0, what, "it has to be PEM")]) from None
    found = _decoded(library, answer)
    try:
        library.VerifierBuilder(roots=trusted).build().verify_message(found, text)
    except library.VerificationError as error:
        raise NotPublished(f"the time stamp does not prove this text: {_short(error)}") from error
    signer = next(iter(found.signed_data.signer_infos))
    names = [
        seen(owner.subject.rfc4514_string())
        for owner in map(load_der_x509_certificate, found.signed_data.certificates)
        if owner.serial_number == signer.serial_number
    ]
    return Stamp(found.tst_info.gen_time.astimezone(UTC), ", ".join(names))


def _library() -> Any:
    try:
        import rfc3161_client
    except ImportError:
        what = "a time stamp needs the library rfc3161-client, which is absent"
        hint = "install it with `python -m pip install 'capa-sync[timestamp]'`"
        raise UserError([Problem("", 0, what, hint)]) from None
    return rfc3161_client


def _decoded(library: Any, answer: bytes) -> Any:
    try:
        return library.decode_timestamp_response(answer)
    except ValueError as error:
        raise NotPublished(f"the answer is no time stamp: {_short(error)}") from error


def _short(words: object) -> str:
    """Return what the other side, or a library about its answer, says: one line of a bounded length."""
    return seen(str(words))[:_LONGEST]


def _posted(url: str, content: bytes) -> bytes:
    """Return the answer to a POST. Raises NotPublished.

    The time-out of a connection holds for each packet alone, so a thread asks, and we stop waiting for it. What it
    takes into memory is bounded, and it ends with the process.
    """
    ended: list[bytes | str] = []
    asking = threading.Thread(target=lambda: ended.append(_answer(url, content)), name="time-stamp", daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    found = ended[0] if ended else f"no time stamp: the answer did not end within {_PATIENCE:g} seconds"
    if isinstance(found, str):
        raise NotPublished(f"{url}: {found}")
    return found


def _answer(url: str, content: bytes) -> bytes | str:
    """Return the answer to a POST, or why there is none."""
    request = urllib.request.Request(url, data=content, headers={"Content-Type": _KIND})  # noqa: S310 - http alone
    try:
        with urllib.request.build_opener(_Redirects).open(request, timeout=_PATIENCE) as answer:
            found: bytes = answer.read(_MOST + 1)
    except HTTPError as error:
        with error:
            is_elsewhere = 300 <= error.code < 400
        mend = ", a redirect, which is not followed: name the final address" if is_elsewhere else ""
        return f"no time stamp: {_short(error)}{mend}"
    except (OSError, ValueError, HTTPException) as error:
        return f"no time stamp: {_short(error)}"
    return found if len(found) <= _MOST else f"the answer is larger than {_MOST:,} bytes"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows none: an answer from elsewhere would be no time stamp of this authority."""

    def redirect_request(
        self,
        _request: urllib.request.Request,
        _body: IO[bytes],
        _code: int,
        _words: str,
        _headers: HTTPMessage,
        _to: str,
    ) -> None:
        """Leave a redirect as the answer that it is."""
