"""The bytes of a ticket's part, which are kept for ever."""

from __future__ import annotations

from typing import Any

import orjson


def body_of(content: Any) -> bytes:
    """Encode content, members in the order of their names, in no more memory than it needs.

    What orjson returns keeps the room in which it was written, up to eight times its length (measured with 3.13):
    of a thousand tickets that wait for their page's turn that is 50 MiB.
    """
    return bytes(memoryview(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)))
