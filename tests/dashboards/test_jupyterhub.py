"""JupyterHub as it is, with the file that our page prints."""

import os
import sys
from pathlib import Path

import pytest

from tests.applications.site import Surfer, sign_in
from tests.dashboards.environment import program, take_picture
from tests.servers import processes
from tests.world import GRACE

OWN = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.JupyterHub.proxy_class = "traefik_file"
c.TraefikProxy.traefik_api_url = "http://127.0.0.1:{api}"
c.TraefikProxy.traefik_api_password = "only of this test"
c.TraefikProxy.traefik_entrypoint = "web"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.default_url = "/hub/home"
c.Authenticator.auth_refresh_age = 1
"""


@pytest.fixture
def surfer(service, administrator, tmp_path):
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}/"
    [printed] = administrator.add("jupyterhub", role="admin", name="Notebooks", url=url).values()
    own = OWN.format(port=port, hub=processes.free_port(), api=processes.free_port())
    (tmp_path / "jupyterhub_config.py").write_text(printed + own)
    folder = Path(program("jupyterhub", "jupyterhub")).parent
    hub = processes.start(
        # What it keeps, it keeps where it is started.
        ["env", "-C", str(tmp_path), str(folder / "jupyterhub"), "-f", "jupyterhub_config.py"],
        log=tmp_path / "log",
        env={
            "JUPYTERHUB_CRYPT_KEY": "0" * 64,
            # Its proxy is Traefik, which is beside our own programs.
            "PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )
    processes.wait_for_url(hub, f"{url}hub/health")
    yield Surfer({f"127.0.0.1:{port}": port, f"127.0.0.1:{service.port}": service.port})
    processes.stop(hub)


def test_who_is_new_everywhere_is_in_with_their_role_as_long_as_they_have_it(
    service, administrator, surfer, chromium
):
    [host] = [name for name in surfer.ports if not name.endswith(str(service.port))]
    where, page = sign_in(surfer, service, f"http://{host}/hub/home")
    assert (where, page.status) == (f"http://{host}/hub/home", 200)
    assert GRACE.email in page.body
    assert surfer.ask(f"http://{host}/hub/admin").status == 200
    take_picture(chromium, surfer, f"http://{host}/hub/admin", "jupyterhub")
    # Taken out of the permission set, she is no administrator there at the next check.
    administrator.withdraw(GRACE.email)
    assert surfer.until(f"http://{host}/hub/admin", 403).status == 403
    assert surfer.ask(f"http://{host}/hub/home").status == 200
    administrator.suspend(GRACE.email)
    left = surfer.until(f"http://{host}/hub/home", 302)
    assert left.location.startswith(f"http://{host}/hub/")
