"""A company's settings, saved: behind its lock, with its version, in its audit log."""

from datetime import datetime

from django.db import transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company


@transaction.atomic
def add_listed_domain(company: Company, domain: str, *, actor: Actor, now: datetime) -> None:
    """Add one domain to the list of those whose people get an account."""
    row = Company.locked(company.id)
    before = list(row.provisioning_domain_list)
    if domain in before:
        return
    row.provisioning_domain_list = sorted([*before, domain])
    row.save(update_fields=["provisioning_domain_list"])
    row.raise_version()
    changes = {"provisioning_domain_list": [before, row.provisioning_domain_list]}
    entry = Entry(EventName.SETTINGS_CHANGED, row.name, changes)
    record([entry], company_id=row.id, actor=actor, now=now)
