"""The command: a parent that keeps workers, and stops with them."""

import argparse
import fcntl
import os
import socket
from typing import Any

from passerelle.cli.framework import add_data_option, require_base_url, start_django
from passerelle.cli.serve.supervisor import MOST_WORKERS, Beat, Supervisor
from passerelle.cli.serve.worker import work
from passerelle.cli.terminal import UsageError

DEFAULT_BIND = "127.0.0.1:8000"


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "serve",
        help="run the production server",
        description="SIGTERM stops it; SIGHUP puts new workers in the place of the old. A worker "
        "that dies, or\ngives no sign of life for 15 seconds, is replaced. One server for each "
        "data folder.",
        epilog="example: PASSERELLE_BASE_URL=https://sso.example passerelle serve --workers 2",
    )
    parser.add_argument("--bind", metavar="HOST:PORT", default=DEFAULT_BIND)
    parser.add_argument(
        "--workers", type=int, metavar="N", default=max(os.cpu_count() or 1, 1), help="processes"
    )
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments)
    require_base_url()
    if not 1 <= arguments.workers <= MOST_WORKERS:
        raise UsageError(f"--workers: expected 1 to {MOST_WORKERS}, received {arguments.workers}")
    host, port = read_bind(arguments.bind)
    serve(host, port, workers=arguments.workers)
    return 0


def read_bind(bind: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, when they are free to listen on. Raises UsageError."""
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"--bind: expected HOST:PORT such as {DEFAULT_BIND}, received {bind!r}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except OSError as error:
        raise UsageError(f"--bind: cannot listen on {bind}: {error.strerror or error}") from error
    return host, int(port)


def serve(host: str, port: int, *, workers: int) -> None:
    """Serve until stopped."""
    # The server takes numbers only.
    address = _number_of(host)
    lock = _hold_data_folder()
    _let_go_of_the_database()

    def be_worker(beat: Beat) -> None:
        if lock is not None:
            # Held by the one that keeps the workers, and free when it ends.
            os.close(lock)
        work(address, port, beat)

    Supervisor(be_worker, workers).run()


def _hold_data_folder() -> int | None:
    """SQLite's file is for one service: the lock ends with this process. Raises UsageError."""
    from passerelle.infra.database_faults import file_of_database

    database = file_of_database()
    if database is None:
        return None
    path = database.parent / "serve.lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"data folder {path.parent}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"another `passerelle serve` uses the data folder {path.parent}: stop it first, or "
            "name another folder with --data"
        ) from None
    return lock


def _number_of(host: str) -> str:
    """The address of a host. Raises UsageError for a name that is not known."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise UsageError(f"--bind: {host!r} is not known here ({error})") from error


def _let_go_of_the_database() -> None:
    """The workers are forked from here: two processes must not share a connection."""
    from django.db import connection

    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
