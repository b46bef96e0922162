"""A throw-away PostgreSQL cluster of Debian's newest installed version, on loopback."""

import os
import re
import shutil
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from . import processes

USER = "postgres"
INSTALLED = Path("/usr/lib/postgresql")
# Nothing here must survive a power cut.
SETTINGS = {
    "listen_addresses": processes.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


class PostgreSQL:
    """One running cluster whose superuser `postgres` needs no password."""

    def __init__(
        self, server: processes.Server, cluster: TemporaryDirectory[str], port: int
    ) -> None:
        self.port = port
        self._server = server
        self._cluster = cluster

    @classmethod
    def start(cls, state: Path) -> Self:
        """Make a cluster and start it; its log goes to the state folder."""
        state.mkdir(parents=True, exist_ok=True)
        port = processes.free_port()
        cluster = _make_cluster()
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [_binary("postgres"), "-D", cluster.name, "-p", str(port), *options]
        # The polite way here is the fast shutdown: the default would wait for open connections.
        server = processes.start(command, log=state / "log", user=_account(), polite=signal.SIGINT)
        processes.wait_until(server, lambda: _is_ready(port))
        return cls(server, cluster, port)

    def stop(self) -> None:
        """Stop it and delete the cluster."""
        processes.stop(self._server)
        self._cluster.cleanup()

    @property
    def status(self) -> int | None:
        """With which status it ended; none while it runs."""
        return self._server.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def url(self, database: str) -> str:
        """The address of a database, as PASSERELLE_DATABASE_URL takes it."""
        return f"postgresql://{USER}@{processes.LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database, empty or as another one is; return its address."""
        command = [_binary("createdb"), "--template", template, "--maintenance-db", self.url(USER)]
        processes.run([*command, name])
        return self.url(name)


def _make_cluster() -> TemporaryDirectory[str]:
    # Not in the state folder: pytest's are closed to every other account, postgres's too.
    cluster = TemporaryDirectory(prefix="passerelle-postgresql-", ignore_cleanup_errors=True)
    account = _account()
    if account:
        shutil.chown(cluster.name, account, account)
    options = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
    who = [f"--username={USER}"]
    processes.run([_binary("initdb"), "-D", cluster.name, *options, *who], user=account)
    return cluster


def _account() -> str | None:
    """The account to run as: the server refuses root."""
    return USER if os.geteuid() == 0 else None


def _binary(name: str) -> str:
    versions = [path for path in INSTALLED.glob("*") if re.fullmatch(r"\d+", path.name)]
    newest = max(versions, key=lambda path: int(path.name))
    return str(newest / "bin" / name)


def _is_ready(port: int) -> bool:
    try:
        processes.run(
            [_binary("pg_isready"), "-h", processes.LOOPBACK, "-p", str(port), "-U", USER]
        )
    except processes.ServerError:
        return False
    return True
