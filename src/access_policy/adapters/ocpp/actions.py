"""The actions of each protocol version."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

from access_policy.adapters.ocpp.errors import NotImplementedAction, NotSupported, OcppError, OcppVersion

_FOLDERS: Final = {OcppVersion.V16: "v16", OcppVersion.V201: "v201", OcppVersion.V21: "v21"}
_REQUEST_ENDS: Final = {OcppVersion.V16: ".json", OcppVersion.V201: "Request.json", OcppVersion.V21: "Request.json"}


@cache
def known_actions(version: OcppVersion) -> frozenset[str]:
    """Return all actions of the version, whichever side sends them: the names of the `ocpp` package's schemas. Its `Action`
    enums have the same names, but importing the 2.1 enum would load all messages of 2.1.
    """
    end = _REQUEST_ENDS[version]
    names = (file.name for file in (resources.files("ocpp") / _FOLDERS[version] / "schemas").iterdir())
    return frozenset(
        name.removesuffix(end) for name in names if name.endswith(end) and not name.endswith("Response.json")
    )


def not_handled(version: OcppVersion, action: str) -> OcppError:
    """Return the error for an action without a handler."""
    if action in known_actions(version):
        return NotSupported(f"{action} is not supported by this service")
    return NotImplementedAction(f"OCPP {version.value} has no such action")
