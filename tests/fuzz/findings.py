"""Where an input is kept for which an oracle does not hold, and how to see it again."""

import hashlib
import os
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = HERE / "findings"
CORPUS = HERE / "corpus"


def kept(content: bytes) -> Path:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / hashlib.sha256(content).hexdigest()[:16]
    path.write_bytes(content)
    return path


def how_to_replay(path: Path) -> str:
    return f"replay: .venv/bin/python -m tests.fuzz.run {os.path.relpath(path, ROOT)}"
