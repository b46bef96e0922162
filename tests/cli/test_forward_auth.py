"""`passerelle check --forward-auth`: what is wrong with a proxy, seen from outside."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from passerelle.cli.diagnosis.forward_auth import ask_proxy
from passerelle.cli.main import main

OURS = "http://127.0.0.1:9"
LED = {"Location": "/.passerelle/start?rd=%2F"}
RIGHT = {"page": (302, LED), "start": (302, {"Location": f"{OURS}/enter"}), "script": (401, {})}


@contextmanager
def proxy(**answers):
    """A proxy that answers as it is told; a place in a Location is put on its own address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kind = "page" if "text/html" in self.headers["Accept"] else "script"
            kind = "start" if self.path.startswith("/.passerelle/") else kind
            status, headers = {**RIGHT, **answers}[kind]
            self.send_response(status)
            for name, value in headers.items():
                here = f"http://{self.headers['Host']}"
                self.send_header(name, here + value if value.startswith("/") else value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def test_a_proxy_that_is_right_passes():
    with proxy() as url:
        found = list(ask_proxy(url, OURS))
    assert [one.check for one in found] == ["asks", "address", "hands_over", "scripts"]
    assert all(one.passed for one in found)


@pytest.mark.parametrize(
    ("answers", "check", "cure"),
    [
        ({"page": (200, {})}, "asks", "does not ask /forward-auth"),
        ({"page": (401, {})}, "asks", "?mode=nginx"),
        ({"page": (500, {})}, "asks", "cannot reach /forward-auth"),
        ({"page": (301, {"Location": "https://elsewhere.example/"})}, "asks", "check that one"),
        (
            {"page": (403, {"X-Passerelle-Reason": "application_unknown"})},
            "asks",
            "Name this host",
        ),
        ({"page": (403, {"X-Passerelle-Reason": "proxy_path_missing"})}, "asks", "hand everything"),
        ({"page": (400, {"X-Passerelle-Reason": "proxy_host"})}, "asks", "X-Forwarded-Host"),
        (
            {"page": (302, {"Location": "http://inner.example/.passerelle/start"})},
            "address",
            "X-Forwarded-Proto",
        ),
        ({"start": (404, {})}, "hands_over", "hand everything"),
        ({"start": (302, LED)}, "hands_over", "hand everything"),
        ({"script": (302, LED)}, "scripts", "pass our answer on"),
    ],
)
def test_what_is_wrong_is_named_with_its_cure(answers, check, cure):
    with proxy(**answers) as url:
        found = list(ask_proxy(url, OURS))
    [wrong] = [one for one in found if not one.passed]
    assert wrong.check == check
    assert cure in (wrong.fix or "")


def test_where_nobody_answers_it_says_so():
    [found] = ask_proxy("http://127.0.0.1:9/", OURS)
    assert (found.passed, found.check) == (False, "asks")


def test_the_command_prints_it_and_its_result(settings, monkeypatch, tmp_path, capsys):
    changed = {"base_url": OURS}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=changed)
    monkeypatch.setenv("PASSERELLE_BASE_URL", OURS)
    with proxy(start=(404, {})) as url:
        assert main(["check", "--forward-auth", url, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert said["checks"][2]["check"] == "hands_over"


def test_an_address_that_is_none_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("PASSERELLE_BASE_URL", OURS)
    assert main(["check", "--forward-auth", "wiki"]) == 2
    assert "wiki" in capsys.readouterr().err
