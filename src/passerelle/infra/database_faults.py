"""What is the matter with the database, as far as errors and the disk say."""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

MIN_FREE = 1024 * 1024
"""Bytes; a disk with less is full: the next sign-ins may find no place."""
REMEMBERED = 60.0
"""Seconds."""
PATIENCE = 3
"""Seconds for a connection that is only to tell what is the matter."""


class Fault(StrEnum):
    """Each as probes and logs say it."""

    READS_ONLY = "database only reads"
    DISK_FULL = "disk full"
    REPLACED = "database file replaced"
    BUSY = "database busy"
    AWAY = "database not ready"


CURES = {
    Fault.READS_ONLY: "Make the database, its folder and its disk writable, or name a server that "
    "takes writes (`target_session_attrs=read-write`).",
    Fault.DISK_FULL: "Make room on the disk of the database.",
    Fault.REPLACED: "Restart `passerelle serve`: it keeps to the file that it began with.",
    Fault.BUSY: "Try again; if it happens often, give the database more room.",
    Fault.AWAY: "Start the database, or correct its address.",
}

_OF_SQLITE = {
    sqlite3.SQLITE_READONLY: Fault.READS_ONLY,
    sqlite3.SQLITE_FULL: Fault.DISK_FULL,
    sqlite3.SQLITE_BUSY: Fault.BUSY,
    sqlite3.SQLITE_LOCKED: Fault.BUSY,
    sqlite3.SQLITE_IOERR: Fault.AWAY,
    sqlite3.SQLITE_CANTOPEN: Fault.AWAY,
    sqlite3.SQLITE_PERM: Fault.AWAY,
    sqlite3.SQLITE_CORRUPT: Fault.AWAY,
    sqlite3.SQLITE_NOTADB: Fault.AWAY,
}
_OF_POSTGRESQL = {
    "25006": Fault.READS_ONLY,
    "53100": Fault.DISK_FULL,
    "53200": Fault.BUSY,
    "53300": Fault.BUSY,
    "40001": Fault.BUSY,
    "40P01": Fault.BUSY,
    "55P03": Fault.BUSY,
    "57014": Fault.BUSY,
}
_OF_THE_SYSTEM = {
    errno.ENOSPC: Fault.DISK_FULL,
    errno.EDQUOT: Fault.DISK_FULL,
    errno.EROFS: Fault.READS_ONLY,
    errno.EACCES: Fault.READS_ONLY,
    errno.EPERM: Fault.READS_ONLY,
}


class DatabaseFault(OperationalError):  # noqa: N818 - reads as what is the matter
    """We know ourselves what is the matter."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault = fault


def fault_of(error: BaseException) -> Fault | None:
    """What is wrong with the database; None for an error that is none of its state."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    for cause in _with_causes(error):
        if fault := _known(cause):
            # SQLite does not say why it cannot open or write a file.
            return (fault_of_file() or fault) if fault is Fault.AWAY else fault
    return Fault.AWAY if isinstance(error, OperationalError | InterfaceError) else None


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


def _known(error: BaseException) -> Fault | None:
    if isinstance(error, DatabaseFault):
        return error.fault
    if isinstance(error, OSError):
        return _OF_THE_SYSTEM.get(error.errno or 0)
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code == sqlite3.SQLITE_READONLY_DBMOVED:
            return Fault.REPLACED
        return _OF_SQLITE.get(code & 0xFF)
    if type(error).__name__ == "PoolTimeout":
        return _why_no_connection()
    if "session is read-only" in str(error):
        # What libpq says when a server that writes is asked for, and there is none.
        return Fault.READS_ONLY
    return _OF_POSTGRESQL.get(getattr(error, "sqlstate", None) or "")


def _why_no_connection() -> Fault:
    """Too many wait for one, or the pool gets none: it does not say which, so one is asked for."""
    driver: Any = connection.Database  # type: ignore[attr-defined]
    wanted = {**connection.get_connection_params(), "connect_timeout": PATIENCE}
    try:
        driver.connect(**wanted).close()
    except driver.Error as error:
        return _known(error) or Fault.AWAY
    return Fault.BUSY


def standing_fault() -> Fault | None:
    """What keeps the database from taking writes just now, without writing. Raises its errors."""
    if fault := fault_of_file():
        return fault
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        if cursor.fetchone()[0] == "on":
            _turn_to_another_server()
            return Fault.READS_ONLY
    # How full the disk of another machine is, only its refusals say.
    return Fault.DISK_FULL if time.monotonic() < _full_until else None


def try_to_write() -> None:
    """Write a little that is undone at once, where only that tells. Raises its errors."""
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE passerelle_check AS SELECT repeat('x', 65536)")
            transaction.set_rollback(True)


_full_until = 0.0


def note(fault: Fault) -> None:
    """It kept somebody from writing: probes say so for a while, and what only reads is left."""
    global _full_until
    if fault is Fault.DISK_FULL:
        _full_until = time.monotonic() + REMEMBERED
    if fault is Fault.READS_ONLY and connection.vendor == "postgresql":
        _turn_to_another_server()
    elif fault is Fault.READS_ONLY and file_of_database():
        # SQLite goes on reading only with what it opened so.
        connection.close()


def _turn_to_another_server() -> None:
    """After a change of roles, connections to the old primary only read: make new ones."""
    if pool := connection.pool:  # type: ignore[attr-defined]
        pool.drain()


_opened: dict[str, tuple[int, int]] = {}
"""Device and inode of each file as this process saw it first."""


def remember_file(path: Path) -> None:
    """It was opened: whatever takes its place later is another one."""
    if identity := _identity(path):
        _opened.setdefault(str(path), identity)


def is_replaced(path: Path) -> bool:
    return str(path) in _opened and _opened[str(path)] != _identity(path)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def file_of_database() -> Path | None:
    """The file of the embedded mode."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or ":memory:" in name or "mode=memory" in name:
        return None
    return Path(name)


def fault_of_file() -> Fault | None:
    """What is wrong with SQLite's file, its folder and its disk."""
    path = file_of_database()
    if path is None:
        return None
    if is_replaced(path):
        return Fault.REPLACED
    if not path.exists():
        return None
    beside = [Path(f"{path}{end}") for end in ("-wal", "-shm", "-queue")]
    needed = [path.parent, path, *(one for one in beside if one.exists())]
    if not all(os.access(one, os.W_OK) for one in needed):
        return Fault.READS_ONLY
    disk = os.statvfs(path.parent)
    blocks = disk.f_bavail if os.geteuid() else disk.f_bfree
    return Fault.DISK_FULL if blocks * disk.f_frsize < MIN_FREE else None
