"""The settings of a charger: configuration keys of OCPP 1.6 or variables of 2.x (`Component.Variable`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from simulated_charger.behaviour import Behaviour

BOOLEAN = ("true", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `options` are the allowed values, stored in this spelling; case is ignored. With `members`, the value is a
    list of options.
    """

    name: str
    value: str
    readonly: bool = False
    writeonly: bool = False
    needs_reboot: bool = False
    integer: bool = False
    members: bool = False
    options: tuple[str, ...] | None = None
    max_length: int = 500
    limit: int | None = None  # 2.x: the maxLimit in its characteristics

    def accepts(self, value: str) -> str | None:
        """Return the value in the charger's spelling; None if it is not valid."""
        if len(value) > self.max_length or (self.integer and not value.isdecimal()):
            return None
        if self.options is None:
            return value
        normalised = {option.lower(): option for option in self.options}
        if not self.members:
            return normalised.get(value.strip().lower())
        wanted = [member.strip().lower() for member in value.split(",") if member.strip()]
        return ",".join(normalised[member] for member in wanted) if all(m in normalised for m in wanted) else None


class WriteResult(StrEnum):
    ACCEPTED = "accepted"
    NEEDS_REBOOT = "needs_reboot"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


Factory = Mapping[str, Setting]  # by lower-case name; shared by all chargers of a model


class Settings:
    """Settings by case-insensitive name. A value that needs a reboot can be read at once and takes effect after it."""

    __slots__ = ("_behaviour", "_factory", "_former", "_stored")

    def __init__(self, factory: Factory, behaviour: Behaviour) -> None:
        self._factory = factory
        self._behaviour = behaviour
        self._stored: dict[str, str] = {}
        self._former: dict[str, str] = {}  # in force until the next boot

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._factory.values())

    def find(self, name: str) -> Setting | None:
        return self._factory.get(name.lower())

    def stored(self, name: str) -> str | None:
        """Return the value that a read returns; None for an unknown name."""
        setting = self.find(name)
        return None if setting is None else self._stored.get(name.lower(), setting.value)

    def in_force(self, name: str) -> str | None:
        return self._former[name.lower()] if name.lower() in self._former else self.stored(name)

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.in_force(name)
        return default if value is None else value.lower() == "true"

    def number(self, name: str, *, default: int) -> int:
        value = self.in_force(name)
        return int(value) if value else default

    def write(self, name: str, value: str) -> WriteResult:
        """Write a value for the central system."""
        setting = self.find(name)
        if setting is None:
            return WriteResult.UNKNOWN
        normalised = setting.accepts(value)
        if setting.readonly or normalised is None:
            return WriteResult.REJECTED
        if self._behaviour.ignores_write_to(setting.name):
            return WriteResult.ACCEPTED
        if setting.needs_reboot and normalised != self.stored(name):
            self._former.setdefault(name.lower(), self.stored(name) or "")
            self._stored[name.lower()] = normalised
            return WriteResult.NEEDS_REBOOT
        self._stored[name.lower()] = normalised
        return WriteResult.ACCEPTED

    def write_on_site(self, name: str, value: str) -> None:
        """Write a value at the charger or its web page: in force at once, even if read-only. Raise KeyError."""
        setting = self._factory[name.lower()]
        self._former.pop(name.lower(), None)
        self._stored[name.lower()] = setting.accepts(value) or value

    def boot(self) -> None:
        self._former.clear()
        if self._behaviour.forgets_settings_at_boot:
            self._stored.clear()

    def values_in_force(self) -> dict[str, str]:
        return {setting.name: self.in_force(setting.name) or "" for setting in self}
