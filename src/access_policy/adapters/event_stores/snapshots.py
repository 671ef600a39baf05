"""Snapshots of long streams, over pyeventsourcing's aggregate recorders. A cache: losing one costs a longer load."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import msgspec
from eventsourcing.persistence import AggregateRecorder, IntegrityError, StoredEvent

from access_policy.adapters.event_stores.recorder_store import RECORDER_ERRORS, TIMEOUT_S
from access_policy.application.ports.event_store import StreamId
from access_policy.domain.ids import AgreementId
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.registry import Vehicle, VehicleRegistry

_Answer = TypeVar("_Answer")
logger = logging.getLogger(__name__)


class RegistrySnapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who holds which identifier follows from the vehicles."""

    version: int
    vehicles: tuple[Vehicle, ...]
    agreements: tuple[Agreement, ...]
    agreement_changed_at: dict[AgreementId, int]

    @classmethod
    def of(cls, registry: VehicleRegistry) -> RegistrySnapshot:
        return cls(
            registry.version,
            tuple(registry.vehicles.values()),
            tuple(registry.agreements.values()),
            dict(registry.agreement_changed_at),
        )

    def registry(self) -> VehicleRegistry:
        return VehicleRegistry(
            vehicles={vehicle.vehicle_id: vehicle for vehicle in self.vehicles},
            holders={
                (identifier.ref.kind, identifier.ref.pseudonym): vehicle.vehicle_id
                for vehicle in self.vehicles
                for identifier in vehicle.identifiers
            },
            agreements={agreement.agreement_id: agreement for agreement in self.agreements},
            agreement_changed_at=self.agreement_changed_at,
            version=self.version,
        )


def _fingerprint(state_type: type) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.json.schema(state_type))).hexdigest()[:12]


# A snapshot of another shape is absent, and its stream is folded once: the name says the shape. A fold that means
# something else in the same shape gets the next version.
REGISTRY_SNAPSHOT: Final = f"vehicle_registry.registry.v1.{_fingerprint(RegistrySnapshot)}"


class RecorderSnapshots:
    """Implements `Snapshots` for `VehicleRegistry`. A snapshot that cannot be read is absent, one that cannot be
    written is left out: both are logged."""

    def __init__(
        self,
        recorder: AggregateRecorder,
        *,
        timeout_s: float = TIMEOUT_S,
        driver_errors: tuple[type[Exception], ...] = (),
        close_recorder: Callable[[], None] = lambda: None,
    ) -> None:
        self._recorder = recorder
        self._timeout_s = timeout_s
        self._failures = RECORDER_ERRORS + driver_errors
        self._unreadable: tuple[type[Exception], ...] = (*self._failures, msgspec.DecodeError)
        self._close_recorder = close_recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        self._decoder = msgspec.json.Decoder(RegistrySnapshot)

    async def latest(self, stream: StreamId) -> tuple[int, VehicleRegistry] | None:
        """A registry of the caller's own."""
        try:
            return await self._run(lambda: self._read(stream))
        except self._unreadable as error:
            logger.warning("snapshot of %s cannot be read and is not used: %s", stream, error)
            return None

    async def save(self, stream: StreamId, version: int, state: Any) -> None:
        """Raises `TypeError` for a state that has no snapshot."""
        if not isinstance(state, VehicleRegistry):
            raise TypeError(f"{type(state).__qualname__} has no snapshot")
        snapshot = RegistrySnapshot.of(state)  # here, since its owner goes on folding
        try:
            await self._run(lambda: self._write(stream, version, snapshot))
        except self._failures as error:
            logger.warning("snapshot of %s at version %s is not written: %s", stream, version, error)

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._close_recorder()

    def _read(self, stream: StreamId) -> tuple[int, VehicleRegistry] | None:
        found = self._recorder.select_events(stream, desc=True, limit=1)
        if not found:
            return None
        if found[0].topic != REGISTRY_SNAPSHOT:
            logger.info("snapshot of %s is a %s and is not used", stream, found[0].topic)
            return None
        return found[0].originator_version, self._decoder.decode(found[0].state).registry()

    def _write(self, stream: StreamId, version: int, snapshot: RegistrySnapshot) -> None:
        state = msgspec.json.encode(snapshot)
        try:
            self._recorder.insert_events([StoredEvent(stream, version, REGISTRY_SNAPSHOT, state)])
        except IntegrityError:
            logger.debug("there is a snapshot of %s at version %s already", stream, version)

    async def _run(self, call: Callable[[], _Answer]) -> _Answer:
        answer = asyncio.get_running_loop().run_in_executor(self._thread, call)
        async with asyncio.timeout(self._timeout_s):  # not wait_for: that of 3.11 can lose a cancellation
            return await answer
