"""Datasette as it is, behind nginx, with the files that our page prints."""

import json
import sys
from pathlib import Path

import pytest

from tests.applications.proxies import start_proxy
from tests.applications.site import HOST, PAGE, Surfer, sign_in
from tests.servers import processes

DATASETTE = Path(sys.prefix) / "applications/bin/datasette"


@pytest.fixture
def surfer(service, administrator, tmp_path):
    files = administrator.add("datasette", name="Data", url=f"http://{HOST}/")
    (tmp_path / "metadata.yaml").write_text(files["metadata.yaml"])
    own = processes.free_port()
    datasette = processes.start(
        [str(DATASETTE), "--memory", "-p", str(own), "--metadata", str(tmp_path / "metadata.yaml")],
        log=tmp_path / "datasette.log",
    )
    processes.wait_for_port(datasette, own)
    proxy, port = start_proxy("nginx", files, own, tmp_path)
    yield Surfer({HOST: port, f"127.0.0.1:{service.port}": service.port})
    processes.stop(proxy)
    processes.stop(datasette)


def test_who_is_new_everywhere_is_known_there_and_nobody_else_is_let_in(service, surfer):
    where, page = sign_in(surfer, service, f"http://{HOST}/_memory")
    assert (where, page.status) == (f"http://{HOST}/_memory", 200)
    assert "grace@acme.example" in page.body
    actor = surfer.ask(f"http://{HOST}/-/actor.json")
    assert json.loads(actor.body)["actor"]["id"] == "grace@acme.example"
    # Past the proxy there is nobody, whoever they claim to be: Datasette itself lets none in.
    stranger = Surfer(surfer.ports)
    forged = {**PAGE, "X-Passerelle-Email": "grace@acme.example"}
    assert stranger.ask(f"http://{HOST}/_memory", headers=forged).status == 302
