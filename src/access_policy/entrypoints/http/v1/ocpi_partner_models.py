"""Bodies and responses of `/v1/ocpi-partners`."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field

from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId
from access_policy.domain.ocpi_partners import partner as domain
from access_policy.domain.ocpi_partners.partner import (
    DEPOTS_MAX,
    PLACES_MAX,
    ConnectionState,
    PartnerSettings,
    party_of,
)
from access_policy.domain.reservations.terms import MINUTES_MAX, ReservationTerms
from access_policy.entrypoints.http.fields import RequestModel, ResponseModel, Text, UtcInstant, Version

Minutes = Annotated[int, Field(ge=0, le=MINUTES_MAX)]


class PartnerTerms(RequestModel):
    """The terms, in minutes. `no_show_after_min` null: a late holder never loses the booking; `late_stop_min` null: a
    booking ends with its window."""

    early_start_min: Minutes = 0
    late_stop_min: Minutes | None = None
    no_show_after_min: Minutes | None = None
    release_on_stop: bool = True
    change_until_min: Minutes = 0
    cancel_until_min: Minutes = 0
    shortest_min: Minutes = 1
    longest_min: Minutes = MINUTES_MAX


class BookableBody(RequestModel):
    """Chargers and reservation groups of a depot; if both are empty, all chargers and groups."""

    depot_id: Text
    charger_ids: list[Text] = Field(default=[], max_length=PLACES_MAX)
    group_ids: list[Text] = Field(default=[], max_length=PLACES_MAX)


class OcpiPartnerBody(RequestModel):
    """The settings of a partner. `own_party` (such as DE-BTF) and `own_name`: the operator that this partner sees.
    Without `terms`, each depot's defaults apply to the partner's bookings."""

    name: Text
    own_party: Text
    own_name: Text
    bookable: list[BookableBody] = Field(max_length=DEPOTS_MAX)
    terms: PartnerTerms | None = None
    enabled: bool = True

    def settings(self) -> PartnerSettings:
        """Return the settings. Raises `OcpiPartnerInvalid`."""
        bookable = tuple(
            domain.BookablePlaces(
                depot_id=DepotId(each.depot_id),
                charger_ids=tuple(map(ChargerId, dict.fromkeys(each.charger_ids))),
                group_ids=tuple(map(ReservationGroupId, dict.fromkeys(each.group_ids))),
            )
            for each in self.bookable
        )
        return PartnerSettings(
            name=self.name,
            own_party=party_of(self.own_party, "own_party"),
            own_name=self.own_name,
            bookable=bookable,
            terms=None if self.terms is None else ReservationTerms(**self.terms.model_dump()),
            enabled=self.enabled,
        )


class RegisterBody(RequestModel):
    """The partner's versions URL and its registration token (A)."""

    versions_url: Text
    token: Text


class OcpiPartner(ResponseModel):
    """A partner. `versions_url` is its URL; null until it is connected. `connected_modules` are the modules that it
    offers."""

    partner_id: str
    name: str
    own_party: str
    own_name: str
    bookable: list[BookableBody]
    terms: PartnerTerms | None
    enabled: bool
    state: ConnectionState
    versions_url: str | None
    connected_modules: list[str]
    created_at: UtcInstant
    changed_at: UtcInstant
    version: Version

    @classmethod
    def of(cls, partner: domain.OcpiPartner, **more: Any) -> Self:
        settings, connection = partner.settings, partner.connection
        return cls(
            partner_id=partner.partner_id,
            name=settings.name,
            own_party=str(settings.own_party),
            own_name=settings.own_name,
            bookable=[
                BookableBody(depot_id=each.depot_id, charger_ids=list(each.charger_ids), group_ids=list(each.group_ids))
                for each in settings.bookable
            ],
            terms=None if settings.terms is None else _terms(settings.terms),
            enabled=settings.enabled,
            state=partner.state,
            versions_url=None if connection is None else connection.versions_url,
            connected_modules=[]
            if connection is None
            else [f"{each.module} {each.role}" for each in connection.endpoints],
            created_at=partner.created_at,
            changed_at=partner.changed_at,
            version=partner.version,
            **more,
        )


class OcpiPartnerWithToken(OcpiPartner):
    """A partner with a token. `token` is the registration token (A). Give it to the partner with the URL of
    `/ocpi/versions`. It is shown only here; null if the partner already has one, and in the response to a repeated
    request."""

    token: str | None


class RemovedOcpiPartner(ResponseModel):
    """A removed partner. Its `cancelled_reservations` had not begun; `kept_reservations` had begun and run to their
    end."""

    partner_id: str
    cancelled_reservations: int
    kept_reservations: int


def _terms(terms: ReservationTerms) -> PartnerTerms:
    return PartnerTerms(**{name: getattr(terms, name) for name in PartnerTerms.model_fields})
