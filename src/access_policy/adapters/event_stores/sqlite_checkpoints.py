"""Checkpoints of an SQLite file's write-ahead log, on a separate thread and connection.

By default SQLite runs checkpoints inside a commit, which then takes a hundred times as long: measured 300 ms instead of 3 ms in
a log of 60,000 events, whose index pages are far apart. A passive checkpoint runs beside the commits and does not block them
(sqlite.org/wal.html, "Avoiding Excessively Large WAL Files").
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

EVERY_S: Final = 1.0
CHECKPOINT_BYTES: Final = 16 * 1024 * 1024  # a write-ahead log of this size is copied into the database,
RESTART_PAGES: Final = 16_000  # and a log of this many pages begins anew: writers wait until the last pages are copied
KEPT_BYTES: Final = 256 * 1024 * 1024  # the commit that begins anew cuts a larger file to this size, which takes 50 ms
# more pages than this cannot be copied yet while a long reader, such as a backup, needs them
LEFT_PAGES_MAX: Final = 2_000
BUSY_MS: Final = 200  # for a lock; the next checkpoint tries again


class Checkpoints:
    """Runs the checkpoints. Call `start` and `stop` once each. Only the first of several failed checkpoints in a row is logged;
    each is retried.
    """

    def __init__(self, path: Path, *, every_s: float = EVERY_S) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._every_s = every_s
        self._stopped = threading.Event()
        self._has_failed = False
        self._copied_at = 0  # modification time of the last completely copied file, in nanoseconds
        self._thread = threading.Thread(target=self._run, name="event-store-checkpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            if self._is_due():
                self._checkpoint()

    def _is_due(self) -> bool:
        """Tell whether to checkpoint. The file keeps its size when the log begins anew, so its modification time shows whether
        the log has grown.
        """
        try:
            found = self._wal.stat()
        except OSError:  # it does not exist
            return False
        return found.st_size >= CHECKPOINT_BYTES and found.st_mtime_ns != self._copied_at

    def _checkpoint(self) -> None:
        try:
            written_at = self._wal.stat().st_mtime_ns
            with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
                connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
                _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self._copied_at = written_at if copied >= pages else 0
                if pages >= RESTART_PAGES and pages - copied <= LEFT_PAGES_MAX:
                    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except (sqlite3.Error, OSError) as trouble:
            if not self._has_failed:
                log.warning("the write-ahead log of %s cannot be checkpointed yet: %s", self._path.name, trouble)
            self._has_failed = True
        else:
            self._has_failed = False
