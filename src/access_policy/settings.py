"""Settings: the environment, read once, typed and checked. The README's table is checked against this file by a test."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path

from psycopg import Error as PsycopgError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from access_policy.adapters.aws.address import AwsAddress

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
DYNAMODB = "dynamodb"


class ProcessRole(StrEnum):
    API = "api"
    GATEWAY = "gateway"
    PROJECTOR = "projector"
    PUBLISHER = "publisher"


class Settings(BaseSettings):
    """Read from variables `ACCESS_POLICY_…`; flags of the command line go before them."""

    model_config = SettingsConfigDict(
        env_prefix="ACCESS_POLICY_", extra="ignore", validate_default=True, hide_input_in_errors=True
    )

    data: Path = Field(default=Path("data"), description="Directory of the SQLite files and keys")
    http: str = Field(default="127.0.0.1:8000", description="Where the HTTP API listens, HOST:PORT")
    ocpp: str = Field(default="127.0.0.1:9000", description="Where chargers connect, HOST:PORT")
    ocpp_tls_certificate: Path | None = Field(
        default=None, description="Certificate chain (PEM): chargers connect by TLS, security profile 2"
    )
    ocpp_tls_key: Path | None = Field(default=None, description="Private key of the certificate (PEM)")
    ocpp_tls_client_ca: Path | None = Field(
        default=None, description="CA of the chargers' certificates (PEM): they present one, security profile 3"
    )
    ocpp_messages_per_s: float = Field(
        default=100.0, gt=0, le=100_000, description="Messages a second that are read from each charger in the long run"
    )
    ocpp_messages_burst: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="Messages that a charger may send at once, such as after an outage",
    )
    ocpp_messages_waiting: int = Field(
        default=16,
        ge=1,
        le=10_000,
        description="Messages of a charger that wait while one is handled, before no more is read from its socket",
    )
    ocpp_ping_interval_s: float = Field(
        default=20.0,
        ge=0,
        description="Seconds between two WebSocket pings to a charger; 0: no pings, and silence ends no connection",
    )
    ocpp_ping_timeout_s: float = Field(
        default=20.0,
        gt=0,
        description="Seconds beyond the ping interval after which a charger that sent nothing at all is disconnected",
    )
    store_url: str = Field(
        default="",
        repr=False,
        description=(
            "Event store: sqlite:///FILE, postgresql://… or dynamodb://TABLE?region=…&endpoint_url=…; empty: SQLite in the"
            " data directory"
        ),
    )
    read_models_url: str = Field(
        default="",
        repr=False,
        description="Read models: sqlite:///FILE or postgresql://…; empty: SQLite in the data directory",
    )
    records_url: str = Field(
        default="",
        repr=False,
        description="Keys, passwords, import plans and positions (neither events nor read models): postgresql://…;"
        " empty: the event store's PostgreSQL database, or SQLite in the data directory",
    )
    roles: str = Field(
        default="api,gateway,projector,publisher",
        description="What this process does: api (HTTP), gateway (chargers), projector (read models), publisher (events)",
    )
    instance: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,39})?$",
        description="Name of this process among several on one store; it keeps its own files in a directory of that name",
    )
    peers: str = Field(
        default="",
        description="NAME=URL,… of the HTTP APIs of other gateways, to which what needs a charger's connection is passed",
    )
    bus_url: str = Field(
        default="memory://",
        description="Where events are published: memory:// (this process) or eventbridge://BUS?region=…&endpoint_url=…",
    )
    intake_url: str = Field(
        default="",
        description="Queue of events to take in: sqs://QUEUE?region=…&endpoint_url=…&dead_letters=QUEUE; empty: HTTP only",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    mode_resync_s: float = Field(default=300.0, gt=0, description="Seconds between two looks at every charger")
    unknown_identifier_days: int = Field(
        default=30, ge=1, le=400, description="Days for which the value of an identifier nobody has is kept, encrypted"
    )
    drain_s: float = Field(default=5.0, ge=0, description="Seconds over which charger connections close at a stop")

    @field_validator("http", "ocpp")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, separator, port = value.rpartition(":")
        if not separator or not host or not port.isdigit() or not 0 <= int(port) <= 65535:
            raise ValueError(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8000")
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Settings:
        if (self.ocpp_tls_certificate is None) is not (self.ocpp_tls_key is None):
            raise ValueError("ocpp_tls_certificate and ocpp_tls_key go together; give both or none")
        if self.ocpp_tls_client_ca is not None and self.ocpp_tls_certificate is None:
            raise ValueError("ocpp_tls_client_ca needs ocpp_tls_certificate and ocpp_tls_key")
        return self

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("log_level takes DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("store_url", "read_models_url", "records_url")
    @classmethod
    def _store(cls, value: str, info: ValidationInfo) -> str:
        if info.field_name == "store_url" and value.startswith(f"{DYNAMODB}://"):
            AwsAddress.of(value, DYNAMODB)
        elif value.startswith(POSTGRES):
            try:
                conninfo_to_dict(value)
            except PsycopgError:
                raise ValueError(
                    "this postgresql:// URL cannot be read; are all its special characters escaped?"
                ) from None
        elif value and info.field_name == "records_url":
            raise ValueError("takes postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or nothing")
        elif value and not value.startswith(SQLITE):
            also = f", or {DYNAMODB}://TABLE?region=…" if info.field_name == "store_url" else ""
            raise ValueError(f"takes sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE{also}")
        return value

    @field_validator("bus_url", "intake_url")
    @classmethod
    def _address(cls, value: str, info: ValidationInfo) -> str:
        if info.field_name == "bus_url" and value.startswith("eventbridge://"):
            AwsAddress.of(value, "eventbridge")
        elif info.field_name == "intake_url" and value:
            AwsAddress.of(value, "sqs", "dead_letters")
        elif value not in ("", "memory://"):
            raise ValueError(f"{value!r} is neither memory:// nor eventbridge://BUS?region=…")
        return value or str(cls.model_fields[str(info.field_name)].default)

    @field_validator("roles")
    @classmethod
    def _roles(cls, value: str) -> str:
        asked = [name.strip() for name in value.split(",") if name.strip()]
        if not asked or (unknown := set(asked) - {role.value for role in ProcessRole}):
            known = ", ".join(ProcessRole)
            raise ValueError(
                f"roles takes some of {known}, separated by commas; not {sorted(unknown) if asked else value!r}"
            )
        return ",".join(asked)

    @field_validator("peers")
    @classmethod
    def _peers(cls, value: str) -> str:
        for peer in filter(None, value.split(",")):
            name, separator, url = peer.strip().partition("=")
            if not separator or not name or not url.startswith(("http://", "https://")):
                raise ValueError(f"{peer!r} is not NAME=URL, such as gateway-2=http://127.0.0.1:8002")
        return value

    @property
    def process_roles(self) -> frozenset[ProcessRole]:
        return frozenset(ProcessRole(name) for name in self.roles.split(","))

    @property
    def is_alone(self) -> bool:
        """One process does everything: nobody else can hold a charger's connection or write the read models."""
        return not self.instance and self.process_roles == frozenset(ProcessRole)

    @property
    def peer_urls(self) -> dict[str, str]:
        """URL by name of the instance."""
        pairs = (peer.strip().partition("=") for peer in self.peers.split(",") if peer.strip())
        return {name: url.rstrip("/") for name, _, url in pairs}

    @property
    def publishes_externally(self) -> bool:
        """To a bus outside, which is told everything once; one in this process hears of what happens from now on."""
        return not self.bus_url.startswith("memory://")

    @property
    def own_data(self) -> Path:
        """The directory of this process's own files."""
        return self.data / self.instance if self.instance else self.data

    @property
    def store_location(self) -> Path | str | AwsAddress:
        """A file, a `postgresql://` URL, or a DynamoDB table."""
        if self.store_url.startswith(f"{DYNAMODB}://"):
            return AwsAddress.of(self.store_url, DYNAMODB)
        return _place(self.store_url, self.data / "events.sqlite")

    @property
    def read_models_location(self) -> Path | str:
        """A file, or a `postgresql://` URL."""
        return _place(self.read_models_url, self.data / "views.sqlite")

    @property
    def records_location(self) -> Path | str:
        """The directory of files for each purpose, or a `postgresql://` URL."""
        beside_events = self.store_url if self.store_url.startswith(POSTGRES) else ""
        return _place(self.records_url or beside_events, self.data)


def host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Only addresses that no other machine can reach; a name counts as loopback if it is `localhost`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _place(url: str, default: Path) -> Path | str:
    if url.startswith(POSTGRES):
        return url
    return Path(url.removeprefix(SQLITE)) if url else default
