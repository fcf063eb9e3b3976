"""Packed answers, in one coding, several or an unknown one: what counts is the decoded size, in bounded memory."""

from __future__ import annotations

import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from urllib3.response import HTTPResponse

from capa_sync.errors import AnswerTooLarge, BadAnswer, SourceError
from capa_sync.sandbox.http import Reply, Request, SandboxServer
from capa_sync.sources.transport import Limits
from tests.contract.jira_source_harness import harness
from tests.patience import PATIENCE
from tests.unit.sources.servicenow import source_harness as servicenow

LIMITS = Limits(answer=1_000_000, seconds=PATIENCE)
BLANKS, MOST = b" " * 64 * 1024, 8
"""64 MB of the first are the bomb; no more than so many times the bound may be in memory at once."""
LESS = 5.0
"""CPU seconds; to decode what should not be decoded takes ten times as many."""
GZIP, ZLIB, BARE = 31, 15, -15
"""Forms of deflate, as `zlib` numbers them: with the head of gzip, with that of zlib, and without one."""
DECODED: dict[str, tuple[int, ...]] = {
    "gzip": (GZIP,),
    "x-gzip": (GZIP,),
    "deflate": (ZLIB,),
    "DEFLATE": (BARE,),
}
"""Content-Encoding -> the form of each layer, the innermost first."""
NOT_DECODED: dict[str, tuple[int, ...]] = {
    "gzip, gzip": (GZIP, GZIP),
    "gzip,deflate": (GZIP, ZLIB),
    "deflate, gzip": (BARE, GZIP),
    "gzip, gzip, gzip, gzip, gzip": (GZIP,) * 5,
    "packed": (GZIP,),
    "gzip, packed": (GZIP, GZIP),
    "packed, gzip": (GZIP, GZIP),
    "gzip, gzip, gzip, gzip, gzip, gzip": (GZIP,) * 6,
    "identity, gzip": (GZIP,),
    **{name: (GZIP,) for name in ("br", "zstd") if name not in HTTPResponse.CONTENT_DECODERS},
}
"""The same for an unknown coding, for several layers, and for layers that are not what they say."""
both_faces = pytest.mark.parametrize("face", ["cloud", "datacenter"])


def packed(body: bytes, layers: tuple[int, ...]) -> bytes:
    """Pack a body in these layers."""
    for form in layers:
        packer = zlib.compressobj(wbits=form)
        body = packer.compress(body) + packer.flush()
    return body


@cache
def bomb(layers: tuple[int, ...]) -> bytes:
    """Return 64 MB of blanks in these layers; they are never in memory at once."""
    packer = zlib.compressobj(wbits=layers[0])
    return packed(b"".join([packer.compress(BLANKS) for _ in range(1024)]) + packer.flush(), layers[1:])


def coded(server: SandboxServer, coding: str, content: Callable[[bytes], bytes]) -> None:
    """Answer each read with what `content` makes of its answer, in this coding."""

    def after(sent: Request, reply: Reply) -> None:
        if sent.method == "GET":
            reply.body = content(reply.body)
            reply.headers["Content-Encoding"] = coding

    server.after.append(after)


@contextmanager
def little_memory() -> Iterator[None]:
    """Check that no more is kept than a small multiple of the bound."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST * LIMITS.answer


@both_faces
@pytest.mark.parametrize("coding", DECODED)
def test_a_bomb_in_any_coding_is_an_answer_that_is_too_large(face: str, coding: str) -> None:
    """The decoded bytes are counted."""
    content = bomb(DECODED[coding])
    with harness(face, limits=LIMITS) as it:
        coded(it.server, coding, lambda _body: content)
        with little_memory(), pytest.raises(AnswerTooLarge, match="max_answer") as caught:
            it.source.identify()
        assert caught.value.source == "jira"


@both_faces
@pytest.mark.parametrize("coding", NOT_DECODED)
def test_a_bomb_that_cannot_be_decoded_is_a_fault_of_the_source(face: str, coding: str) -> None:
    """It is unknown what the answer says; nothing of the bomb is unpacked without being counted."""
    content = bomb(NOT_DECODED[coding])
    with harness(face, limits=LIMITS) as it:
        coded(it.server, coding, lambda _body: content)
        with little_memory(), pytest.raises(SourceError) as caught:
            it.source.identify()
        assert caught.value.source == "jira"


@both_faces
def test_layers_that_decode_to_nothing_cost_nothing(face: str) -> None:
    """Two million empty streams in two layers gave no byte to count, and no read by which the time is bounded."""
    content = packed(packed(b"", (GZIP,)) * 2_000_000, (GZIP,))
    with harness(face, limits=LIMITS) as it:
        coded(it.server, "gzip, gzip", lambda _body: content)
        begun = time.process_time()
        with pytest.raises(BadAnswer, match="several codings"):
            it.source.identify()
        assert time.process_time() - begun < LESS


@both_faces
def test_the_bytes_of_an_unknown_coding_are_counted_as_they_came(face: str) -> None:
    """A body that is not decoded has a bound, too."""
    with harness(face, limits=LIMITS) as it:
        coded(it.server, "packed", lambda _body: b" " * (LIMITS.answer + 1))
        with little_memory(), pytest.raises(AnswerTooLarge):
            it.source.identify()


@pytest.mark.parametrize("coding", [*DECODED, *NOT_DECODED])
def test_a_bomb_of_an_instance_is_its_fault(coding: str) -> None:
    """ServiceNow's client counts the same bytes; what can be decoded is too large, and the rest is not read."""
    content = bomb((DECODED | NOT_DECODED)[coding])
    with servicenow.source_harness(children=(), limits=LIMITS) as sn:
        coded(sn.server, coding, lambda _body: content)
        with little_memory(), pytest.raises(AnswerTooLarge if coding in DECODED else SourceError) as caught:
            sn.source.identify()
        assert caught.value.source == sn.source.name


@both_faces
@pytest.mark.parametrize("coding", DECODED)
def test_an_ordinary_answer_in_any_coding_is_read(face: str, coding: str) -> None:
    """What is refused above is the size, and no coding."""
    with harness(face, limits=LIMITS) as it:
        plain = it.source.identify()
        coded(it.server, coding, lambda body: packed(body, DECODED[coding]))
        it.restart()
        assert it.source.identify().me == plain.me
