"""SQLite whose writers wait in line.

SQLite lets a writer that finds the lock taken sleep and try again, with longer and longer sleeps:
under load some wait for a second while others pass. Here the threads of a process wait in line, and
the first of each process asks for a file lock again and again, which a process that dies lets go
of. Whoever has waited as long as SQLite would has waited in vain.
"""

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

from passerelle.infra.database_faults import DatabaseFault, Fault, is_replaced, remember_file

ASK_EVERY = 0.001
"""Seconds between two questions for the file lock."""
_first_in_line = threading.Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._queue: int | None = None

    def get_new_connection(self, conn_params: Any) -> Any:
        """Another file in the place of the one we opened is another database: never open it."""
        if self.is_in_memory_db():
            return super().get_new_connection(conn_params)
        path = Path(self.settings_dict["NAME"])
        _refuse_replaced(path)
        made = super().get_new_connection(conn_params)
        remember_file(path)
        return made

    def create_cursor(self, name: str | None = None) -> Any:
        if not self.is_in_memory_db():
            _refuse_replaced(Path(self.settings_dict["NAME"]))
        return super().create_cursor(name)

    def _start_transaction_under_autocommit(self) -> None:
        self._wait_in_line()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._let_go()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._let_go()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._let_go()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._let_go()

    def _wait_in_line(self) -> None:
        name = str(self.settings_dict["NAME"])
        if self.is_in_memory_db():
            return
        seconds = self.settings_dict["OPTIONS"].get("timeout", 5)
        patience = time.monotonic() + seconds
        if not _first_in_line.acquire(timeout=seconds):
            raise DatabaseFault(Fault.BUSY, f"no write lock within {seconds} seconds")
        try:
            self._queue = _opened(name + "-queue")
            while not _locked(self._queue):
                if time.monotonic() > patience:
                    self._let_go()
                    raise DatabaseFault(Fault.BUSY, f"no write lock within {seconds} seconds")
                time.sleep(ASK_EVERY)
        finally:
            _first_in_line.release()

    def _let_go(self) -> None:
        if self._queue is not None:
            os.close(self._queue)
            self._queue = None


def _refuse_replaced(path: Path) -> None:
    if is_replaced(path):
        raise DatabaseFault(Fault.REPLACED, str(path))


def _opened(path: str) -> int:
    """Where no file can be made, no database can write, either."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OperationalError(f"{path}: {error.strerror}") from error


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
