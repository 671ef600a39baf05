"""Settings of the OIDC issuer, as written in the environment. Each parser raises `ValueError` with what to write instead."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from access_policy.application.ports.identity import Role


def _issuer(value: Any) -> Any:
    if not value or not isinstance(value, str):
        return value or None
    try:
        url = urlsplit(value)
        host = url.hostname
    except ValueError:
        raise ValueError(f"{value!r} cannot be read as a URL; write https://HOST/PATH") from None
    if not host or url.scheme not in ("https", "http") or url.query or url.fragment or url.username is not None:
        raise ValueError(
            f"{value!r} is not an issuer; write https://HOST/PATH without a query, as the issuer names itself"
        )
    if url.scheme == "http" and not _is_this_machine(host):
        raise ValueError(f"{value!r} is not safe; an issuer on another machine needs https://")
    return value


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(value: Any) -> Any:
    return frozenset(value.replace(",", " ").split()) if isinstance(value, str) else value


def _role_map(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    roles: dict[str, Role] = {}
    for pair in filter(None, (each.strip() for each in value.split(","))):
        name, separator, role = (part.strip() for part in pair.rpartition("="))
        if not separator or not name or role not in set(Role):
            raise ValueError(f"{pair!r} is not NAME=ROLE, such as depot-operators=operator; roles: {', '.join(Role)}")
        if roles.setdefault(name, Role(role)) != role:
            raise ValueError(f"{name!r} has two roles; give it one")
    return roles


IssuerUrl = Annotated[str | None, BeforeValidator(_issuer)]  # None: the embedded key signs tokens
Names = Annotated[frozenset[str], NoDecode, BeforeValidator(_names)]
RoleMap = Annotated[Mapping[str, Role], NoDecode, BeforeValidator(_role_map)]
