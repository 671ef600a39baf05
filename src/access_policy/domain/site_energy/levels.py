"""The level of a gate over time: it narrows at once, and widens only after the capacity has been sufficient for the dwell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.gate import GateLevel


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds in watts; `own_only` is at most `own_and_agreement`."""

    own_only: int
    own_and_agreement: int
    hysteresis: int

    @classmethod
    def of(cls, policy: EnergyPolicy, minimum_start_w: int | None) -> Self:
        """Return the thresholds of a charger. Below its minimum start power no charge could start, which narrows to
        `own_only`.
        """
        own_only = max(policy.own_only_below_w, minimum_start_w or 0)
        return cls(own_only, max(policy.own_and_agreement_below_w, own_only), policy.hysteresis_w)

    def below(self, level: GateLevel) -> int | None:
        """Return the threshold of the level; None for `open`."""
        match level:
            case GateLevel.OWN_ONLY:
                return self.own_only
            case GateLevel.OWN_AND_AGREEMENT:
                return self.own_and_agreement
            case GateLevel.OPEN:
                return None


@dataclass(frozen=True, slots=True)
class Held:
    """The level in force since `since`, and the instants since which the capacity has been sufficient to leave `own_only`
    and `own_and_agreement` (None: it is not sufficient, or the level is wider).
    """

    level: GateLevel = GateLevel.OPEN
    since: datetime | None = None
    own_only_clear_since: datetime | None = None
    clear_since: datetime | None = None

    def stepped(self, capacity_w: int | None, thresholds: Thresholds, at: datetime) -> Held:
        """Return the level with capacity `capacity_w` (None: unlimited) from `at` on. Call `settled` up to `at` first."""
        is_own_only, own_only_clear = _trigger(
            self.level is GateLevel.OWN_ONLY,
            self.own_only_clear_since,
            capacity_w,
            thresholds.own_only,
            thresholds.hysteresis,
            at,
        )
        is_narrowed, clear = _trigger(
            self.level is not GateLevel.OPEN,
            self.clear_since,
            capacity_w,
            thresholds.own_and_agreement,
            thresholds.hysteresis,
            at,
        )
        level = GateLevel.OWN_ONLY if is_own_only else GateLevel.OWN_AND_AGREEMENT if is_narrowed else GateLevel.OPEN
        return Held(level, self.since if level is self.level else at, own_only_clear, clear)

    def settled(self, dwell: timedelta, at: datetime) -> Held:
        """Return the level at `at`, with the capacity unchanged since the last step."""
        held = self
        while (widens_at := held.widens_at(dwell)) is not None and widens_at <= at:
            if held.level is GateLevel.OWN_ONLY:
                held = Held(GateLevel.OWN_AND_AGREEMENT, widens_at, None, held.clear_since)
            else:
                held = Held(GateLevel.OPEN, widens_at)
        return held

    def adopting(self, level: GateLevel, at: datetime) -> Held:
        """Adopt a level that another process recorded: a narrower one in any case, a wider one if the capacity is
        sufficient.
        """
        if level.is_narrower_than(self.level):
            return Held(level, at)
        is_clear = (self.clear_since if level is GateLevel.OPEN else self.own_only_clear_since) is not None
        if not is_clear:
            return self
        return Held(level, at, None, None if level is GateLevel.OPEN else self.clear_since)

    def widens_at(self, dwell: timedelta) -> datetime | None:
        """Return the next instant at which the level widens if the capacity does not change."""
        since = self.own_only_clear_since if self.level is GateLevel.OWN_ONLY else self.clear_since
        return None if since is None else since + dwell


def _trigger(
    is_on: bool, clear_since: datetime | None, capacity_w: int | None, threshold_w: int, hysteresis_w: int, at: datetime
) -> tuple[bool, datetime | None]:
    if capacity_w is not None and capacity_w < threshold_w:
        return True, None
    if not is_on:
        return False, None
    if capacity_w is None or capacity_w >= threshold_w + hysteresis_w:
        return True, at if clear_since is None else clear_since
    return True, None
