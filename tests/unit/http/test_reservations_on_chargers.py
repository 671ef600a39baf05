"""The state of reservations on a charger itself, by the API, on the console's page and in the metrics."""

from __future__ import annotations

from datetime import timedelta

from access_policy.domain.charger_condition.events import ReservationOnCharger, ReservationState
from access_policy.domain.ids import ChargerId, ReservationId, TenantId
from tests.support.http_api import HttpApi

KEY = (TenantId("acme"), ChargerId("bay-1"))


async def report(
    api: HttpApi, number: int, connector_id: int, state: ReservationState, detail: str, *, lasts_h: float
) -> None:
    now = api.container.clock().now()
    reported = ReservationOnCharger(
        reservation_id=ReservationId(f"r{number}"),
        connector_id=connector_id,
        state=state,
        detail=detail,
        until=now + timedelta(hours=lasts_h),
        reported_at=now,
    )
    await api.container.deciding.conditions().reservation_reported(KEY, number, reported)


async def test_charger_shows_the_reservations_on_it_up_to_their_ends_by_connector(api: HttpApi) -> None:
    assert (await api.get("/v1/chargers/bay-1")).json()["reservations_on_charger"] == []

    await report(api, 1, 2, ReservationState.REFUSED, "Rejected", lasts_h=2)
    await report(api, 2, 1, ReservationState.WAITING, "Occupied", lasts_h=1)
    await report(api, 2, 1, ReservationState.RESERVED, "Accepted", lasts_h=1)
    await report(api, 3, 1, ReservationState.GONE, "cancelled", lasts_h=0)
    await api.settled()

    shown = (await api.get("/v1/chargers/bay-1")).json()["reservations_on_charger"]
    assert [(each["reservation_id"], each["connector_id"], each["state"], each["detail"]) for each in shown] == [
        ("r2", 1, "reserved", "Accepted"),
        ("r1", 2, "refused", "Rejected"),
    ]
    measured = api.container.deciding.measurements().reserved
    assert measured[ReservationState.RESERVED] == 1
    assert (await api.get("/v1/chargers")).json()["items"][0]["reservations_on_charger"] == shown
