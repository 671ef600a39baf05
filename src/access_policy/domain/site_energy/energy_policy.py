"""How a depot's gates follow from the effective capacity of its site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from access_policy.domain.site_energy.errors import EnergyPolicyInvalid
from access_policy.domain.site_energy.watts import check_watts

DWELL_MAX_S: Final = 86_400
AGE_MAX_S: Final = 86_400
HOLD_MAX_S: Final = 604_800


class GateEnforcement(StrEnum):
    ENFORCE = "enforce"
    ADVISORY = "advisory"  # suppressed refusals are only recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPolicy:
    """An effective capacity below `own_only_below_w` gives `own_only`, else one below `own_and_agreement_below_w` gives
    `own_and_agreement`, else `open`. Powers are watts.

    A gate widens after the capacity has been at least the threshold plus `hysteresis_w` for `minimum_dwell_s`. A measurement
    is fresh for `measurement_max_age_s`. When a feed falls silent, the gate is held for `hold_max_s`.
    """

    enabled: bool = False
    enforcement: GateEnforcement = GateEnforcement.ENFORCE
    own_and_agreement_below_w: int = 0
    own_only_below_w: int = 0
    hysteresis_w: int = 0
    minimum_dwell_s: int = 300
    measurement_max_age_s: int = 120
    hold_max_s: int = 900

    @property
    def minimum_dwell(self) -> timedelta:
        return timedelta(seconds=self.minimum_dwell_s)

    @property
    def measurement_max_age(self) -> timedelta:
        return timedelta(seconds=self.measurement_max_age_s)

    @property
    def hold_max(self) -> timedelta:
        return timedelta(seconds=self.hold_max_s)

    def check(self) -> None:
        """Raises `EnergyPolicyInvalid`."""
        check_watts(self.own_and_agreement_below_w, "own_and_agreement_below_w", EnergyPolicyInvalid)
        check_watts(self.own_only_below_w, "own_only_below_w", EnergyPolicyInvalid)
        check_watts(self.hysteresis_w, "hysteresis_w", EnergyPolicyInvalid)
        if self.own_only_below_w > self.own_and_agreement_below_w:
            raise EnergyPolicyInvalid(
                "own_only_below_w is above own_and_agreement_below_w; the narrower level needs the lower threshold.",
                pointer="/own_only_below_w",
            )
        _check_seconds(self.minimum_dwell_s, "minimum_dwell_s", 0, DWELL_MAX_S)
        _check_seconds(self.measurement_max_age_s, "measurement_max_age_s", 1, AGE_MAX_S)
        _check_seconds(self.hold_max_s, "hold_max_s", 0, HOLD_MAX_S)


def _check_seconds(seconds: int, name: str, least: int, most: int) -> None:
    if not least <= seconds <= most:
        raise EnergyPolicyInvalid(f"{name} must be between {least} and {most} seconds.", pointer=f"/{name}")
