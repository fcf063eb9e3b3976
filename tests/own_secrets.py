"""Keeps the secrets of one test out of the next: a process has one set of them, and tests share the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from capa_sync.redaction import _ours


@contextmanager
def forgotten_secrets() -> Iterator[None]:
    """Forget at the end what was registered inside; else its letters are removed from what a later test expects."""
    kept, passing, pieces, spaced = _ours._kept.copy(), _ours._passing.copy(), _ours._pieces, _ours._spaced
    heads = _ours._heads
    try:
        yield
    finally:
        _ours._kept, _ours._passing, _ours._pieces, _ours._spaced = kept, passing, pieces, spaced
        _ours._heads = heads
