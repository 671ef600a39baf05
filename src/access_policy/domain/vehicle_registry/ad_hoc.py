"""Ad-hoc permissions: an operator lets a refused identifier charge at the attempt's depot until an instant (ADR 0041)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import ActorId, AttemptId, DepotId, VehicleId, checked_name

LONGEST: Final = timedelta(days=7)
REASON_LENGTH_MAX: Final = 500

Subject = tuple[DepotId, str]


class AdHocInvalid(Invalid):
    code = "ad-hoc-permission-invalid"


class AdHocNotPossible(Conflict):
    """The refusal has a cause that an ad-hoc permission does not override."""

    code = "ad-hoc-permission-not-possible"


class AdHocUnknown(Unknown):
    code = "ad-hoc-permission-not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdHocPermission:
    """A permission in `[given_at, until)` at the chargers of `depot_id`. It applies to the vehicle that had the identifier
    when the permission was given, with any of its identifiers, or otherwise only to `identifier`.
    """

    attempt_id: AttemptId
    depot_id: DepotId
    identifier: IdentifierRef
    vehicle_id: VehicleId | None
    given_at: datetime
    until: datetime
    reason: str
    given_by: ActorId

    def admits(self, at: datetime) -> bool:
        return self.given_at <= at < self.until

    @property
    def subject(self) -> Subject:
        if self.vehicle_id is not None:
            return subject_of_vehicle(self.depot_id, self.vehicle_id)
        return subject_of_identifier(self.depot_id, self.identifier)

    def check(self) -> None:
        """Raises `AdHocInvalid`, `AdHocNotPossible` or `InvalidName`."""
        checked_name(self.reason, "reason", length_max=REASON_LENGTH_MAX)
        if self.until <= self.given_at:
            raise AdHocInvalid("The permission would end at once; give a later 'until'.", pointer="/until")
        if self.until - self.given_at > LONGEST:
            raise AdHocInvalid(
                f"An ad-hoc permission lasts at most {LONGEST.days} days; enrol the vehicle, or amend its agreement.",
                pointer="/until",
            )
        is_secret = self.identifier.kind is IdentifierKind.PIN or self.identifier.is_hidden
        if self.vehicle_id is None and is_secret:
            raise AdHocNotPossible(
                "A wrong PIN, or digits that may be one, cannot be allowed; ask the driver to present a card."
            )


def subject_of_vehicle(depot_id: DepotId, vehicle_id: VehicleId) -> Subject:
    return depot_id, f"vehicle {vehicle_id}"


def subject_of_identifier(depot_id: DepotId, ref: IdentifierRef) -> Subject:
    return depot_id, f"{ref.kind.value} {ref.pseudonym}"
