"""Stage 4, record to verdicts: a closed vocabulary, pure, with tests inside each rule file."""

from __future__ import annotations
