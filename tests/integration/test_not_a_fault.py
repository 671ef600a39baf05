"""What chargers show after a refusal, and what is truly broken: sequences that real chargers produce (design 3.6).

Each sequence is sent over OCPP as such a charger would; then both views are looked at: the faults that operations see, and the
attempts with what their denial looked like.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.places import prepare_file

STRANGER, OWN = "04FFFFFFFFFFFF", "04A1B2C3D4E5F6"
OURS = {
    "title": "Chargers of this test",
    "protocols": ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"],
    "mode_control": {"kind": "central"},
    "denial_error_codes": ["AuthorizationFailed", "0x0301", "Faulted"],
    "denial_window_s": 5.0,
}


@dataclass
class Charger:
    """A charger's side of one socket, and what the API shows of it."""

    ws: ClientConnection
    api: httpx.AsyncClient
    v16: bool
    position: Callable[[], Awaitable[int]]
    ids: itertools.count = field(default_factory=lambda: itertools.count(1))  # type: ignore[type-arg]

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        message_id = f"m{next(self.ids)}"
        await self.ws.send(json.dumps([2, message_id, action, payload]))
        while (frame := json.loads(await self.ws.recv()))[0] == 2:
            await self.ws.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
        assert frame[:2] == [3, message_id], frame
        return dict(frame[2])

    async def presents(self, tag: str) -> str:
        """The status of the answer."""
        if self.v16:
            return str((await self.call("Authorize", {"idTag": tag}))["idTagInfo"]["status"])
        token = {"idToken": tag, "type": "ISO14443"}
        return str((await self.call("Authorize", {"idToken": token}))["idTokenInfo"]["status"])

    async def starts(self, tag: str, connector: int) -> str:
        """Refused at the start, on a connector; the status of the answer."""
        start = {"connectorId": connector, "idTag": tag, "meterStart": 0, "timestamp": now()}
        return str((await self.call("StartTransaction", start))["idTagInfo"]["status"])

    async def says(
        self,
        status: str,
        code: str = "NoError",
        vendor_code: str | None = None,
        *,
        connector: int | str = 1,
        at: str = "",
    ) -> None:
        if self.v16:
            told = {"connectorId": connector, "errorCode": code, "status": status, "timestamp": at or now()}
            await self.call(
                "StatusNotification", told | ({} if vendor_code is None else {"vendorErrorCode": vendor_code})
            )
        else:
            told = {"timestamp": at or now(), "connectorStatus": status, "evseId": connector, "connectorId": 1}
            await self.call("StatusNotification", told)

    async def notifies(self, variable: str, value: str, *, connector: int = 1, **also: Any) -> None:
        """A change of a variable of the connector (2.x, NotifyEvent)."""
        told = {
            "eventId": next(self.ids),
            "timestamp": now(),
            "trigger": "Delta",
            "actualValue": value,
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "Connector", "evse": {"id": connector, "connectorId": 1}},
            "variable": {"name": variable},
            **also,
        }
        await self.call("NotifyEvent", {"generatedAt": now(), "seqNo": 0, "eventData": [told]})

    async def faults(self, count: int) -> list[tuple[int, str, bool]]:
        """Connector, code and whether it is over, oldest first."""
        items = await self._items("/v1/faults", lambda items: len(items) == count)
        return [(each["connector_id"], each["error_code"], each["cleared_at"] is not None) for each in reversed(items)]

    async def shown(self, count: int) -> list[str | None]:
        """What the attempts' denials looked like, oldest first."""
        items = await self._items("/v1/access-events", lambda items: len(items) == count)
        return [each["error_shown"] for each in reversed(items)]

    async def _items(self, path: str, fits: Callable[[Any], bool]) -> Any:
        """Once all that was sent is in the views."""
        headers = {"X-Log-Position": str(await self.position())}
        items = (await self.api.get(path, headers=headers)).json()["items"]
        assert fits(items), items
        return items


def now() -> str:
    return datetime.now(UTC).isoformat()


@asynccontextmanager
async def charger_of(path: Path, protocol: str) -> AsyncIterator[Charger]:
    settings = Settings(data=path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    prepare_file(settings.data / "views.sqlite")
    async with Service(settings).running() as service:
        token = service.container.stores.tokens().issue("acme", Role.ADMIN, subject="t", ttl=timedelta(hours=1))
        api = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{service.http_port}",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )
        async with api:
            bus = {"name": "Bus 7", "access_class": "own", "identifiers": [{"kind": "rfid", "value": OWN}]}
            bay = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ours", "baseline_mode": "managed"}
            for what, body in (
                ("profiles/ours", OURS),
                ("depots/north", {"name": "North", "time_zone": "Europe/Berlin"}),
                ("chargers/bay-1", {**bay, "connectors": 2}),
                ("vehicles/bus-7", bus),
            ):
                answer = await api.put(f"/v1/{what}", json=body)
                assert answer.is_success, answer.text
            url = f"ws://127.0.0.1:{service.ocpp_port}/ocpp/CP-1"
            async with connect(url, subprotocols=[Subprotocol(protocol)], proxy=None) as ws:
                charger = Charger(ws, api, protocol == "ocpp1.6", service.container.stores.store().last_position)
                boot: dict[str, Any] = {"chargePointVendor": "V", "chargePointModel": "M"}
                if not charger.v16:
                    boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
                await charger.call("BootNotification", boot)
                yield charger


@pytest.fixture
async def charger(tmp_path: Path) -> AsyncIterator[Charger]:
    async with charger_of(tmp_path, "ocpp1.6") as made:
        yield made


async def test_a_vendor_code_after_an_invalid_card_and_back(charger: Charger) -> None:
    assert await charger.presents(STRANGER) == "Invalid"
    await charger.says("Preparing", "OtherError", "0x0301")
    await charger.says("Available")

    assert await charger.faults(0) == []
    assert await charger.shown(1) == ["OtherError 0x0301"]


async def test_faulted_for_a_while_as_if_the_charger_were_broken(charger: Charger) -> None:
    await charger.presents(STRANGER)
    await charger.says("Faulted", "AuthorizationFailed", connector=0)
    await charger.says("Faulted", "AuthorizationFailed", connector=0)
    await charger.says("Available", connector=0)
    await charger.says("Available")

    assert await charger.faults(0) == []
    assert await charger.shown(1) == ["AuthorizationFailed"]


async def test_refused_at_the_start_with_the_session_opened_and_closed(charger: Charger) -> None:
    assert await charger.starts(STRANGER, 2) == "Invalid"
    await charger.says("SuspendedEVSE", "OtherError", "0x0301", connector=2)
    await charger.call(
        "StopTransaction", {"transactionId": 0, "meterStop": 0, "timestamp": now(), "reason": "DeAuthorized"}
    )
    await charger.says("Finishing", connector=2)
    await charger.says("Available", connector=2)

    assert await charger.faults(0) == []
    assert await charger.shown(1) == ["OtherError 0x0301"]


async def test_a_real_fault_right_after_a_denial_stays_a_fault(charger: Charger) -> None:
    await charger.presents(STRANGER)
    await charger.says("Faulted", "GroundFailure")

    assert await charger.faults(1) == [(1, "GroundFailure", False)]
    assert await charger.shown(1) == [None]


async def test_a_real_fault_while_the_denial_still_shows(charger: Charger) -> None:
    await charger.presents(STRANGER)
    await charger.says("Preparing", "OtherError", "0x0301")
    await charger.says("Faulted", "OverCurrentFailure")
    await charger.says("Available")

    assert await charger.faults(1) == [(1, "OverCurrentFailure", True)]
    assert await charger.shown(1) == ["OtherError 0x0301"]


async def test_the_other_connector_s_trouble_is_its_own(charger: Charger) -> None:
    await charger.starts(STRANGER, 1)
    await charger.says("Faulted", "OtherError", "0x0301", connector=2)

    assert await charger.faults(1) == [(2, "OtherError", False)]
    assert await charger.shown(1) == [None]


async def test_two_drivers_refused_at_two_connectors(charger: Charger) -> None:
    await charger.starts(STRANGER, 1)
    await charger.starts("04EEEEEEEEEEEE", 2)
    await charger.says("SuspendedEVSE", "OtherError", "0x0301", connector=2)
    await charger.says("SuspendedEVSE", "OtherError", "AuthorizationFailed", connector=1)

    assert await charger.faults(0) == []
    assert await charger.shown(2) == ["OtherError AuthorizationFailed", "OtherError 0x0301"]


async def test_the_code_without_a_denial_is_a_fault(charger: Charger) -> None:
    assert await charger.presents(OWN) == "Accepted"
    await charger.says("Faulted", "OtherError", "0x0301")

    assert await charger.faults(1) == [(1, "OtherError", False)]


async def test_a_status_that_had_waited_while_the_charger_was_offline(charger: Charger) -> None:
    await charger.presents(STRANGER)
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    await charger.says("Faulted", "OtherError", "0x0301", at=long_ago)

    assert await charger.faults(1) == [(1, "OtherError", False)]
    assert await charger.shown(1) == [None]


async def test_the_code_comes_back_when_the_window_is_over(charger: Charger) -> None:
    await charger.presents(STRANGER)
    await charger.says("Preparing", "OtherError", "0x0301")
    await charger.says("Available")
    await asyncio.sleep(OURS["denial_window_s"] + 0.2)  # type: ignore[operator]
    await charger.says("Faulted", "OtherError", "0x0301")

    assert await charger.faults(1) == [(1, "OtherError", False)]


async def test_a_status_in_any_spelling_of_no_error_is_not_a_fault(charger: Charger) -> None:
    for code in ("", "noError", "No Error", "None"):
        await charger.says("Available", code)

    assert await charger.faults(0) == []


async def test_a_connector_id_written_as_text_clears_the_fault_of_that_connector(charger: Charger) -> None:
    await charger.says("Faulted", "GroundFailure", connector=1)
    await charger.says("Available", connector="1")

    assert await charger.faults(1) == [(1, "GroundFailure", True)]


async def test_faulted_without_an_error_code_is_shown_as_faulted(charger: Charger) -> None:
    await charger.says("Faulted", "NoError", connector=2)

    assert await charger.faults(1) == [(2, "Faulted", False)]


async def test_a_station_of_ocpp_201_that_goes_faulted_after_a_refusal(tmp_path: Path) -> None:
    async with charger_of(tmp_path, "ocpp2.0.1") as charger:
        assert await charger.presents(STRANGER) == "Unknown"
        await charger.says("Faulted")
        await charger.says("Occupied")
        await charger.says("Faulted", connector=2)

        assert await charger.faults(0) == []
        assert (await charger.shown(1))[0] == "Faulted"


async def test_a_station_that_reports_a_fault_by_status_and_by_event_has_one_fault_in_detail(tmp_path: Path) -> None:
    async with charger_of(tmp_path, "ocpp2.1") as charger:
        await charger.says("Faulted")
        await charger.notifies("Problem", "true", techCode="0x17", techInfo="over temperature")
        await charger.says("Faulted")
        assert await charger.faults(1) == [(1, "Faulted", False)]
        (fault,) = await charger._items("/v1/faults", bool)
        assert (fault["vendor_error_code"], fault["info"]) == ("0x17", "over temperature")

        await charger.notifies("Problem", "false", cleared=True)
        await charger.notifies("AvailabilityState", "Available")
        assert await charger.faults(1) == [(1, "Faulted", True)]


async def test_a_station_that_reports_states_by_event_only_has_its_faults_listed(tmp_path: Path) -> None:
    async with charger_of(tmp_path, "ocpp2.1") as charger:
        await charger.notifies("AvailabilityState", "Faulted")
        await charger.notifies("AvailabilityState", "Occupied", connector=2)
        await charger.notifies("Problem", "maybe", connector=2)

        assert await charger.faults(1) == [(1, "Faulted", False)]
