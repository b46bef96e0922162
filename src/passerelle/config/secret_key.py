"""The secret key of the embedded mode, made once and kept in the data folder."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from passerelle.config.env import MIN_LENGTH, WrongEnvironment


def kept_secret_key(data_dir: Path) -> str:
    """Read the key, or make it: readable by its owner only."""
    path = data_dir / "secret.key"
    if not path.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
    key = path.read_text(errors="replace").strip()
    if len(key) < MIN_LENGTH:
        raise WrongEnvironment(
            f"{path}: expected a secret key of at least {MIN_LENGTH} characters, as it was made; "
            f"received {len(key)}"
        )
    return key


def _make(path: Path) -> None:
    """Write a key whole before it gets its name; whoever was quicker has made it."""
    with NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(secrets.token_urlsafe(48) + "\n")
    with suppress(FileExistsError):
        os.link(file.name, path)
    Path(file.name).unlink()
