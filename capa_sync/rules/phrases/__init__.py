"""The vocabulary: the phrases, one module for each family; `table` joins them."""

from __future__ import annotations
