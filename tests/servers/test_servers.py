"""Uses the real database and browser as the tests of the product will; stops what is stubborn."""

import socket
import sys
from pathlib import Path

import psycopg
import pytest

from . import processes
from .chromium import Chromium
from .loopback_sp import RELAY_STATE, LoopbackSP
from .postgresql import PostgreSQL
from .simplesamlphp import SimpleSAMLphp


def test_a_database_is_there_and_empty(postgresql: PostgreSQL) -> None:
    with psycopg.connect(postgresql.create_database("fresh")) as connection:
        connection.execute("create table word (value text)")
        connection.execute("insert into word values ('Ñandú 美玲')")
        assert connection.execute("select value from word").fetchall() == [("Ñandú 美玲",)]


def test_an_open_connection_does_not_hold_the_database_up(tmp_path: Path) -> None:
    server = PostgreSQL.start(tmp_path)
    connection = psycopg.connect(server.url("postgres"))
    server.stop()
    # It ended by itself: what is held up is killed.
    assert server.status == 0
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")


def test_a_person_signs_in_with_the_browser(
    chromium: Chromium, idp: SimpleSAMLphp, sp: LoopbackSP
) -> None:
    tab = chromium.new_page()
    tab.page.goto(f"{sp.url}/login")
    tab.page.fill("[name=username]", "zoe")
    tab.page.fill("[name=password]", idp.people["zoe"].password)
    tab.page.press("[name=password]", "Enter")
    tab.page.wait_for_selector("text=Signed in")
    assert sp.received[0]["RelayState"] == [RELAY_STATE]
    assert tab.problems == []
    tab.close()


def test_a_page_is_shown_as_the_visitor_likes(chromium: Chromium) -> None:
    page = chromium.new_page(locale="fr", width=390, color_scheme="dark").page
    page.goto("data:text/html,<title>Bonjour</title>")
    assert page.evaluate("[navigator.language, innerWidth]") == ["fr", 390]
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


def test_problems_of_a_page_are_written_down(
    chromium: Chromium, idp: SimpleSAMLphp, sp: LoopbackSP
) -> None:
    tab = chromium.new_page()
    tab.page.goto(idp.idp_initiated_url(sp.entity_id))
    scripts = "<script>console.error('oh')</script><script>throw Error('no')</script>"
    images = f"<img src='/none.png'><img src='http://127.0.0.1:{processes.free_port()}/'>"
    tab.page.set_content(scripts + images, wait_until="networkidle")
    assert sorted(problem.partition(":")[0] for problem in tab.problems) == [
        "console",
        "net",
        "script",
        "status 404",
    ]


def test_a_server_that_dies_says_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    server = processes.start(command, log=tmp_path / "log")
    with pytest.raises(processes.ServerError, match="no such thing"):
        processes.wait_for_port(server, processes.free_port())


def test_a_stubborn_group_is_stopped_whole(tmp_path: Path) -> None:
    port = processes.free_port()
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    child = f"{deaf} import socket; held = socket.create_server(('127.0.0.1', {port}));"
    sleep = "time.sleep(99)"
    script = f'"$0" -c "{child} {sleep}" & exec "$0" -c "{deaf} {sleep}"'
    server = processes.start(["sh", "-c", script, sys.executable], log=tmp_path / "log")
    processes.wait_for_port(server, port)
    processes.stop(server, seconds=0.2)
    processes.stop(server)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
