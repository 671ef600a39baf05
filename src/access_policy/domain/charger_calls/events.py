"""Events of calls that people send to chargers; each call has its own stream. Payloads are JSON strings without secrets
and with masked identifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.ids import ChargerId


class CallOutcome(StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"  # the charger answered with an error of the protocol
    NO_ANSWER = "no_answer"  # no answer in time; the charger may have carried the call out


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerCallRequested:
    """A person requested a call. Recorded before the call is sent, so that every call that reaches a charger has a record."""

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
