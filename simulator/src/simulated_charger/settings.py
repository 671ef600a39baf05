"""The settings of a charger: configuration keys of 1.6 and variables of 2.x (`Component.Variable`) in one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from simulated_charger.behaviour import Behaviour

BOOLEAN = ("true", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`options`: the only values, written back in this spelling whatever case a write comes in. `members`: a list of them."""

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
        """The value as the charger spells it; None if it is not one for this setting."""
        if len(value) > self.max_length or (self.integer and not value.isdecimal()):
            return None
        if self.options is None:
            return value
        spelled = {option.lower(): option for option in self.options}
        if not self.members:
            return spelled.get(value.strip().lower())
        wanted = [member.strip().lower() for member in value.split(",") if member.strip()]
        return ",".join(spelled[member] for member in wanted) if all(m in spelled for m in wanted) else None


class Written(StrEnum):
    ACCEPTED = "accepted"
    NEEDS_REBOOT = "needs_reboot"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


Factory = Mapping[str, Setting]  # by lower-case name; shared by all chargers of a model


class Settings:
    """Names are compared without case. A value that needs a reboot is read back at once and in force after it."""

    __slots__ = ("_behaviour", "_factory", "_former", "_stored")

    def __init__(self, factory: Factory, behaviour: Behaviour) -> None:
        self._factory = factory
        self._behaviour = behaviour
        self._stored: dict[str, str] = {}
        self._former: dict[str, str] = {}  # what holds until the next boot

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._factory.values())

    def find(self, name: str) -> Setting | None:
        return self._factory.get(name.lower())

    def stored(self, name: str) -> str | None:
        """What a read-back shows; None for an unknown name."""
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

    def write(self, name: str, value: str) -> Written:
        """A write of the central system."""
        setting = self.find(name)
        if setting is None:
            return Written.UNKNOWN
        spelled = setting.accepts(value)
        if setting.readonly or spelled is None:
            return Written.REJECTED
        if self._behaviour.lies_on(setting.name):
            return Written.ACCEPTED
        if setting.needs_reboot and spelled != self.stored(name):
            self._former.setdefault(name.lower(), self.stored(name) or "")
            self._stored[name.lower()] = spelled
            return Written.NEEDS_REBOOT
        self._stored[name.lower()] = spelled
        return Written.ACCEPTED

    def write_on_site(self, name: str, value: str) -> None:
        """A technician at the charger, or its web page: in force at once, read-only or not. Raises KeyError."""
        setting = self._factory[name.lower()]
        self._former.pop(name.lower(), None)
        self._stored[name.lower()] = setting.accepts(value) or value

    def boot(self) -> None:
        self._former.clear()
        if self._behaviour.forgets_settings_at_boot:
            self._stored.clear()

    def values_in_force(self) -> dict[str, str]:
        return {setting.name: self.in_force(setting.name) or "" for setting in self}
