"""The charges at a depot that may belong to holders of reservations."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId, ChargerId, VehicleId
from access_policy.domain.reservations.entries import keys_of_holder
from access_policy.domain.reservations.reservation import Holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A charge that was not refused. `ended_at` is None while it is running."""

    attempt_id: AttemptId
    charger_id: ChargerId
    connector_id: int | None
    identifier: IdentifierRef
    vehicle_id: VehicleId | None
    started_at: datetime
    ended_at: datetime | None = None

    @property
    def keys(self) -> set[Hashable]:
        """Return the keys by which its holder is found, as in `keys_of_holder`."""
        of_identifier: set[Hashable] = {(self.identifier.kind, self.identifier.pseudonym)}
        return of_identifier if self.vehicle_id is None else of_identifier | {self.vehicle_id}


@dataclass(slots=True)
class Charges:
    """The charges of one depot, indexed by attempt and by holder."""

    by_attempt: dict[AttemptId, Charge] = field(default_factory=dict)
    _by_holder: dict[Hashable, set[AttemptId]] = field(default_factory=dict, repr=False)

    def put(self, charge: Charge) -> None:
        """Add the charge, or replace the charge of its attempt."""
        self.drop(charge.attempt_id)
        self.by_attempt[charge.attempt_id] = charge
        for key in charge.keys:
            self._by_holder.setdefault(key, set()).add(charge.attempt_id)

    def drop(self, attempt_id: AttemptId) -> None:
        charge = self.by_attempt.pop(attempt_id, None)
        for key in set() if charge is None else charge.keys:
            self._by_holder[key].discard(attempt_id)
            if not self._by_holder[key]:
                del self._by_holder[key]

    def of(self, holder: Holder) -> Iterator[Charge]:
        """Return the holder's charges, ordered by start. A charge still counts if its token has been withheld since."""
        found = set[AttemptId]().union(
            *(self._by_holder.get(key, ()) for key in keys_of_holder(holder.withholding(())))
        )
        yield from sorted(
            (self.by_attempt[each] for each in found), key=lambda each: (each.started_at, each.attempt_id)
        )
