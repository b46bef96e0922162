"""The examples, started as they stand: each lets the same person in, and nobody else."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.applications.site import Answer, Surfer
from tests.e2e.visitor import Visitor
from tests.embed.provider import answer_to, idp_metadata
from tests.servers import processes
from tests.world import GRACE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DJANGO = EXAMPLES / "django_project"
KINDS = {
    "django": ("wsgi", DJANGO, "django.core.wsgi:get_wsgi_application"),
    "fastapi": ("asgi", EXAMPLES, "fastapi_app:app"),
    "flask": ("wsgi", EXAMPLES, "flask_app:app"),
}


class Program:
    """An example that runs, and a browser at it."""

    def __init__(self, kind: str, state: Path) -> None:
        interface, folder, target = KINDS[kind]
        port = processes.free_port()
        self.host = f"127.0.0.1:{port}"
        self.base_url = f"http://{self.host}/saml"
        (state / "idp.xml").write_bytes(idp_metadata())
        self.environment = {
            "PYTHONPATH": str(folder),
            "DJANGO_SETTINGS_MODULE": "project",
            "DATABASE": str(state / "database.sqlite3"),
            "SECRET_KEY": "only of this test",
            "IDP_METADATA": str(state / "idp.xml"),
            "BASE_URL": f"http://{self.host}",
        }
        factory = ["--factory"] if kind == "django" else []
        if kind == "django":
            self.manage("migrate", "--run-syncdb")
        self.server = processes.start(
            [
                *(sys.executable, "-m", "granian", "--interface", interface, "--port", str(port)),
                *factory,
                target,
            ],
            log=state / "log",
            env=self.environment,
        )
        processes.wait_for_port(self.server, port)
        self.browser = Surfer({self.host: port})

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(DJANGO / "manage.py"), *arguments]
        return processes.run(command, env=self.environment).decode()

    def begin(self, browser: Surfer) -> str:
        """Click on the page that needs a sign-in; the ID of the request."""
        where, _ = browser.follow(f"http://{self.host}/reports", until="https://idp.acme.example/")
        return Visitor.request_in(Answer(302, where, "", {}))  # type: ignore[arg-type]

    def post(self, field: str) -> Answer:
        """What the identity provider's page does, from another site: without cookies."""
        return Surfer(self.browser.ports).ask(
            f"{self.base_url}/acs",
            "POST",
            urlencode({"SAMLResponse": field}).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )

    def answer(self, request_id: str, **said: object) -> str:
        return answer_to(request_id, base_url=self.base_url, now=datetime.now(UTC), **said)

    def sign_in(self, browser: Surfer, **said: object) -> tuple[str, Answer]:
        posted = self.post(self.answer(self.begin(browser), **said))
        assert posted.status == 303, posted.body
        return browser.follow(posted.location)


@pytest.fixture(params=KINDS)
def program(request, tmp_path):
    running = Program(request.param, tmp_path)
    yield running
    processes.stop(running.server)


def test_who_is_new_has_an_account_at_the_first_sign_in_and_the_same_one_later(program):
    where, page = program.sign_in(program.browser)
    assert (where, page.status) == (f"http://{program.host}/reports", 200)
    assert GRACE.email in page.body
    again = Surfer(program.browser.ports)
    assert program.sign_in(again)[1].body == page.body


def test_nobody_else_is_let_in(program):
    for fault, reason in (
        ("audience", "audience_mismatch"),
        ("wrapped", "assertion_count"),
        ("stranger", "certificate_unknown"),
    ):
        refused = program.post(program.answer(program.begin(program.browser), fault=fault))
        assert (refused.status, f"({reason})" in refused.body) == (403, True)
    field = program.answer(program.begin(program.browser))
    posted = program.post(field)
    assert "(assertion_replayed)" in program.post(field).body
    stranger = Surfer(program.browser.ports)
    _, page = stranger.follow(posted.location)
    assert (page.status, "(browser_mismatch)" in page.body) == (403, True)


@pytest.mark.parametrize("program", ["django"], indirect=True)
def test_in_django_accounts_are_the_project_s_own_and_known_by_identity(program):
    program.sign_in(program.browser)
    # Another address, a group more: the same person, brought up to date.
    attributes = {"email": ("g.example@acme.example",), "groups": ("editors",)}
    _, page = program.sign_in(Surfer(program.browser.ports), attributes=attributes)
    assert page.body == f"{GRACE.subject}: g.example@acme.example, editor"
    count = "from accounts.models import Employee; print(Employee.objects.count())"
    assert program.manage("shell", "-c", count).split()[-1] == "1"
    # Whom the project does not want, it refuses.
    browser, nameless = Surfer(program.browser.ports), {"groups": ("editors",)}
    _, refused = program.sign_in(browser, attributes=nameless)
    assert (refused.status, "(account_refused)" in refused.body) == (403, True)
    assert "No changes" in program.manage("makemigrations", "passerelle_embed", "--check")


def test_the_examples_stay_short():
    for name in ("fastapi_app.py", "flask_app.py"):
        assert len((EXAMPLES / name).read_text().splitlines()) < 60
