"""The roles that a process of the service may have."""

from __future__ import annotations

from enum import StrEnum


class ProcessRole(StrEnum):
    API = "api"
    GATEWAY = "gateway"
    PROJECTOR = "projector"
    PUBLISHER = "publisher"
