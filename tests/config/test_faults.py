"""What is said when the database cannot do what it should."""

import os
from types import SimpleNamespace

import psycopg
import pytest
from django.db import DatabaseError, InternalError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from passerelle.cli.diagnosis.installation import diagnose
from passerelle.config.database_url import read_database_url
from passerelle.config.env import WrongEnvironment, read_environment
from passerelle.infra import database_faults
from passerelle.infra.database_faults import Fault, fault_of
from tests.browsing import Browser
from tests.world import make_company

READ_ONLY = {
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    "postgresql": (
        "SET SESSION default_transaction_read_only = on",
        "SET SESSION default_transaction_read_only = off",
    ),
}


@pytest.fixture
def acme(transactional_db):
    return make_company("acme")


@pytest.fixture
def only_reading(acme):
    on, off = READ_ONLY[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(on)
    yield
    with connection.cursor() as cursor:
        cursor.execute(off)


def test_a_database_that_only_reads_sends_people_away_with_the_true_reason(only_reading, caplog):
    answer = Browser(raise_request_exception=False).get("/auth/saml/acme/login")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "not available right now" in answer.content.decode()
    assert "Too many people" not in answer.content.decode()
    assert "database only reads" in caplog.text
    assert "writable" in caplog.text


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (psycopg.errors.ReadOnlySqlTransaction(), Fault.READS_ONLY),
        (psycopg.errors.DiskFull(), Fault.DISK_FULL),
        (psycopg.errors.TooManyConnections(), Fault.BUSY),
        (psycopg.errors.AdminShutdown(), Fault.AWAY),
        (psycopg.OperationalError("session is read-only"), Fault.READS_ONLY),
        (OSError(28, "No space left on device"), Fault.DISK_FULL),
        (OSError(30, "Read-only file system"), Fault.READS_ONLY),
    ],
)
def test_what_is_the_matter_follows_from_the_first_error(error, fault):
    ours = InternalError() if isinstance(error, psycopg.InternalError) else OperationalError()
    ours.__cause__ = error
    assert fault_of(ours) is fault


def test_a_mistake_of_ours_is_no_fault_of_the_database():
    assert fault_of(ValueError()) is None
    assert fault_of(DatabaseError("no such column")) is None


@pytest.fixture
def full_of_pages(acme):
    """SQLite that may not grow; PostgreSQL says the same."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
        yield lambda: None
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1073741823")
        return

    def fail():
        raise OperationalError("could not extend file") from psycopg.errors.DiskFull()

    yield fail


def test_a_full_disk_is_said_to_the_operator_and_not_taken_for_a_crowd(
    full_of_pages, monkeypatch, caplog
):
    monkeypatch.setattr(database_faults, "_full_until", 0.0)

    def grow(*_arguments, **_keywords):
        full_of_pages()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE more AS SELECT randomblob(4000000) AS x")

    monkeypatch.setattr("passerelle.web.sign_in.saml.start_sign_in", grow)
    answer = Browser(raise_request_exception=False).get("/auth/saml/acme/login")
    assert answer.status_code == 503
    assert "Try again later" in answer.content.decode()
    assert "disk" not in answer.content.decode()
    assert "disk full" in caplog.text


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The embedded mode's file, as far as the disk is asked."""
    path = tmp_path / "passerelle.sqlite3"
    path.write_bytes(b"x")
    monkeypatch.setattr(database_faults, "file_of_database", lambda: path)
    monkeypatch.setattr(database_faults, "_opened", {})
    database_faults.remember_file(path)
    return path


def ready() -> tuple[int, str]:
    answer = Client().get("/health/ready")
    return answer.status_code, answer.json()["status"]


@pytest.mark.django_db
def test_ready_and_check_know_a_file_that_was_replaced_or_deleted(file):
    assert ready() == (200, "ok")
    other = file.with_name("other")
    other.write_bytes(b"x")
    other.replace(file)
    assert ready() == (503, "database file replaced")
    file.unlink()
    assert ready() == (503, "database file replaced")
    [found] = [one for one in diagnose(now=timezone.now(), deploy=False) if one.check == "database"]
    assert (found.passed, found.detail) == (False, "database file replaced")
    assert "Restart `passerelle serve`" in (found.fix or "")


@pytest.mark.django_db
def test_ready_and_check_know_a_disk_that_is_full(file, monkeypatch):
    monkeypatch.setattr(
        os, "statvfs", lambda _path: SimpleNamespace(f_bavail=10, f_bfree=10, f_frsize=4096)
    )
    assert ready() == (503, "disk full")
    [found] = [one for one in diagnose(now=timezone.now(), deploy=False) if one.check == "database"]
    assert (found.passed, found.detail) == (False, "disk full")


@pytest.mark.django_db
def test_ready_and_check_know_a_file_that_cannot_be_written(file, monkeypatch):
    refused = {file, file.parent}
    monkeypatch.setattr(os, "access", lambda path, _mode: path not in refused)
    assert ready() == (503, "database only reads")
    refused.remove(file.parent)
    assert ready() == (503, "database only reads")
    refused.clear()
    assert ready() == (200, "ok")


def test_several_hosts_are_handed_to_the_driver():
    url = "postgresql://ada:p%40ss@db1.example:5433,db2.example/sso?target_session_attrs=read-write"
    found = read_database_url(url)
    assert (found["HOST"], found["PORT"]) == ("db1.example,db2.example", "5433,5432")
    assert (found["USER"], found["PASSWORD"], found["NAME"]) == ("ada", "p@ss", "sso")
    assert found["OPTIONS"] == {"target_session_attrs": "read-write"}
    found = read_database_url("postgresql://ada@[2001:db8::1]:5432,[2001:db8::2]:5433/sso")
    assert (found["HOST"], found["PORT"]) == ("2001:db8::1,2001:db8::2", "5432,5433")


@pytest.mark.parametrize("hosts", ["a.example,", ",", "a.example:0,b.example", "a:x,b"])
def test_hosts_that_cannot_be_read_stop_the_start(hosts):
    given = {"PASSERELLE_DATABASE_URL": f"postgresql://ada@{hosts}/sso"}
    given["PASSERELLE_SECRET_KEY"] = "x" * 40
    with pytest.raises(WrongEnvironment, match="PASSERELLE_DATABASE_URL"):
        read_environment(given)
