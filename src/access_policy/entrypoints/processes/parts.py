"""The two processes that `serve` runs: the gateway, and the office with all that must not delay a charger (ADR 0023)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from access_policy.process_roles import ProcessRole
from access_policy.settings import Settings

CHANNEL_FILE = "gateway.sock"


class PartName(StrEnum):
    GATEWAY = "gateway"
    OFFICE = "office"


@dataclass(frozen=True, slots=True)
class Part:
    """`settings` are those of this process. `gateway` and `channel` are the instance name of the gateway and the socket at
    which it answers the office."""

    name: PartName
    settings: Settings
    gateway: str
    channel: Path


def part_of(settings: Settings, name: PartName) -> Part:
    """The gateway keeps the name and the files of an installation of one process: its spool, its snapshot and the chargers on
    its record. The office gets a name and a directory beside it."""
    channel = settings.own_data / CHANNEL_FILE
    if name is PartName.GATEWAY:
        roles = frozenset({ProcessRole.GATEWAY})
        return Part(name, settings.model_copy(update={"roles": roles}), settings.instance, channel)
    roles = frozenset(ProcessRole) - {ProcessRole.GATEWAY}
    instance = f"{settings.instance}-{PartName.OFFICE}" if settings.instance else PartName.OFFICE.value
    changed = {"roles": roles, "instance": instance}
    return Part(name, settings.model_copy(update=changed), settings.instance, channel)
