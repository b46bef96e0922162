"""By which ways somebody could still come in, if one of them were taken away."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Q

from passerelle.directory.models import Company, ExternalIdentity, User
from passerelle.sso.connections.connection import usable_connections
from passerelle.sso.models import SamlConnection
from passerelle.sso.sessions.enforcement import (
    NoWayBack,
    has_way_back,
    password_lets_an_administrator_in,
)
from passerelle.sso.sign_in import google


class NoOtherWayIn(Exception):  # noqa: N818 - reads as what is the matter
    """Somebody would have no way left to come in by."""


def has_another_way_in(user: User) -> bool:
    """Whether somebody has come by single sign-on, and by one that still lets them in."""
    providers = [connection.idp_entity_id for connection in usable_connections(user.company)]
    if google.is_usable(user.company):
        providers.append(google.ISSUER)
    return user.identities.filter(idp_entity_id__in=providers).exists()


@contextmanager
def refuse_lockout(company: Company, *, renamed: SamlConnection | None = None) -> Iterator[None]:
    """Carry something out, unless it takes an administrator's last way in.

    Where single sign-on alone is allowed, one by password has to be left for when it fails. In a
    connection that is `renamed` people get other subjects: who is known there is not any more.
    Raises NoWayBack; nothing is done then.
    """
    with transaction.atomic():
        before = Company.locked(company.id)
        had_one = _has_way(before, same_domain=True)
        yield
        after = Company.objects.get(id=company.id)
        same_domain = before.google_hosted_domain == after.google_hosted_domain
        if had_one and not _has_way(after, same_domain=same_domain, but=renamed):
            raise NoWayBack


def _has_way(company: Company, *, same_domain: bool, but: SamlConnection | None = None) -> bool:
    if company.sso_enforcement != Company.Enforcement.OFF:
        return has_way_back(company)
    by_sso = _sso_lets_an_administrator_in(company, same_domain=same_domain, but=but)
    return password_lets_an_administrator_in(company) or by_sso


def _sso_lets_an_administrator_in(
    company: Company, *, same_domain: bool, but: SamlConnection | None
) -> bool:
    """Whether an administrator can come by single sign-on: as before, or to be linked."""
    if google_lets_an_administrator_in(company, same_domain=same_domain):
        return True
    usable = usable_connections(company)
    ways = Q(identities__idp_entity_id__in=[one.idp_entity_id for one in usable if one != but])
    if usable and company.existing_accounts == "link":
        verified = company.domains.filter(verified_at__isnull=False)
        to_be_linked = Q(email_domain__in=verified.values("name"))
        if but is not None:
            # Who is known there already is not linked to another subject besides.
            known = ExternalIdentity.objects.filter(idp_entity_id=but.idp_entity_id)
            to_be_linked &= ~Q(id__in=known.filter(company=company).values("user_id"))
        ways |= to_be_linked
    administrators = company.users.filter(is_administrator=True, status=User.Status.ACTIVE)
    return administrators.filter(ways).exists()


def google_lets_an_administrator_in(company: Company, *, same_domain: bool = True) -> bool:
    """Whether an administrator can come by Google: with an address of the domain, or linked.

    An account that is linked comes as long as Google's domain is the `same_domain`.
    """
    if not google.is_usable(company):
        return False
    linked = Q(identities__idp_entity_id=google.ISSUER)
    ways = by_address = Q(email_key__endswith=f"@{company.google_hosted_domain}")
    if company.existing_accounts != "link":
        ways = by_address & linked
    if same_domain:
        ways |= linked
    administrators = company.users.filter(is_administrator=True, status=User.Status.ACTIVE)
    return administrators.filter(ways).exists()
