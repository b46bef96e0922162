"""`passerelle backup`: a whole, consistent copy of an installation that runs."""

import argparse
import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

from passerelle import __version__
from passerelle.cli.framework import add_data_option, start_django
from passerelle.cli.terminal import UsageError, say
from passerelle.infra.archive import Backup, write_backup

PAGES_A_STEP = 2000
"""8 MB of the database, between two reports of progress."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "backup",
        help="copy a running installation into one file (embedded mode)",
        epilog="example: passerelle backup passerelle-2031-03-04.backup",
    )
    parser.add_argument("file", metavar="FILE", help="it must not be there yet")
    parser.add_argument(
        "--with-secret-key",
        action="store_true",
        help="put the secret key into it as well: whoever has the file then has everything",
    )
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if os.environ.get("PASSERELLE_DATABASE_URL"):
        raise UsageError(
            "PASSERELLE_DATABASE_URL: PostgreSQL copies itself; use `pg_dump --format=custom`, or "
            "`pg_basebackup` with its write-ahead log, and keep PASSERELLE_SECRET_KEY beside it"
        )
    target = Path(arguments.file)
    if target.exists():
        raise UsageError(f"{target}: expected a name that is not there yet")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent}: no such folder")
    start_django(arguments)
    from django.conf import settings

    source = settings.DATABASES["default"]["NAME"]
    with TemporaryDirectory(dir=target.parent, prefix=".passerelle-backup-") as folder:
        copy = Path(folder) / "passerelle.sqlite3"
        _copy(Path(source), copy)
        backup = Backup(
            database=copy,
            made_at=datetime.now(UTC),
            version=__version__,
            secret_key=settings.SECRET_KEY,
            with_secret_key=arguments.with_secret_key,
        )
        with NamedTemporaryFile(dir=folder, delete=False) as file:
            write_backup(backup, file)
            file.flush()
            os.fsync(file.fileno())
        # Whole before it has its name, and never over a file that came in the meantime.
        os.link(file.name, target)
    size = target.stat().st_size
    say(f"{target}: {size} bytes")
    if not arguments.with_secret_key:
        sys.stderr.write(
            "passerelle: the secret key is not in it: keep it somewhere else, since without it "
            "nothing that is sealed can be read\n"
        )
    return 0


def _copy(source: Path, target: Path) -> None:
    """As it is at one moment, while others read and write. Raises UsageError."""
    shows = sys.stderr.isatty()

    def progress(_status: int, remaining: int, total: int) -> None:
        if shows and total:
            done = 100 * (total - remaining) // total
            sys.stderr.write(f"\rcopying: {done} %")
            sys.stderr.flush()

    try:
        with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
            # One transaction holds the moment; the copy goes on in steps within it.
            original.execute("BEGIN")
            original.execute("SELECT 1 FROM django_migrations LIMIT 1").fetchone()
            original.backup(copy, pages=PAGES_A_STEP, progress=progress)
            [(verdict,)] = copy.execute("PRAGMA quick_check(1)").fetchall()
    except (sqlite3.Error, OSError) as error:
        raise UsageError(f"{source}: it cannot be copied: {error}") from error
    finally:
        if shows:
            sys.stderr.write("\n")
    if verdict != "ok":
        raise UsageError(f"{source}: the database is damaged: {verdict}")
