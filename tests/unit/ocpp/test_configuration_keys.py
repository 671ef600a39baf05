"""Configuration keys are read however few of them a charger takes in a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.outgoing.v16.configuration_keys import KEYS_AT_ONCE, read_keys
from access_policy.adapters.ocpp.transport.answers import Answer
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, ConnectionLimits
from access_policy.adapters.ocpp.transport.framing import Call
from access_policy.application.ports.charger_gateway import SwitchRefused
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey
from tests.support.ocpp_pipe import Pipe
from tests.support.reading_back import commands_of

NAMES = [f"Key{number}" for number in range(12)]
SETTINGS = {name: str(number) for number, name in enumerate(NAMES)}

Answering = Callable[[list[str], dict[str, str]], list[Any]]
"""What a charger answers to the keys of a message: the frame from its type on, without the message id."""


def at_most(most: int, *, states_it: bool = True) -> Answering:
    """It refuses a message with more keys."""

    def answer(keys: list[str], settings: dict[str, str]) -> list[Any]:
        if len(keys) > most:
            return [4, "OccurenceConstraintViolation", "", {}]
        own = settings | {"GetConfigurationMaxKeys": str(most)} if states_it else settings
        return [3, _told(keys, own)]

    return answer


def cuts_short(most: int) -> Answering:
    """It answers for the first keys and says nothing of the others."""
    return lambda keys, settings: [3, _told(keys[:most], settings)]


def never_names_unknown(keys: list[str], settings: dict[str, str]) -> list[Any]:
    return [3, {"configurationKey": _told(keys, settings)["configurationKey"]}]


def refuses_all(code: str) -> Answering:
    return lambda keys, settings: [4, code, "", {}]


def _told(keys: list[str], settings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "configurationKey": [
            {"key": key, "readonly": False, "value": settings[key]} for key in keys if key in settings
        ],
        "unknownKey": [key for key in keys if key not in settings],
    }


class Charger:
    """Answers GetConfiguration; `asked` are the keys of each message."""

    def __init__(self, answering: Answering, settings: dict[str, str]) -> None:
        self.pipe = Pipe()
        self.settings = settings
        self.asked: list[list[str]] = []
        self._answering = answering
        self.pipe.write = self._answer  # type: ignore[method-assign]

    def _answer(self, frame: bytes) -> bool:
        is_sent = Pipe.write(self.pipe, frame)
        _, message_id, action, payload = self.pipe.heard[-1]
        if action == "GetLocalListVersion":
            self.pipe.say([3, message_id, {"listVersion": 1}])
            return is_sent
        assert action == "GetConfiguration"
        keys = payload.get("key")
        self.asked.append(keys or [])
        kind, *rest = self._answering(list(self.settings) if keys is None else keys, self.settings)
        self.pipe.say([kind, message_id, *rest])
        return is_sent


def _no_calls(_: ChargerConnection, call: Call) -> Answer:
    raise AssertionError(f"unexpected {call.action}")


@asynccontextmanager
async def connected(
    answering: Answering, settings: dict[str, str] = SETTINGS
) -> AsyncIterator[tuple[ChargerConnection, Charger]]:
    charger = Charger(answering, settings)
    connection = ChargerConnection(
        charger.pipe,  # type: ignore[arg-type]
        charge_point_id="CP1",
        version=OcppVersion.V16,
        epoch=1,
        remote="127.0.0.1",
        limits=ConnectionLimits(),
    )
    running = asyncio.create_task(connection.run(_no_calls))
    yield connection, charger
    charger.pipe.hang_up()
    await running


async def _values(connection: ChargerConnection, names: list[str]) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in (await read_keys(connection, names)).values()}


async def test_keys_beyond_one_message_are_read_in_chunks() -> None:
    async with connected(at_most(50)) as (connection, charger):
        assert await _values(connection, [*NAMES, "Absent"]) == SETTINGS
        assert [len(keys) for keys in charger.asked] == [KEYS_AT_ONCE, 3]


async def test_charger_that_refuses_a_chunk_is_asked_for_as_many_as_it_states_from_then_on() -> None:
    async with connected(at_most(4)) as (connection, charger):
        assert await _values(connection, NAMES) == SETTINGS
        assert [len(keys) for keys in charger.asked] == [10, 1, 4, 4, 4]
        charger.asked.clear()
        assert await _values(connection, NAMES[:6]) == {name: SETTINGS[name] for name in NAMES[:6]}
        assert [len(keys) for keys in charger.asked] == [4, 2]


async def test_charger_that_refuses_a_chunk_and_states_no_limit_is_asked_for_one_key_at_a_time() -> None:
    async with connected(at_most(1, states_it=False)) as (connection, charger):
        assert await _values(connection, NAMES[:3]) == {name: SETTINGS[name] for name in NAMES[:3]}
        assert charger.asked[2:] == [[NAMES[0]], [NAMES[1]], [NAMES[2]]]


@pytest.mark.parametrize("most", [1, 3])
async def test_charger_that_answers_for_the_first_keys_only_is_asked_for_the_others(most: int) -> None:
    async with connected(cuts_short(most)) as (connection, charger):
        assert await _values(connection, NAMES) == SETTINGS
        charger.asked.clear()
        assert await _values(connection, NAMES) == SETTINGS
        assert {len(keys) for keys in charger.asked} == {most}


async def test_charger_that_never_names_unknown_keys_is_asked_for_each_of_them_once() -> None:
    async with connected(never_names_unknown) as (connection, charger):
        assert await _values(connection, [NAMES[0], "Absent"]) == {NAMES[0]: "0"}
        assert await _values(connection, [NAMES[0], "Absent"]) == {NAMES[0]: "0"}
        assert charger.asked == [[NAMES[0], "Absent"], ["Absent"], [NAMES[0], "Absent"]]


@pytest.mark.parametrize(("code", "messages"), [("NotImplemented", 1), ("NotSupported", 1), ("InternalError", 5)])
async def test_charger_that_refuses_every_key_is_not_one_without_them(code: str, messages: int) -> None:
    async with connected(refuses_all(code)) as (connection, charger):
        with pytest.raises(SwitchRefused, match=code):
            await read_keys(connection, NAMES[:3])
        assert len(charger.asked) == messages


SAFE = {
    "LocalPreAuthorize": "false",
    "StopTransactionOnInvalidId": "true",
    "LocalAuthListEnabled": "false",
    "LocalAuthorizeOffline": "false",
    "AllowOfflineTxForUnknownId": "false",
}
SWITCH = ConfigurationKey(key="FreeVend", also_called=("FreeVendMode",), managed_value="false", freevend_value="true")
OTHERS = {"FreeVendMode": "true", "LocalAuthListMaxLength": "80", "SendLocalListMaxLength": "8"}


@pytest.mark.parametrize("answering", [at_most(1), cuts_short(1)], ids=["refuses", "cuts-short"])
async def test_charger_that_takes_one_key_a_message_is_switched_made_safe_listed_and_inspected(
    answering: Answering,
) -> None:
    async with connected(answering, SAFE | OTHERS) as (connection, _):
        commands = commands_of(connection)
        assert (await commands.read_switch(SWITCH))[0] is AccessMode.FREEVEND
        safe = await commands.make_safe(OfflineStarts.CLOSED)
        assert (dict(safe.in_force), safe.refused) == (SAFE, {})
        state = await commands.list_state()
        assert (state.capacity, state.per_message) == (80, 8)
        seen = await commands.inspect([*SAFE, *OTHERS], [])
        assert {each.name: each.value for each in seen.settings.values()} == SAFE | OTHERS
