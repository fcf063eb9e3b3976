"""Every regular expression that is used on a tracker's text, so that no text can cause minutes of computing.

Tests check three rules for each: two repeats that match the same character are never adjacent; in a search, a repeat
with anything after it has a largest count; a pattern reads no more text than its `reach`. Text beyond the reach is
not changed. `python -m benchmarks patterns` times each of them on hostile texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

S = TypeVar("S", str, bytes)

REACH = 100_000
"""Characters of a text that a pattern reads by default; a field of Jira has at most 32,767 by default."""
LONGEST_BODY = 100_000_000
"""Reach of patterns that make a text safe: the whole text, because they match one character at a time."""
REGISTERED: dict[str, Pattern[str] | Pattern[bytes]] = {}
"""Every pattern by name, for tests and benchmarks."""


class Pattern(Generic[S]):
    """A regular expression that reads no more than the first `reach` characters.

    Args:
        name: its name in tests and benchmarks; "" for a pattern made from the words of a user's file. One with a
            name is compiled at its first use: a verb imports a hundred, and most use a few.
        expression: its source.
        flags: of `re`.
        reach: the number of characters it reads. `fullmatch` on a longer text finds nothing.
        whole: the pattern is only used at the start of a text.
    """

    __slots__ = ("_source", "compiled", "name", "reach", "whole")

    def __init__(self, name: str, expression: S, flags: int = 0, *, reach: int = REACH, whole: bool = False) -> None:
        self.name = name
        self.compiled: re.Pattern[S]
        self._source: tuple[S, int] = (expression, flags)
        self.reach = reach
        self.whole = whole
        if name:
            REGISTERED[name] = self
        else:
            self._compile()

    if not TYPE_CHECKING:  # it would hide a name that is not there from mypy

        def __getattr__(self, name: str) -> re.Pattern[S]:
            if name != "compiled":
                raise AttributeError(name)
            return self._compile()

    def _compile(self) -> re.Pattern[S]:
        self.compiled = re.compile(*self._source)
        return self.compiled

    def fullmatch(self, text: S) -> re.Match[S] | None:
        """Match the whole text; None for one longer than the reach."""
        return self.compiled.fullmatch(text) if len(text) <= self.reach else None

    def match(self, text: S) -> re.Match[S] | None:
        """Match at the start of the text."""
        return self.compiled.match(text, 0, self.reach)

    def search(self, text: S) -> re.Match[S] | None:
        """Find the first match within the reach."""
        return self.compiled.search(text, 0, self.reach)

    def sub(self, new: S | Callable[[re.Match[S]], S], text: S, count: int = 0) -> S:
        """Replace within the reach."""
        return self.subn(new, text, count)[0]

    def subn(self, new: S | Callable[[re.Match[S]], S], text: S, count: int = 0) -> tuple[S, int]:
        """Replace within the reach, and return the number of replacements too."""
        if len(text) <= self.reach:
            return self.compiled.subn(new, text, count)
        head, found = self.compiled.subn(new, text[: self.reach], count)
        return head + text[self.reach :], found

    def split(self, text: S) -> list[S]:
        """Split the text at each match within the reach; the text beyond it belongs to the last piece."""
        pieces: list[S] = self.compiled.split(text[: self.reach])
        pieces[-1] += text[self.reach :]
        return pieces

    def starts(self, text: S) -> list[int]:
        """Return where each match within the reach begins."""
        return [found.start() for found in self.compiled.finditer(text, 0, self.reach)]

    def findall(self, text: S) -> list[S]:
        """Return all matches within the reach."""
        found: list[S] = self.compiled.findall(text, 0, self.reach)
        return found


def literal(words: str) -> Pattern[str]:
    """Return the pattern of a mapping's own words, in any case."""
    return Pattern("", re.escape(words), re.IGNORECASE)


# -- any text
CONTROL = Pattern("CONTROL", r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\ufeff]", reach=LONGEST_BODY)
WORDS = Pattern("WORDS", r"\w+")
TUNNEL_REFUSED = Pattern("TUNNEL_REFUSED", r"Tunnel connection failed: (\d{3})", reach=20_000)
ENTITY = Pattern("ENTITY", r"&(?:[A-Za-z]{2,31}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")

TEMPLATE_GAP = Pattern("TEMPLATE_GAP", r"\.{3,}|…|\n")

# -- placeholders: texts of at most 90 characters
BRACKETED = Pattern("BRACKETED", r"\[[^\[\]]{0,80}\]|<[^<>]{0,80}>|\{[^{}]{0,80}\}", reach=90, whole=True)
_SIGNS = r"""[ \t.,;:!?*_~"'`…–—()#|^+-]|[^\x00-\x7f\w¬±≈≠≤≥£¥€]"""
"""What decorates words by itself; no sign that compares or counts."""
ICONS_BEFORE = Pattern(
    "ICONS_BEFORE",
    r"(?>(?:(?::[a-z0-9_+-]{1,40}:|\((?:[/!?+*ixyn-]|\*[rgby]|on|off|flag|flagoff)\)|:[pd]|[a-z0-9]\ufe0f\u20e3?)"
    rf"(?![^\W_])|{_SIGNS}){{1,90}})",
    reach=90,
    whole=True,
)
"""Emoji, their names and Jira's icons in wiki markup, with the signs around them, in a text without capitals."""
ICONS_BEHIND = Pattern(
    "ICONS_BEHIND",
    r"(?>(?:(?::[a-z0-9_+-]{1,40}:|\)(?:[/!?+*ixyn-]|[rgby]\*|no|ffo|galf|ffogalf)\(|[pd]:|\u20e3?\ufe0f[a-z0-9])"
    rf"(?![^\W_])|{_SIGNS}){{1,90}})",
    reach=90,
    whole=True,
)
"""The same at the end of a text, read from its end to its beginning."""
_LATER_WORDS = (
    "determined|defined|decided|done|confirmed|announced|added|completed|filled|filled in|filled out|provided|written"
    "|discussed|clarified|investigated|analysed|analyzed|agreed|updated|specified|identified"
)
_PLACE_WORDS = (
    "above|below|description|title|summary|ticket|this ticket|other ticket|comment|comments|attachment|attachments"
    "|attached|attached file|notes|e-mail|email|mail|link|history|previous|root cause|parent|parent ticket"
)
_ASKED_WORDS = (
    "text|here|this|field|details|description|value|content|cause|root cause|action|reason|information|below"
)
LATER = Pattern(
    "LATER",
    "|".join(
        f"(?:{pattern})"
        for pattern in (
            rf"(still |yet )?to be ({_LATER_WORDS})( later| soon)?",
            rf"will be ({_LATER_WORDS})( later| soon)?",
            rf"not (yet )?({_LATER_WORDS}|known|available|clear|started|set)( yet)?",
            r"(still|yet) (open|to be done|to do|missing|unclear|unknown)",
            rf"(please )?(see|cf|refer to) (also )?(the |in )?({_PLACE_WORDS})",
            (
                r"(please |pls )?(enter|insert|add|fill|fill in|fill out|type|write|provide|complete|describe)"
                rf"( (the |your |a )?({_ASKED_WORDS}))*( here)?"
            ),
            r"(please )?(select|choose)( (one|an option|a value))?",
            r"click here to (enter|add) text",
            r"lorem ipsum.*",
        )
    ),
    reach=90,
    whole=True,
)
"""Sentences that mean "nothing yet"."""
_ROMAN = "x?(?:i{1,3}|iv|vi{0,3}|ix)"
_ROMAN = f"(?:{_ROMAN}|{_ROMAN.upper()})"
LIST_SIGN = Pattern(
    "LIST_SIGN",
    rf"(?:[-*#•·▪◦‣☐☑–—>]{{1,6}}|\d{{1,3}}[.)]|(?:[A-Za-z]|{_ROMAN})[.)]|\[[ xX]?\]|\(\d{{1,3}}\))(?:\s{{1,8}}|\Z)"
    rf"|(?:[1-9]\d{{0,2}}(?:\.[1-9]\d?){{1,5}}[.)]?|\((?:[A-Za-z]|{_ROMAN})\))\s{{1,8}}(?=\S)",
    reach=200,
    whole=True,
)
"""The sign that begins a list item or a quoted line in plain text, with or without text after it.

Without text, 10.2.1 is a clause and (i) an icon.
"""
ROW_NUMBER = Pattern("ROW_NUMBER", r"\s{0,8}\d{1,2}[.)]?\s{0,8}", reach=200, whole=True)
RULER = Pattern("RULER", r"-{4,}|_{4,}|={4,}", reach=500, whole=True)

# -- lists and times in a field
WHY = Pattern(
    "WHY",
    r"(?:^|\s)(?:\d{1,3}\s{0,8}[.)]\s{0,8})?why\s{0,8}#?\d{1,3}\s{0,8}[:.)?-]+|(?:^|\s)\d{1,2}\s{0,8}[.)]\s",
    re.IGNORECASE,
)
ARROW = Pattern("ARROW", r"→|->|=>|>>")
COMMA = Pattern("COMMA", r"[,;]")
ZERO_TIME = Pattern("ZERO_TIME", r"(\d{4}-\d\d-\d\d)[ T]00:00:00\.0", reach=40, whole=True)
"""The form of dates in Jira's history."""

# -- Jira: values
_NAMED = "|".join(rf"(?<=[A-Za-z_$][\w$]{{{count}}}\.)" for count in range(8))
"""Behind a name's first letter and at most seven more characters: a short name is decided without `OWNER`."""
_ADDRESS = rf"\.(?:{_NAMED}|(?<=[\w$]{{8}}\.)())([A-Za-z_$][\w$]{{0,99}}+;?)@[0-9a-f]{{1,16}}(?![\w.@-])"
ADDRESS = Pattern("ADDRESS", _ADDRESS, reach=LONGEST_BODY)
"""The last name of a class with an address behind it; where group 1 is set, `OWNER` decides on what is before it."""
ADDRESS_BYTES = Pattern("ADDRESS_BYTES", _ADDRESS.encode(), reach=LONGEST_BODY)
_OWNER = r"[\w$]{0,99}?[A-Za-z_$]"
OWNER = Pattern("OWNER", _OWNER, reach=100, whole=True)
"""A name of at most 100 characters, read from its end to its beginning."""
OWNER_BYTES = Pattern("OWNER_BYTES", _OWNER.encode(), reach=100, whole=True)
# com.atlassian.greenhopper.service.sprint.Sprint@1f[id=7,rapidViewId=2,name=Sprint 1,…]
SPRINT_DUMP = Pattern("SPRINT_DUMP", r"[\w.$]{1,300}@[0-9a-f]{1,16}\[(.*)\]", re.DOTALL, reach=5_000, whole=True)
ISO = Pattern("ISO", r"\d{4}-\d\d-\d\d(?:[T ].*)?", reach=80, whole=True)
ID_LIST = Pattern("ID_LIST", r"\[([\w:\-, ]*)\]", whole=True)
CASCADE = Pattern(
    "CASCADE",
    r"Parent values: ([^\n]{0,255}?)\((\d{1,19})\)(?:Level 1 values: ([^\n]{0,255}?)\((\d{1,19})\))?",
    reach=600,
    whole=True,
)
"""Two option names of at most 255 characters each."""
COMMENT_ID = Pattern("COMMENT_ID", r"[0-9]{1,19}", reach=40, whole=True)
QUOTED = Pattern("QUOTED", r"'([^']{1,300})'", reach=20_000)

# -- packs and pages
IN_QUOTES = Pattern("IN_QUOTES", r"“([^“”]{0,40})”")
"""A value in an event of a pack, short enough to be an instant."""
EXACT_INSTANT = Pattern(
    "EXACT_INSTANT", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII, reach=40, whole=True
)
TICKET_NAME = Pattern("TICKET_NAME", r"\w{1,300}(?:-\w{1,300}){0,20}", reach=LONGEST_BODY)
"""What may be a key, a number or an id in a text."""

PROSE = Pattern(
    "PROSE", r"""[A-Za-z](?>(?:[A-Za-z0-9 ,;:'"()/?=%$<>]++|(?<![q0-9])\.)*)(?<! )""", reach=5_000, whole=True
)
"""One line of words and no sign with which markup, a date, an address or a header (`h1.`, `bq.`) could begin."""

# -- Jira: wiki markup
MACRO = Pattern(
    "MACRO", r"(?<!\\)\{(?:color|anchor|toc|children|pagetree|gallery|attachments|jiraissues)(?::[^{}\n]{0,300})?\}"
)
"""Macros within a line, and those that show what is elsewhere. Other words in braces are the author's."""
BLOCK_MACRO = Pattern(
    "BLOCK_MACRO",
    r"(?<!\\)\{(?:expand(?::(?:(?:[^{}|\n]{0,80}\|)?title=)?([^{}|\n]{0,300})(?:\|[^{}\n]{0,300})?)?"
    r"|(?:panel|quote|noformat|code|section|column|info|note|tip|warning)"
    r"(?::(?:[^{}|\n]{0,80}\|){0,9}?title=([^{}|\n]{0,300})(?:\|[^{}\n]{0,300})?|:[^{}\n]{0,300})?)\}\n?",
)
"""The marks of a macro whose content has its own lines; group 1 is the title of an expand, group 2 of another."""
STATUS = Pattern("STATUS", r"\*\{color:#[0-9a-fA-F]{6}\}\[ ([^\[\]{}\n]{1,200}) \]\{color\}\*")
"""How Jira Cloud writes a status lozenge; there, brackets that a person typed are escaped."""
IMAGE = Pattern(
    "IMAGE", r"(?<![\w!\\])!(?=\S)([^!\n|]{1,250}\.\w{2,5}|https?://[^!\n|]{1,500})(?:\|[^!\n]{0,200})?!(?![\w!])"
)
MENTION = Pattern("MENTION", r"(?<!\\)\[~(?:accountid:)?([^\[\]\n]{1,120})\]")
LINK = Pattern("LINK", r"(?<!\\)\[([^\[\]|\n]{1,300})\|[^\[\]\n|]{1,2000}(?:\|[^\[\]\n]{0,200})?\]")
BARE_LINK = Pattern("BARE_LINK", r"(?<!\\)\[((?:https?|mailto|ftp):[^\[\]|\n]{1,2000})\]")
ATTACHMENT = Pattern("ATTACHMENT", r"(?<!\\)\[\^([^\[\]\n]{1,250})\]")
HEAD = Pattern("HEAD", r"^[ \t]{0,20}(?:h[1-6]|bq)\.(?:[ \t]+|$)", re.MULTILINE)
BULLET = Pattern("BULLET", r"^[ \t]{0,20}(?:[*#]{1,6}|-)[ \t]+(?=[^\s|])", re.MULTILINE)
BULLET_OF_NOTHING = Pattern("BULLET_OF_NOTHING", r"^[ \t]{0,20}[*#]{1,2}[ \t\u00a0]{0,20}$", re.MULTILINE)
DASHES = Pattern("DASHES", r"^[ \t]{0,20}-{4,5}[ \t]{0,20}$", re.MULTILINE)
TABLE_HEAD = Pattern("TABLE_HEAD", r"^[ \t]{0,20}\|\|([^\n]*)\|\|[ \t]{0,20}$", re.MULTILINE)
TABLE_ROW = Pattern("TABLE_ROW", r"^[ \t]{0,20}\|([^\n]*)\|[ \t]{0,20}$", re.MULTILINE)
MONOSPACED = Pattern("MONOSPACED", r"(?<!\\)\{\{((?>(?:[^\n{}]|\{(?!\{)|\}(?!\})){1,300}))\}\}")
EMPHASIS = Pattern(
    "EMPHASIS",
    r"(?<![\w\\*_+{}])(?:"
    r"\*(?=\S)((?>(?:[^\n*]|(?<=\w)\*(?=\w)){1,300}))(?<=\S)\*"
    r"|_(?=\S)((?>(?:[^\n_]|(?<=\w)_(?=\w)){1,300}))(?<=\S)_"
    r"|\+(?=\S)((?>(?:[^\n+]|(?<=\w)\+(?=\w)){1,300}))(?<=\S)\+"
    r"|\{([*_+~^-]|\?\?)\}(?=\S)([^\n{}]{1,300}+)(?<=\S)\{\4\}"
    r")(?![\w*_+{}])",
)
"""The words are in group 1, 2, 3 or 5. A sign that nothing closes costs the way to the next one."""
BREAK = Pattern("BREAK", r"(?<!\\)\\\\(?:(?=[\s|]|$)|(?![^\s|\\]*+\\))", re.MULTILINE)
"""In Jira two backslashes break the line, unless the same word has a further one: `\\\\server\\share`."""
ESCAPED = Pattern("ESCAPED", r"\\([\\\[\]{}!|*_~^+?#-])")
ADF_MACRO = Pattern("ADF_MACRO", r"\{adf(?::[^{}\n]{0,100})?\}")
SPECIAL = Pattern("SPECIAL", r"[\[\]{}!|*_~^+?-]", reach=LONGEST_BODY)
SAFE_LINK = Pattern("SAFE_LINK", r"https?://[^\s|\[\]{}]+", reach=2_000, whole=True)
HEAD_TO_ESCAPE = Pattern("HEAD_TO_ESCAPE", r"^([^\S\n]*)(h[1-6]|bq)\.", re.MULTILINE, reach=LONGEST_BODY)

# -- ServiceNow
TAG = Pattern(
    "TAG",
    r"""<(/?)([A-Za-z][A-Za-z0-9:-]{0,30})(?=[\s/>])((?>(?:[^<>"']++|"[^"]*+"|'[^']*+')*))>""",
    reach=LONGEST_BODY,
)
"""The reach is the whole text, since an embedded picture is an attribute of megabytes. At most three unfinished tags
can read the same text: a quotation mark permutes the three states outside, in single and in double quotes."""
SYS_ID_LIST = Pattern("SYS_ID_LIST", r"[0-9a-f]{32}(,[^,\s]+)+", whole=True)
SYS_ID = Pattern("SYS_ID", r"[0-9a-f]{32}", whole=True)
COUNT = Pattern("COUNT", r"[0-9]{1,18}", reach=40, whole=True)
COLUMN_NAME = Pattern("COLUMN_NAME", r"[a-z][a-z0-9_]*", reach=200, whole=True)
DATE_LIKE = Pattern("DATE_LIKE", r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", reach=40, whole=True)
CUT_SHORT = Pattern("CUT_SHORT", r"transaction cancel{1,2}ed|maximum execution time", re.IGNORECASE)
NOTE_MARKER = Pattern("NOTE_MARKER", r"\[capa-sync [^\[\]\r\n]{0,2000}\]", reach=LONGEST_BODY)
NOTE_LINE = Pattern(
    "NOTE_LINE",
    r"\[capa-sync ([^\s\[\]]{1,64}) ([0-9a-f]{1,64})-(clear|[0-9a-f]{7}[0-3](?:-[0-9a-f]{7}[0-3]){0,200})\]",
)
CODE_TAG = Pattern("CODE_TAG", r"\[(/?)code\]", re.IGNORECASE, reach=LONGEST_BODY)

# -- requests in comments
REQUEST_BEGIN = Pattern(
    "REQUEST_BEGIN", r"^[ \t]{0,20}capa[ \t]{1,20}(?:waive|approve)\b", re.IGNORECASE | re.MULTILINE
)
WAIVE_REQUEST = Pattern(
    "WAIVE_REQUEST",
    r"capa waive (?P<rule>\S+) until (?P<until>\S+) because (?P<reason>.+)",
    re.IGNORECASE,
    reach=2_100,
    whole=True,
)
APPROVE_REQUEST = Pattern("APPROVE_REQUEST", r"capa approve (?P<rule>\S+)", re.IGNORECASE, reach=2_100, whole=True)

# -- causes that people numbered
CAUSE_NUMBER = Pattern("CAUSE_NUMBER", r"\bC(\d{1,2})\s?[:)]")
CAUSE_NAMED = Pattern("CAUSE_NAMED", r"\bC(\d{1,2})\b")

# -- names of fields, statuses and options
ASIDE = Pattern("ASIDE", r"\([^()]{0,80}\)", reach=200)
CAMEL = Pattern("CAMEL", r"(?<=[a-z0-9])(?=[A-Z])", reach=200)
"""Between two words of a name such as rootCause."""
PLAIN_NAME = Pattern("PLAIN_NAME", r"[A-Za-z](?:[A-Za-z0-9_/.()'-]| (?=[A-Za-z0-9(]))*", reach=200, whole=True)
"""A name that a YAML file can hold without quotes, besides YAML's own words."""

# -- our own texts, which may quote a tracker's text
WRITTEN_AT = Pattern(
    "WRITTEN_AT",
    r"\((?:[^()\d\n]{1,30} )?\d{1,2}\.? [^\W\d_]{1,15} \d{4}"
    r"(?: \d\d:\d\d(?: UTC(?:\\?[+-]\d{1,2}(?:\\?:\d\d)?)?)?)?\)",
)
"""The instant of the write in the heading of a text, as `writeback/render.py` makes it; no date comes before it.

Wiki markup escapes the sign, and an older version wrote no zone. The words before it are those of the language.
"""
OWN_MARKER = Pattern("OWN_MARKER", r"\[(?=\s*capa-sync)", re.IGNORECASE, reach=LONGEST_BODY)


def without_addresses(text: str, left: str = "") -> str:
    """Remove the memory addresses of Java objects from a text, since they differ from read to read.

    The text is read once, from its beginning to its end: an answer may hold megabytes of such addresses.

    Args:
        text: any text; `com.foo.Bar@1a2b3c` is such an address.
        left: the text in its place.
    """
    if "@" not in text:
        return text

    def replaced(found: re.Match[str]) -> str:
        start = found.start()
        is_named = found[1] is None or OWNER.match(text[max(0, start - 100) : start][::-1])
        return f".{found[2]}{left}" if is_named else found[0]

    return ADDRESS.sub(replaced, text)


def bytes_without_addresses(body: bytes) -> bytes:
    """Do the same to JSON bytes, before they are hashed."""
    if b"@" not in body:
        return body

    def replaced(found: re.Match[bytes]) -> bytes:
        start = found.start()
        is_named = found[1] is None or OWNER_BYTES.match(body[max(0, start - 100) : start][::-1])
        return b"." + found[2] if is_named else found[0]

    return ADDRESS_BYTES.sub(replaced, body)
