"""What a person does about a source that cannot be read: one table for `doctor` and every line."""

from __future__ import annotations

from collections.abc import Mapping

from capa_sync.errors import (
    AccessDenied,
    AnswerTooLarge,
    Authentication,
    BadAnswer,
    NotBefore,
    Retryable,
    SourceError,
)

TO_DO: Mapping[type[SourceError], str] = {
    Authentication: "check user and method in the settings, and the secret that they name; a token may have expired",
    AccessDenied: "give our account the right that the tracker names",
    AnswerTooLarge: "raise max_answer of the source in the settings",
    BadAnswer: "check the address, and whether a proxy or a sign-in page answers in place of the tracker",
    Retryable: "check the address, the network and a proxy",
    NotBefore: "wait until that instant; nothing is sent before",
    SourceError: "mend what the tracker says, in the settings or there",
}
"""Kind of fault -> what to do where the fault itself names nothing better; another kind takes its base's."""


def to_do(error: SourceError) -> str:
    """Return what to do about a fault: what it names itself, else what its kind says."""
    return error.do or next(TO_DO[kind] for kind in type(error).__mro__ if kind in TO_DO)


def with_next_step(error: SourceError) -> str:
    """Return in one line what is wrong and what to do; without advice where the same may succeed by itself later."""
    if isinstance(error, Retryable | NotBefore) and not error.do:
        return error.message
    return f"{error.message.rstrip('.')}; {to_do(error)}"


def sentence(text: str) -> str:
    """Return a text with a full stop, unless it ends with a mark of its own: a tracker's words may be a question."""
    words = text.rstrip(" .")
    return words if words.endswith(("?", "!", "…")) else f"{words}."
