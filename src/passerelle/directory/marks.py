"""Digests by which a person is known again: who was removed, or has a second account."""

import hashlib
from uuid import UUID

from django.utils.crypto import salted_hmac


def mark_of_email(company_id: UUID, email_key: str) -> str:
    return _mark(company_id, "email", email_key)


def mark_of_identity(company_id: UUID, idp_entity_id: str, subject: str) -> str:
    return _mark(company_id, "identity", f"{idp_entity_id}\0{subject}")


def mark_of_person(company_id: UUID, idp_entity_id: str, person: str) -> str:
    """By the secret of the installation: employee numbers are few, and would be guessed."""
    value = f"{company_id}\0{idp_entity_id}\0{person}"
    return salted_hmac("passerelle.person", value, algorithm="sha256").hexdigest()


def _mark(company_id: UUID, kind: str, value: str) -> str:
    return hashlib.sha256(f"{company_id}\0{kind}\0{value}".encode()).hexdigest()
