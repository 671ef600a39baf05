"""The access mode of a charger, its cause, and how strictly it is enforced."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AccessMode(StrEnum):
    FREEVEND = "freevend"  # anyone may charge
    MANAGED = "managed"  # own vehicles and vehicles with an agreement only


class CauseKind(StrEnum):
    BASELINE = "baseline"
    RULE = "rule"
    EXCEPTION = "exception"
    RESERVATION = "reservation"
    OVERRIDE = "override"
    ENVELOPE = "envelope"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a mode applies: the kind, the id of its rule, exception, reservation, override or envelope, and its name.

    The id is None for the baseline, and if a static limit instead of an envelope narrows access. The name of a narrowing
    is its level.
    """

    kind: CauseKind
    id: str | None = None
    name: str = ""


BASELINE_CAUSE = Cause(CauseKind.BASELINE, None, "baseline")


class Enforcement(StrEnum):
    ENFORCE = "enforce"
    OBSERVE = "observe"  # everyone may charge; each decision records what enforcement would have done


class OnWindowStart(StrEnum):
    """The policy for a session that runs across the start of a managed window."""

    LET_FINISH = "let_finish"
    STOP_UNAUTHORISED = "stop_unauthorised"


class OnStoreOutage(StrEnum):
    SPOOL = "spool"
    REFUSE = "refuse"


class OfflineStarts(StrEnum):
    """The starts that a charger may allow while it is offline."""

    CLOSED = "closed"
    LIST = "list"
    OPEN = "open"
