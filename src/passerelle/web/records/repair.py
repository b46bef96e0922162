"""What an administrator can do, on its own page, about a sign-in that was refused."""

from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from passerelle import saml
from passerelle.administration.admit import may_be_admitted
from passerelle.administration.follow_metadata import held_difference
from passerelle.administration.relink import relink_of
from passerelle.directory.models import Company, User
from passerelle.infra.network import is_within
from passerelle.provisioning import Plan, parse_email
from passerelle.provisioning.describe import REFUSED
from passerelle.sso.connections.claims import is_signer_trusted, profile_of_claims
from passerelle.sso.connections.connection import is_usable
from passerelle.sso.models import SignIn
from passerelle.sso.sign_in.decide import decide

SETTINGS: dict[str, tuple[str, Promise]] = {
    "jit_disabled": (
        "automatic_user_provisioning",
        gettext_lazy("Open “Automatic user provisioning” in the settings"),
    ),
    "domain_not_allowed": (
        "provisioning_domains",
        gettext_lazy("Open “Who may get an account” in the settings"),
    ),
    "account_exists": (
        "existing_accounts",
        gettext_lazy("Open “An account with the same e-mail address exists” in the settings"),
    ),
    "email_missing": ("email_attribute", gettext_lazy("Open “E-mail attribute” in the settings")),
    "email_invalid": ("email_attribute", gettext_lazy("Open “E-mail attribute” in the settings")),
    "subject_unstable": (
        "subject_attribute",
        gettext_lazy("Open “Attribute that identifies a person” in the settings"),
    ),
    "unsolicited_refused": (
        "idp_initiated",
        gettext_lazy("Open “Accept sign-ins that start at the identity provider” in the settings"),
    ),
}
"""The field where the settings decide, by reason."""


def repairs_for(row: SignIn) -> dict[str, Any]:
    """What the page of a sign-in offers."""
    return {
        "waiting": waiting_newcomer(row),
        "offered": offered_certificate(row),
        "admits": may_be_admitted(row),
        "listed_domain": listed_domain(row),
        "holder": _holder(row),
        "may_be_given": row.user if row.reason == "application_not_allowed" else None,
        "setting": SETTINGS.get(row.reason),
        "would_enter": would_enter(row),
        "proves_nothing": proves_nothing(row),
        "relink": relink_of(row),
        "in_metadata": is_in_metadata(row),
        "may_be_in_metadata": may_be_in_metadata(row),
    }


def would_enter(row: SignIn) -> bool:
    """Whether what provisioning refused then, it would let in by now; from the claims of then."""
    if row.reason not in REFUSED or row.claims is None or row.connection is None:
        return False
    company = row.company
    if not is_usable(row.connection):
        return False
    if row.claims.get("idp_entity_id") != row.connection.idp_entity_id:
        return False
    if not is_signer_trusted(row.claims, row.connection):
        return False
    if company.ip_allowlist and not is_within(row.address, company.ip_allowlist):
        return False
    profile = profile_of_claims(row.claims, row.connection)
    decided = decide(company, profile)
    return isinstance(decided, Plan) and decided.outcome != "pending"


def proves_nothing(row: SignIn) -> bool:
    """Whether nothing is offered because the certificate that signed it is not trusted any more."""
    if row.reason not in REFUSED or row.claims is None or row.connection is None:
        return False
    return not is_signer_trusted(row.claims, row.connection)


def offered_certificate(row: SignIn) -> saml.Certificate | None:
    """The certificate that this attempt was signed with, while its connection does not trust it."""
    connection = row.connection
    if not row.offered_certificate or connection is None:
        return None
    if connection.trusted_since and row.time < connection.trusted_since:
        # It came when another provider, or other keys, were trusted.
        return None
    certificate = saml.load_certificate(row.offered_certificate)
    trusted = connection.certificates.filter(fingerprint=certificate.fingerprint)
    return None if trusted.exists() else certificate


def is_in_metadata(row: SignIn) -> bool:
    """Whether the certificate stands in a change of metadata that waits for a decision."""
    certificate = offered_certificate(row)
    return certificate is not None and certificate.fingerprint in _waiting(row)


def may_be_in_metadata(row: SignIn) -> bool:
    """Whether some certificate waits, where the signature came without one and nobody's made it."""
    if row.reason != "signature_invalid":
        return False
    # A trusted key made it, or another provider did.
    is_another_matter = any(check["values"] for check in row.checks if not check["passed"])
    return not is_another_matter and bool(_waiting(row))


def _waiting(row: SignIn) -> set[str]:
    """The fingerprints of certificates that wait for a decision, in changed metadata."""
    connection = row.connection
    held = held_difference(connection, now=timezone.now()) if connection else None
    return {one.fingerprint for one in held.added} if held else set()


def waiting_newcomer(row: SignIn) -> User | None:
    """The newcomer of this sign-in, while they wait for a decision."""
    waits = row.user is not None and row.user.status == User.Status.PENDING
    return row.user if waits and row.reason == "approval_pending" else None


def listed_domain(row: SignIn) -> str:
    """The domain that is missing in the company's list, where a list decides."""
    company = row.company
    if row.reason != "domain_not_allowed" or company.provisioning_domains != Company.Domains.LISTED:
        return ""
    address = parse_email(row.email or "")
    if address is None or address.domain in company.provisioning_domain_list:
        return ""
    return address.domain


def _holder(row: SignIn) -> User | None:
    """The account that stands in the way."""
    if row.reason not in ("account_exists", "identity_conflict", "user_suspended"):
        return None
    address = parse_email(row.email or "")
    if row.user is not None or address is None:
        return row.user
    return row.company.users.filter(email_key=address.key).first()
