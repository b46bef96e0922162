"""A form that comes slowly keeps nothing of the database from anybody."""

from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.browsing import Browser


class Slow(BytesIO):
    """A body that notes how much was asked of the database before it was read."""

    def __init__(self, body: bytes, captured: CaptureQueriesContext) -> None:
        super().__init__(body)
        self.captured = captured
        self.asked_before: list[int] = []

    def read(self, *given):
        self.asked_before.append(len(self.captured))
        return super().read(*given)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/auth/saml/acme/logout", "/auth/saml/acme/callback", "/login/acme/", "/settings/security/"],
)
def test_the_body_is_here_before_the_database_is_asked(acme, path):
    browser = Browser()
    browser.cookies["passerelle_session"] = "x"
    body = b"email=alice%40acme.example"
    with CaptureQueriesContext(connection) as captured:
        slow = Slow(body, captured)
        answer = browser.generic(
            "POST",
            path,
            body,
            content_type="application/x-www-form-urlencoded",
            **{"wsgi.input": slow},
        )
    assert answer.status_code < 500
    assert slow.asked_before[:1] == [0]
