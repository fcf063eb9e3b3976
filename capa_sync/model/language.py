"""Languages that a mapping may say its tickets' texts are in."""

from __future__ import annotations

CHECKED = "en"
"""The language whose words the text checks know (docs/text-checks.md)."""
LANGUAGES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pt": "Portuguese",
    "other": "another language",
}
"""Code as in `language:` of a mapping -> name in sentences."""
