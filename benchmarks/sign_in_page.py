"""The sign-in page as a share of a whole sign-in: processor time of the one worker that serves."""

import os
import statistics
from collections.abc import Callable
from pathlib import Path

from passerelle.practice_idp.people import Person
from tests.e2e.identity_provider import IdentityProvider, toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor
from tests.servers.postgresql import PostgreSQL

ROUNDS, SIGN_INS, PAGES = 7, 40, 200


def sign_in_page_rows(state: Path, postgresql: PostgreSQL) -> list[dict[str, str]]:
    rows = []
    urls = {"SQLite": None, "PostgreSQL": postgresql.create_database("sign_in_page")}
    for name, url in urls.items():
        installation = Passerelle.set_up(state / name, database_url=url)
        with installation:
            installation.apply(toml_for("acme"))
            installation.serve(workers=1)
            rows.append(_row(name, [_round(installation, number) for number in range(ROUNDS)]))
    return rows


def _row(database: str, rounds: list[tuple[float, float]]) -> dict[str, str]:
    rounds = rounds[1:]  # The first one warms up.
    sign_in, page = (statistics.median(times) for times in zip(*rounds, strict=True))
    share = statistics.median(page / whole for whole, page in rounds)
    return {
        "database": database,
        "a whole first sign-in": f"{sign_in * 1000:.1f} ms",
        "the sign-in page": f"{page * 1000:.1f} ms",
        "share": f"{share:.0%}",
    }


def _round(installation: Passerelle, number: int) -> tuple[float, float]:
    """Processor seconds of one sign-in, and of one page."""
    provider = IdentityProvider(installation.base_url)
    people = iter(range(number * SIGN_INS, (number + 1) * SIGN_INS))

    def sign_in() -> None:
        one = f"u{next(people)}"
        person = Person(one, f"{one}@acme.example", "Sam", "Example")
        visitor = Visitor(installation.base_url)
        response = provider.respond(person, request_id=visitor.start("acme"))
        assert visitor.deliver("acme", response).status == 302
        assert visitor.get("/").status == 200

    def page() -> None:
        assert Visitor(installation.base_url).get("/login/acme/?next=/account/").status == 200

    return _spent(installation, sign_in, SIGN_INS), _spent(installation, page, PAGES)


def _spent(installation: Passerelle, call: Callable[[], None], times: int) -> float:
    before = _processor_seconds(installation)
    for _ in range(times):
        call()
    return (_processor_seconds(installation) - before) / times


def _processor_seconds(installation: Passerelle) -> float:
    """Of the server and its worker, from the kernel's own count."""
    assert installation.server is not None
    parent = installation.server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sum(_of_process(pid) for pid in (str(parent), *children))


def _of_process(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
