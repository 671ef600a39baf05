"""A refused driver reads why on the charger's display, over real OCPP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import DepotId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from tests.integration.test_mode_control_scenarios import CONTEXT, SPEC, application, depot_with, newest_attempt, until
from tests.support.chargers import OCPP21, OCPP201, Identifier, Vehicle

OWN = "04A1B2C3D4E5F6"


@pytest.mark.parametrize(("protocol", "profile"), [(OCPP201, "ocpp201-central"), (OCPP21, "ocpp21-central")])
async def test_the_display_says_why_in_the_depot_s_language_until_somebody_is_let_in(
    tmp_path: Path, protocol: str, profile: str
) -> None:
    async with depot_with(tmp_path, profile, AccessMode.MANAGED, replace(SPEC, protocol=protocol)) as (
        service,
        charger,
    ):
        german = DepotSettings(name="North", time_zone="Europe/Berlin", language="de")
        await service.container.commands.put_depot()(CONTEXT, PutDepot(depot_id=DepotId("north"), settings=german))
        bus = PutVehicle(
            vehicle_id=VehicleId("bus-7"),
            description=VehicleDescription(name="Bus 7", access_class=AccessClass.OWN),
            identifiers=[(IdentifierKind.RFID, OWN)],
        )
        done = await service.container.commands.put_vehicle()(CONTEXT, bus)
        await service.settled(done.position)
        await charger.until_ready()
        await until(lambda: application(service).applied_mode is AccessMode.MANAGED)
        await charger.plug_in(1, Vehicle())

        assert not (await charger.present(1, Identifier.rfid("04FFFFFFFFFFFF"))).charged
        await charger.until(lambda: bool(charger.display_messages))
        (message,) = charger.display_messages.values()
        shown = await newest_attempt(service, lambda row: row["display_status"] is not None)
        assert message["message"]["language"] == "de"
        assert message["endDateTime"]
        assert (shown["display_status"], shown["display_message"]) == ("Accepted", message["message"]["content"])

        assert (await charger.present(1, Identifier.rfid(OWN))).charged
        await charger.until(lambda: not charger.display_messages)


async def test_a_charger_without_a_display_is_not_sent_any(tmp_path: Path) -> None:
    spec = replace(SPEC, protocol=OCPP201, has_display=False)
    async with depot_with(tmp_path, "ocpp201-central", AccessMode.MANAGED, spec) as (service, charger):
        await charger.until_ready()
        await until(lambda: application(service).applied_mode is AccessMode.MANAGED)
        await charger.plug_in(1, Vehicle())
        assert not (await charger.present(1, Identifier.rfid("04FFFFFFFFFFFF"))).charged
        await service.container.chargers.driver_display().finish()

        assert not [frame for frame in charger.frames if frame.action == "SetDisplayMessage"]
