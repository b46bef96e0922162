"""Nothing but POST changes anything: every address, with every other method."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.urls import get_resolver
from django.utils import timezone

from passerelle.audit.record import Actor
from passerelle.directory.links import activation_path
from passerelle.directory.models import Application, MachineToken, User
from passerelle.sso.connections.setup_links import make_link
from passerelle.sso.models import SetupLink, SignIn
from passerelle.sso.sign_in.test_sign_in import start_trial
from passerelle.web.people.user_changes import ASKED
from tests.browsing import Browser
from tests.world import (
    NOW,
    give,
    make_administrator,
    make_company,
    make_connection,
    make_user,
)

pytestmark = pytest.mark.thorough

METHODS = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "QUERY", "post", "get"]
# What may be written while a page is read: a sign-in that begins, a failure that is counted, when
# somebody was last seen, and our own key of a connection, made when its metadata is first read.
BEGUN = ("authnrequest", "googlerequest", "failedattempts", "signin", "session", "connectionkey")
KINDS = {"slug": "slug", "uuid": "uuid", "string": "str", "path": "path"}
VERBS = [
    *ASKED,
    *("approve", "reinstate", "give", "withdraw", "sign-out", "end-session", "break-glass"),
    *("test-sso", "show-link", "certificate", "admit", "domain", "webhook", "bucket"),
]


@pytest.fixture
def world(db):
    """Something of each kind that an address can name."""
    acme = make_company()
    alice = make_administrator(acme)
    bob = make_user(acme, "bob@acme.example", password="argon2$made-up")
    give(bob)
    invited = make_user(acme, "new@acme.example", status="invited")
    waiting = make_connection(acme, slug="two", idp_entity_id="https://two.example", enabled=False)
    token = make_link(waiting, actor=Actor("user", alice.email), now=timezone.now())
    application = Application.objects.create(
        company=acme, name="Reports", url="https://reports.acme.example/"
    )
    sign_in = SignIn.objects.create(
        company=acme,
        connection=acme.connections.first(),
        reference="K7F-2Q9",
        time=NOW,
        outcome="refused",
        reason="domain_not_allowed",
    )
    row = MachineToken.objects.create(
        company=acme, name="Okta", scope="scim", digest="0" * 64, created_at=NOW
    )
    activation = activation_path(invited).strip("/").split("/")
    return {
        "alice": alice,
        "bob": bob,
        "token": [token, activation[2]],
        "user_id": [bob.id, invited.id, activation[1]],
        "row_id": [application.id, acme.workspaces.get().id, acme.permission_sets.get().id],
        "domain_id": [acme.domains.get().id],
        "trial_id": [
            start_trial(acme.connections.get(slug="acme"), [], company=acme, now=timezone.now()).id
        ],
        "passkey_id": [uuid4()],
        "reference": [sign_in.reference],
        "slug": ["acme", "two", "okta"],
        "company_slug": ["acme"],
        "verb": VERBS,
        "kind": ["webhook", "bucket"],
        "product": ["grafana", "caddy", "link"],
        "path": ["Users", f"Users/{bob.id}", "Groups", "Bulk"],
        "token_id": [row.id],
    }


def addresses(world) -> list[str]:
    """Each address of the service, with each thing that it can name."""
    found = []
    for pattern in get_resolver("passerelle.web.urls").url_patterns:
        paths = ["/" + str(pattern.pattern)]
        for name, converter in pattern.pattern.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower()
            hole = f"<{KINDS[kind]}:{name}>"
            paths = [path.replace(hole, str(value)) for path in paths for value in world[name]]
        found += paths
    return found


class Writes(list[str]):
    """The statements that write, except to what may be written while reading."""

    def __call__(self, execute, sql, params, many, context):
        if re.match(r"\s*(INSERT|UPDATE|DELETE)", sql) and not re.search(TABLES, sql):
            self.append(sql)
        return execute(sql, params, many, context)


TABLES = rf'"(sso_({"|".join(BEGUN)})|oidc_signingkey)"'


@pytest.mark.parametrize("method", METHODS)
def test_no_address_changes_anything_unless_it_is_posted_to(world, method):
    browser = Browser(enforce_csrf_checks=True).enter(world["alice"])
    walked = addresses(world)
    assert len(walked) > 150
    for address in walked:
        written = Writes()
        with connection.execute_wrapper(written):
            answer = browser.generic(method, address)
        assert answer.status_code < 500, address
        assert not written, (method, address)


def test_asked_by_head_the_page_that_promotes_promotes_nobody(world):
    bob = world["bob"]
    browser = Browser(enforce_csrf_checks=True).enter(world["alice"])
    answer = browser.head(f"/settings/users/{bob.id}/change/promote/")
    assert answer.status_code == 200
    assert not User.objects.get(id=bob.id).is_administrator


def test_asked_by_head_a_set_up_link_is_not_used_up(world):
    assert Browser().head(f"/setup/{world['token'][0]}/").status_code == 200
    assert SetupLink.objects.get().opened_at is None
