"""A prepared query answers as the plain one does, for each value and in each thread."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from passerelle.directory.models import User
from passerelle.infra.prepared import Prepared
from tests.world import NOW, give, make_company, make_user

pytestmark = pytest.mark.django_db


def made_before(company: UUID, domain: str, now: datetime):
    rows = User.objects.filter(company_id=company, email_domain=domain, created_at__lte=now)
    return rows.select_related("company").order_by("email")


ASKED = Prepared(made_before, company=UUID, domain=str, now=datetime)


@pytest.fixture
def companies():
    found = [make_company("acme"), make_company("globex")]
    for company in found:
        for number, name in enumerate(("bob", "carol")):
            created = NOW + timedelta(days=number)
            make_user(company, f"{name}@{company.slug}.example", created_at=created)
    return found


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_each_value_is_asked_anew(companies, days):
    for company in companies:
        values = {
            "company": company.id,
            "domain": f"{company.slug}.example",
            "now": NOW + timedelta(days=days),
        }
        assert list(ASKED.objects(**values)) == list(made_before(**values))
        assert len(list(ASKED.objects(**values))) == days + 1


def test_what_is_selected_beside_comes_with_the_same_statement(
    companies, django_assert_num_queries
):
    with django_assert_num_queries(1):
        values = {"company": companies[0].id, "domain": "acme.example", "now": NOW}
        [bob] = ASKED.objects(**values)
        assert (bob.company.slug, bob.created_at, bob.id.version) == ("acme", NOW, 7)
    assert not bob._state.adding


def test_columns_are_converted_as_in_the_plain_query(companies):
    bob = User.objects.get(email="bob@acme.example")
    give(bob)

    def memberships(user: UUID):
        return bob.memberships.model.objects.filter(user_id=user).values_list(
            "workspace_id", "workspace__name", "granted_at"
        )

    asked = Prepared(memberships, user=UUID)
    assert list(asked.rows(user=bob.id)) == list(memberships(bob.id))


def test_texts_that_mean_something_to_a_database_are_values(companies):
    for text in ("%s", "' OR 1=1 --", "x\\", "%(domain)s"):
        assert list(ASKED.objects(company=companies[0].id, domain=text, now=NOW)) == []


def test_a_value_that_stands_nowhere_is_a_mistake(db):
    unused = Prepared(
        lambda domain, other: User.objects.filter(email=domain), domain=str, other=str
    )
    with pytest.raises(AssertionError, match="other"):
        list(unused.objects(domain="x", other="y"))


def test_another_connection_compiles_its_own(companies):
    values = {"company": companies[0].id, "domain": "acme.example", "now": NOW}
    first = ASKED._compiled()
    assert ASKED._compiled() is first
    copy = connection.copy()
    first.compiler.connection = copy
    assert ASKED._compiled() is not first
    assert len(list(ASKED.objects(**values))) == 1
