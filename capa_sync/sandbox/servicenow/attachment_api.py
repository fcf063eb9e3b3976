"""The Attachment API: the content of a row of `sys_attachment`."""

from __future__ import annotations

import hashlib

from capa_sync.sandbox.messages import Reply
from capa_sync.sandbox.servicenow.answers import ApiError
from capa_sync.sandbox.servicenow.instance import Instance

TABLE = "sys_attachment"


class AttachmentApi:
    """Stores and sends the files of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._contents: dict[str, bytes] = {}

    def answer(self, sys_id: str) -> Reply:
        """Answer `GET /api/now/attachment/SYS_ID/file`. Raises ApiError: there is none."""
        row = self._instance.store.find(TABLE, sys_id)
        if row is None or sys_id not in self._contents:
            raise ApiError(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        return Reply(200, content=self._contents[sys_id], headers={"Content-Type": row["content_type"]})

    def keep(self, sys_id: str, content: bytes) -> None:
        """Store the content of an attachment."""
        self._contents[sys_id] = content

    @staticmethod
    def values(table: str, record: str, name: str, content: bytes, media_type: str) -> dict[str, str]:
        """Return the columns of a new attachment."""
        digest = hashlib.sha256(content).hexdigest()
        of_record = {"table_name": table, "table_sys_id": record, "file_name": name, "content_type": media_type}
        return of_record | {"size_bytes": str(len(content)), "hash": digest}
