"""A backup as one file: a tar of the database, what it is, and perhaps the secret key."""

import hashlib
import hmac
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

DESCRIPTION, DATABASE, KEY = "backup.json", "passerelle.sqlite3", "secret.key"
FORMAT = 1
MAX_SMALL = 64 * 1024


class NotABackup(Exception):  # noqa: N818 - reads as what is the matter
    """The file is something else, or is not whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What goes in."""

    database: Path
    made_at: datetime
    version: str
    secret_key: str
    with_secret_key: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What came out; the database is written already, under a name of its own."""

    description: dict[str, Any]
    secret_key: str | None


def mark_of(secret_key: str) -> str:
    """By which a key is known again as that of a backup; nothing can be read with it."""
    return hmac.new(secret_key.encode(), b"passerelle backup", hashlib.sha256).hexdigest()


def write_backup(backup: Backup, file: IO[bytes]) -> None:
    description = {
        "format": FORMAT,
        "made_at": backup.made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": backup.version,
        "secret_key": mark_of(backup.secret_key),
        "sha256": _digest(backup.database),
    }
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
        _add(tar, DESCRIPTION, json.dumps(description, indent=1).encode())
        if backup.with_secret_key:
            _add(tar, KEY, f"{backup.secret_key}\n".encode())
        tar.add(backup.database, DATABASE, filter=_plain)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = _plain(tarfile.TarInfo(name))
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.uid, member.gid, member.uname, member.gname = 0o600, 0, 0, "", ""
    return member


def read_backup(path: Path, database: Path) -> Found:
    """Write the database of a backup to `database`, which must not be there. Raises NotABackup."""
    description: dict[str, Any] | None = None
    secret_key = None
    with _members(path) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                raise NotABackup(f"it holds {member.name!r}, which no backup does")
            if member.name == DESCRIPTION:
                description = _described(content.read(MAX_SMALL))
            elif member.name == KEY:
                secret_key = content.read(MAX_SMALL).decode().strip()
            elif member.name == DATABASE:
                _write(content, database)
            else:
                raise NotABackup(f"it holds {member.name!r}, which no backup does")
    if description is None or not database.exists():
        raise NotABackup("it holds no database, or does not say what it is")
    if _digest(database) != description.get("sha256"):
        raise NotABackup("the database in it is not the one that was put in")
    return Found(description, secret_key)


@contextmanager
def _members(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, mode="r:gz") as tar:
            yield tar
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise NotABackup(str(error) or "it is cut off") from error


def _described(content: bytes) -> dict[str, Any]:
    found = json.loads(content)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise NotABackup(f"expected format {FORMAT}, as this version writes it")
    return found


def _write(content: IO[bytes], target: Path) -> None:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := content.read(1024 * 1024):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
