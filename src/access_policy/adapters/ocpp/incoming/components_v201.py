"""StatusNotification and NotifyEvent of OCPP 2.x: states and problems of components, and changes of the charger's switch."""

from __future__ import annotations

from datetime import datetime

from access_policy.adapters.ocpp.incoming.component_states import Component, Problem
from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.incoming.payloads import Payload, instant, number, obj, objects, text
from access_policy.adapters.ocpp.transport.answers import Answer
from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.capability_profiles.charger_values import truth, value_text


class Components:
    def __init__(self, dependencies: HandlerDependencies) -> None:
        self._dependencies = dependencies

    async def status(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        connector = Component(_id(payload, "evseId"), _id(payload, "connectorId"), "Connector")
        at = instant(payload, "timestamp", now=self._dependencies.clock.now())
        await self._state(charger, connector, text(payload, "connectorStatus") or "", at)
        return {}

    async def notify_event(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        """Handle changes of monitored variables (N07): a state or a problem of a component, or the charger's switch. The switch
        is then read, because the message may be late.
        """
        profile = self._dependencies.profile(charger.key)
        switch = profile.mode_control if profile is not None else None
        for data in objects(payload, "eventData"):
            names = (text(obj(data, "component"), "name"), text(obj(data, "variable"), "name"))
            if isinstance(switch, DeviceVariable) and _same_names(names, (switch.component, switch.variable)):
                self._dependencies.switch_moved(charger.key, f"{switch.component}.{switch.variable} changed")
            else:
                await self._component_event(charger, data, *((name or "").strip() for name in names))
        return {}

    async def _component_event(
        self, charger: ConnectedCharger, data: Payload, component_name: str, variable: str
    ) -> None:
        evse = obj(obj(data, "component"), "evse")
        component = Component(_id(evse, "id"), _id(evse, "connectorId"), component_name)
        at = instant(data, "timestamp", now=self._dependencies.clock.now())
        match variable.lower():
            case "availabilitystate" if component.has_state:
                await self._state(charger, component, value_text(data.get("actualValue")) or "", at)
            case "problem":
                has_problem = False if truth(data.get("cleared")) is True else truth(data.get("actualValue"))
                if has_problem is None:
                    return  # neither true nor false: unknown
                tech_code, tech_info = text(data, "techCode") or None, text(data, "techInfo") or None
                charger.components.problem(component, Problem(tech_code, tech_info) if has_problem else None)
                await self._report_fault(charger, component.evse_id, at)

    async def _state(self, charger: ConnectedCharger, component: Component, state: str, at: datetime) -> None:
        """Handle the state of a connector, an EVSE or the station, from StatusNotification, or from NotifyEvent as in 2.1."""
        evse_id = component.evse_id
        charger.components.state(component, state)
        await self._report_fault(charger, evse_id, at)
        if not evse_id:
            return
        if state in ("Occupied", "Available"):
            self._dependencies.plug_seen(charger.key, evse_id, state == "Occupied")
        if charger.frees_evse(evse_id, component.connector_id, state):  # an EVSE without a vehicle has no session
            await self._dependencies.sessions.lost.connector_free(charger.key, evse_id, at)

    async def _report_fault(self, charger: ConnectedCharger, evse_id: int, at: datetime) -> None:
        fault = charger.components.fault_of(evse_id)
        await self._dependencies.conditions.status(
            charger.key,
            connector_id=evse_id,
            error_code=None if fault is None else fault.error_code,
            vendor_error_code=None if fault is None else fault.vendor_error_code,
            info=None if fault is None else fault.info,
            at=at,
        )


def _id(payload: Payload, name: str) -> int:
    """Return the id of an EVSE or a connector; 0 if none is named."""
    return max(0, number(payload, name) or 0)


def _same_names(names: tuple[str | None, ...], known: tuple[str, ...]) -> bool:
    """Compare names of components and variables, without case (2.x, identifierString)."""
    return tuple((name or "").lower() for name in names) == tuple(name.lower() for name in known)
