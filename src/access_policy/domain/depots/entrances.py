"""An entrance of a depot: a barrier or a door at which a plate, a code or another identifier is decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Self

from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.ids import (
    ID_LENGTH_MAX,
    ChargerId,
    EntranceId,
    ReservationGroupId,
    checked_name,
    checked_new_id,
)

ENTRANCES_MAX: Final = 50  # of one depot
CHARGERS_MAX: Final = 500  # that one entrance names
GROUPS_MAX: Final = 50
EARLY_ENTRY_MIN_MAX: Final = 24 * 60
EARLY_ENTRY_MIN: Final = 15


class EntranceUnknown(Unknown):
    code = "entrance-not-found"

    @classmethod
    def named(cls, entrance_id: str, *, pointer: str | None = None) -> Self:
        """Return the refusal of a request that names this entrance."""
        return cls(f"There is no entrance {entrance_id[:ID_LENGTH_MAX]}.", pointer=pointer)


class EntranceInvalid(Invalid):
    code = "entrance-invalid"


class TooManyEntrances(Conflict):
    code = "too-many-entrances"


class EntranceIdTaken(Conflict):
    """Another depot of the tenant has an entrance with this id; ids must be unique because decision requests name only the
    entrance.
    """

    code = "entrance-id-taken"


class EntranceWithoutChargers(Conflict):
    """The entrance leads to no charger in service, so no attempt can be decided there."""

    code = "entrance-without-chargers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """An entrance. `charger_ids` and `group_ids` are the chargers and reservation groups behind it; without any, it leads
    to the whole depot. The holder of a reservation may enter from `early_entry_min` minutes before its window on, or from
    the reservation's own early start on, whichever is earlier.
    """

    entrance_id: EntranceId
    name: str
    charger_ids: frozenset[ChargerId] = field(default_factory=frozenset)
    group_ids: frozenset[ReservationGroupId] = field(default_factory=frozenset)
    early_entry_min: int = EARLY_ENTRY_MIN

    @property
    def leads_to_all(self) -> bool:
        return not self.charger_ids and not self.group_ids

    @property
    def early_entry(self) -> timedelta:
        return timedelta(minutes=self.early_entry_min)

    def check(self) -> None:
        """Raises `InvalidId`, `InvalidName` or `EntranceInvalid`."""
        checked_new_id(self.entrance_id, "entrance_id")
        checked_name(self.name)
        if not 0 <= self.early_entry_min <= EARLY_ENTRY_MIN_MAX:
            raise EntranceInvalid(
                f"early_entry_min must be between 0 and {EARLY_ENTRY_MIN_MAX} minutes.", pointer="/early_entry_min"
            )
        if len(self.charger_ids) > CHARGERS_MAX:
            raise EntranceInvalid(
                f"An entrance names at most {CHARGERS_MAX} chargers; name reservation groups, or none for the whole depot.",
                pointer="/charger_ids",
            )
        if len(self.group_ids) > GROUPS_MAX:
            raise EntranceInvalid(f"An entrance names at most {GROUPS_MAX} groups.", pointer="/group_ids")

    def behind(
        self, of_depot: Iterable[ChargerId], groups: Mapping[ReservationGroupId, frozenset[ChargerId]]
    ) -> list[ChargerId]:
        """Return the chargers behind the entrance, ordered by id. `of_depot` are the depot's chargers in service, and
        `groups` the chargers of its reservation groups; chargers and groups that no longer exist are left out.
        """
        if self.leads_to_all:
            return sorted(of_depot)
        named = self.charger_ids.union(*(groups.get(each, frozenset()) for each in self.group_ids))
        return sorted(named.intersection(of_depot))
