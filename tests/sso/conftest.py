"""Acme, its administrator, and a mail server that receives their letters."""

import pytest

from tests.browsing import Browser
from tests.servers.smtp import smtp_server
from tests.world import make_administrator, make_company


@pytest.fixture
def acme():
    return make_company()


@pytest.fixture
def alice(acme) -> Browser:
    return Browser().enter(make_administrator(acme))


@pytest.fixture
def mail(settings):
    """What the mail server has received."""
    with smtp_server() as server:
        url = f"smtp://127.0.0.1:{server.port}"
        settings.PASSERELLE = settings.PASSERELLE.model_copy(update={"email_url": url})
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server.received
