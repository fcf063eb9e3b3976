"""A third kind of source: issues in a folder of JSON files with their history, comments as files beside them.

FOLDER/site.json             our account, the people, fields and statuses
FOLDER/issues/ID.json        one issue: key, type, fields, history
FOLDER/comments/ID/N.json    one comment
"""

from __future__ import annotations
