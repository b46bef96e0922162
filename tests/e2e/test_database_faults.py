"""A database that cannot do what it should, under a real service."""

import json
import os
import shutil
from pathlib import Path

import psycopg
import pytest

from passerelle.practice_idp.people import Person
from tests.e2e.conftest import users_of
from tests.e2e.identity_provider import IdentityProvider, toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor
from tests.servers import processes
from tests.servers.postgresql import PostgreSQL

ADA = Person("u-ada", "ada@acme.example", "Ada", "Example")
# Root may write whatever a file says, unless it gives that up.
WITHOUT_PRIVILEGE = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)


@pytest.fixture
def embedded(tmp_path):
    with Passerelle.set_up(tmp_path / "installation") as made:
        made.apply(toml_for("acme"))
        yield made


def ready(service: Passerelle) -> tuple[int, str]:
    answer = Visitor(service.base_url).get("/health/ready")
    return answer.status, json.loads(answer.body)["status"]


def all_ready(service: Passerelle) -> set[tuple[int, str]]:
    return {ready(service) for _ in range(10)}


def sign_in(service: Passerelle) -> int:
    visitor = Visitor(service.base_url)
    begun = visitor.get("/auth/saml/acme/login")
    if begun.status != 302:
        return begun.status
    provider = IdentityProvider(service.base_url)
    # Of this answer, not of another: that may come from a worker that only reads still.
    request = visitor.request_in(begun)
    return visitor.deliver("acme", provider.respond(ADA, request_id=request)).status


def database_check(service: Passerelle) -> dict[str, object]:
    with pytest.raises(processes.ServerError) as failed:
        service.run("check", "--json")
    document = str(failed.value).partition("ended with status 1:\n")[2]
    checks = json.loads(document)["checks"]
    return next(one for one in checks if one["check"] == "database")


def file_of(service: Passerelle) -> Path:
    return Path(service.environment["PASSERELLE_DATA_DIR"]) / "passerelle.sqlite3"


@pytest.mark.parametrize("by", ["a copy", "nothing"])
def test_a_file_that_is_replaced_under_a_running_service_is_noticed(embedded, by):
    embedded.serve(workers=2)
    assert sign_in(embedded) == 302
    file = file_of(embedded)
    shutil.copy(file, file.with_name("copy"))
    file.unlink()
    if by == "a copy":
        file.with_name("copy").rename(file)
    for _ in range(10):
        assert ready(embedded) == (503, "database file replaced")
        assert sign_in(embedded) == 503
        assert Visitor(embedded.base_url).get("/").status == 503
    assert file.exists() == (by == "a copy")
    assert "Restart `passerelle serve`" in embedded.log()
    assert "Traceback" not in embedded.log()


def test_a_file_without_the_right_to_write_is_no_error_of_ours(embedded):
    file = file_of(embedded)
    file.chmod(0o444)
    assert embedded.server is None
    embedded.server = processes.start(
        [*WITHOUT_PRIVILEGE, *embedded.serving(workers=1)],
        log=embedded.state / "server.log",
        env=embedded.environment,
    )
    processes.wait_for_port(embedded.server, embedded.port)
    assert ready(embedded) == (503, "database only reads")
    assert sign_in(embedded) == 503
    assert "database only reads" in embedded.log()
    assert "Traceback" not in embedded.log()
    for one in file.parent.glob("passerelle.sqlite3*"):
        one.chmod(0o600)
    assert ready(embedded) == (200, "ok")
    # A connection that was made for reading is not kept.
    processes.wait_until(embedded.server, lambda: sign_in(embedded) == 302)


def test_a_server_that_only_reads_is_said_and_left_when_it_writes_again(tmp_path, postgresql):
    name = "only_reading"
    url = postgresql.create_database(name)
    with Passerelle.set_up(tmp_path / "installation", database_url=url) as service:
        service.apply(toml_for("acme"))
        service.serve(workers=2)
        assert sign_in(service) == 302
        set_read_only(postgresql, name, "on")
        # Whose connection was ended hears of that first.
        only_reads = {(503, "database only reads")}
        processes.wait_until(service.server, lambda: all_ready(service) == only_reads)
        assert {sign_in(service) for _ in range(10)} == {503}
        assert database_check(service)["detail"] == "database only reads"
        assert "database only reads" in service.log()
        set_read_only(postgresql, name, "off")
        processes.wait_until(service.server, lambda: {sign_in(service) for _ in range(10)} == {302})
        processes.wait_until(service.server, lambda: all_ready(service) == {(200, "ok")})
        assert len(users_of(service)) == 1


def set_read_only(server: PostgreSQL, name: str, value: str) -> None:
    """As a standby does: those who are connected see it at their next connection."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
        if value == "on":
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )


def test_of_several_hosts_the_one_that_writes_is_used(tmp_path, postgresql):
    url = postgresql.create_database("several_hosts")
    closed = processes.free_port()
    several = url.replace("@127.0.0.1:", f"@127.0.0.1:{closed},127.0.0.1:")
    several += "?target_session_attrs=read-write"
    with Passerelle.set_up(tmp_path / "installation", database_url=several) as service:
        service.apply(toml_for("acme"))
        service.serve(workers=1)
        assert sign_in(service) == 302
        assert ready(service) == (200, "ok")


def test_a_server_that_is_away_is_not_taken_for_a_crowd(tmp_path):
    with PostgreSQL.start(tmp_path / "postgresql") as server:
        url = server.create_database("away")
        with Passerelle.set_up(tmp_path / "installation", database_url=url) as service:
            service.apply(toml_for("acme"))
            service.serve(workers=1)
            server.stop()
            assert ready(service) == (503, "database not ready")
            answer = Visitor(service.base_url).get("/auth/saml/acme/login")
            assert answer.status == 503
            assert "not available right now" in answer.body
            assert "database not ready" in service.log()
