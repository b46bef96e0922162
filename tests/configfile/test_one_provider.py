"""What a file may say of two connections with one identity provider."""

from datetime import timedelta

import pytest

from passerelle.configfile.apply import apply_file
from passerelle.configfile.document import ConfigurationFile, WrongConfiguration
from passerelle.sso.models import SamlConnection
from tests.world import NOW, idp_of

pytestmark = pytest.mark.django_db
COMPANY = '[[companies]]\nslug = "acme"\nname = "Acme"\n'


def connection(slug: str, provider: str, name: str = "") -> str:
    return (
        f'[[companies.saml]]\nslug = "{slug}"\nname = "{name or slug}"\n'
        f'entity_id = "{idp_of(provider)}"\n'
    )


@pytest.fixture
def applied(tmp_path):
    def apply(*tables: str) -> dict[str, SamlConnection]:
        path = tmp_path / "passerelle.toml"
        path.write_text(COMPANY + "".join(tables))
        later = NOW + timedelta(days=SamlConnection.objects.count())
        apply_file(ConfigurationFile(path), dry_run=False, allow_removals=True, now=later)
        return {row.slug: row for row in SamlConnection.objects.all()}

    return apply


def test_two_connections_for_one_provider_are_refused_with_the_line(applied):
    with pytest.raises(WrongConfiguration) as raised:
        applied(connection("acme", "acme"), connection("acme-2", "acme"))
    told = str(raised.value)
    assert ":9:" in told or "line 9" in told
    assert "expected an identity provider that no other connection of this company has" in told
    assert not SamlConnection.objects.exists()


def test_google_s_own_issuer_is_refused_with_the_line(applied):
    with pytest.raises(WrongConfiguration) as raised:
        applied(connection("acme", "acme").replace(idp_of("acme"), "https://accounts.google.com"))
    assert ":7:" in str(raised.value) or "line 7" in str(raised.value)
    assert "Google" in str(raised.value)


def test_a_connection_takes_over_the_provider_of_one_that_goes(applied):
    applied(connection("acme", "acme"))
    [row] = applied(connection("acme-2", "acme")).values()
    assert (row.slug, row.migrating_since) == ("acme-2", None)


def test_two_connections_exchange_their_providers(applied):
    applied(connection("acme", "acme"), connection("acme-2", "two"))
    rows = applied(connection("acme", "two"), connection("acme-2", "acme"))
    assert rows["acme"].idp_entity_id == idp_of("two")
    assert {row.migrating_since for row in rows.values()} == {None}


def test_a_migration_that_was_started_on_the_page_is_left_alone(applied):
    applied(connection("acme", "acme"), connection("acme-2", "two"))
    SamlConnection.objects.filter(slug="acme-2").update(
        idp_entity_id=idp_of("acme"), migrating_since=NOW
    )
    rows = applied(connection("acme", "acme"), connection("acme-2", "acme", "Renamed"))
    assert (rows["acme-2"].name, rows["acme-2"].migrating_since) == ("Renamed", NOW)
    assert rows["acme"].migrating_since is None


def test_a_newcomer_in_the_file_does_not_take_over_from_those_that_migrate(applied):
    applied(connection("acme", "acme"), connection("acme-2", "two"), connection("acme-3", "three"))
    for number, slug in enumerate(("acme-2", "acme-3")):
        SamlConnection.objects.filter(slug=slug).update(
            idp_entity_id=idp_of("acme"), migrating_since=NOW + timedelta(days=number)
        )
    migrating = connection("acme-2", "acme"), connection("acme-3", "acme")
    with pytest.raises(WrongConfiguration):
        applied(*migrating, connection("acme-4", "acme"))
    rows = applied(*migrating)
    assert (rows["acme-2"].migrating_since, rows["acme-3"].migrating_since is None) == (None, False)


def test_a_file_that_moves_on_ends_the_migration(applied):
    applied(connection("acme", "acme"), connection("acme-2", "two"))
    SamlConnection.objects.filter(slug="acme-2").update(
        idp_entity_id=idp_of("acme"), migrating_since=NOW
    )
    [row] = applied(connection("acme-2", "acme")).values()
    assert row.migrating_since is None
