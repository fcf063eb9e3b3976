"""Finds what a comment asks of capa-sync: its lines that begin with `capa waive` or `capa approve`."""

from __future__ import annotations

import hashlib

from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.model.patterns import REQUEST_BEGIN
from capa_sync.model.ticket import RawComment
from capa_sync.model.waiver import CommentRequest

_LONGEST = 2_000
"""Characters of a request that are read."""
_MOST = 20
"""Requests of a comment that are read."""


def requests_in(comment: RawComment, people: PeopleDirectory) -> tuple[CommentRequest, ...]:
    """Return the requests of a person's comment, in their order; each ends where the next begins."""
    if "capa" not in comment.text.lower() or not comment.by or not people.is_human(comment.by):
        return ()
    starts = REQUEST_BEGIN.starts(comment.text)[:_MOST]
    ends = [*starts[1:], len(comment.text)]
    at = comment.updated_at or comment.at
    by = people.known(comment.by).by
    editor = people.known(comment.edited_by).by if comment.edited_by else by
    found = []
    for number, (start, end) in enumerate(zip(starts, ends, strict=False)):
        text = " ".join(comment.text[start : min(end, start + _LONGEST)].split())
        key = hashlib.sha256(f"{comment.id} {at.isoformat()} {number} {text}".encode()).hexdigest()[:32]
        found.append(CommentRequest(key, text, by, editor, at))
    return tuple(found)
