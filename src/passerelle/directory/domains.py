"""Proof that a company controls an e-mail domain: a TXT record in its DNS."""

import hmac
from datetime import datetime
from hashlib import sha256

import dns.exception
import dns.resolver
from django.conf import settings
from django.db import IntegrityError, transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, Domain
from passerelle.directory.public_domains import PUBLIC_DOMAINS
from passerelle.infra.inserts import insert_or_nothing
from passerelle.infra.turns import Busy, turn_of
from passerelle.infra.waiting import release_connection

LABEL = "_passerelle"
SECONDS = 5.0


class Unproved(Exception):  # noqa: N818 - reads as what is the matter
    """The record does not say what it has to; `reason` tells which way, `found` what it says."""

    def __init__(self, reason: str, found: str = "") -> None:
        super().__init__(reason)
        self.reason, self.found = reason, found


def record_name(domain: Domain) -> str:
    return f"{LABEL}.{domain.name}"


def record_value(domain: Domain) -> str:
    """What the record has to say: known to nobody else, and the same whenever it is asked for."""
    text = f"domain {domain.company_id} {domain.name}".encode()
    token = hmac.new(settings.SECRET_KEY.encode(), text, sha256).hexdigest()[:40]
    return f"passerelle={token}"


def is_public(name: str) -> bool:
    """Whether anybody can have an address there."""
    return name in PUBLIC_DOMAINS


@transaction.atomic
def add_domain(company: Company, name: str, *, actor: Actor, now: datetime) -> bool:
    """Add an unproved domain; false where the company has it already."""
    if not insert_or_nothing(Domain(company=company, name=name)):
        return False
    record([Entry(EventName.DOMAIN_ADDED, name)], company_id=company.id, actor=actor, now=now)
    return True


@transaction.atomic
def remove_domain(domain: Domain, *, actor: Actor, now: datetime) -> None:
    Company.locked(domain.company_id)
    details = {"verified": domain.verified_at is not None}
    entry = Entry(EventName.DOMAIN_REMOVED, domain.name, details)
    record([entry], company_id=domain.company_id, actor=actor, now=now)
    domain.delete()
    domain.company.raise_version()


def look_record_up(domain: Domain, *, resolver: dns.resolver.Resolver | None = None) -> None:
    """Ask the DNS for the record of a domain. Raises Unproved where it is not there."""
    try:
        with turn_of(domain.company_id):
            found = _texts(record_name(domain), resolver or dns.resolver.get_default_resolver())
    except Busy:
        raise Unproved("busy") from None
    wanted = record_value(domain)
    if not any(hmac.compare_digest(one.encode(), wanted.encode()) for one in found):
        raise Unproved("other", ", ".join(found)[:300])


def mark_proved(domain: Domain, *, actor: Actor, now: datetime) -> None:
    """Mark a domain as verified, whose record was seen. Raises Unproved."""
    try:
        _mark_proved(domain, actor, now)
    except IntegrityError:
        # Another company proved it at this very moment.
        raise Unproved("taken") from None


def _mark_proved(domain: Domain, actor: Actor, now: datetime) -> None:
    with transaction.atomic():
        Company.locked(domain.company_id)
        others = Domain.objects.filter(name=domain.name, verified_at__isnull=False)
        if others.exclude(company_id=domain.company_id).exists():
            raise Unproved("taken")
        if Domain.objects.filter(id=domain.id, verified_at=None).update(
            verified_at=now, is_proved=True
        ):
            entry = Entry(EventName.DOMAIN_VERIFIED, domain.name)
            record([entry], company_id=domain.company_id, actor=actor, now=now)
            domain.company.raise_version()


def _texts(name: str, resolver: dns.resolver.Resolver) -> list[str]:
    release_connection()
    try:
        answer = resolver.resolve(name, "TXT", lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        raise Unproved("missing") from None
    except (dns.exception.DNSException, OSError) as error:
        raise Unproved("unreachable", str(error)[:200]) from error
    return [b"".join(one.strings).decode(errors="replace") for one in answer]
