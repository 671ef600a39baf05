"""Ids for the shell, if the service responds quickly."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from access_policy.entrypoints.cli.lists import ID_FIELDS
from access_policy.entrypoints.cli.saved_contexts import ContextsUnreadable, read

TIMEOUT_S = 1.0  # the person waits at the prompt
OFFERED = 200
PLAIN = "@%+=:,.-_"

VARIABLES = {
    "--url": "ACCESS_POLICY_URL",
    "--token": "ACCESS_POLICY_TOKEN",
    "--as-tenant": "ACCESS_POLICY_TENANT",
    "--keys-of": "ACCESS_POLICY_DATA",
    "--ca": "ACCESS_POLICY_CA",
    "--context": "ACCESS_POLICY_CONTEXT",
}
DEFAULTS = {"--url": "http://127.0.0.1:8000", "--keys-of": "data"}


def ids_of(listed: str, options: Mapping[str, str]) -> list[str]:
    """Return the first ids of the list; none if the service does not respond or does not let the caller read it.

    Ids that a shell would have to quote are left out, because a shell's script may evaluate them.

    Args:
        options: The global options of the line, by their first name.
    """
    chosen = settings(options, os.environ)
    try:
        token = chosen.get("--token") or _signed(chosen)
        found = None if token is None else _get(f"/v1/{listed}?limit={OFFERED}", token, chosen)
    except (OSError, HTTPException, ValueError):
        return []
    ids = [] if found is None else [str(each[ID_FIELDS[listed]]) for each in found["items"]]
    return [each for each in ids if all(sign.isalnum() or sign in PLAIN for sign in each)]


def settings(options: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the global options. Each comes from the first of these that has it: the line, the environment, the context
    in use, and the defaults.

    A context's token is used only for the context's service, and not if a tenant was named.
    """
    given = {
        name: value for name, variable in VARIABLES.items() if (value := options.get(name) or environ.get(variable))
    }
    try:
        contexts = read()
    except ContextsUnreadable:
        return DEFAULTS | given
    context = contexts.by_name.get(given.get("--context") or contexts.current or "", {})
    stored = {f"--{name}": value for name, value in context.items()}
    if "--url" in given or "--as-tenant" in given:
        stored.pop("--token", None)
    return DEFAULTS | stored | given


def _signed(chosen: Mapping[str, str]) -> str | None:
    """Return a viewer's token signed with the keys of the data directory; None without a tenant or keys."""
    tenant, keys = chosen.get("--as-tenant"), os.path.join(chosen["--keys-of"], "keys")
    if tenant is None or not os.path.isdir(keys):
        return None
    from datetime import timedelta
    from pathlib import Path

    from access_policy.adapters.clock import SystemClock
    from access_policy.adapters.identity.embedded import KeyFileUnsafe, open_embedded_tokens
    from access_policy.application.ports.identity import Role
    from access_policy.domain.errors import Refused

    try:
        tokens = open_embedded_tokens(Path(keys), SystemClock())
        return tokens.issue(tenant, Role.VIEWER, subject="cli", ttl=timedelta(minutes=1))
    except (Refused, KeyFileUnsafe):
        return None


def _get(path: str, token: str, chosen: Mapping[str, str]) -> dict[str, list[dict[str, object]]] | None:
    """Return the document; None for a status other than 200. Raises `OSError`, `HTTPException` and `ValueError`."""
    address = urlsplit(chosen["--url"].rstrip("/"))
    connection = _connection(address.scheme, address.hostname or "", address.port, chosen.get("--ca"))
    try:
        connection.request("GET", address.path + path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return json.loads(response.read()) if response.status == 200 else None
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None, ca: str | None) -> HTTPConnection:
    if scheme != "https":
        return HTTPConnection(host, port, timeout=TIMEOUT_S)
    import ssl

    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(ca)
    return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
