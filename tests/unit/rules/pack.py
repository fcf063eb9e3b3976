"""The shipped pack of rules, under default options."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.rules import load_rules

RULES = Path(__file__).parents[3] / "rules"
PACK = load_rules([RULES])
each_rule = pytest.mark.parametrize("rule", PACK.rules, ids=lambda rule: rule.id)
