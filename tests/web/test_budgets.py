"""Every page stays small and asks the database as little for ten people as for ten thousand."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from passerelle.audit.events import EventName
from passerelle.audit.record import OPERATOR, Entry, record
from passerelle.directory.models import (
    Application,
    ApplicationWorkspace,
    ExternalIdentity,
    Membership,
    User,
)
from passerelle.infra.identifiers import uuid7
from passerelle.sso.models import Session, SignIn
from tests.browsing import Browser
from tests.world import make_administrator, make_company, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.thorough]
MAX_BYTES = 50_000
MAX_QUERIES = 14
"""The session's one included."""
PAGES = [
    "/",
    "/account/",
    "/settings/security/",
    "/settings/connect/",
    "/settings/connect/acme/",
    "/settings/users/",
    "/settings/users/?sort=newest",
    "/settings/users/?sort=seen",
    "/settings/users/?q=example&status=active&seen=30",
    "/settings/users/invite/",
    "/settings/users/import/",
    "/settings/users/USER/",
    "/settings/users/USER/change/remove/",
    "/settings/users/USER/merge/?with=admin@acme.example",
    "/settings/workspaces/",
    "/settings/workspaces/WORKSPACE/",
    "/settings/applications/",
    "/settings/directory-sync/",
    "/settings/applications/APPLICATION/",
    "/settings/permissions/",
    "/settings/permissions/SET/",
    "/settings/sign-ins/",
    "/settings/sign-ins/?outcome=refused",
    "/settings/sign-ins/chart/",
    "/settings/sign-ins/REF-USE/",
    "/settings/audit/",
    "/settings/audit/?target=production&since=2026-01-01",
    "/settings/enforcement/",
    "/settings/domains/",
    "/settings/identities/",
    "/settings/delivery/",
    "/settings/users/?workspace=none",
]


@pytest.fixture
def acme():
    company = make_company()
    for number in range(5):
        make_rule(company, f"g{number}", workspace=f"W{number}", permission_set=f"P{number}")
    Application.objects.bulk_create(
        Application(
            company=company,
            name=f"Application number {number}",
            url=f"https://application-{number}.acme.example/".ljust(Application.LONGEST, "x"),
        )
        for number in range(Application.MOST)
    )
    ApplicationWorkspace.objects.bulk_create(
        ApplicationWorkspace(company=company, application=row, workspace=company.default_workspace)
        for row in company.applications.order_by("name")[::2]
    )
    return company


def people(company, count: int) -> None:
    """So many people more, each with a right, an identity, a session, a sign-in and an event."""
    now = datetime.now(UTC)
    connection = company.connections.get()
    users = [
        User(
            id=uuid7(),
            company=company,
            email=f"p{count}-{number}@acme.example",
            email_key=f"p{count}-{number}@acme.example",
            email_domain="acme.example",
            first_name="Somebody",
            last_name=f"Of Many {number}",
            status="active",
            provisioned_by="jit",
            created_at=now,
            last_sign_in_at=now - timedelta(minutes=number),
        )
        for number in range(count)
    ]
    own = {"company": company}
    User.objects.bulk_create(users)
    Membership.objects.bulk_create(
        Membership(
            **own,
            user=user,
            workspace_id=company.default_workspace_id,
            permission_set_id=company.default_permission_set_id,
            source="default",
            why="default",
            granted_at=now,
        )
        for user in users
    )
    ExternalIdentity.objects.bulk_create(
        ExternalIdentity(
            **own,
            user=user,
            connection=connection,
            idp_entity_id=connection.idp_entity_id,
            subject=str(user.id),
            created_at=now,
        )
        for user in users
    )
    Session.objects.bulk_create(
        Session(
            **own,
            user=user,
            key_digest=user.id.hex,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=1),
        )
        for user in users
    )
    SignIn.objects.bulk_create(
        SignIn(
            **own,
            connection=connection,
            user=user,
            reference="REF-USE",
            time=now - timedelta(minutes=number),
            outcome="refused" if number % 3 else "signed_in",
            reason="jit_disabled" if number % 3 else "",
            email=user.email,
            checks=[],
        )
        for number, user in enumerate(users)
    )
    entries = [Entry(EventName.USER_PROVISIONED, user.email) for user in users]
    record(entries, company_id=company.id, actor=OPERATOR, now=now)


def measured(browser: Browser, page: str) -> tuple[int, int]:
    browser.get(page)
    with CaptureQueriesContext(database) as captured:
        answer = browser.get(page)
    assert answer.status_code == 200, page
    # Once in a while it is noted that the session is in use: that is time's doing, not the page's.
    statements = [
        one["sql"]
        for one in captured.captured_queries
        if not one["sql"].startswith('UPDATE "sso_session"')
    ]
    return len(statements), len(answer.content)


def test_no_page_grows_with_the_company(acme):
    alice = Browser().enter(make_administrator(acme))
    people(acme, 10)
    names = {
        "USER": str(acme.users.filter(provisioned_by="jit").first().id),
        "WORKSPACE": str(acme.default_workspace_id),
        "APPLICATION": str(acme.applications.first().id),
        "SET": str(acme.default_permission_set_id),
    }
    pages = [_named(page, names) for page in PAGES]
    small = {page: measured(alice, page)[0] for page in pages}
    people(acme, 10_000)
    large = {page: measured(alice, page) for page in pages}
    assert {page: count for page, count in small.items() if count > MAX_QUERIES} == {}
    grown = {page: (small[page], count) for page, (count, _) in large.items()}
    assert {page: pair for page, pair in grown.items() if pair[1] > pair[0]} == {}
    assert {page: size for page, (_, size) in large.items() if size > MAX_BYTES} == {}


def _named(page: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        page = page.replace(name, value)
    return page
