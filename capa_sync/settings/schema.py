"""The settings model: every key that a settings file may hold, with its default and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from capa_sync.model.address import check_link
from capa_sync.model.settings import DEFAULT_DEADLINES, RECURS_WITHIN, UNWAIVABLE, Days
from capa_sync.model.similar import LONGEST_WITHIN_DAYS
from capa_sync.settings.digest_schema import DigestSettings
from capa_sync.settings.source_schema import Duration, SourceSettings, Strict, VariableName, WriteBackSettings
from capa_sync.settings.units import (
    header_name,
    listen_address,
    listen_or_off,
    parse_calendar_days,
    parse_days,
    parse_holidays,
    parse_period,
    source_name,
)

DayCount = Annotated[Days, BeforeValidator(parse_days)]
Grade = Literal["major", "minor", "observation"]
SourceName = Annotated[str, AfterValidator(source_name)]
Listen = Annotated[str, AfterValidator(listen_address)]
HeaderName = Annotated[str, AfterValidator(header_name)]
Origin = Literal[
    "security_incident",
    "internal_audit",
    "external_audit",
    "policy_deviation",
    "procedure_deviation",
    "legal_deviation",
    "objective_missed",
    "monitoring",
    "supplier",
    "customer_complaint",
    "employee_feedback",
    "interested_party_feedback",
    "risk_review",
    "management_review",
    "best_practice",
    "other",
]
DeadlineName = Literal["contain", "root-cause", "plan", "implement", "effectiveness-earliest", "effectiveness"]


class PageProxySettings(Strict):
    """A proxy that signs people in; it is trusted once the settings name the secret that proves it."""

    user_header: HeaderName = "X-Forwarded-User"
    secret_header: HeaderName = "X-Capa-Sync-Proxy"  # noqa: S105 - the name of a header
    secret_env: VariableName = ""
    secret_file: str = ""
    admins: tuple[str, ...] = Field(default=(), max_length=10_000)
    auditors: tuple[str, ...] = Field(default=(), max_length=10_000)

    @property
    def is_on(self) -> bool:
        """Whether a secret is named."""
        return bool(self.secret_env or self.secret_file)


class PageAuthSettings(Strict):
    """How people sign in to the page; without `tokens` and a proxy nobody can."""

    tokens: str = ""
    session: Duration = Field(default=timedelta(hours=12), ge=timedelta(minutes=1), le=timedelta(days=30))
    proxy: PageProxySettings = PageProxySettings()


class WebSettings(Strict):
    """The register's page, who may see it, and whether `run` serves it too."""

    listen: Listen = "127.0.0.1:8765"
    with_run: bool = False
    rules_folder_writable: bool = False
    auth: PageAuthSettings = PageAuthSettings()


class WaiversSettings(Strict):
    """What nobody may waive, and the file of waivers that people review, "" for none."""

    file: str = ""
    unwaivable: tuple[str, ...] = Field(default=tuple(sorted(UNWAIVABLE)), max_length=500)


class RegisterCheckSettings(Strict):
    """Limits of the checks over the whole register, which `status` and `rules coverage` show."""

    origins: tuple[Origin, ...] = ("internal_audit",)
    quiet_after: Duration = Field(default=timedelta(days=365), ge=timedelta(days=1))
    unreviewed_after: Duration = Field(default=timedelta(days=180), ge=timedelta(days=1))
    max_overdue_share: float = Field(default=0.25, ge=0, le=1)
    rising_months: int = Field(default=3, ge=2, le=24)
    max_waived_share: float = Field(default=0.1, ge=0, le=1)


class RetentionSettings(Strict):
    """How long records are kept after they ended, and whether the daemon erases them then or only lists them."""

    mode: Literal["list", "on"] = "list"
    keep: Annotated[timedelta, BeforeValidator(parse_period)] = Field(
        default=timedelta(days=2192), ge=timedelta(days=1)
    )


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
    rules_live: Literal["on_activate", "on_save"] = "on_activate"
    profile: Literal["light", "standard", "strict", "iso9001", "iso13485"] = "standard"
    recurs_within: Annotated[int, BeforeValidator(parse_calendar_days)] = Field(
        default=RECURS_WITHIN, ge=1, le=LONGEST_WITHIN_DAYS
    )
    public_url: str = ""
    isms_lead: str = ""
    deadlines: dict[DeadlineName, dict[Grade, DayCount]] = Field(default_factory=dict)
    write_back: WriteBackSettings = WriteBackSettings()
    register_checks: RegisterCheckSettings = RegisterCheckSettings()
    web: WebSettings = WebSettings()
    hints: HintsSettings = HintsSettings()
    waivers: WaiversSettings = WaiversSettings()
    retention: RetentionSettings = RetentionSettings()
    digest: DigestSettings = DigestSettings()
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

    @field_validator("public_url")
    @classmethod
    def _is_a_link(cls, value: str) -> str:
        """Refuse an address that cannot stand on tickets, where everybody reads it."""
        if wrong := check_link(value) if value else None:
            raise ValueError(wrong)
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
