"""`passerelle restore`: an installation from a backup, in an empty data folder."""

import argparse
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from passerelle.cli.framework import add_data_option
from passerelle.cli.terminal import UsageError, say
from passerelle.infra.archive import DATABASE, KEY, Found, NotABackup, mark_of, read_backup

DEFAULT_FOLDER = "passerelle-data"


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "restore",
        help="make an installation from a backup, in an empty data folder",
        epilog="example: passerelle restore passerelle.backup --data /var/lib/passerelle",
    )
    parser.add_argument("file", metavar="FILE")
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if os.environ.get("PASSERELLE_DATABASE_URL"):
        raise UsageError(
            "PASSERELLE_DATABASE_URL: a backup is of the embedded mode; PostgreSQL has "
            "`pg_restore`. Unset it to restore into a data folder"
        )
    os.umask(0o077)
    given = arguments.data or os.environ.get("PASSERELLE_DATA_DIR") or DEFAULT_FOLDER
    source, folder = Path(arguments.file), Path(given)
    own_key = _own_key(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Under another name until all of it is known to be right.
    arriving = folder / f"{DATABASE}.restoring"
    try:
        found = read_backup(source, arriving)
        _refuse_damaged(arriving)
        key = _fitting_key(found, own_key)
        if found.secret_key and not own_key:
            _write_key(folder / KEY, found.secret_key)
        os.rename(arriving, folder / DATABASE)
    except NotABackup as error:
        raise UsageError(f"{source}: expected a whole backup of Passerelle: {error}") from error
    finally:
        arriving.unlink(missing_ok=True)
    made = found.description
    say(f"restored {folder} as it was at {made['made_at']} (version {made['version']})")
    if key is None:
        sys.stderr.write(
            f"passerelle: the secret key is not in the backup: put it into {folder / KEY}, or into "
            "PASSERELLE_SECRET_KEY, before you start\n"
        )
    say(f"next: passerelle migrate --data {folder}, then passerelle check --data {folder}")
    return 0


def _own_key(folder: Path) -> str | None:
    """The key that is there already, where there is nothing else. Raises UsageError."""
    there = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--data: {folder} is no folder")
    if others := [name for name in there if name != KEY]:
        raise UsageError(
            f"--data: expected an empty folder, or one that holds {KEY} alone; {folder} holds "
            f"{', '.join(others[:5])}"
        )
    if set_key := os.environ.get("PASSERELLE_SECRET_KEY"):
        return set_key
    return (folder / KEY).read_text().strip() if there else None


def _fitting_key(found: Found, own: str | None) -> str | None:
    """The key that opens what is sealed in the backup. Raises UsageError for another one."""
    key = own or found.secret_key
    if key is not None and mark_of(key) != found.description.get("secret_key"):
        raise UsageError(
            "the secret key is another one than the backup was made with: nothing that is sealed "
            "in it could be read"
        )
    return key


def _write_key(path: Path, key: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{key}\n")


def _refuse_damaged(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as copy:
            [(verdict,)] = copy.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        raise NotABackup(str(error)) from error
    if verdict != "ok":
        raise NotABackup(f"its database is damaged: {verdict}")
