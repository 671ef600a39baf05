"""The running service (its readiness, and its metrics of lag and backlogs), or the ports that it would need."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.identity.embedded import KeyFileUnsafe, open_embedded_tokens
from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.entrypoints.doctor.findings import Finding, act, ok, soon
from access_policy.entrypoints.processes.listening import must_be_free
from access_policy.entrypoints.processes.safety import NotAllowed, refuse_unsafe, serving_in
from access_policy.process_roles import ProcessRole
from access_policy.settings import Settings
from access_policy.settings_values import HostPort

TIMEOUT_S: Final = 10.0
LAG_S_MAX: Final = 60.0
LOOP_S_MAX: Final = 1.0  # at a single reading; the alert rules use lower limits over minutes
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared with, not listened on

SPOOL: Final = "The store refuses appends: see the log of the service and the store's disk."
LIMITS: Final[Mapping[str, tuple[float, str, str]]] = {
    "access_policy_spool_backlog": (0, "appends that wait in the spool: {value:g}", SPOOL),
    "access_policy_reader_lag_seconds": (
        LAG_S_MAX,
        "{labels} is {value:.0f} s behind the log",
        "See the log of the process with the role projector or publisher.",
    ),
    "access_policy_parked_events": (0, "events that are parked for {labels}: {value:g}", "Run `access-policy parked`."),
    "access_policy_held_streams": (
        0,
        "streams whose events the bus does not accept: {value:g}",
        "See the log, and the bus.",
    ),
    "access_policy_event_loop_lag_max_seconds": (
        LOOP_S_MAX,
        "work blocked the event loop of {labels} for {value:.2f} s in the last minute",
        "See the log: it names the work.",
    ),
    "access_policy_chargers_open_while_managed": (
        0,
        "chargers that are open and should be managed: {value:g}",
        "Run `access-policy chargers list` and `access-policy mode-changes`.",
    ),
}


def safe_settings(settings: Settings) -> Iterator[Finding]:
    try:
        refuse_unsafe(settings)
    except NotAllowed as error:
        yield act("settings", str(error), "Correct the settings; the service does not start with them.")


def service(settings: Settings) -> Iterator[Finding]:
    if serving := serving_in(settings.data):
        yield ok("service", f"runs from {', '.join(map(str, serving))}")
        if ProcessRole.API in settings.roles:
            yield from _answers(settings)
        return
    yield soon("service", "is not running", "Start it with `access-policy serve`.")
    for role, address, what in (
        (ProcessRole.API, settings.http, "the HTTP API"),
        (ProcessRole.GATEWAY, settings.ocpp, "the OCPP server"),
    ):
        if role in settings.roles:
            yield _port(address, what)


def _port(address: HostPort, what: str) -> Finding:
    try:
        must_be_free(address, what)
    except OSError as error:
        return act("ports", str(error), "End the program that uses it, or choose another address.")
    return ok("ports", f"{address.host}:{address.port} is free for {what}")


def _answers(settings: Settings) -> Iterator[Finding]:
    with httpx.Client(base_url=_url(settings), verify=_trust(settings), trust_env=False, timeout=TIMEOUT_S) as client:
        try:
            ready = client.get("/readyz")
            parts = ready.json()["parts"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            yield act("service", f"does not respond at {client.base_url} ({error})", "See its log.")
            return
        if missing := sorted(name for name, is_there in parts.items() if not is_there):
            yield act("service", f"is not ready: {', '.join(missing)}", "See its log; it says why.")
        else:
            yield ok("service", "is ready")
        yield from _measured(settings, client)


def _measured(settings: Settings, client: httpx.Client) -> Iterator[Finding]:
    try:
        token = open_embedded_tokens(settings.data / "keys", SystemClock()).issue(
            NO_TENANT, Role.INSTALLATION, subject="doctor", ttl=timedelta(minutes=1)
        )
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        answer.raise_for_status()
    except (httpx.HTTPError, KeyFileUnsafe, OSError) as error:
        yield soon("metrics", f"cannot be read ({error})", "Read them with a token of the role installation.")
        return
    found = list(_beyond_limits(answer.text))
    yield from found
    if not found:
        yield ok("metrics", "no lag, no backlog, no parked events, and no open charger that should be managed")


def _beyond_limits(metrics: str) -> Iterator[Finding]:
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name in LIMITS and sample.value > LIMITS[sample.name][0]:
                _, text, action = LIMITS[sample.name]
                labels = ", ".join(sample.labels.values()) or "the service"
                yield act("metrics", text.format(value=sample.value, labels=labels), action)


def _url(settings: Settings) -> str:
    host = ANY_ADDRESS.get(settings.http.host, settings.http.host)
    scheme = "http" if settings.http_tls_certificate is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.http.port}"


def _trust(settings: Settings) -> ssl.SSLContext | bool:
    """Return a context that trusts the configured certificate itself, whatever name it has."""
    if settings.http_tls_certificate is None:
        return True
    context = ssl.create_default_context(cafile=str(settings.http_tls_certificate))
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return context
