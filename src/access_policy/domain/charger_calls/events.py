"""A call of a person to a charger, each in a stream of its own. Payloads are JSON texts without secrets and with identifiers
masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.ids import ChargerId


class CallOutcome(StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"  # the charger answered with an error of the protocol
    NO_ANSWER = "no_answer"  # in time; the charger may have carried it out


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerCallRequested:
    """Recorded before the call is sent: nothing reaches a charger without a record."""

    TYPE: ClassVar = "charger_call.charger_call_requested.v1"
    call_id: str
    charger_id: ChargerId
    protocol: str
    action: str
    payload: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerCallEnded:
    """`answer` is the payload of the charger's answer, or the reason why there is none."""

    TYPE: ClassVar = "charger_call.charger_call_ended.v1"
    call_id: str
    charger_id: ChargerId
    action: str
    outcome: CallOutcome
    answer: str
    ended_at: datetime
