"""Reads the profile files of this package. A file that says something unknown or too little is an error at start."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from access_policy.application.capability_profiles import (
    CapabilityProfile,
    ConfigurationKey,
    ControlWithoutSwitch,
    DeviceVariable,
    ModeControl,
)


class ProfileFileInvalid(Exception):
    """A profile file cannot be used; the message names the file and the field."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _ModeControl(_Strict):
    kind: Literal["device_variable", "configuration_key", "central", "remote_start", "unsupported"]
    component: str | None = None
    variable: str | None = None
    key: str | None = None
    managed_value: str | None = None
    freevend_value: str | None = None
    tag_key: str | None = None
    tag: str | None = None
    needs_reboot: bool = False

    def build(self) -> ModeControl:
        match self.kind:
            case "device_variable":
                return DeviceVariable(
                    component=_given(self.component, "component"),
                    variable=_given(self.variable, "variable"),
                    managed_value=_given(self.managed_value, "managed_value"),
                    freevend_value=_given(self.freevend_value, "freevend_value"),
                )
            case "configuration_key":
                return ConfigurationKey(
                    key=_given(self.key, "key"),
                    managed_value=_given(self.managed_value, "managed_value"),
                    freevend_value=_given(self.freevend_value, "freevend_value"),
                    tag_key=self.tag_key,
                    tag=self.tag,
                    needs_reboot=self.needs_reboot,
                )
            case kind:
                return ControlWithoutSwitch(kind)


class _Profile(_Strict):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]{0,63}$")
    title: str
    protocols: list[Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]] = Field(min_length=1)
    mode_control: _ModeControl
    tags_are: Literal["rfid", "pin", "emaid", "other"] = "rfid"
    personal_message: bool = False
    pending_at_boot: bool = False
    denial_error_codes: list[str] = []
    denial_window_s: float = Field(default=30.0, ge=0, le=600)
    settle_s: float = Field(default=0.0, ge=0, le=600)
    source: str

    def build(self) -> CapabilityProfile:
        return CapabilityProfile(
            name=self.name,
            title=self.title,
            protocols=tuple(self.protocols),
            mode_control=self.mode_control.build(),
            tags_are=self.tags_are,
            personal_message=self.personal_message,
            pending_at_boot=self.pending_at_boot,
            denial_error_codes=frozenset(self.denial_error_codes),
            denial_window_s=self.denial_window_s,
            settle_s=self.settle_s,
            source=self.source,
        )


class ProfileCatalogue:
    """Profiles by name (port `CapabilityProfiles`)."""

    def __init__(self, profiles: Iterable[CapabilityProfile]) -> None:
        self._by_name: Mapping[str, CapabilityProfile] = {profile.name: profile for profile in profiles}

    @staticmethod
    def packaged() -> ProfileCatalogue:
        """All files of this package. Raises `ProfileFileInvalid`."""
        files = sorted(
            (file for file in resources.files(__package__).iterdir() if file.name.endswith(".toml")),
            key=lambda file: file.name,
        )
        return ProfileCatalogue(
            profile for file in files for profile in parse_profiles(file.read_text("utf-8"), file.name)
        )

    def get(self, name: str) -> CapabilityProfile | None:
        return self._by_name.get(name)

    def knows(self, name: str) -> bool:
        return name in self._by_name

    def all(self) -> tuple[CapabilityProfile, ...]:
        return tuple(self._by_name.values())


def parse_profiles(text: str, file_name: str) -> list[CapabilityProfile]:
    """The `[[profile]]` tables of one file. Raises `ProfileFileInvalid`."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
        return [_Profile.model_validate(table).build() for table in document["profile"]]
    except (tomllib.TOMLDecodeError, KeyError, ValueError) as error:
        where = (
            "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            if isinstance(error, ValidationError)
            else repr(error)
        )
        raise ProfileFileInvalid(f"{file_name}: {where}") from error


def _given(value: str | None, name: str) -> str:
    if value is None:
        raise ValueError(f"mode_control.{name} is missing")
    return value
