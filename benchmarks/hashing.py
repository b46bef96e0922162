"""Sign-ins by SAML while strangers try passwords: hashing must not hold them up."""

import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.sign_in import time_sign_in
from benchmarks.strangers import STRANGERS
from tests.e2e.identity_provider import IdentityProvider, toml_for
from tests.e2e.passerelle import Passerelle
from tests.servers import processes
from tests.servers.postgresql import PostgreSQL

ROOT = Path(__file__).resolve().parent.parent
PEOPLE = 100
AT_ONCE = 4
BESIDES = {
    "nobody": "",
    f"{STRANGERS} who look at the sign-in page, as fast as they can": "look",
    f"{STRANGERS} who try passwords, as fast as they can": "try",
}


def hashing_rows(state: Path, postgresql: PostgreSQL) -> list[dict[str, str]]:
    rows = []
    urls = {"SQLite": None, "PostgreSQL": postgresql.create_database("hashing")}
    for name, url in urls.items():
        proxies = {"PASSERELLE_TRUSTED_PROXIES": "127.0.0.1/32"}
        installation = Passerelle.set_up(state / name, database_url=url, **proxies)
        with installation:
            installation.apply(toml_for("acme"))
            installation.serve(workers=2)
            _sign_ins(installation, 20)
            for title, kind in BESIDES.items():
                with _strangers(installation, kind, state / name / f"{kind}.log"):
                    times = sorted(_sign_ins(installation, PEOPLE))
                rows.append(_row(name, title, times))
    return rows


def _row(database: str, title: str, times: list[float]) -> dict[str, str]:
    return {
        "database": database,
        "besides": title,
        "median": f"{statistics.median(times) * 1000:.0f} ms",
        "99th percentile": f"{times[int(len(times) * 0.99) - 1] * 1000:.0f} ms",
    }


def _sign_ins(installation: Passerelle, count: int) -> list[float]:
    provider = IdentityProvider(installation.base_url)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        one = lambda number: time_sign_in(installation, provider, number)  # noqa: E731
        return list(pool.map(one, range(count)))


@contextmanager
def _strangers(installation: Passerelle, kind: str, log: Path) -> Iterator[None]:
    """A process of its own: its work must not slow the clock of the measurement."""
    if not kind:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.strangers", installation.base_url, kind]
    server = processes.start(command, log=log, env={"PYTHONPATH": str(ROOT)})
    time.sleep(3)
    try:
        yield
    finally:
        processes.stop(server)
