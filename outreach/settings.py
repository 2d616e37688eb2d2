"""Settings: what the environment or `outreach.toml` may say, each with a default that is safe."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Everything an installation can set; environment (`OUTREACH_…`) wins over `outreach.toml`."""

    model_config = SettingsConfigDict(env_prefix="OUTREACH_", toml_file="outreach.toml", extra="forbid")

    data_dir: Path = Path(".outreach")
    database_url: str | None = None
    """PostgreSQL, `postgresql://…`; none: the embedded one."""
    redis_url: str | None = None
    """Redis or Valkey, `redis://…`, `rediss://…` or `unix://…`; none: the embedded one."""
    public_url: str = "http://127.0.0.1:8000"
    """Where providers and citizens reach `outreach web`; callbacks and unsubscribe links are made from it."""
    secret_key: str | None = None
    """Root of the encryption and fingerprint keys; none: a file made once in the data folder, mode 600."""
    accounts: Path | None = None
    """Provider accounts; none: `accounts.toml` in the data folder."""
    approval: Literal["on", "off"] = "on"
    """`off` lets one person load and launch: for a private machine only, and every command says so."""
    language: Literal["vi", "en"] = "vi"
    timezone: str = "Asia/Ho_Chi_Minh"
    campaigns_dir: Path = PROJECT / "campaigns"
    templates_dir: Path = PROJECT / "templates"
    lease_seconds: int = Field(60, ge=15, le=600)
    """How long a worker child may hold claimed deliveries; every provider time-out is shorter."""
    send_timeout_seconds: float = Field(10.0, gt=0, le=30)
    tests_per_hour: int = Field(20, ge=0, le=200)
    """Test sends that people may make in an hour, together; 0: none."""
    archive_after_days: int = Field(730, ge=0, le=36_500)
    """Days after the end of a campaign after which its single deliveries become counts; 0: never."""
    workers: int = Field(2, ge=1, le=64)
    clock_shift_seconds: int = 0
    """Added to the database's clock: for demonstrations outside open hours; `outreach doctor` warns of it."""

    @field_validator("data_dir", "accounts", "campaigns_dir", "templates_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("archive_after_days")
    @classmethod
    def _late_enough(cls, value: int) -> int:
        if 0 < value < 90:
            raise ValueError(f"receipts may still come after {value} days: write 90 or more, or 0 for never")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"no such time zone: {value}; write one like Asia/Ho_Chi_Minh")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The installation's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def accounts_file(self) -> Path:
        """Where the provider accounts are described."""
        return self.accounts or self.data_dir / "accounts.toml"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then `outreach.toml`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
