import pytest

from tests.scim.client import Provisioner
from tests.world import make_administrator, make_company


@pytest.fixture
def acme(db):
    company = make_company()
    make_administrator(company)
    return company


@pytest.fixture
def okta(acme) -> Provisioner:
    return Provisioner(acme)
