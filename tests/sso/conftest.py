"""An identity provider's web server, reachable although it is on loopback."""

import pytest

from tests.servers.https import https_server

LOOPBACK = ("127.0.0.0/8", "::1")


@pytest.fixture
def web(tmp_path, settings, monkeypatch):
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update={"private_networks": LOOPBACK})
    with https_server(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        yield server
