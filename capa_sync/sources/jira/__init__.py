"""The Jira source (Cloud and Data Center): reads tickets, writes warnings back; client.py sends all requests.

`kind.py` declares what is special about Jira; `build.py` builds reader and writer and imports the vendor's library.
"""

from __future__ import annotations
