"""Request and response models of a vehicle, and how vehicles are read."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import Field, StringConstraints, model_validator

from access_policy.application.audit.readings import Readings
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Identity, Role
from access_policy.application.ports.secrets import Pseudonyms, VehicleVault, refs_of
from access_policy.application.ports.views import Row, Views
from access_policy.domain.audit.readings import ShownIn
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import ASSURANCE, Assurance, Identifier, IdentifierKind, identifier
from access_policy.domain.ids import AgreementId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.http.calls import Call
from access_policy.entrypoints.http.dependencies import container_of, within_depots
from access_policy.entrypoints.http.fields import (
    TEXT_MAX,
    End,
    IdentifierBody,
    Instant,
    RequestModel,
    ResponseModel,
    Text,
    UtcInstant,
    Version,
)
from access_policy.entrypoints.http.responses import not_found

log = logging.getLogger(__name__)

SEES_VALUES = frozenset({Role.OPERATOR, Role.ADMIN})


class VehicleBody(RequestModel):
    """The whole vehicle: a field that is left out is not set. `identifiers` replaces the vehicle's identifiers; null keeps
    them."""

    name: Text
    access_class: Literal["own", "agreement"]
    agreement_id: Text | None = None
    valid_from: Instant | None = None
    valid_until: End | None = None
    identifiers: Annotated[list[IdentifierBody], Field(max_length=200)] | None = Field(default=[])
    plate: Annotated[str, StringConstraints(max_length=TEXT_MAX)] | None = None

    @model_validator(mode="after")
    def _known_identifiers(self) -> VehicleBody:
        if self.identifiers is None and self.plate is not None:
            raise ValueError("plate is one of the identifiers; leave it out if identifiers is null")
        return self

    def description(self) -> VehicleDescription:
        return VehicleDescription(
            name=self.name,
            access_class=AccessClass(self.access_class),
            agreement_id=None if self.agreement_id is None else AgreementId(self.agreement_id),
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )

    def presented(self) -> list[tuple[IdentifierKind, str]] | None:
        """Return the identifiers as presented; None: the vehicle keeps its identifiers."""
        if self.identifiers is None:
            return None
        plates = [] if self.plate is None else [(IdentifierKind.PLATE, self.plate)]
        return [*((each.kind, each.value) for each in self.identifiers), *plates]


class IdentifierShown(ResponseModel):
    """An identifier. `value` is shown to operators and admins until it is erased; a PIN's value is never shown."""

    kind: IdentifierKind
    masked: str
    assurance: Assurance
    verified_at: UtcInstant | None
    value: Annotated[str | None, Field(default=None)]

    @classmethod
    def of(cls, row: Row, values: Mapping[str, str | None]) -> IdentifierShown:
        kind = IdentifierKind(row["kind"])
        value = {"value": values[row["pseudonym"]]} if row["pseudonym"] in values else {}
        return cls(kind=kind, masked=row["masked"], assurance=ASSURANCE[kind], verified_at=row["verified_at"], **value)


class Vehicle(ResponseModel):
    vehicle_id: str
    name: str
    access_class: AccessClass
    agreement_id: str | None
    valid_from: UtcInstant | None
    valid_until: UtcInstant | None
    suspended: bool
    suspended_because: str | None
    identifiers: list[IdentifierShown]
    version: Version


@dataclass(frozen=True, slots=True)
class VehicleReader:
    """Reads vehicles as responses show them."""

    views: Views
    view: DecisionView
    pseudonyms: Pseudonyms
    vault: VehicleVault
    readings: Readings

    async def row(self, tenant_id: TenantId, vehicle_id: VehicleId) -> Row:
        row = await self.views.vehicle(tenant_id, vehicle_id)
        if row is None:
            raise not_found("vehicle")
        return row

    async def after_command(self, tenant_id: TenantId, vehicle_id: VehicleId, version: int) -> Vehicle:
        """Return the vehicle for the response to a command. It has no values of identifiers, because the response is
        kept for a day to answer repetitions."""
        return self._shown({**await self.row(tenant_id, vehicle_id), "version": version}, {})

    async def shown(self, call: Call, rows: Sequence[Row], shown_in: ShownIn) -> list[Vehicle]:
        """Return vehicles as the caller may see them. The reading of values is recorded first; if it cannot be, the
        values are left out."""
        values = [await self._values(call.caller, row) for row in rows]
        holders = [
            VehicleId(row["vehicle_id"]) for row, of_row in zip(rows, values, strict=True) if any(of_row.values())
        ]
        count = sum(value is not None for of_row in values for value in of_row.values())
        try:
            await self.readings.record(call.context, shown_in, values=count, vehicle_ids=holders)
        except StoreUnavailable as trouble:
            log.warning("identifier values are left out, because the reading cannot be recorded: %s", trouble)
            values = [{} for _ in rows]
        return [self._shown(row, of_row) for row, of_row in zip(rows, values, strict=True)]

    def byte_reversed_holder(self, tenant_id: TenantId, value: Identifier) -> VehicleId | None:
        """Return the vehicle that has the same RFID UID in reverse byte order, in which some readers send it. It is for
        a note to the operator, never for a match."""
        twin = value.byte_reversed()
        if twin is None or twin == value:
            return None
        holder = self.view.registry(tenant_id).holder_of(self.pseudonyms.ref(tenant_id, twin))
        return None if holder is None else holder.vehicle_id

    def spellings(self, tenant_id: TenantId, text: str) -> set[str]:
        """Return the pseudonyms of all identifiers that the text may be a spelling of."""
        found: set[str] = set()
        for kind in IdentifierKind:
            try:
                found.update(ref.pseudonym for ref in refs_of(self.pseudonyms, tenant_id, identifier(kind, text)))
            except Refused:
                continue
        return found

    async def _values(self, caller: Identity, row: Row) -> dict[str, str | None]:
        """Return the values of the vehicle's identifiers by pseudonym, if the caller may see them. PIN values are not
        stored."""
        if caller.role not in SEES_VALUES:
            return {}
        vehicle_id = VehicleId(row["vehicle_id"])
        return {
            each["pseudonym"]: await self.vault.unseal(caller.tenant_id, vehicle_id, each["sealed"])
            for each in row["identifiers"]
            if each["sealed"]
        }

    @staticmethod
    def _shown(row: Row, values: Mapping[str, str | None]) -> Vehicle:
        return Vehicle(
            vehicle_id=row["vehicle_id"],
            name=row["name"],
            access_class=row["access_class"],
            agreement_id=row["agreement_id"],
            valid_from=row["valid_from"],
            valid_until=row["valid_until"],
            suspended=row["suspended_because"] is not None,
            suspended_because=row["suspended_because"],
            identifiers=[IdentifierShown.of(each, values) for each in row["identifiers"]],
            version=row["version"],
        )


async def _reader(request: Request) -> VehicleReader:
    c = container_of(request)
    return VehicleReader(
        within_depots(c.read_side.views(), request.state.caller),
        c.deciding.view(),
        c.stores.pseudonyms(),
        c.records.vault(),
        c.auditing.readings(),
    )


Vehicles = Annotated[VehicleReader, Depends(_reader)]
