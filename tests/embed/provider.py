"""The company's identity provider, for a program with a sign-in of its own."""

from datetime import datetime
from secrets import token_hex
from typing import Any

from passerelle.practice_idp.faults import find_fault, respond
from passerelle.practice_idp.issue import Issue, write_idp_metadata
from tests.world import GRACE, idp_of, signing_key


def idp_metadata() -> bytes:
    return write_idp_metadata(
        entity_id=idp_of("acme"),
        sso_url="https://idp.acme.example/sso",
        certificate_der=signing_key("acme").certificate_der,
    )


def answer_to(
    request_id: str | None, *, base_url: str, now: datetime, fault: str = "", **said: Any
) -> str:
    """The SAMLResponse field."""
    issue = Issue(
        **{
            "idp_entity_id": idp_of("acme"),
            "audience": f"{base_url}/metadata",
            "acs_url": f"{base_url}/acs",
            "person": GRACE,
            "now": now,
            "response_id": "_" + token_hex(16),
            "assertion_id": "_" + token_hex(16),
            "in_response_to": request_id,
            **said,
        }
    )
    return respond(issue, signing_key("acme"), find_fault(fault))
