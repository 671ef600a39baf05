"""The two processes that `serve` runs: the gateway, and the office with everything that must not delay a charger (ADR
0023)."""

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
    """One of the two processes. `settings` are the settings of this process; `gateway` is the instance name of the
    gateway, and `channel` the socket on which it serves the office."""

    name: PartName
    settings: Settings
    gateway: str
    channel: Path


def part_of(settings: Settings, name: PartName) -> Part:
    """Return the part. The gateway keeps the name and the files of a single-process installation: its spool, its
    snapshot and the recorded ownership of chargers. The office gets its own name and a directory beside the
    gateway's."""
    channel = settings.own_data / CHANNEL_FILE
    if name is PartName.GATEWAY:
        roles = frozenset({ProcessRole.GATEWAY})
        return Part(name, settings.model_copy(update={"roles": roles}), settings.instance, channel)
    roles = frozenset(ProcessRole) - {ProcessRole.GATEWAY}
    instance = f"{settings.instance}-{PartName.OFFICE}" if settings.instance else PartName.OFFICE.value
    changed = {"roles": roles, "instance": instance}
    return Part(name, settings.model_copy(update=changed), settings.instance, channel)
