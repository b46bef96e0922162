"""Apache Superset as it is, with the file that our page prints."""

import json

import pytest

from tests.applications.site import Surfer, sign_in
from tests.dashboards.environment import program, take_picture
from tests.servers import processes
from tests.world import GRACE

OWN = """
SECRET_KEY = "only of this test, and long enough for it to be taken"
SQLALCHEMY_DATABASE_URI = "sqlite:///{state}/superset.db"
DATA_DIR = "{state}"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
"""


@pytest.fixture
def surfer(service, administrator, tmp_path):
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}/"
    [printed] = administrator.add(
        "superset", role="Alpha", default_role="Gamma", name="Charts", url=url
    ).values()
    own = tmp_path / "superset_config.py"
    own.write_text(printed + OWN.format(state=tmp_path))
    environment = {
        "SUPERSET_CONFIG_PATH": str(own),
        "DJANGO_SETTINGS_MODULE": "",
        "FLASK_APP": "superset.app:create_app()",
    }
    superset = program("superset", "superset")
    for command in (["db", "upgrade"], ["init"]):
        processes.run([superset, *command], env=environment)
    server = processes.start(
        [superset, "run", "-h", "127.0.0.1", "-p", str(port)],
        log=tmp_path / "log",
        env=environment,
    )
    processes.wait_for_url(server, f"{url}health")
    yield Surfer({f"127.0.0.1:{port}": port, f"127.0.0.1:{service.port}": service.port})
    processes.stop(server)


def roles_at(surfer: Surfer, site: str) -> set[str]:
    """Somebody's roles there, but for the one that everybody has."""
    told = json.loads(surfer.ask(f"{site}/api/v1/me/roles/").body)
    return set(told["result"]["roles"]) - {"Public"}


def test_who_is_new_everywhere_has_an_account_there_with_the_roles_of_each_sign_in(
    service, administrator, surfer, chromium
):
    [host] = [name for name in surfer.ports if not name.endswith(str(service.port))]
    site = f"http://{host}"
    sign_in(surfer, service, f"{site}/login/passerelle")
    me = surfer.ask(f"{site}/api/v1/me/")
    assert json.loads(me.body)["result"]["email"] == GRACE.email
    assert roles_at(surfer, site) == {"Alpha"}
    take_picture(chromium, surfer, f"{site}/superset/welcome/", "superset")
    # At the next sign-in there, the roles are those that the rights say by then.
    administrator.withdraw(GRACE.email)
    surfer.cookies.pop(host)
    surfer.follow(f"{site}/login/passerelle")
    assert roles_at(surfer, site) == {"Gamma"}
    administrator.suspend(GRACE.email)
    surfer.cookies.pop(host)
    sent_to, _page = surfer.follow(f"{site}/login/passerelle", until="https://idp.acme.example/")
    assert sent_to.startswith("https://idp.acme.example/")
