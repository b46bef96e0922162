"""`passerelle tokens`: made and printed once, listed, revoked."""

import json

import pytest

from passerelle.directory.models import MachineToken
from tests.configfile.conftest import operator as operator
from tests.world import make_company

pytestmark = pytest.mark.django_db


def test_a_token_is_printed_alone_on_its_line_and_never_again(operator):
    make_company()
    status, out, err = operator.run(
        "tokens", "create", "--company", "acme", "--scope", "scim", "--name", "Okta"
    )
    assert (status, err, out.count("\n")) == (0, "", 1)
    status, listed, _ = operator.run("tokens", "list", "--company", "acme", "--json")
    [one] = json.loads(listed)
    assert (one["name"], one["scope"], one["read_only"]) == ("Okta", "scim", False)
    assert (one["expires_at"], one["last_used_at"]) == (None, None)
    assert out.strip() not in listed
    assert operator.run("tokens", "revoke", one["id"])[0] == 0
    assert not MachineToken.objects.exists()


def test_a_token_may_end_and_may_only_read(operator):
    make_company()
    create = ("tokens", "create", "--company", "acme", "--scope", "api")
    assert operator.run(*create, "--read-only", "--expires", "30")[0] == 0
    row = MachineToken.objects.get()
    assert (row.read_only, row.scope, row.name) == (True, "api", "api")
    assert (row.expires_at - row.created_at).days == 30


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("create", "--company", "none", "--scope", "scim"), "--company"),
        (("create", "--company", "acme", "--scope", "scim", "--expires", "0"), "--expires"),
        (("create", "--company", "acme", "--scope", "scim", "--name", "x" * 200), "--name"),
        (("revoke", "nonsense"), "ID"),
        (("list", "--company", "none"), "--company"),
    ],
)
def test_what_is_wrong_is_one_line(operator, arguments, wrong):
    make_company()
    status, out, err = operator.run("tokens", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"passerelle: {wrong}")
    assert not MachineToken.objects.exists()


def test_a_company_that_is_no_text_of_the_terminal_is_one_line_too(operator):
    status, _out, err = operator.run("tokens", "list", "--company", "\udcff")
    assert (status, err.count("\n")) == (2, 1)
