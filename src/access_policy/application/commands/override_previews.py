"""The effect of an override on one charger, without recording anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands.previews import Horizon, Preview
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import ModeOverridden, PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, fold
from access_policy.domain.ids import OverrideId
from access_policy.domain.mode_schedule.differences import Difference, differences
from access_policy.domain.mode_schedule.timeline import Override, expected_at


@dataclass(frozen=True, slots=True)
class OverrideEffect:
    """`override` is the override that the charger would have, in `time_zone`. `changes` are the parts of its period in
    which the mode would differ. `others` are overrides that overlap its period, by their start; of overlapping
    overrides the one made last wins."""

    override: Override
    time_zone: str
    changes: tuple[Difference, ...]
    others: tuple[Override, ...]


def effect_of(policy: ChargerAccessPolicy, events: Sequence[PolicyEvent]) -> OverrideEffect:
    """Return the effect of `events`, the one `ModeOverridden` that the command would record."""
    (made,) = [each for each in events if isinstance(each, ModeOverridden)]
    changed = fold(events, policy)
    assert changed is not None  # the policy existed before
    override = changed.overrides[made.override_id]
    preview = Preview.of(policy, events, Horizon(override.starts_at, override.ends_at))
    others = sorted(
        (
            each
            for each in policy.overrides.values()
            if each.starts_at < override.ends_at and override.starts_at < each.ends_at
        ),
        key=lambda each: (each.starts_at, each.override_id),
    )
    found = differences(preview.before, preview.after)
    return OverrideEffect(
        override,
        preview.time_zone,
        tuple(each for each in found if each.before.mode is not each.after.mode),
        tuple(others),
    )


def mode_once_lifted(policy: ChargerAccessPolicy, override_id: OverrideId, *, now: datetime) -> AccessMode:
    """Return the mode that the charger would have now if the override were lifted. Raises `OverrideUnknown`."""
    changed = fold(policy.lift_override(override_id, now=now), policy)
    assert changed is not None  # the policy existed before
    return expected_at(changed.plan, now).mode
