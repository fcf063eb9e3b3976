"""The settings of one source: its tracker, how to sign in to it, and what it may write."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from capa_sync.kinds import SourceKind, SourceOptions, UnknownKind, kind_named, kind_names
from capa_sync.model.address import check_address
from capa_sync.settings.units import (
    parse_duration,
    parse_rate,
    parse_size,
)

Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
Rate = Annotated[str, BeforeValidator(parse_rate)]
WriteMode = Literal["off", "plan", "on"]


def _is_a_language(value: str) -> str:
    """Refuse what is no code of a language; it is part of a file's name."""
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z]{2,4})?", value):
        raise ValueError('write the code of a language in small letters, as in "en" or "de"')
    return value


Language = Annotated[str, AfterValidator(_is_a_language)]


class Strict(BaseModel):
    """A table of the settings file in which every key must be known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_a_name(value: str) -> str:
    """Refuse a value that is no variable name; the message does not show it, as it may be the secret itself."""
    if value and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", value):
        raise ValueError("this takes the name of a variable that holds the secret, not the secret itself")
    return value


VariableName = Annotated[str, AfterValidator(_is_a_name)]


def _is_a_kind(value: str) -> str:
    """Refuse a name that no kind of source has."""
    try:
        return kind_named(value).name
    except UnknownKind:
        *names, last = map(repr, kind_names())
        raise ValueError(f"write one of {', '.join(names)} or {last}") from None


class AuthSettings(Strict):
    """How to sign in to one source. Secrets are named by variable or file, never written here."""

    method: Literal["basic", "pat", "oauth-client-credentials", "api-key"]
    user: str = ""
    client_id: str = ""
    token_url: str = ""
    header: str = "x-sn-apikey"
    token_env: VariableName = ""
    token_file: str = ""
    password_env: VariableName = ""
    password_file: str = ""
    client_secret_env: VariableName = ""
    client_secret_file: str = ""

    @model_validator(mode="after")
    def _complete(self) -> AuthSettings:
        """Refuse a table that lacks a key of the chosen method."""
        secrets = {
            "token": self.token_env or self.token_file,
            "password": self.password_env or self.password_file,
            "client_secret": self.client_secret_env or self.client_secret_file,
        }
        if self.method == "oauth-client-credentials":
            if not (self.client_id and secrets["client_secret"]):
                raise ValueError(
                    "oauth-client-credentials needs client_id and client_secret_env or client_secret_file"
                )
        elif self.method == "basic":
            if not (self.user and (secrets["token"] or secrets["password"])):
                raise ValueError("basic needs user and one of token_env, token_file, password_env, password_file")
        elif not secrets["token"]:
            raise ValueError(f"{self.method} needs token_env or token_file")
        return self


class WriteBackSettings(Strict):
    """The brakes on writing to tickets, and the language of our texts; a source may override all but `texts`."""

    mode: WriteMode = "off"
    settle: Duration = timedelta(minutes=30)
    max_new_comments_per_day: int = Field(default=25, ge=0, le=100_000)
    max_changed_share: float = Field(default=0.2, gt=0, le=1)
    language: Language = "en"
    texts: str = ""


class SourceWriteBackSettings(Strict):
    """The write-back of one source; absent keys come from [write_back]."""

    mode: WriteMode | None = None
    settle: Duration | None = None
    max_new_comments_per_day: int | None = Field(default=None, ge=0, le=100_000)
    max_changed_share: float | None = Field(default=None, gt=0, le=1)
    language: Language | None = None
    text_field: str = ""
    state_field: str = ""
    work_notes: bool = True


def _at_method(kind: str, known: str) -> dict[str, object]:
    """Return the words of a message, and `at`: the key of the table whose line and variable it is about."""
    return {"kind": kind, "known": known, "at": ("method",)}


class SourceSettings(Strict):
    """One tracker."""

    kind: Annotated[str, AfterValidator(_is_a_kind)]
    allow_http: bool = False
    url: str
    query: str = ""
    table: str = ""
    mapping: str
    poll_every: Duration = timedelta(seconds=60)
    census_every: Duration = timedelta(hours=1)
    full_sweep_every: Duration = timedelta(days=7)
    overlap: Duration = timedelta(minutes=5)
    max_clock_skew: Duration = timedelta(minutes=10)
    request_budget: Rate = "10/s"
    page_size: int = Field(default=500, ge=1, le=10000)
    max_answer: Size = Field(default=16 * 1_048_576, ge=1_048_576, le=256 * 1_048_576)
    request_deadline: Duration = Field(default=timedelta(minutes=2), ge=timedelta(seconds=5), le=timedelta(hours=1))
    hint_secret_env: VariableName = ""
    hint_secret_file: str = ""
    auth: AuthSettings | None = Field(default=None, validate_default=True)
    write_back: SourceWriteBackSettings = SourceWriteBackSettings()

    @property
    def takes_hints(self) -> bool:
        """Whether a secret for hints is named, so that the tracker may send hints."""
        return bool(self.hint_secret_env or self.hint_secret_file)

    @property
    def declared(self) -> SourceKind:
        """What the package of this kind of source declares."""
        return kind_named(self.kind)

    def options(self) -> SourceOptions:
        """Return what the settings say about this source, for its kind."""
        auth, own = self.auth, self.write_back
        return SourceOptions(
            url=self.url,
            query=self.query,
            table=self.table,
            method=auth.method if auth else "",
            user=auth.user or auth.client_id if auth else "",
            token_url=auth.token_url if auth else "",
            header=auth.header if auth else "",
            overlap=self.overlap,
            request_budget=self.request_budget,
            page_size=self.page_size,
            max_answer=self.max_answer,
            request_deadline=self.request_deadline,
            allow_http=self.allow_http,
            takes_hints=self.takes_hints,
            text_field=own.text_field,
            state_field=own.state_field,
            work_notes=own.work_notes,
        )

    @field_validator("url")
    @classmethod
    def _usable(cls, value: str, others: ValidationInfo) -> str:
        """Refuse an address that contains a secret, or that would send one unencrypted."""
        check = kind_named(others.data["kind"]).check_url if "kind" in others.data else None
        if check and (wrong := check(value, bool(others.data.get("allow_http")))):
            raise ValueError(wrong)
        return value

    @field_validator("auth")
    @classmethod
    def _signs_in(cls, value: AuthSettings | None, others: ValidationInfo) -> AuthSettings | None:
        """Demand the table of a kind that needs a sign-in, with one of its methods."""
        kind = others.data.get("kind")
        methods = kind_named(kind).auth_methods if kind else ()
        if value is None and methods:
            raise PydanticCustomError("missing", "Field required")
        if value is not None and kind and value.method not in methods:
            known = f"signs in with {' or '.join(methods)}" if methods else "needs no sign-in: take the table out"
            raise PydanticCustomError("sign_in", "a {kind} source {known}", _at_method(kind, known))
        return value

    @model_validator(mode="after")
    def _token_url_is_usable(self) -> SourceSettings:
        """Refuse such an address as `token_url` too."""
        url = self.auth.token_url if self.auth else ""
        if wrong := check_address(url, allow_http=self.allow_http) if url else None:
            raise ValueError(f"auth.token_url: {wrong}")
        return self

    @model_validator(mode="after")
    def _fits_kind(self) -> SourceSettings:
        """Refuse a source without what its kind needs: ServiceNow a table, Jira a query."""
        if wrong := self.declared.check(self.options()):
            raise ValueError(wrong)
        if self.takes_hints and self.declared.hints is None:
            raise ValueError(f"a {self.kind} source takes no hints: take hint_secret_env and hint_secret_file out")
        return self
