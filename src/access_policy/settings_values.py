"""Types of settings and how the environment writes them. Each parser raises `ValueError` with what to write instead."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from access_policy.adapters.aws.address import AwsAddress
from access_policy.process_roles import ProcessRole

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
DYNAMODB = "dynamodb"
EVENTBRIDGE = "eventbridge"
SQS = "sqs"
IN_PROCESS = "memory://"


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address on which to listen, written as HOST:PORT, with an IPv6 host in brackets. Port 0 means any free port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> HostPort:
        host, separator, port = text.rpartition(":")
        if not separator or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8000")
        return cls(host.strip("[]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Tell whether other machines cannot reach the address. Of names, only `localhost` counts."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def reached_at(self) -> str:
        """Return the host for URLs on this machine."""
        if self.host in ("0.0.0.0", "::", "localhost"):  # noqa: S104  compared, not bound
            return "127.0.0.1"
        return f"[{self.host}]" if ":" in self.host else self.host


def _host_port(value: Any) -> Any:
    return HostPort.parse(value) if isinstance(value, str) else value


def _roles(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    names = [name.strip() for name in value.split(",") if name.strip()]
    unknown = sorted(set(names) - set(ProcessRole))
    if not names or unknown:
        known = ", ".join(ProcessRole)
        raise ValueError(f"roles must be some of {known}, separated by commas, not {unknown or repr(value)}")
    return frozenset(ProcessRole(name) for name in names)


def _peers(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    peers = {}
    for peer in filter(None, (each.strip() for each in value.split(","))):
        name, separator, url = peer.partition("=")
        if not separator or not name or not url.startswith(("http://", "https://")):
            raise ValueError(f"{peer!r} is not NAME=URL, such as gateway-2=http://127.0.0.1:8002")
        peers[name] = url.rstrip("/")
    return peers


def _networks(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in value.split(",") if each.strip())
    except ValueError as error:
        raise ValueError(f"{error}; write networks and addresses such as 10.0.0.0/8,192.0.2.7") from None


def _postgres_url(value: str) -> str:
    from psycopg import Error  # commands without such a URL do not wait for the driver to load
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(value)
    except Error:
        raise ValueError("this postgresql:// URL cannot be read; are all its special characters escaped?") from None
    return value


def _sql_location(value: str, *, also: str = "") -> Path | str:
    if value.startswith(POSTGRES):
        return _postgres_url(value)
    if value.startswith(SQLITE):
        return Path(value.removeprefix(SQLITE))
    raise ValueError(f"takes sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE{also}")


def _store_location(value: Any) -> Any:
    if not value or not isinstance(value, str):
        return value or None
    if value.startswith(f"{DYNAMODB}://"):
        return AwsAddress.of(value, DYNAMODB)
    return _sql_location(value, also=f", or {DYNAMODB}://TABLE?region=…")


def _read_models_location(value: Any) -> Any:
    return _sql_location(value) if value and isinstance(value, str) else value or None


def _records_location(value: Any) -> Any:
    if not value or not isinstance(value, str):
        return value or None
    if not value.startswith(POSTGRES):
        raise ValueError("takes postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or nothing")
    return _postgres_url(value)


def _bus(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.startswith(f"{EVENTBRIDGE}://"):
        return AwsAddress.of(value, EVENTBRIDGE)
    if value not in ("", IN_PROCESS):
        raise ValueError(f"{value!r} is neither {IN_PROCESS} nor {EVENTBRIDGE}://BUS?region=…")
    return None


def _intake(value: Any) -> Any:
    if not value or not isinstance(value, str):
        return value or None
    return AwsAddress.of(value, SQS, "dead_letters")


def _log_level(value: Any) -> Any:
    if str(value).upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("log_level takes DEBUG, INFO, WARNING or ERROR")
    return str(value).upper()


# None: the default of the data directory. A `str` is a `postgresql://` URL, a `Path` an SQLite file.
StoreLocation = Annotated[Path | str | AwsAddress | None, NoDecode, BeforeValidator(_store_location)]
ReadModelsLocation = Annotated[Path | str | None, NoDecode, BeforeValidator(_read_models_location)]
RecordsLocation = Annotated[str | None, BeforeValidator(_records_location)]
BusAddress = Annotated[AwsAddress | None, NoDecode, BeforeValidator(_bus)]  # None: the bus in the process
IntakeAddress = Annotated[AwsAddress | None, NoDecode, BeforeValidator(_intake)]  # None: no queue
Listening = Annotated[HostPort, NoDecode, BeforeValidator(_host_port)]
Roles = Annotated[frozenset[ProcessRole], NoDecode, BeforeValidator(_roles)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
PeerUrls = Annotated[dict[str, str], NoDecode, BeforeValidator(_peers)]  # URL by name of the instance
LogLevel = Annotated[str, BeforeValidator(_log_level)]
