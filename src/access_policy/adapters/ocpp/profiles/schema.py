"""The schema of capability profiles, for the files of this package, for `PUT /v1/profiles` and for docs/chargers.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from access_policy.domain.capability_profiles.capabilities import (
    Autocharge,
    CapabilityProfile,
    ConfigurationKey,
    ControlWithoutSwitch,
    DeviceVariable,
    Evidence,
    ModeControl,
    Reserves,
)
from access_policy.domain.capability_profiles.charger_values import same_value

NAME_PATTERN = r"^[a-z0-9][a-z0-9.\-]{0,63}$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=50)]  # CiString50 of a key, 2.x names
Value = Annotated[str, StringConstraints(max_length=500)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]

_NEEDED = {
    "device_variable": ("component", "variable", "managed_value", "freevend_value"),
    "configuration_key": ("key", "managed_value", "freevend_value"),
}
_OF_KIND = {
    "device_variable": (*_NEEDED["device_variable"], "needs_reboot"),
    "configuration_key": (
        *_NEEDED["configuration_key"],
        *("also_called", "tag_key", "tag_also_called", "tag", "needs_reboot"),
    ),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ModeControlDefinition(_Strict):
    kind: Literal["device_variable", "configuration_key", "central", "remote_start", "unsupported"] = Field(
        description="How freevend is switched: by a variable of the device model (2.x), by a configuration key (1.6), not on "
        "the charger, which always asks (central), by a remote start at plug-in (remote_start), or not at all (unsupported)"
    )
    component: Name | None = Field(default=None, description="Component of the variable, such as AuthCtrlr")
    variable: Name | None = Field(default=None, description="Variable, such as Enabled")
    key: Name | None = Field(default=None, description="The vendor's key, in the vendor's spelling")
    also_called: list[Name] = Field(
        default=[],
        max_length=5,
        description="Names of the same key in other firmware versions; the one that exists is used",
    )
    managed_value: Value | None = Field(
        default=None, description="Value under managed access; its case does not matter"
    )
    freevend_value: Value | None = Field(default=None, description="Value in freevend")
    tag_key: Name | None = Field(default=None, description="Key of the tag that freevend sessions carry")
    tag_also_called: list[Name] = Field(default=[], max_length=5, description="Other names of the tag's key")
    tag: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = Field(
        default=None, description="The tag to set; a freevend session that carries it is not an attempt"
    )
    needs_reboot: bool = Field(
        default=False, description="A write takes effect with the next boot, even if the charger does not say so"
    )

    @model_validator(mode="after")
    def _whole(self) -> ModeControlDefinition:
        needed = _NEEDED.get(self.kind, ())
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"mode_control of kind {self.kind} needs {', '.join(missing)}")
        if needed and str(self.managed_value).lower() == str(self.freevend_value).lower():
            raise ValueError("managed_value and freevend_value differ only in case")
        return self

    def build(self) -> ModeControl:
        match self.kind:
            case "device_variable":
                return DeviceVariable(
                    component=_given(self.component),
                    variable=_given(self.variable),
                    managed_value=_given(self.managed_value),
                    freevend_value=_given(self.freevend_value),
                    needs_reboot=self.needs_reboot,
                )
            case "configuration_key":
                return ConfigurationKey(
                    key=_given(self.key),
                    also_called=tuple(self.also_called),
                    managed_value=_given(self.managed_value),
                    freevend_value=_given(self.freevend_value),
                    tag_key=self.tag_key,
                    tag_also_called=tuple(self.tag_also_called),
                    tag=self.tag,
                    needs_reboot=self.needs_reboot,
                )
            case kind:
                return ControlWithoutSwitch(kind)


class ProfileBody(_Strict):
    """A profile without its name."""

    title: Text = Field(description="What people call these chargers")
    protocols: list[Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]] = Field(
        min_length=1, max_length=3, description="Protocols to which it applies"
    )
    mode_control: ModeControlDefinition = Field(description="How freevend is switched")
    vendors: list[Name] = Field(
        default=[],
        max_length=20,
        description="Parts of the vendor or model name that the charger sends at a boot; a probe weighs them",
    )
    tags_are: Literal["rfid", "pin", "emaid", "other"] = Field(
        default="rfid", description="How a bare tag is read; VID: always makes it a vehicle's own id"
    )
    has_cache: bool = Field(
        default=True, description="False: the charger keeps no authorisation cache, and is not sent ClearCache"
    )
    base32_macs: bool = Field(
        default=False, description="The charger sends vehicles' own ids in Base32 (RFC 4648) and without VID:"
    )
    autocharge: Literal["yes", "no", "unknown"] = Field(
        default="unknown",
        description="Whether the charger reads a plugged-in vehicle's own id and presents it (Autocharge); `no` refuses "
        "enrolment sessions for a MAC",
    )
    personal_message: bool = Field(default=False, description="The charger shows the driver the text in the answer")
    display_message: bool = Field(
        default=False,
        description="The charger may have a display for texts (OCPP 2.x); the service reads from it whether it does",
    )
    pending_at_boot: bool = Field(
        default=False,
        description="After a boot the charger may be kept Pending until its mode is in force, and recovers well from it",
    )
    denial_error_codes: list[Name] = Field(
        default=[],
        max_length=50,
        description="Error codes by which the charger shows a refusal; after a denial they are not faults",
    )
    denial_window_s: float = Field(
        default=30.0, ge=0, le=600, description="Seconds after a denial within which such a code may follow"
    )
    settle_s: float = Field(
        default=0.0, ge=0, le=600, description="Seconds after a boot during which the charger is sent no commands"
    )
    list_entries_max: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="Most entries of the local list, if the charger stores fewer than it states",
    )
    reserves: Literal["reported", "connectors", "charger", "none"] = Field(
        default="reported",
        description="What ReserveNow keeps for the holder of a reservation: connectors if the charger reports that it "
        "supports reservations (reported), connectors whatever it reports (connectors), only the charger as a whole, which "
        "keeps one connector free (charger), or nothing (none); the service decides attempts anyway",
    )
    quirks: list[Text] = Field(default=[], max_length=20, description="Further facts about the model")

    def build(self, name: str, *, evidence: Evidence, source: str) -> CapabilityProfile:
        return CapabilityProfile(
            name=name,
            title=self.title,
            protocols=tuple(self.protocols),
            mode_control=self.mode_control.build(),
            vendors=tuple(self.vendors),
            tags_are=self.tags_are,
            base32_macs=self.base32_macs,
            has_cache=self.has_cache,
            autocharge=Autocharge(self.autocharge),
            personal_message=self.personal_message,
            display_message=self.display_message,
            pending_at_boot=self.pending_at_boot,
            denial_error_codes=frozenset(self.denial_error_codes),
            denial_window_s=self.denial_window_s,
            settle_s=self.settle_s,
            list_entries_max=self.list_entries_max,
            reserves=Reserves(self.reserves),
            quirks=tuple(self.quirks),
            evidence=evidence,
            source=source,
        )


class ProfileDocument(ProfileBody):
    """A profile as a client puts it. It may also have the form in which profiles are shown: `mode_control` is then the kind as
    a string, and `control` is the whole object. Fields that the service assigns are accepted and ignored.
    """

    control: ModeControlDefinition | None = Field(
        default=None,
        description="Replaces `mode_control`, as in a shown profile; `mode_control` is then its kind, or omitted",
    )
    name: str | None = Field(default=None, description="Assigned by the URL; a value is ignored")
    evidence: Literal["standard", "verified", "second_hand", "operator"] | None = Field(
        default=None, description="Assigned by the service: `operator`; a value is ignored"
    )
    source: str | None = Field(default=None, description="Assigned by the service; a value is ignored")
    version: int | None = Field(default=None, description="Assigned by the service; a value is ignored (see If-Match)")

    @model_validator(mode="before")
    @classmethod
    def _as_shown(cls, document: Any) -> Any:
        if not isinstance(document, dict) or not isinstance(control := document.get("control"), dict):
            return document
        if document.get("mode_control", control.get("kind")) != control.get("kind"):
            raise ValueError("mode_control and control differ; give only one of them")
        return {**document, "mode_control": control}


class PackagedProfile(ProfileBody):
    name: str = Field(pattern=NAME_PATTERN)
    evidence: Literal["standard", "verified", "second_hand"]
    source: Text


def without_effect(body: ProfileBody) -> dict[str, str]:
    """Return the fields of a profile without any effect, by their pointer, with the reason, because a profile must not promise
    what the service does not do.
    """
    return dict(_without_effect(body))


def _without_effect(body: ProfileBody) -> Iterator[tuple[str, str]]:
    control = body.mode_control
    for name, field in ModeControlDefinition.model_fields.items():
        if name not in ("kind", *_OF_KIND.get(control.kind, ())) and getattr(control, name) != field.default:
            yield f"/mode_control/{name}", f"has no effect with the kind {control.kind}"
    if control.kind in _OF_KIND and same_value(control.managed_value, control.freevend_value or ""):
        yield "/mode_control/freevend_value", "equals managed_value"
    if control.tag_key is not None and control.tag is None:
        yield "/mode_control/tag_key", "has no effect without tag"
    if control.tag_also_called and control.tag_key is None:
        yield "/mode_control/tag_also_called", "has no effect without tag_key"
    protocols: set[str] = set(body.protocols)
    wrong = {"device_variable": {"ocpp1.6"}, "configuration_key": {"ocpp2.0.1", "ocpp2.1"}}.get(control.kind, set())
    if protocols <= wrong:
        yield "/mode_control/kind", f"{control.kind} has no effect with {' and '.join(sorted(protocols))}"
    if body.pending_at_boot and control.kind not in _OF_KIND:
        yield "/pending_at_boot", f"has no effect with the kind {control.kind}"
    for name, default, works_in in (
        ("personal_message", False, {"ocpp2.0.1", "ocpp2.1"}),
        ("display_message", False, {"ocpp2.0.1", "ocpp2.1"}),
        ("base32_macs", False, {"ocpp1.6"}),
        ("tags_are", "rfid", {"ocpp1.6"}),
    ):
        if getattr(body, name) != default and not protocols & works_in:
            yield f"/{name}", f"has an effect with {' and '.join(sorted(works_in))} only"


def body_of(profile: CapabilityProfile) -> dict[str, Any]:
    """Return the profile in its schema's form, so that a client can put a profile that it has read."""
    return {
        "title": profile.title,
        "protocols": list(profile.protocols),
        "mode_control": _control_body(profile.mode_control),
        "vendors": list(profile.vendors),
        "tags_are": profile.tags_are,
        "base32_macs": profile.base32_macs,
        "has_cache": profile.has_cache,
        "autocharge": profile.autocharge.value,
        "personal_message": profile.personal_message,
        "display_message": profile.display_message,
        "pending_at_boot": profile.pending_at_boot,
        "denial_error_codes": sorted(profile.denial_error_codes),
        "denial_window_s": profile.denial_window_s,
        "settle_s": profile.settle_s,
        "list_entries_max": profile.list_entries_max,
        "reserves": profile.reserves.value,
        "quirks": list(profile.quirks),
    }


def _control_body(control: ModeControl) -> dict[str, Any]:
    if isinstance(control, ControlWithoutSwitch):
        return {"kind": control.value}
    values = {"managed_value": control.managed_value, "freevend_value": control.freevend_value}
    match control:
        case DeviceVariable():
            return {
                "kind": "device_variable",
                "component": control.component,
                "variable": control.variable,
                "needs_reboot": control.needs_reboot,
                **values,
            }
        case ConfigurationKey():
            return {
                "kind": "configuration_key",
                "key": control.key,
                "also_called": list(control.also_called),
                "tag_key": control.tag_key,
                "tag_also_called": list(control.tag_also_called),
                "tag": control.tag,
                "needs_reboot": control.needs_reboot,
                **values,
            }


def _given(value: str | None) -> str:
    assert value is not None  # `_whole` has checked it
    return value
