"""Speed and memory of capa-sync, measured beside a floor in the same run; `make bench` is the command.

Servers here answer from memory and run as processes of their own, so that what is measured is the client alone.
"""

from __future__ import annotations
