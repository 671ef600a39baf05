"""The recent frames of all chargers of this gateway, including those that have disconnected (port `RecentFrames`)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.masking import Masking
from access_policy.adapters.ocpp.transport.frames import FrameRing, RawFrame
from access_policy.adapters.ocpp.transport.framing import Call, CallError, CallResult, decode
from access_policy.application.ports.charger_calls import CallRefused, Direction, Frame, FrameKind
from access_policy.domain.ids import ChargerKey

CHARGERS_KEPT: Final = 5_000


class ChargerFrames:
    def __init__(self) -> None:
        self._rings: OrderedDict[ChargerKey, tuple[FrameRing, OcppVersion]] = OrderedDict()

    def ring(self, key: ChargerKey, version: OcppVersion) -> FrameRing:
        """Return the charger's ring, which it keeps from one connection to the next."""
        ring = self._rings.pop(key, (None,))[0] or FrameRing()
        self._rings[key] = (ring, version)
        if len(self._rings) > CHARGERS_KEPT:
            self._rings.popitem(last=False)
        return ring

    def forget(self, key: ChargerKey) -> None:
        self._rings.pop(key, None)

    async def of(self, key: ChargerKey) -> Sequence[Frame]:
        if key not in self._rings:
            return ()
        ring, version = self._rings[key]
        return await asyncio.to_thread(_read, ring.latest(), version)


def _read(frames: Sequence[RawFrame], version: OcppVersion) -> list[Frame]:
    """Decode and mask frames, newest first. Identifiers are collected from all frames before any error is shown, because an
    error may quote them.
    """
    messages = [None if each.raw is None else decode(each.raw, version) for each in frames]
    actions = {each.message_id: each.action for each in messages if isinstance(each, Call)}
    masking = Masking()
    payloads = [masking.payload(each.payload) if isinstance(each, Call | CallResult) else None for each in messages]
    shown = [
        _shown(frame, message, payload, actions, masking)
        for frame, message, payload in zip(frames, messages, payloads, strict=True)
    ]
    return shown[::-1]


def _shown(
    frame: RawFrame, message: Any, payload: dict[str, Any] | None, actions: dict[str, str], masking: Masking
) -> Frame:
    kind = _kind(message)
    message_id = getattr(message, "message_id", None)
    return Frame(
        at=datetime.fromtimestamp(frame.at, UTC),
        direction=Direction.SENT if frame.is_sent else Direction.RECEIVED,
        kind=kind,
        size=frame.size,
        message_id=message_id,
        action=None if kind is FrameKind.UNREADABLE else actions.get(message_id or ""),
        payload=payload,
        error=CallRefused(message.code_sent, masking.quoted(message.description))
        if isinstance(message, CallError)
        else None,
    )


def _kind(message: object) -> FrameKind:
    match message:
        case Call():
            return FrameKind.CALL
        case CallResult():
            return FrameKind.RESULT
        case CallError():
            return FrameKind.ERROR
        case _:
            return FrameKind.UNREADABLE
