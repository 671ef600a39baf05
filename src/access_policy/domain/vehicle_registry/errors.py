"""Why a command on the registry is refused."""

from __future__ import annotations

from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.ids import VehicleId


class VehicleUnknown(Unknown):
    code = "vehicle-not-found"


class AgreementUnknown(Unknown):
    code = "agreement-not-found"


class AgreementNotThere(Invalid):
    """A vehicle names an agreement that was never recorded."""

    code = "agreement-unknown"


class AgreementDepotUnknown(Invalid):
    """An agreement names a depot that was never registered."""

    code = "agreement-depot-unknown"
    names_unknown = True


class AgreementChargerUnknown(Invalid):
    """An agreement names a charger that was never registered."""

    code = "agreement-charger-unknown"
    names_unknown = True


class VehicleInvalid(Invalid):
    code = "vehicle-invalid"


class AgreementInvalid(Invalid):
    code = "agreement-invalid"


class IdentifierTaken(Conflict):
    code = "identifier-taken"

    def __init__(self, holder: VehicleId, masked: str, *, pointer: str) -> None:
        super().__init__(
            f"The identifier {masked} belongs to vehicle {holder}; remove it there first, or leave it out here.",
            pointer=pointer,
        )
        self.holder = holder
