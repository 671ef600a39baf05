"""A charger on a pipe that keeps settings and reads them back in a way of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.outgoing.commands import ChargerCommands, CommandsOfVersions
from access_policy.adapters.ocpp.outgoing.v16 import settings
from access_policy.adapters.ocpp.outgoing.v201 import variables
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.framing import Call
from tests.support.ocpp_pipe import Pipe

WANTED = {
    OcppVersion.V16: settings.wanted_settings,
    OcppVersion.V201: variables.wanted_settings,
    OcppVersion.V21: variables.wanted_settings,
}


@dataclass
class KeepsSettings:
    """`shown` makes what JSON carries of a stored value, None for no value; `taken` what is stored of a write, None: it is
    refused. `writes` are the values that it was sent."""

    values: dict[str, str]
    shown: Callable[[str], Any] = lambda value: value
    taken: Callable[[str], str | None] = lambda value: value
    readonly: Any = False
    writes: list[str] = field(default_factory=list)
    list_version: int = 0

    def answer(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        match action:
            case "GetConfiguration":
                known = {name.lower(): name for name in self.values}
                names = [known[key.lower()] for key in asked.get("key", known) if key.lower() in known]
                return {
                    "configurationKey": [
                        {"key": n, "readonly": self.readonly, **self._value(n, "value")} for n in names
                    ]
                }
            case "ChangeConfiguration":
                return {"status": self._write(asked["key"], asked["value"])}
            case "GetVariables":
                (item,) = asked["getVariableData"]
                name = _name(item)
                if name not in self.values:
                    return {"getVariableResult": [{"attributeStatus": "UnknownVariable"}]}
                return {"getVariableResult": [{"attributeStatus": "Accepted", **self._value(name, "attributeValue")}]}
            case "SetVariables":
                (item,) = asked["setVariableData"]
                status = self._write(_name(item), item["attributeValue"])
                return {"setVariableResult": [{"attributeStatus": status}]}
            case "SendLocalList":
                self.list_version = asked.get("listVersion") or asked["versionNumber"]
                return {"status": "Accepted"}
            case "GetLocalListVersion":
                return {"listVersion": self.list_version, "versionNumber": self.list_version}
            case "SetVariableMonitoring":
                return {"setMonitoringResult": [{"status": "Accepted"}]}
            case _:
                return {"status": "Accepted"}

    def _value(self, name: str, field_name: str) -> dict[str, Any]:
        shown = self.shown(self.values[name])
        return {} if shown is None else {field_name: shown}

    def _write(self, name: str, value: str) -> str:
        self.writes.append(value)
        stored = self.taken(value)
        if stored is None:
            return "Rejected"
        self.values[name] = stored
        return "Accepted"


def _name(item: dict[str, Any]) -> str:
    return f"{item['component']['name']}.{item['variable']['name']}"


@asynccontextmanager
async def connected_to(
    charger: KeepsSettings, version: OcppVersion, pad: Callable[[Any], Any] = lambda frame: frame
) -> AsyncIterator[ChargerCommands]:
    """The commands of the charger; `pad` is applied to each answer before it is sent."""
    pipe = AnsweringPipe(charger, pad)
    connection = ChargerConnection(
        pipe,  # type: ignore[arg-type]
        charge_point_id="CP1",
        version=version,
        epoch=1,
        remote="127.0.0.1",
    )
    serving = asyncio.create_task(connection.run(_no_calls))
    try:
        yield commands_of(connection)
    finally:
        pipe.hang_up()
        await serving


def commands_of(connection: ChargerConnection) -> ChargerCommands:
    """The commands of a charger without a profile."""
    return CommandsOfVersions.from_now(datetime(2026, 1, 1, tzinfo=UTC)).of(connection, lambda: None)


class AnsweringPipe(Pipe):
    def __init__(self, charger: KeepsSettings, pad: Callable[[Any], Any]) -> None:
        super().__init__()
        self._charger = charger
        self._pad = pad

    def write(self, frame: bytes) -> bool:
        is_sent = super().write(frame)
        _, message_id, action, asked = self.heard[-1]
        self.say(self._pad([3, message_id, self._charger.answer(action, asked)]))
        return is_sent


def _no_calls(_: ChargerConnection, call: Call) -> dict[str, Any]:
    raise AssertionError(f"unexpected {call.action}")
