"""A real installation for the tests: its own data folder or database, its own server processes."""

import os
import sys
from pathlib import Path
from typing import Self

from tests.servers import processes

COMMAND = (sys.executable, "-m", "passerelle")
DATABASE = "passerelle.sqlite3"
_migrated: list[bytes] = []


class Passerelle:
    """One installation, set up and run by its own commands."""

    def __init__(self, state: Path, *, port: int, environment: dict[str, str]) -> None:
        self.state = state
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"
        # An empty variable counts as not set: nothing of the tests' own environment shines through.
        blank = {name: "" for name in os.environ if name.startswith("PASSERELLE_")}
        self.environment = {**blank, "PASSERELLE_BASE_URL": self.base_url, **environment}
        self.server: processes.Server | None = None

    @classmethod
    def set_up(
        cls,
        state: Path,
        *,
        database_url: str | None = None,
        migrates: bool = True,
        **variables: str,
    ) -> Self:
        """An empty, migrated installation."""
        state.mkdir(parents=True, exist_ok=True)
        environment = {"PASSERELLE_DATA_DIR": str(state / "data"), **variables}
        if database_url:
            environment["PASSERELLE_DATABASE_URL"] = database_url
            environment["PASSERELLE_SECRET_KEY"] = "a secret key that only these tests know"
        installation = cls(state, port=processes.free_port(), environment=environment)
        if not database_url:
            installation.take_migrated_file()
        elif migrates:
            installation.run("migrate")
        return installation

    def take_migrated_file(self) -> None:
        """What `migrate` makes is the same each time: it is made once, and copied."""
        ours = Path(self.environment["PASSERELLE_DATA_DIR"]) / DATABASE
        if not _migrated:
            self.run("migrate")
            _migrated.append(ours.read_bytes())
            return
        ours.parent.mkdir(mode=0o700, parents=True)
        ours.write_bytes(_migrated[0])

    def run(self, *arguments: str, given: bytes = b"") -> str:
        """One command, its standard output."""
        return processes.run([*COMMAND, *arguments], env=self.environment, given=given).decode()

    def apply(self, configuration: str) -> str:
        path = self.state / "passerelle.toml"
        path.write_text(configuration, encoding="utf-8")
        return self.run("apply", str(path))

    def serve(self, *, workers: int = 2) -> None:
        """Start the server and wait until it is ready."""
        self.server = processes.start(
            self.serving(workers=workers),
            log=self.state / "server.log",
            env=self.environment,
        )
        processes.wait_for_url(self.server, f"{self.base_url}/health/ready")

    def serving(self, *, workers: int) -> list[str]:
        """The command that serves."""
        bind = f"127.0.0.1:{self.port}"
        return [*COMMAND, "serve", "--bind", bind, "--workers", str(workers)]

    def stop(self) -> None:
        if self.server:
            processes.stop(self.server)
            self.server = None

    def log(self) -> str:
        path = self.state / "server.log"
        return path.read_text() if path.exists() else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
