"""pgAdmin as it is, behind nginx, with the files that our page prints."""

import pytest

from tests.applications.proxies import start_proxy
from tests.applications.site import HOST, PAGE, Surfer, sign_in
from tests.dashboards.environment import program
from tests.servers import processes
from tests.world import GRACE

OWN = """
SERVER_MODE = True
DEFAULT_SERVER = "127.0.0.1"
DEFAULT_SERVER_PORT = {port}
DATA_DIR = "{state}"
LOG_FILE = "{state}/log.txt"
SQLITE_PATH = "{state}/pgadmin.db"
SESSION_DB_PATH = "{state}/sessions"
STORAGE_DIR = "{state}/storage"
AZURE_CREDENTIAL_CACHE_DIR = "{state}/azure"
KERBEROS_CCACHE_DIR = "{state}/kerberos"
UPGRADE_CHECK_ENABLED = False
"""


@pytest.fixture
def surfer(service, administrator, tmp_path):
    files = administrator.add("pgadmin", name="Databases", url=f"http://{HOST}/")
    own, state = processes.free_port(), tmp_path / "pgadmin"
    state.mkdir()
    # It reads its own settings from wherever Python finds them.
    settings = files["config_local.py"] + OWN.format(port=own, state=state)
    (tmp_path / "config_local.py").write_text(settings)
    pgadmin = processes.start(
        [program("pgadmin", "pgadmin4")],
        log=tmp_path / "log",
        env={
            "PYTHONPATH": str(tmp_path),
            "PGADMIN_SETUP_EMAIL": "operator@acme.example",
            "PGADMIN_SETUP_PASSWORD": "a long enough passphrase",
        },
    )
    processes.wait_for_url(pgadmin, f"http://127.0.0.1:{own}/misc/ping")
    proxy, port = start_proxy("nginx", files, own, tmp_path)
    yield Surfer({HOST: port, f"127.0.0.1:{service.port}": service.port})
    processes.stop(proxy)
    processes.stop(pgadmin)


def test_who_is_new_everywhere_has_an_account_there_until_they_are_suspended(
    service, administrator, surfer
):
    where, page = sign_in(surfer, service, f"http://{HOST}/browser/")
    assert (where, page.status) == (f"http://{HOST}/browser/", 200)
    assert GRACE.email in surfer.ask(f"http://{HOST}/browser/js/utils.js").body
    administrator.suspend(GRACE.email)
    assert surfer.ask(f"http://{HOST}/browser/").status == 302
    forged = {**PAGE, "X-Passerelle-Email": GRACE.email}
    assert Surfer(surfer.ports).ask(f"http://{HOST}/browser/", headers=forged).status == 302
