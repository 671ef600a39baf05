"""Settings: the environment, read once, typed and checked. The README's table is checked against this file by a test."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from access_policy.adapters.aws.address import AwsAddress
from access_policy.process_roles import ProcessRole
from access_policy.settings_console import ConsoleSettings
from access_policy.settings_identity import IssuerUrl, Names, RoleMap
from access_policy.settings_values import (
    EVENTBRIDGE,
    IN_PROCESS,
    BusAddress,
    IntakeAddress,
    Listening,
    LogLevel,
    Networks,
    PeerUrls,
    ReadModelsLocation,
    RecordsLocation,
    Roles,
    StoreLocation,
)


def written(text: str) -> Any:
    """A default written as an environment variable would be; it is parsed like one."""
    return text


class LogFormat(StrEnum):
    JSON = "json"
    PRETTY = "pretty"
    AUTO = "auto"


class Settings(ConsoleSettings):
    """The settings, read from variables `ACCESS_POLICY_…`; command-line flags take precedence."""

    model_config = SettingsConfigDict(
        env_prefix="ACCESS_POLICY_", extra="ignore", validate_default=True, hide_input_in_errors=True
    )

    data: Path = Field(default=Path("data"), description="Directory of the SQLite files and keys")
    http: Listening = Field(default=written("127.0.0.1:8000"), description="Where the HTTP API listens, HOST:PORT")
    http_tls_certificate: Path | None = Field(
        default=None, description="Certificate chain (PEM) of the HTTP API and the console, reloaded when it changes"
    )
    http_tls_key: Path | None = Field(default=None, description="Private key of that certificate (PEM)")
    http_trusted_proxies: Networks = Field(
        default=written(""),
        description="Networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count, such as 10.0.0.0/8",
    )
    http_allow_plain: bool = Field(
        default=False, description="Serve the API beyond this machine even without TLS and without a trusted proxy"
    )
    oidc_issuer: IssuerUrl = Field(
        default=written(""),
        description="Issuer whose tokens the API accepts, exactly as it names itself; empty: tokens of the embedded key",
    )
    oidc_audience: Names = Field(
        default=written(""), description="Audiences of this API, one of which a token with `aud` must name"
    )
    oidc_clients: Names = Field(
        default=written(""),
        description="Clients (`client_id`) whose access tokens are accepted without an audience, as Amazon Cognito's are",
    )
    oidc_tenant_claim: str = Field(
        default="tenant_id", min_length=1, description="Claim that names the caller's tenant"
    )
    oidc_roles_claim: str = Field(
        default="roles",
        min_length=1,
        description="Claim with the caller's roles: a list, or a string separated by spaces; `cognito:groups` for Amazon "
        "Cognito",
    )
    oidc_role_map: RoleMap = Field(
        default=written(""),
        description="NAME=ROLE,… of the names in that claim; empty: the names are roles. The strongest role counts",
    )
    oidc_depots_claim: str = Field(
        default="",
        description="Claim that limits a caller to some depots: a list, or a string separated by spaces; empty, or a token "
        "without it: all depots",
    )
    oidc_clock_skew_s: float = Field(
        default=30.0, ge=0, le=300, description="Seconds by which the issuer's clock may differ from this machine's"
    )
    http_requests_per_s: float = Field(
        default=500.0,
        gt=0,
        le=1_000_000,
        description="Average requests per second that one address, API key or token may send",
    )
    http_requests_burst: int = Field(
        default=5000, ge=1, le=10_000_000, description="Requests that one address, API key or token may send in a burst"
    )
    ocpp: Listening = Field(default=written("127.0.0.1:9000"), description="Where chargers connect, HOST:PORT")
    ocpp_tls_certificate: Path | None = Field(
        default=None,
        description="Certificate chain (PEM) for chargers, which then connect over TLS (security profile 2)",
    )
    ocpp_tls_key: Path | None = Field(default=None, description="Private key of the certificate (PEM)")
    ocpp_tls_client_ca: Path | None = Field(
        default=None,
        description="CA of the chargers' certificates (PEM), which chargers must then present (security profile 3)",
    )
    ocpp_messages_per_s: float = Field(
        default=100.0, gt=0, le=100_000, description="Average messages per second that are read from each charger"
    )
    ocpp_messages_burst: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="Messages that a charger may send in a burst, such as after an outage",
    )
    ocpp_messages_waiting: int = Field(
        default=16,
        ge=1,
        le=10_000,
        description="Messages of a charger that may wait while one is handled; beyond that, the gateway stops reading from "
        "its socket",
    )
    ocpp_ping_interval_s: float = Field(
        default=20.0,
        ge=0,
        description="Seconds between two WebSocket pings to a charger; 0: no pings, and silent connections stay open",
    )
    ocpp_ping_timeout_s: float = Field(
        default=20.0,
        gt=0,
        description="Seconds beyond the ping interval after which a silent charger is disconnected",
    )
    store_url: StoreLocation = Field(
        default="",
        repr=False,
        description=(
            "Event store: sqlite:///FILE, postgresql://… or dynamodb://TABLE?region=…&endpoint_url=…; empty: SQLite in the"
            " data directory"
        ),
    )
    read_models_url: ReadModelsLocation = Field(
        default="",
        repr=False,
        description="Read models: sqlite:///FILE or postgresql://…; empty: SQLite in the data directory",
    )
    records_url: RecordsLocation = Field(
        default="",
        repr=False,
        description="Keys, passwords, import plans and positions (neither events nor read models): postgresql://…;"
        " empty: the event store's PostgreSQL database, or SQLite in the data directory",
    )
    roles: Roles = Field(
        default=written("api,gateway,projector,publisher"),
        description="What this process does: api (HTTP), gateway (chargers), projector (read models), publisher (events)",
    )
    instance: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,39})?$",
        description="Name of this process among several on one store; it keeps its own files in a directory of that name",
    )
    peers: PeerUrls = Field(
        default=written(""),
        description="NAME=URL,… of other gateways' HTTP APIs, for requests that need a charger's connection",
    )
    bus_url: BusAddress = Field(
        default=written("memory://"),
        description="Where events are published: memory:// (this process) or eventbridge://BUS?region=…&endpoint_url=…",
    )
    intake_url: IntakeAddress = Field(
        default=written(""),
        description="Queue of events to consume: sqs://QUEUE?region=…&endpoint_url=…&dead_letters=QUEUE; empty: HTTP only",
    )
    webhook_networks: Networks = Field(
        default=written(""),
        description="Private networks in which webhook receivers and OCPI partners may be, such as 10.20.0.0/16,…",
    )
    ca_file: Path | None = Field(
        default=None,
        description="CA certificates (PEM), beside the public ones, of servers that this service calls: issuer, peers,"
        " webhooks' receivers, OCPI partners, traces; reloaded when they change",
    )
    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    log_format: LogFormat = Field(
        default=written("auto"),
        description="json (one object per line), pretty, or auto (pretty on a terminal, otherwise json)",
    )
    traces_endpoint: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="OTLP/HTTP endpoint for traces, such as http://collector:4318; empty: no tracing",
    )
    traces_ratio: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of traces that are recorded; for a trace that a caller began, the caller decides",
    )
    mode_resync_s: float = Field(default=300.0, gt=0, description="Seconds between two inspections of every charger")
    unknown_identifier_days: int = Field(
        default=30, ge=1, le=400, description="Days for which the value of an unknown identifier is kept, encrypted"
    )
    drain_s: float = Field(
        default=5.0, ge=0, description="Seconds over which charger connections are closed when the service stops"
    )

    def __init__(self, **values: Any) -> None:
        """Take typed values, or strings as in environment variables."""
        super().__init__(**values)

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Settings:
        if (self.ocpp_tls_certificate is None) is not (self.ocpp_tls_key is None):
            raise ValueError("ocpp_tls_certificate and ocpp_tls_key go together; give both or none")
        if self.ocpp_tls_client_ca is not None and self.ocpp_tls_certificate is None:
            raise ValueError("ocpp_tls_client_ca needs ocpp_tls_certificate and ocpp_tls_key")
        return self

    @model_validator(mode="after")
    def _tokens_have_a_receiver(self) -> Settings:
        if self.oidc_issuer is not None and not (self.oidc_audience or self.oidc_clients):
            raise ValueError(
                "oidc_issuer needs oidc_audience, or oidc_clients for tokens without an audience; give one"
            )
        return self

    @model_validator(mode="after")
    def _console_has_an_issuer(self) -> Settings:
        if self.oidc_console_client and self.oidc_issuer is None:
            raise ValueError("oidc_console_client needs oidc_issuer, where people sign in; give both or none")
        return self

    @property
    def is_alone(self) -> bool:
        """Whether one process does everything, so that no other process owns a charger's connection or writes read models."""
        return not self.instance and self.roles == frozenset(ProcessRole)

    @property
    def publishes_externally(self) -> bool:
        """Whether events go to an external bus, which receives the whole log once; the in-process bus gets only new events."""
        return self.bus_url is not None

    @property
    def bus_name(self) -> str:
        """The bus without its options: a relay that reaches it in another way continues from the position already reached."""
        return IN_PROCESS if self.bus_url is None else f"{EVENTBRIDGE}://{self.bus_url.name}"

    @property
    def own_data(self) -> Path:
        """The directory of this process's own files."""
        return self.data / self.instance if self.instance else self.data

    @property
    def store_location(self) -> Path | str | AwsAddress:
        """A file, a `postgresql://` URL, or a DynamoDB table."""
        return self.store_url or self.data / "events.sqlite"

    @property
    def read_models_location(self) -> Path | str:
        """A file, or a `postgresql://` URL."""
        return self.read_models_url or self.data / "views.sqlite"

    @property
    def records_location(self) -> Path | str:
        """The directory of files for each purpose, or a `postgresql://` URL."""
        beside_events = self.store_url if isinstance(self.store_url, str) else None
        return self.records_url or beside_events or self.data
