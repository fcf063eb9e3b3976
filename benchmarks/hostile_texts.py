"""Times every pattern and every function that reads ticket text on hostile texts of doubling length.

Linear work doubles with the length of the text; quadratic work becomes four times as much. Each text repeats a few
characters: the beginning of a pattern, a repeated part, or a text after which the end never comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from benchmarks.running import TableLine
from capa_sync.mapping.placeholders import state_of
from capa_sync.mapping.texts import normalise
from capa_sync.mapping.values import split_list
from capa_sync.mapping.vocabulary import words_of as words_of_name
from capa_sync.model.patterns import REGISTERED, Pattern, bytes_without_addresses, without_addresses
from capa_sync.redaction import Redactor
from capa_sync.rules.texts import FAILINGS, share, words_of
from capa_sync.sources.decoding import DEEPEST, decode_json
from capa_sync.sources.jira.markup import escape_wiki
from capa_sync.sources.jira.values import text_value
from capa_sync.sources.jira.wiki import wiki_text
from capa_sync.sources.servicenow.markup import markup_value
from capa_sync.sources.servicenow.writer import plain_text
from capa_sync.writeback.wording import clean

SEEDS = (
    *(
        "a",
        "a.",
        "a.a.a. @1",
        "a@1 ",
        "a.b@1f ",
        "@",
        "$",
        " ",
        "\t",
        "\n",
        "\n ",
        "\u00a0",
        "1",
        "1 ",
        "1.",
        ".",
        "-",
    ),
    *("why 1", " why", "why 1 1", "-> ", " -", "1) ", "[", "]", "[a", "[a|", "[a|b", "[~", "[^", "[http:", "[a b c|"),
    *("{", "}", "{{", "{{a", "{color:", "{color}", "{adf}", "{adf:", "{quote}", "!", "!a", "!a.pn", "!http://", "|"),
    *("||", "| ", "|a", "|a|\n", "||\n", "\n|", "\n||", "*", "*a", "*a ", " *a", "_a _", "+a+", "{*}a", "\\", "\\\\"),
    *(
        "#",
        "# ",
        "* ",
        "\n* ",
        "\n*",
        "----",
        "\n----",
        "h1. ",
        "\nh1.",
        "bq. ",
        "&",
        "&nbsp;",
        "&#1",
        "&amp",
        "'",
        "'a",
    ),
    *("<", "<a", "<a ", "<a\n", "<a/", "<a x='", '<a x="', "<a b=c ", "</", "<!--", "<!", "<?", "<!-- -->", "<p>"),
    *(
        "<a '",
        "<a \"'",
        "<a '\"'\"",
        "<script>",
        "<td>",
        "(",
        "(1",
        "(as of 1 May ",
        "Parent values: (1)",
        "(1)Level 1 ",
    ),
    *(
        "Level 1 values: (1)",
        "[capa-sync ",
        "[capa-sync a ",
        "[capa-sync a f-",
        "[  capa",
        "0000000-",
        "[code]",
        ":a:",
        "{expand:",
        "{expand:title=a|",
        "{quote}\n",
        "|{quote}|",
        "\n|\na",
        "*{color:#00875a}[ a",
        "(i)",
        "⚠",
        "1.1.",
        "<title>",
        "<pre>\n",
    ),
    *(
        "to be ",
        "please enter the text ",
        "\u202e",
        "\u200b",
        "审",
        "é.",
        "2026-01-01",
        "com.foo.Bar@1f[",
        "Bar.a@1f ",
        "12345678.a@1 ",
        "a" * 32 + ",",
    ),
)
BEHIND = ("[", "Parent values: ", "[capa-sync ", "a.b@1f[", "2026-01-01T", "<a ", "{adf}", " why 1", "please enter")
SHORT = ("a", " ", "1", "(1)", " the text", "x=\"'", "(1)Level 1 values: (1)", "=,", "]", "0-", "{adf}")
"""What some patterns must begin with; `SHORT` is repeated behind it."""
TEXTS = tuple(("", seed) for seed in SEEDS) + tuple((head, seed) for head in BEHIND for seed in SHORT)
LENGTHS = (25_000, 50_000, 100_000)
SECRETS = ("a" * 60 + "c", "Zf9/k+Qp=0&", "Zf9/" * 10)
"""Secrets to look for: one like many texts, one whose signs are escaped, one that begins again within itself."""
SENT_BACK = " Zf9%2fk%2bQp%3d0%26"
"""The second one, escaped once; behind a text it makes its place be looked for. Each further escape adds as much."""
Work = Callable[[str], object]


def works() -> Iterator[tuple[str, Work]]:
    """Yield every pattern with all methods that it may use, and every function that reads text."""
    for name, pattern in sorted(REGISTERED.items()):
        yield name, _use(pattern)
    yield "wiki_text", wiki_text
    yield "text_value", text_value
    yield "escape_wiki", escape_wiki
    yield "markup_value", markup_value
    yield "plain_text", plain_text
    yield "split_list", lambda text: split_list(text, "lines")
    yield "state_of", lambda text: state_of(normalise(text), text)
    yield "clean", lambda text: clean(text, 200)
    yield "share", lambda text: share(text, [text])
    yield "places", lambda text: FAILINGS.places(words_of(text))
    yield "words_of_name", words_of_name.__wrapped__
    yield "without_addresses", without_addresses
    yield "bytes_without_addresses", lambda text: bytes_without_addresses(text.encode())
    redactor = Redactor()
    for secret in SECRETS:
        redactor.conceal(secret, "me")
    yield "redacted", lambda text: redactor.redacted(text + SENT_BACK)
    yield "decode_json", _decode


def _decode(text: str) -> None:
    """Decode a text as what it may be in an answer: brackets, and a value in more brackets than are kept."""
    for content in (text.encode(), b"[" * (DEEPEST + 1) + text.encode(), b"[" * DEEPEST + b'["' + text.encode()):
        with suppress(ValueError):
            decode_json(content)


def _use(pattern: Pattern[str] | Pattern[bytes]) -> Work:
    if isinstance(pattern.compiled.pattern, bytes):
        return lambda text: (pattern.subn(b"", text.encode()), pattern.fullmatch(text.encode()))
    if pattern.whole:
        return lambda text: (pattern.fullmatch(text), pattern.match(text))
    return lambda text: (pattern.subn("", text), pattern.fullmatch(text))


def _seconds(work: Work, text: str) -> float:
    began = time.process_time()
    work(text)
    return time.process_time() - began


def worst_growth(work: Work, seed: str, head: str) -> tuple[float, float]:
    """Return the largest growth of the work when the length doubled, and the seconds of the longest text."""
    before, growth, last, shorter = 0.0, 0.0, 0.0, ""
    for length in LENGTHS:
        text = (head + seed * (length // len(seed)))[:length]
        last = _seconds(work, text)
        if last > 0.02 and last > 3 * before > 0:  # measure again: other processes may disturb
            before, last = (min(_seconds(work, sample) for _ in range(5)) for sample in (shorter, text))
        if last > 0.02 and before > 0:  # below that, the process clock is too coarse
            growth = max(growth, last / before)
        if last > 3:
            return max(growth, 99), last
        before, shorter = last, text
    return growth, last


def hostile_texts() -> Iterator[TableLine]:
    """Measure every pattern and function on every hostile text; yield one line that names the worst."""
    growth, slowest = (0.0, ""), (0.0, "")
    count = 0
    for name, work in works():
        for head, seed in TEXTS:
            count += 1
            grown, seconds = worst_growth(work, seed, head)
            what = f"{name} on {head + seed!r}"
            growth, slowest = max(growth, (grown, what)), max(slowest, (seconds, what))
    measured = f"{growth[0]:.1f} × ({growth[1]}); slowest {slowest[0]:.2f} s ({slowest[1]})"
    is_met = growth[0] <= 3 and slowest[0] < 0.4
    yield TableLine(
        f"patterns on {count:,} hostile texts, length doubled up to 100,000", measured, "≤ 3 ×, < 0.4 s", is_met
    )
