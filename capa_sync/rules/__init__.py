"""Stage 4, from record to verdicts: pure code, a closed vocabulary of phrases, tests inside each rule file."""

from __future__ import annotations

from capa_sync.rules.comment_texts import load_comment_texts
from capa_sync.rules.completing import completions
from capa_sync.rules.deciding import undecidable
from capa_sync.rules.docs import json_schema, phrases_table, phrases_text
from capa_sync.rules.explain import explain_lines
from capa_sync.rules.in_words import rules_in_words
from capa_sync.rules.language_files import check_language_files, language_file_lines
from capa_sync.rules.loader import check_rule, check_rules, load_rules, rules_from
from capa_sync.rules.page import page_lines, wording_of
from capa_sync.rules.report import TestReport, failed_tests, run_tests
from capa_sync.rules.rule import Rule
from capa_sync.rules.ruleset import RuleSet
from capa_sync.rules.skeleton import is_rule_id, rule_skeleton
from capa_sync.rules.twin import Twin, twin_of

__all__ = [
    "Rule",
    "RuleSet",
    "TestReport",
    "Twin",
    "check_language_files",
    "check_rule",
    "check_rules",
    "completions",
    "explain_lines",
    "failed_tests",
    "is_rule_id",
    "json_schema",
    "language_file_lines",
    "load_comment_texts",
    "load_rules",
    "page_lines",
    "phrases_table",
    "phrases_text",
    "rule_skeleton",
    "rules_from",
    "rules_in_words",
    "run_tests",
    "twin_of",
    "undecidable",
    "wording_of",
]
