"""Texts that stand for "nothing yet": TBD, n/a, see above, […], -, ? (facts/clause10.md 2.1; English only)."""

from __future__ import annotations

import re

from capa_sync.mapping.texts import has_word

_WORDS = frozenset(
    """
    tbd|tba|tbc|tbs|t.b.d|t.b.a|t.b.c|to do|todo|to-do|fixme|wip|work in progress|in progress|in work|ongoing
    n/a|n / a|n.a|na|n-a|not applicable|not relevant|irrelevant|none|none yet|nil|null|nan|nothing|nothing yet
    undefined|blank|empty|missing|void|no|unknown|unclear|no idea|don't know|dont know|i don't know|not sure
    idem|ditto|same|same as above|same as before|the same|as above|as below|above|below|as described|as discussed
    as described above|described above|as mentioned|as mentioned above|as stated above|as per description
    pending|open|later|soon|asap|on hold|follows|to follow|will follow|under investigation|under review
    under analysis|under discussion|pending review|pending analysis|pending investigation|awaiting input
    awaiting analysis|awaiting review|awaiting feedback|awaiting information|x|xx|xxx|xxxx
    test|testing|test text|dummy|dummy text|sample|example|foo|bar|foobar|asdf|asdfasdf|qwerty|qwert|abc|abcd
    placeholder|some text|text|text here|your text here|value|default|template|standard text
    """.replace("\n", "|").split("|")
)
_BARE = frozenset(word.strip() for word in _WORDS if word.strip())

_LATER = (
    "determined|defined|decided|done|confirmed|announced|added|completed|filled|filled in|filled out|provided|written"
    "|discussed|clarified|investigated|analysed|analyzed|agreed|updated|specified|identified"
)
_PLACES = (
    "above|below|description|title|summary|ticket|this ticket|other ticket|comment|comments|attachment|attachments"
    "|attached|attached file|notes|e-mail|email|mail|link|history|previous|root cause|parent|parent ticket"
)
_ASKED = "text|here|this|field|details|description|value|content|cause|root cause|action|reason|information|below"
_PATTERNS = re.compile(
    "|".join(
        f"(?:{pattern})"
        for pattern in (
            rf"(still |yet )?to be ({_LATER})( later| soon)?",
            rf"will be ({_LATER})( later| soon)?",
            rf"not (yet )?({_LATER}|known|available|clear|started|set)( yet)?",
            r"(still|yet) (open|to be done|to do|missing|unclear|unknown)",
            rf"(please )?(see|cf|refer to) (also )?(the |in )?({_PLACES})",
            (
                r"(please |pls )?(enter|insert|add|fill|fill in|fill out|type|write|provide|complete|describe)"
                rf"( (the |your |a )?({_ASKED}))*( here)?"
            ),
            r"(please )?(select|choose)( (one|an option|a value))?",
            r"click here to (enter|add) text",
            r"lorem ipsum.*",
        )
    )
)
_BRACKETS = re.compile(r"\[[^\[\]]{0,80}\]|<[^<>]{0,80}>|\{[^{}]{0,80}\}")
_EDGES = " \t.,;:!?*_~\"'`…-–—()"
_LONGEST = 90
"""No longer text is taken for a placeholder."""


def is_placeholder(text: str) -> bool:
    """Tell whether a normalised, non-empty text stands for "nothing yet".

    Text without any letter or digit does, and so does one that is nothing but a bracketed note.
    """
    if len(text) > _LONGEST:
        return False
    if not has_word(text):
        return True
    bare = text.casefold().replace("’", "'").strip(_EDGES)
    return bare in _BARE or bool(_BRACKETS.fullmatch(text)) or bool(_PATTERNS.fullmatch(bare))
