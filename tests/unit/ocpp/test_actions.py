"""The actions of each protocol version."""

from __future__ import annotations

import pytest
from ocpp.v16.enums import Action as Action16
from ocpp.v21.enums import Action as Action21
from ocpp.v201.enums import Action as Action201

from access_policy.adapters.ocpp.actions import known_actions, not_handled
from access_policy.adapters.ocpp.errors import NotImplementedAction, NotSupported, OcppError, OcppVersion

V16, V201 = OcppVersion.V16, OcppVersion.V201


def test_known_actions_of_each_version_are_those_of_the_specification() -> None:
    assert known_actions(V16) == {action.value for action in Action16}
    assert known_actions(V201) == {action.value for action in Action201}
    assert known_actions(OcppVersion.V21) == {action.value for action in Action21}


@pytest.mark.parametrize(
    ("version", "action", "error"),
    [
        (V16, "Reset", NotSupported),
        (V16, "TransactionEvent", NotImplementedAction),
        (V201, "StartTransaction", NotImplementedAction),
        (V201, "NotifyReport", NotSupported),
        (V201, "authorize", NotImplementedAction),
    ],
)
def test_not_handled_action_is_unknown_or_not_supported(
    version: OcppVersion, action: str, error: type[OcppError]
) -> None:
    assert type(not_handled(version, action)) is error
