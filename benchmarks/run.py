"""`make bench`: verification beside the peers, and whole sign-ins, in one run.

Times on a shared machine drift: the libraries take turns, round by round, and the ratios to the
floor of the same round are what counts. Writes RESULTS.md.
"""

import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

import tests.environment  # noqa: E402, F401

django.setup()

from benchmarks.sign_in import sign_in_rows  # noqa: E402
from benchmarks.verify import verify_rows  # noqa: E402
from tests.servers.postgresql import PostgreSQL  # noqa: E402

HEAD = """# Benchmarks

Made by `make bench` on {date}; {machine}. Absolute times depend on the machine; ratios less so.

"""


def table(title: str, explanation: str, rows: list[dict[str, str]]) -> str:
    heads = list(rows[0])
    lines = [f"## {title}", "", explanation, ""]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row[head] for head in heads) + " |" for row in rows]
    return "\n".join(lines) + "\n\n"


def main() -> None:
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    text = HEAD.format(date=f"{datetime.now(UTC):%Y-%m-%d}", machine=machine)
    text += table(
        "Verify and read one response",
        "Median time of one call, and in brackets its ratio to the floor measured in the same "
        "rounds: base64, one hardened parse, one exclusive C14N, SHA-256 and one RSA-2048 "
        "verification with the same primitives. signxml checks signatures only: no audience, no "
        "times.",
        verify_rows(),
    )
    with (
        tempfile.TemporaryDirectory() as state,
        PostgreSQL.start(Path(state) / "postgresql") as postgresql,
    ):
        rows = sign_in_rows(Path(state), postgresql)
    text += table(
        "A whole sign-in",
        "Login, callback and finish over HTTP, eight people at a time, two worker processes, the "
        "client on the same cores. Time of one sign-in without the identity provider's part. This "
        "PostgreSQL does not wait for the disk; SQLite does, at every commit.",
        rows,
    )
    (ROOT / "benchmarks" / "RESULTS.md").write_text(text.strip() + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
