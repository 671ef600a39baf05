"""Records chargers' reports about themselves, and distinguishes faults from the consequences of a refusal (design.md 3.6)."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.charger_gateway import SettingsSeen
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.presence.condition_recorder import ConditionRecorder
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.charger_condition.condition import ChargerCondition, Error
from access_policy.domain.charger_condition.events import (
    ChargerBooted,
    ChargerReservationReported,
    ConditionEvent,
    ConnectorFaulted,
    ConnectorRecovered,
    OfflineStartsSet,
    PasswordSent,
    ReportedSetting,
    ReservationOnCharger,
)
from access_policy.domain.ids import ActorId, AttemptId, ChargerKey

log = logging.getLogger(__name__)

LATE: Final = timedelta(seconds=60)  # a status older than this was queued while the charger was offline


class ChargerConditions:
    """Records the reports. Methods that record raise `StoreUnavailable`."""

    def __init__(
        self,
        view: DecisionView,
        live: RecentActivity,
        recorder: ConditionRecorder,
        profiles: CapabilityProfiles,
        clock: Clock,
    ) -> None:
        self._view = view
        self._live = live
        self._recorder = recorder
        self._profiles = profiles
        self._clock = clock
        self._booted: dict[ChargerKey, datetime | None] = {}  # the latest known boot
        self._settings: dict[ChargerKey, tuple[object, object]] = {}
        self._errors: defaultdict[ChargerKey, dict[int, Error]] = defaultdict(dict)  # open errors by connector
        recorder.on_recorded(self._note_error)

    async def booted(self, key: ChargerKey, *, vendor: str, model: str, firmware: str | None) -> None:
        now = self._clock.now()
        event = ChargerBooted(charger_id=key[1], vendor=vendor, model=model, firmware=firmware, booted_at=now)
        await self._recorder.record(key, event, now)
        self._booted[key] = now

    async def offline_starts_set(self, key: ChargerKey, offline: OfflineStarts, seen: SettingsSeen) -> None:
        """Record the settings if they differ from the last record of this process."""
        now = self._clock.now()
        event = OfflineStartsSet(
            charger_id=key[1],
            offline_starts=offline,
            in_force=_in_order(seen.in_force),
            refused=_in_order(seen.refused),
            seen_at=now,
        )
        if self._settings.get(key) == (event.in_force, event.refused):
            return
        await self._recorder.record(key, event, now)
        self._settings[key] = (event.in_force, event.refused)

    async def stored(self, key: ChargerKey) -> ChargerCondition:
        """Return the condition as recorded by any gateway; while the store is down, the view's."""
        try:
            return await self._recorder.stored(key)
        except StoreUnavailable as outage:
            log.warning("the records of charger %s may be out of date: %s", key[1], outage)
            return self._view.condition(key)

    async def reservation_reported(self, key: ChargerKey, number: int, reported: ReservationOnCharger) -> None:
        event = ChargerReservationReported(charger_id=key[1], number=number, reported=reported)
        await self._recorder.record(key, event, reported.reported_at)

    async def password_sent(self, key: ChargerKey, *, actor: ActorId) -> None:
        now = self._clock.now()
        await self._recorder.record(key, PasswordSent(charger_id=key[1], sent_at=now), now, actor=actor)

    async def has_booted(self, key: ChargerKey) -> bool:
        """Return True if a boot of the charger was ever accepted: this belongs to its identity and survives restarts of
        the service.

        It is called at each connection, and also restores the open errors. While the store is down, an unknown charger
        is assumed to have booted, because a charger that has booted would not boot again for the service.
        """
        if key not in self._booted:
            try:
                found = await self._recorder.resume(key)
            except StoreUnavailable as outage:
                log.warning("charger %s is assumed to have booted, since the store is down: %s", key[1], outage)
                return True
            self._booted[key] = found.booted_at
            self._errors[key] = dict(found.errors)
        return self._booted[key] is not None

    def booted_at(self, key: ChargerKey) -> datetime | None:
        """Return the latest boot; it is known once the charger has connected."""
        return self._booted.get(key)

    async def status(
        self,
        key: ChargerKey,
        *,
        connector_id: int,
        error_code: str | None,
        vendor_error_code: str | None = None,
        info: str | None = None,
        at: datetime,
    ) -> None:
        """Record a status that a connector reported; `error_code` None: no error. Only changes are recorded: an error
        reported again without its vendor code counts as the same."""
        error = None if error_code is None else (error_code, vendor_error_code)
        known = self._errors[key].get(connector_id)
        if error == known or (known is not None and error == (known[0], None)):
            return
        now = self._clock.now()
        if error_code is None:
            event: ConditionEvent = ConnectorRecovered(charger_id=key[1], connector_id=connector_id, recovered_at=at)
        else:
            event = ConnectorFaulted(
                charger_id=key[1],
                connector_id=connector_id,
                error_code=error_code,
                vendor_error_code=vendor_error_code,
                info=info,
                faulted_at=at,
                caused_by=self._denial_shown(key, connector_id, {error_code, vendor_error_code}, _when(at, now)),
            )
        await self._recorder.record(key, event, now)

    def _note_error(self, key: ChargerKey, event: ConditionEvent) -> None:
        match event:
            case ConnectorFaulted():
                self._errors[key][event.connector_id] = (event.error_code, event.vendor_error_code)
            case ConnectorRecovered():
                self._errors[key].pop(event.connector_id, None)
            case _:
                pass

    def _denial_shown(
        self, key: ChargerKey, connector_id: int, codes: set[str | None], at: datetime
    ) -> AttemptId | None:
        """Return the denied attempt on the connector that caused this error, according to the profile's codes and window."""
        profile = self._profiles.get(key[0], self._view.charger(*key).policy.settings.profile)
        if profile is None or not codes & profile.denial_error_codes:
            return None
        return self._live.recent_denial(key, connector_id, at, timedelta(seconds=profile.denial_window_s))


def _when(reported: datetime, arrived: datetime) -> datetime:
    """Return the time of a status: its arrival, unless the report says that it was queued. Chargers' clocks deviate
    slightly."""
    return reported if arrived - reported > LATE else arrived


def _in_order(settings: Mapping[str, str]) -> tuple[ReportedSetting, ...]:
    return tuple(sorted(ReportedSetting(name, value) for name, value in settings.items()))
