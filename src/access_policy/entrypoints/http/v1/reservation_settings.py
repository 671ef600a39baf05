"""`/v1/depots/{depot_id}/reservation-settings`."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from fastapi.responses import Response
from pydantic import Field

from access_policy.application.commands.put_reservation_settings import PutReservationSettings
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import DepotId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.settings import HORIZON_DAYS_MAX, ReservationSettings
from access_policy.domain.reservations.terms import MINUTES_MAX, ReservationTerms
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import PutCall
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.fields import ClockTime, RequestModel, ResponseModel
from access_policy.entrypoints.http.responses import set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.reservation_models import Minutes, TermsBody

router = api_router(tags=["reservations"])


class DefaultTermsBody(TermsBody):
    """The terms of new reservations. `change_until_min` and `cancel_until_min`: a partner may change or cancel a
    booking until that many minutes before its start."""

    change_until_min: Minutes = 0
    cancel_until_min: Minutes = 0
    shortest_min: Minutes = 1
    longest_min: Minutes = MINUTES_MAX


class ReservationSettingsBody(RequestModel):
    """An operating day begins at the local time `day_starts_at`. Lists without an end reach `horizon_days` days
    ahead."""

    terms: DefaultTermsBody = Field(default_factory=DefaultTermsBody)
    day_starts_at: ClockTime = "03:00"
    horizon_days: Annotated[int, Field(strict=True, ge=1, le=HORIZON_DAYS_MAX)] = 7

    def settings(self) -> ReservationSettings:
        return ReservationSettings(
            terms=ReservationTerms(**self.terms.model_dump()),
            day_starts_at=time.fromisoformat(self.day_starts_at),
            horizon_days=self.horizon_days,
        )


class DefaultTermsShown(ResponseModel):
    early_start_min: int
    late_stop_min: int | None
    no_show_after_min: int | None
    release_on_stop: bool
    change_until_min: int
    cancel_until_min: int
    shortest_min: int
    longest_min: int


class ReservationSettingsShown(ResponseModel):
    """The settings of a depot's reservations. `version` 0: they were never changed; the service's defaults apply."""

    depot_id: str
    terms: DefaultTermsShown
    day_starts_at: str
    horizon_days: int
    version: Annotated[int, Field(ge=0, description="The version that If-Match is compared with")]

    @classmethod
    def of(cls, book: ReservationBook) -> ReservationSettingsShown:
        settings = book.settings
        terms = {name: getattr(settings.terms, name) for name in DefaultTermsShown.model_fields}
        return cls(
            depot_id=book.depot_id,
            terms=DefaultTermsShown(**terms),
            day_starts_at=f"{settings.day_starts_at:%H:%M}",
            horizon_days=settings.horizon_days,
            version=book.settings_changed_at,
        )


@router.get(
    "/depots/{depot_id}/reservation-settings",
    operation_id="get_reservation_settings",
    dependencies=requires(READERS),
)
async def get_reservation_settings(
    depot_id: str, caller: Caller, view: DecisionView, response: Response
) -> ReservationSettingsShown:
    """Return the depot's settings for reservations, with their version as `ETag`. Changes nothing."""
    if view.depot(caller.tenant_id, DepotId(depot_id)) is None:
        raise DepotUnknown.named(DepotId(depot_id))
    shown = ReservationSettingsShown.of(view.book(caller.tenant_id, DepotId(depot_id)))
    set_etag(response, shown.version)
    return shown


@router.put(
    "/depots/{depot_id}/reservation-settings",
    operation_id="put_reservation_settings",
    dependencies=requires(OPERATORS),
)
async def put_reservation_settings(
    depot_id: str,
    body: ReservationSettingsBody,
    call: PutCall,
    view: DecisionView,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_reservation_settings)],
) -> ReservationSettingsShown:
    """Set the default terms of new reservations, the start of the operating day and the horizon. Existing reservations
    keep their terms."""
    command = PutReservationSettings(
        depot_id=DepotId(depot_id), settings=body.settings(), expected_version=call.expected_version
    )
    await call(handler, command)
    return ReservationSettingsShown.of(view.book(call.caller.tenant_id, command.depot_id))
