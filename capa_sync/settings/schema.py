"""The settings model: every key that a settings file may hold, with its default and meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from capa_sync.kinds import SourceKind, SourceOptions, UnknownKind, kind_named, kind_names
from capa_sync.model.address import check_address
from capa_sync.model.settings import DEFAULT_DEADLINES, Days
from capa_sync.settings.units import (
    listen_address,
    listen_or_off,
    parse_days,
    parse_duration,
    parse_holidays,
    parse_rate,
    parse_size,
    source_name,
)

Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
DayCount = Annotated[Days, BeforeValidator(parse_days)]
Size = Annotated[int, BeforeValidator(parse_size)]
Rate = Annotated[str, BeforeValidator(parse_rate)]
WriteMode = Literal["off", "plan", "on"]
Grade = Literal["major", "minor", "observation"]
DeadlineName = Literal["contain", "root-cause", "plan", "implement", "effectiveness-earliest", "effectiveness"]
SourceName = Annotated[str, AfterValidator(source_name)]
Listen = Annotated[str, AfterValidator(listen_address)]


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
    """The brakes on writing to tickets; a source may override each."""

    mode: WriteMode = "off"
    settle: Duration = timedelta(minutes=30)
    max_new_comments_per_day: int = Field(default=25, ge=0, le=100_000)
    max_changed_share: float = Field(default=0.2, gt=0, le=1)


class SourceWriteBackSettings(Strict):
    """The write-back of one source; absent keys come from [write_back]."""

    mode: WriteMode | None = None
    settle: Duration | None = None
    max_new_comments_per_day: int | None = Field(default=None, ge=0, le=100_000)
    max_changed_share: float | None = Field(default=None, gt=0, le=1)
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


class WebSettings(Strict):
    """The register's page."""

    listen: Listen = "127.0.0.1:8765"


class HintsSettings(Strict):
    """The optional listener for webhooks; off while `listen` is empty."""

    listen: Annotated[str, AfterValidator(listen_or_off)] = ""


def _default_deadlines() -> dict[str, dict[str, Days]]:
    return {name: dict(by_grade) for name, by_grade in DEFAULT_DEADLINES.items()}


def _overlaid(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Return a table merged with another at every level; the values of `above` win."""
    merged = dict(below)
    for name, value in above.items():
        lower = merged.get(name)
        if isinstance(value, Mapping) and isinstance(lower, Mapping):
            merged[name] = _overlaid(lower, value)
        else:
            merged[name] = value
    return merged


class Settings(BaseSettings):
    """All keys of a settings file; variables named CAPA_SYNC_… win over the file."""

    model_config = SettingsConfigDict(
        env_prefix="CAPA_SYNC_", env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    register_file: str = Field(
        default="register.db", validation_alias=AliasChoices("register", "CAPA_SYNC_REGISTER")
    )  # pydantic reserves the name `register`
    rules: tuple[str, ...] = Field(default=(), max_length=100)
    timezone: str = "UTC"
    holidays: tuple[date | str, ...] = Field(default=(), max_length=2_000)
    baseline: date | None = Field(default=None, ge=date(1970, 1, 1), le=date(2200, 1, 1))
    profile: Literal["light", "standard", "strict", "iso9001", "iso13485"] = "standard"
    public_url: str = ""
    isms_lead: str = ""
    deadlines: dict[DeadlineName, dict[Grade, DayCount]] = Field(default_factory=dict)
    write_back: WriteBackSettings = WriteBackSettings()
    web: WebSettings = WebSettings()
    hints: HintsSettings = HintsSettings()
    sources: dict[SourceName, SourceSettings] = Field(default_factory=dict, max_length=50)

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        """Refuse a time zone that this machine does not know."""
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"'{value}' is no time zone; write for example Europe/London") from None
        return value

    @field_validator("deadlines", mode="before")
    @classmethod
    def _with_dashes(cls, value: object) -> object:
        """Accept `root_cause` as `root-cause`, since no shell sets a variable with a dash in its name."""
        return (
            {str(name).replace("_", "-"): by_grade for name, by_grade in value.items()}
            if isinstance(value, dict)
            else value
        )

    @field_validator("sources", mode="before")
    @classmethod
    def _same_with_underscores(cls, value: object) -> object:
        """Treat variables for `jira_dc`, if they make no source alone, as variables for `jira-dc` of the file."""
        if not isinstance(value, dict):
            return value
        found = dict(value)
        for name, source in value.items():
            meant = [other for other in value if other != name and other.replace("-", "_") == name]
            if meant and isinstance(source, dict) and "kind" not in source:
                found[meant[0]] = _overlaid(found[meant[0]], found.pop(name))
        return found

    @field_validator("deadlines")
    @classmethod
    def _fill_deadlines(cls, value: Mapping[str, Mapping[str, Days]]) -> dict[str, dict[str, Days]]:
        """Keep the default for every name and grade that the file does not set."""
        merged = _default_deadlines()
        for name, by_grade in value.items():
            merged[name] |= by_grade
        return merged

    @model_validator(mode="after")
    def _hints_have_a_secret(self) -> Settings:
        """Refuse a listener if no source has a secret for hints."""
        if self.hints.listen and not any(source.takes_hints for source in self.sources.values()):
            raise ValueError("[hints] listen needs hint_secret_env or hint_secret_file in at least one source")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let variables win over the file, which `load_settings` passes as arguments; no .env, no secrets folder."""
        return env_settings, init_settings


class CheckedSettings(Settings):
    """Settings whose holidays are checked too; this loads the calendars of all countries (80 ms)."""

    @field_validator("holidays")
    @classmethod
    def _holidays_exist(cls, value: tuple[date | str, ...]) -> tuple[date | str, ...]:
        """Refuse a code without a calendar."""
        parse_holidays(list(value))
        return value
