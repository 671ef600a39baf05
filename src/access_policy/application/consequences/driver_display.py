"""Show a refused driver the reason on the charger's display, if it has one, and clear it when a driver is next allowed.

Runs beside the decision path, so that decisions do not wait for it. A newer decision at the charger makes an older
message obsolete. The gateway asks a charger whether it has a display once per connection. The message shown, or the
reason why none was, is recorded with the attempt.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.background_tasks import BackgroundTasks
from access_policy.application.context import SYSTEM, Context, enveloped
from access_policy.application.deciding.denials import denial_at
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ConnectedChargers, NoLongerWanted
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.driver_displays import DisplayCommands, Displayed
from access_policy.application.ports.event_store import Append, StoreUnavailable, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import driver_message_stream
from access_policy.domain.access.events import AccessAllowed, AccessDenied, DriverInformed
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

SHOWN_FOR: Final = timedelta(seconds=60)
AT_ONCE: Final = 500  # chargers; above this, messages are skipped, because the status already informs the driver


class DriverDisplay:
    def __init__(
        self,
        view: DecisionView,
        profiles: CapabilityProfiles,
        displays: ConnectedChargers[DisplayCommands],
        store: Streams,
        commits: Commits,
        clock: Clock,
    ) -> None:
        self._view = view
        self._profiles = profiles
        self._displays = displays
        self._store = store
        self._commits = commits
        self._clock = clock
        self._latest: dict[ChargerKey, AccessAllowed | AccessDenied] = {}
        self._shown: dict[ChargerKey, tuple[int | None, datetime]] = {}  # the connector, and the end of the message
        self._without: dict[ChargerKey, int] = {}  # the epoch of the connection on which the charger had no display
        self._tasks = BackgroundTasks()

    def decided(self, key: ChargerKey, event: AccessAllowed | AccessDenied) -> None:
        """Handle a decision that was recorded at a charger; return at once."""
        if isinstance(event, AccessAllowed) and key not in self._shown:
            self._latest.pop(key, None)
            return
        if not self._may_have_display(key) or len(self._tasks) >= AT_ONCE:
            return
        self._latest[key] = event
        self._tasks.begin(self._update(key, event), f"display {key[1]}")

    async def finish(self) -> None:
        """Wait for the messages being shown."""
        await self._tasks.finish()

    def _may_have_display(self, key: ChargerKey) -> bool:
        profile = self._profiles.get(key[0], self._view.charger(*key).policy.settings.profile)
        epoch = self._displays.serving_epoch(key)
        return profile is not None and profile.display_message and epoch is not None and self._without.get(key) != epoch

    async def _update(self, key: ChargerKey, event: AccessAllowed | AccessDenied) -> None:
        try:
            if isinstance(event, AccessDenied):
                await self._show(key, event)
            else:
                await self._clear(key)
        except NoLongerWanted:
            log.debug("charger %s had a newer decision before its display showed the earlier one", key[1])
        except (ChargerDidNotAnswer, StoreUnavailable) as trouble:
            log.info("the display of charger %s: %s", key[1], trouble)
        except Exception:  # the edge of the task: a display failure must not affect anything else
            log.exception("the display of charger %s could not be written", key[1])

    async def _show(self, key: ChargerKey, event: AccessDenied) -> None:
        epoch = self._displays.serving_epoch(key)
        if epoch is None or not await self._displays.commands(key).has_display():
            self._without[key] = -1 if epoch is None else epoch
            return
        now = self._clock.now()
        until = now + SHOWN_FOR
        connector_id = event.lineage.connector_id
        lineage = event.lineage
        denial = denial_at(
            self._view,
            self._view.charger(*key),
            event.reason,
            now,
            ref=lineage.identifier,
            vehicle_id=lineage.vehicle_id,
        )
        displayed = await self._displays.commands(key).show_denial(
            connector_id, denial, until, lambda: self._latest.get(key) is event
        )
        if displayed.is_shown:
            self._shown[key] = (connector_id, until)
        await self._record(key, event, displayed, until)

    async def _clear(self, key: ChargerKey) -> None:
        connector_id, until = self._shown.pop(key)
        if until > self._clock.now():
            log.debug("display of %s: %s", key[1], await self._displays.commands(key).clear_denial(connector_id))

    async def _record(self, key: ChargerKey, event: AccessDenied, displayed: Displayed, until: datetime) -> None:
        """Record the message in a separate stream, because the decision path remembers the version of the attempt's
        stream."""
        attempt_id = event.lineage.attempt_id
        informed = DriverInformed(
            attempt_id=attempt_id,
            charger_id=key[1],
            status=displayed.status,
            message=displayed.text,
            language=displayed.language,
            until=until,
            informed_at=self._clock.now(),
        )
        context = Context(tenant_id=key[0], actor=SYSTEM, correlation_id=attempt_id)
        stream, version = driver_message_stream(key[0], attempt_id), 0
        while True:
            events = enveloped(context, (informed,), now=informed.informed_at)
            try:
                await self._commits.append(Append(stream, version, events))
            except VersionConflict:
                version = len(await self._store.load(stream))
            else:
                return
