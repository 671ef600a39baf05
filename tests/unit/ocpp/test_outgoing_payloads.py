"""Payloads made from the `ocpp` package's dataclasses: as the package itself would make them, and valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from ocpp.charge_point import remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.v16 import call as call16
from ocpp.v16 import datatypes as datatypes16
from ocpp.v16.datatypes import AuthorizationData, IdTagInfo
from ocpp.v16.enums import AuthorizationStatus, UpdateType
from ocpp.v201 import call as call201
from ocpp.v201 import datatypes as datatypes201
from ocpp.v201.datatypes import ComponentType, GetVariableDataType, IdTokenType, SetMonitoringDataType, VariableType
from ocpp.v201.enums import AttributeEnumType, IdTokenEnumType, MonitorEnumType

from access_policy.adapters.ocpp.outgoing.payloads import _names, action_of, payload_of

COMPONENT, VARIABLE = ComponentType(name="AuthCtrlr"), VariableType(name="Enabled")


def dataclasses_of(*modules: Any) -> Iterator[type[Any]]:
    for module in modules:
        yield from (each for each in vars(module).values() if isinstance(each, type) and is_dataclass(each))


@pytest.mark.parametrize(
    "call",
    [
        call16.SendLocalList(
            list_version=7,
            update_type=UpdateType.full,
            local_authorization_list=[
                AuthorizationData(id_tag="A", id_tag_info=IdTagInfo(status=AuthorizationStatus.accepted)),
                AuthorizationData(id_tag="B"),
            ],
        ),
        call16.GetConfiguration(),
        call16.RemoteStartTransaction(id_tag="A", connector_id=2),
        call201.GetVariables([GetVariableDataType(COMPONENT, VARIABLE, AttributeEnumType.max_set)]),
        call201.SetVariableMonitoring([SetMonitoringDataType(1, MonitorEnumType.delta, 3, COMPONENT, VARIABLE)]),
        call201.RequestStartTransaction(IdTokenType("A", IdTokenEnumType.central), 5, evse_id=1),
    ],
    ids=action_of,
)
def test_payload_of_a_call_is_the_packages_own(call: Any) -> None:
    assert payload_of(call) == snake_to_camel_case(remove_nones(serialize_as_dict(call)))


@pytest.mark.parametrize(
    ("modules", "exceptions"),
    [
        pytest.param((call16, datatypes16), set(), id="1.6"),
        pytest.param((call201, datatypes201), {"bulkSoc", "fullSoc", "responderUrl"}, id="2.0.1"),
    ],
)
def test_names_of_all_fields_are_the_packages_own_but_for_its_exceptions(
    modules: tuple[Any, ...], exceptions: set[str]
) -> None:
    """The package spells some names by rules of their own (`bulkSoC`, `responderURL`): no message of the service has them."""
    differing = {
        name
        for kind in dataclasses_of(*modules)
        for field, (_, name) in zip(fields(kind), _names(kind), strict=True)
        if [name] != list(snake_to_camel_case({field.name: None}))
    }

    assert differing == exceptions


def test_payload_leaves_out_what_is_none_and_spells_enums_as_texts() -> None:
    payload = payload_of(call16.SendLocalList(1, UpdateType.differential, None))

    assert payload == {"listVersion": 1, "updateType": "Differential"}
    assert type(payload["updateType"]) is str
