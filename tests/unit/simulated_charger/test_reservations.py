"""Reserved connectors of simulated chargers, in both protocol versions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.chargers import OCPP16, OCPP201, Behaviour, ChargerSpec, DecidedBy, Identifier, SimulatedCharger
from tests.unit.simulated_charger.scripted_csms import Payload, ScriptedCsms

HOLDER = Identifier.rfid("04A1B2C3")
OTHER = Identifier.rfid("04FFFFFF")
MakeSpec = Callable[..., ChargerSpec]
BOTH = pytest.mark.parametrize("protocol", [OCPP16, OCPP201])
ACCEPTED = {"status": "Accepted"}


def reserving(protocol: str, *, number: int = 7, connector: int = 1, lasts_s: float = 3600) -> Payload:
    until = (datetime.now(UTC) + timedelta(seconds=lasts_s)).isoformat()
    if protocol == OCPP16:
        return {"connectorId": connector, "expiryDate": until, "idTag": HOLDER.value, "reservationId": number}
    token = {"idToken": HOLDER.value, "type": "ISO14443"}
    return {"id": number, "expiryDateTime": until, "idToken": token, "evseId": connector}


@BOTH
async def test_reserved_connector_refuses_another_card_and_the_holder_s_start_names_the_reservation(
    csms: ScriptedCsms, spec: MakeSpec, protocol: str
) -> None:
    async with SimulatedCharger(spec(protocol, reserves=True)) as charger:
        await charger.until_ready()
        assert await csms.ask("ReserveNow", reserving(protocol)) == ACCEPTED

        refused = await charger.try_to_charge(identifier=OTHER)
        admitted = await charger.try_to_charge(identifier=HOLDER)

        assert (refused.charged, refused.decided_by) == (False, DecidedBy.RESERVATION)
        assert admitted.charged
        starts = csms.came("StartTransaction") + csms.came("TransactionEvent")
        assert [each["reservationId"] for each in starts if "reservationId" in each][:1] == [7]
        assert await csms.ask("CancelReservation", {"reservationId": 7}) == {"status": "Rejected"}


@BOTH
async def test_reserve_now_of_a_taken_connector_is_occupied_and_of_a_faulted_one_faulted(
    csms: ScriptedCsms, spec: MakeSpec, protocol: str
) -> None:
    async with SimulatedCharger(spec(protocol, reserves=True, connectors=2)) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        await charger.break_down(2, error_code="GroundFailure")

        assert await csms.ask("ReserveNow", reserving(protocol)) == {"status": "Occupied"}
        assert await csms.ask("ReserveNow", reserving(protocol, connector=2)) == {"status": "Faulted"}
        assert await csms.ask("ReserveNow", reserving(protocol, connector=3)) == {"status": "Rejected"}


@BOTH
async def test_cancelled_reservation_admits_everyone(csms: ScriptedCsms, spec: MakeSpec, protocol: str) -> None:
    async with SimulatedCharger(spec(protocol, reserves=True)) as charger:
        await charger.until_ready()
        await csms.ask("ReserveNow", reserving(protocol))

        assert await csms.ask("CancelReservation", {"reservationId": 7}) == ACCEPTED
        assert (await charger.try_to_charge(identifier=OTHER)).charged


async def test_reservation_that_ends_is_reported_in_201(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(OCPP201, reserves=True)) as charger:
        await charger.until_ready()
        await csms.ask("ReserveNow", reserving(OCPP201, lasts_s=0.05))

        await charger.until(lambda: bool(csms.came("ReservationStatusUpdate")))

        assert csms.came("ReservationStatusUpdate") == [{"reservationId": 7, "reservationUpdateStatus": "Expired"}]


@BOTH
async def test_reservation_survives_a_boot_unless_the_charger_forgets_it(
    csms: ScriptedCsms, spec: MakeSpec, protocol: str
) -> None:
    for forgets in (False, True):
        behaviour = Behaviour(forgets_reservations_at_boot=forgets)
        async with SimulatedCharger(spec(protocol, reserves=True, behaviour=behaviour)) as charger:
            await charger.until_ready()
            await csms.ask("ReserveNow", reserving(protocol))
            await charger.reboot()
            await charger.until_ready()

            assert (await charger.try_to_charge(identifier=OTHER)).charged is forgets
