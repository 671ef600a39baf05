"""States and problems of a 2.x station's components, merged from StatusNotification and NotifyEvent.

OCPP 2.1 deprecates StatusNotification: a station reports `AvailabilityState` and `Problem` of its components as events (2.x,
N07, and the appendix of components and variables), and some stations send both for the same change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AVAILABLE: Final = "Available"
FAULTED: Final = "Faulted"
COMPONENTS_MAX: Final = 500  # of one station that are faulted or have a problem; beyond this, the oldest are dropped

_Key = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Component:
    """A component of a station. `evse_id` and `connector_id` are 0 if it does not belong to a particular EVSE or connector.
    Names are compared without case.
    """

    evse_id: int
    connector_id: int
    name: str

    @property
    def key(self) -> _Key:
        return self.evse_id, self.connector_id, self.name.lower()

    @property
    def has_state(self) -> bool:
        """True for the station, an EVSE or a connector, whose `Problem` means the same as `Faulted`."""
        return self.name.lower() in ("chargingstation", "evse", "connector")


@dataclass(frozen=True, slots=True)
class Problem:
    tech_code: str | None = None
    tech_info: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. `error_code` is `Faulted` for a station, an EVSE or a connector, and `Problem` for any other component, which
    `info` names.
    """

    error_code: str
    vendor_error_code: str | None = None
    info: str | None = None


class ComponentStates:
    """The latest reports of one station, on one connection."""

    def __init__(self) -> None:
        self._faults: dict[tuple[_Key, str], Fault] = {}  # by component, and by the variable that reported it

    def state(self, component: Component, state: str) -> None:
        """Note a state. A component that is `Available` for the next driver has no problem, even if the end of one was not
        reported.
        """
        self._note(component, FAULTED, Fault(FAULTED) if state == FAULTED else None)
        if state == AVAILABLE:
            self.problem(component, None)

    def problem(self, component: Component, problem: Problem | None) -> None:
        """Note a problem. None means that the component has no problem, or no longer has one."""
        if problem is None:
            fault = None
        elif component.has_state:
            fault = Fault(FAULTED, problem.tech_code, problem.tech_info)
        else:
            info = ": ".join(part for part in (component.name, problem.tech_info) if part)
            fault = Fault("Problem", problem.tech_code, info)
        self._note(component, "Problem", fault)

    def _note(self, component: Component, variable: str, fault: Fault | None) -> None:
        self._faults.pop((component.key, variable), None)
        if fault is not None:
            self._faults[component.key, variable] = fault
        while len(self._faults) > COMPONENTS_MAX:
            del self._faults[next(iter(self._faults))]

    def fault_of(self, evse_id: int) -> Fault | None:
        """Return the fault of the EVSE (0: of the station as a whole); if there are several, the most detailed one."""
        faults = [fault for ((evse, _, _), _), fault in self._faults.items() if evse == evse_id]
        return min(faults, key=_rank, default=None)


def _rank(fault: Fault) -> tuple[bool, bool]:
    return fault.error_code != FAULTED, fault.vendor_error_code is None
