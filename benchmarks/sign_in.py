"""Whole sign-ins over HTTP, on both databases."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from passerelle.practice_idp.people import Person
from tests.e2e.identity_provider import IdentityProvider, toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor
from tests.servers.postgresql import PostgreSQL

PEOPLE = 400
AT_ONCE = 8


def sign_in_rows(state: Path, postgresql: PostgreSQL) -> list[dict[str, str]]:
    rows = []
    urls = {"SQLite": None, "PostgreSQL": postgresql.create_database("bench")}
    for name, url in urls.items():
        installation = Passerelle.set_up(state / name, database_url=url)
        with installation:
            installation.apply(toml_for("acme"))
            installation.serve(workers=2)
            _all(installation, 20, start=-20)
            for kind in ("first", "returning"):
                began = time.perf_counter()
                times = _all(installation, PEOPLE, start=0)
                whole = time.perf_counter() - began
                rows.append(_row(name, kind, times, PEOPLE / whole))
    return rows


def _row(database: str, kind: str, times: list[float], rate: float) -> dict[str, str]:
    ordered = sorted(times)
    return {
        "database": database,
        "sign-in": kind,
        "median": f"{statistics.median(times) * 1000:.0f} ms",
        "99th percentile": f"{ordered[int(len(ordered) * 0.99) - 1] * 1000:.0f} ms",
        "sign-ins a second": f"{rate:.0f}",
    }


def _all(installation: Passerelle, count: int, *, start: int) -> list[float]:
    provider = IdentityProvider(installation.base_url)

    def one(number: int) -> float:
        return time_sign_in(installation, provider, number)

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(one, range(start, start + count)))


def time_sign_in(installation: Passerelle, provider: IdentityProvider, number: int) -> float:
    """Seconds of one person's sign-in, without the identity provider's part."""
    person = Person(f"u{number}", f"p{number}@acme.example", "Sam", "Example")
    visitor = Visitor(installation.base_url)
    began = time.perf_counter()
    request_id = visitor.start("acme")
    started = time.perf_counter() - began
    response = provider.respond(person, request_id=request_id)
    began = time.perf_counter()
    answer = visitor.deliver("acme", response)
    assert answer.status == 302, answer
    return started + time.perf_counter() - began
