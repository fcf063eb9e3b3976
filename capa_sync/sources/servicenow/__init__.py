"""The ServiceNow source: records with their audit history read over the Table API, warnings written back.

`kind.py` declares what is special about ServiceNow; `build.py` builds reader and writer and imports the vendor's
library.
"""

from __future__ import annotations
