"""Check the frames that the service sends against the JSON schemas of the `ocpp` package.

`watch_connections` is installed for the whole run by tests/conftest.py: each CALL and each CALLRESULT of a connection in the
test's own process is checked, whatever sends it, and a test during which an invalid one was sent fails. `FrameWatch` does the
same from the charger's end, for services in processes of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, Protocol

import jsonschema_rs

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.framing import Call
from access_policy.adapters.ocpp.transport.incoming_calls import IncomingCalls

_FOLDERS: Final = {OcppVersion.V16: "v16", OcppVersion.V201: "v201", OcppVersion.V21: "v21"}

offences: list[str] = []
"""Of the frames that connections in this process have sent; the fixture in tests/conftest.py empties it for each test."""


class SeenFrame(Protocol):
    sent: bool
    message: list[Any]


@cache
def _validator(version: OcppVersion, action: str, *, response: bool) -> Any:
    """Compiled once: a check then costs microseconds, where the `jsonschema` package needs up to a millisecond."""
    suffix = "Response" if response else "" if version is OcppVersion.V16 else "Request"
    file = resources.files("ocpp") / _FOLDERS[version] / "schemas" / f"{action}{suffix}.json"
    return jsonschema_rs.validator_for(file.read_text(encoding="utf-8-sig"))


def offences_of(version: OcppVersion, action: str, payload: Mapping[str, Any], *, response: bool) -> list[str]:
    """One sentence for each violation. A payload that is not JSON is left to the connection, which never sends it."""
    frame = f"OCPP {version.value}, {'answer to ' if response else ''}{action}"
    try:
        found = list(_validator(version, action, response=response).iter_errors(payload))
    except FileNotFoundError:
        return [f"{frame}: the version has no such action"]
    except (TypeError, ValueError, OverflowError):
        return []
    return [f"{frame}/{'/'.join(map(str, each.instance_path))}: {each.message[:200]}" for each in found]


class FrameWatch:
    """An `on_frame` of the simulated charger: collects the offences of the frames that it received."""

    def __init__(self, protocol: str) -> None:
        self._version = OcppVersion(protocol.removeprefix("ocpp"))
        self._actions: dict[str, str] = {}
        self.offences: list[str] = []

    def __call__(self, frame: SeenFrame) -> None:
        match frame.sent, frame.message:
            case True, [2, str(message_id), str(action), dict()]:
                self._actions[message_id] = action
            case False, [2, str(), str(action), dict(payload)]:
                self.offences += offences_of(self._version, action, payload, response=False)
            case False, [3, str(message_id), dict(payload)]:
                self.offences += offences_of(self._version, self._actions[message_id], payload, response=True)


def watch_connections() -> None:
    """Check what every `ChargerConnection` of this process sends from now on."""
    call, result = ChargerConnection.call, IncomingCalls._result

    async def checked_call(self: ChargerConnection, action: str, payload: Mapping[str, Any], **options: Any) -> Any:
        offences.extend(offences_of(self.version, action, payload, response=False))
        return await call(self, action, payload, **options)

    def checked_result(self: IncomingCalls[ChargerConnection], asked: Call, answer: Any) -> bytes:
        if isinstance(answer, dict):
            offences.extend(offences_of(self._version, asked.action, answer, response=True))
        return result(self, asked, answer)

    ChargerConnection.call = checked_call  # type: ignore[method-assign]
    IncomingCalls._result = checked_result  # type: ignore[method-assign]
