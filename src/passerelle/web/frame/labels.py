"""What settings, statuses and choices are called, wherever a page names them."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

CONNECTION_LABELS: dict[str, Promise] = {
    "saml_enabled": gettext_lazy("SAML SSO is on"),
    "name": gettext_lazy("SAML name"),
    "metadata_url": gettext_lazy("Address of the metadata"),
    "idp_entity_id": gettext_lazy("IdP entity ID"),
    "migrates": gettext_lazy("Migration"),
    "target_url": gettext_lazy("Target URL"),
    "idp_initiated": gettext_lazy("Accept sign-ins that start at the identity provider"),
    "request_binding": gettext_lazy("How requests travel"),
    "sign_requests": gettext_lazy("Sign requests"),
    "force_authn": gettext_lazy("Ask people to authenticate again at each sign-in"),
    "authn_contexts": gettext_lazy("Ways of authentication (URIs, one a line)"),
    "name_id_format": gettext_lazy("NameID format"),
    "subject_attribute": gettext_lazy("Attribute that identifies a person"),
    "email_attribute": gettext_lazy("E-mail attribute"),
    "first_name_attribute": gettext_lazy("First name attribute"),
    "last_name_attribute": gettext_lazy("Last name attribute"),
    "value_separator": gettext_lazy("Sign between several values in one"),
    "absent_is_empty": gettext_lazy("What is no longer sent for a person counts as empty"),
    "allow_cbc": gettext_lazy("Accept AES-CBC where no signature covers what is encrypted"),
    "logout_url": gettext_lazy("Logout address"),
    "logout_binding": gettext_lazy("How logout messages travel"),
    "logout_answer_url": gettext_lazy("Address for logout answers"),
    "domains": gettext_lazy("E-mail domains that lead straight here"),
    "metadata": gettext_lazy("Metadata (XML)"),
    "metadata_file": gettext_lazy("Metadata file"),
    "new_certificates": gettext_lazy("Add certificates (PEM)"),
    "removed_certificates": gettext_lazy("Certificates"),
}
RULE_LABELS: dict[str, Promise] = {
    "password_min_length": gettext_lazy("Length of a password, at least"),
    "password_complexity": gettext_lazy("Ask for upper case, lower case, a digit and another sign"),
    "password_reuse": gettext_lazy("Old passwords that cannot be reused"),
    "password_expiry_days": gettext_lazy("Days until a password has to be changed"),
    "session_minutes": gettext_lazy("Minutes until an unused session ends"),
    "two_factor": gettext_lazy("Second factor with a password"),
    "ip_allowlist": gettext_lazy("Networks from which people may enter"),
}
LABELS: dict[str, Promise] = {
    **CONNECTION_LABELS,
    "automatic_user_provisioning": gettext_lazy("Automatic user provisioning"),
    "default_workspace": gettext_lazy("Default workspace"),
    "default_permission_set": gettext_lazy("Default permission set"),
    "provisioning_domains": gettext_lazy("Who may get an account"),
    "provisioning_domain_list": gettext_lazy("These domains, one a line"),
    "newcomers": gettext_lazy("Newcomers"),
    "existing_accounts": gettext_lazy("An account with the same e-mail address exists"),
    "update_profile": gettext_lazy("Update names and e-mail address at each sign-in"),
    **RULE_LABELS,
    "google_sso_enabled": gettext_lazy("Google SSO"),
    "google_client_id": gettext_lazy("Client ID"),
    "google_client_secret": gettext_lazy("Client secret"),
    "google_hosted_domain": gettext_lazy("Google Workspace domain"),
}


DOMAINS = {
    "known": gettext_lazy(
        "People at verified domains, and at domains of active accounts made by hand"
    ),
    "verified": gettext_lazy("Only people at verified domains"),
    "listed": gettext_lazy("Only people at the domains listed below"),
}


NEWCOMERS = {
    "create": gettext_lazy("enter at once"),
    "approve": gettext_lazy("wait until an administrator approves them"),
}


EXISTING = {
    "link": gettext_lazy("sign in to it, if the domain is verified"),
    "refuse": gettext_lazy("refuse the sign-in"),
}


TWO_FACTOR: dict[str, Promise] = {
    "optional": gettext_lazy("for those who set one up"),
    "required": gettext_lazy("for everybody with a password"),
}


STATUSES: dict[str, Promise] = {
    "invited": gettext_lazy("Invited"),
    "pending": gettext_lazy("Waits for approval"),
    "active": gettext_lazy("Active"),
    "suspended": gettext_lazy("Suspended"),
}


ORIGINS: dict[str, Promise] = {
    "invitation": gettext_lazy("Invitation"),
    "jit": gettext_lazy("First sign-in"),
    "scim": gettext_lazy("SCIM"),
    "operator": gettext_lazy("Operator"),
}


SOURCES: dict[str, Promise] = {
    "hand": gettext_lazy("given by hand"),
    "default": gettext_lazy("default for newcomers"),
    "rule": gettext_lazy("rule"),
    "scim": gettext_lazy("SCIM"),
    "invitation": gettext_lazy("invitation"),
}
