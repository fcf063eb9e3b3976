"""Publishes the head of the hash chain where nobody who may write the register can rewrite it.

As an annotated tag of a git repository, or as a time stamp of an authority (RFC 3161). Both raise NotPublished with
one line, and leave nothing half done.
"""

from __future__ import annotations

from capa_sync.publishing.git_tags import push_tag, tag_commit, without_credentials
from capa_sync.publishing.time_stamps import Stamp, read_time_stamp, time_stamp

__all__ = ["Stamp", "push_tag", "read_time_stamp", "tag_commit", "time_stamp", "without_credentials"]
