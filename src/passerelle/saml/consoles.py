"""The consoles of common identity providers: what each calls the settings that matter here.

An explanation that says "set the audience" helps an expert; one that says which field on which page
of Okta helps everybody. The labels are the consoles' own words, in English as they ship.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


def gettext_noop(message: str) -> str:
    """Mark a sentence for the translators' catalogue."""
    return message


_ = gettext_noop


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Where a setting is found: a page, and the label on it."""

    console: str
    page: str
    acs_url: str
    audience: str
    certificate: str
    name_id: str
    attributes: str
    signing: str
    encryption: str
    assignment: str


CONSOLES: dict[str, Console] = {
    "okta": Console(
        console="Okta",
        page="Applications > (application) > General > SAML Settings",
        acs_url="Single sign-on URL",
        audience="Audience URI (SP Entity ID)",
        certificate="Sign On > SAML Signing Certificates",
        name_id="Name ID format",
        attributes="Attribute Statements",
        signing="Show Advanced Settings > Assertion Signature",
        encryption="Show Advanced Settings > Assertion Encryption",
        assignment="Assignments",
    ),
    "entra": Console(
        console="Microsoft Entra ID",
        page="Enterprise applications > (application)",
        acs_url="Single sign-on > Reply URL (Assertion Consumer Service URL)",
        audience="Single sign-on > Identifier (Entity ID)",
        certificate="Single sign-on > SAML Certificates",
        name_id="Single sign-on > Attributes & Claims > Unique User Identifier (Name ID)",
        attributes="Single sign-on > Attributes & Claims",
        signing="Single sign-on > SAML Certificates > Edit > Signing Option",
        encryption="Token encryption",
        assignment="Users and groups",
    ),
    "google": Console(
        console="Google Workspace",
        page="Apps > Web and mobile apps > (app)",
        acs_url="Service provider details > ACS URL",
        audience="Service provider details > Entity ID",
        certificate="Download metadata > Certificate",
        name_id="Service provider details > Name ID format",
        attributes="SAML attribute mapping",
        signing="Service provider details > Signed response",
        encryption="Service provider details",
        assignment="User access",
    ),
    "adfs": Console(
        console="AD FS",
        page="AD FS Management > Relying Party Trusts > (trust)",
        acs_url="Properties > Endpoints",
        audience="Properties > Identifiers > Relying party identifiers",
        certificate="AD FS > Service > Certificates > Token-signing",
        name_id="Edit Claim Issuance Policy > Name ID",
        attributes="Edit Claim Issuance Policy",
        signing="Set-AdfsRelyingPartyTrust -SamlResponseSignature",
        encryption="Properties > Encryption",
        assignment="Edit Access Control Policy",
    ),
    "keycloak": Console(
        console="Keycloak",
        page="Clients > (client)",
        acs_url="Advanced > Assertion Consumer Service POST Binding URL",
        audience="Settings > Client ID",
        certificate="Realm settings > Keys > RS256 > Certificate",
        name_id="Settings > Name ID format",
        attributes="Client scopes > (client)-dedicated",
        signing="Settings > Signature and Encryption > Sign assertions",
        encryption="Keys > Encrypt assertions",
        assignment="",
    ),
    "lemonldap": Console(
        console="LemonLDAP::NG",
        page="SAML Service Providers > (partner)",
        acs_url="Metadata",
        audience="Metadata",
        certificate="SAML2 Service > Security parameters > Signature > Public key",
        name_id="Options > Authentication response > Default NameID format",
        attributes="Exported attributes",
        signing="Options > Signature > Sign SSO message",
        encryption="Options > Security > Encryption mode",
        assignment="Options > Security > Access rule",
    ),
    "onelogin": Console(
        console="OneLogin",
        page="Applications > (application)",
        acs_url="Configuration > ACS (Consumer) URL",
        audience="Configuration > Audience (EntityID)",
        certificate="SSO > X.509 Certificate",
        name_id="Configuration > SAML nameID format",
        attributes="Parameters",
        signing="Configuration > SAML signature element",
        encryption="Configuration > Encrypt assertion",
        assignment="Access",
    ),
    "ping": Console(
        console="PingOne",
        page="Applications > (application)",
        acs_url="Configuration > ACS URLs",
        audience="Configuration > Entity ID",
        certificate="Configuration > Signing Key > Download Signing Certificate",
        name_id="Configuration > Subject NameID Format",
        attributes="Attribute Mappings",
        signing="Configuration > Sign Assertion",
        encryption="Configuration > Enable Encryption",
        assignment="Access",
    ),
    "jumpcloud": Console(
        console="JumpCloud",
        page="SSO Applications > (application) > SSO",
        acs_url="ACS URLs",
        audience="SP Entity ID",
        certificate="IdP Certificate",
        name_id="SAMLSubject NameID Format",
        attributes="Attributes",
        signing="Sign Assertion",
        encryption="Encrypt Assertion",
        assignment="User Groups",
    ),
    "simplesamlphp": Console(
        console="SimpleSAMLphp",
        page="metadata/saml20-sp-remote.php",
        acs_url="AssertionConsumerService",
        audience="$metadata['…'], the key of the entry",
        certificate="metadata/saml20-idp-hosted.php > certificate",
        name_id="NameIDFormat",
        attributes="authproc",
        signing="saml20.sign.assertion",
        encryption="assertion.encryption",
        assignment="authproc",
    ),
}

# Parts of entity IDs, as these products make them by themselves.
_MARKS = (
    ("www.okta.com/", "okta"),
    (".okta.com/", "okta"),
    (".oktapreview.com/", "okta"),
    ("sts.windows.net/", "entra"),
    ("login.microsoftonline.com/", "entra"),
    ("accounts.google.com/o/saml2", "google"),
    ("/adfs/services/trust", "adfs"),
    ("/realms/", "keycloak"),
    (".onelogin.com/", "onelogin"),
    ("auth.pingone.", "ping"),
    ("pingidentity.com", "ping"),
    ("jumpcloud", "jumpcloud"),
    ("/saml2/idp/metadata.php", "simplesamlphp"),
    ("/simplesaml/", "simplesamlphp"),
)


def console_of(*entity_ids: str | None, product: str = "") -> Console | None:
    """The console of the product that was chosen, or that an entity ID tells: the first known."""
    if product in CONSOLES:
        return CONSOLES[product]
    for entity_id in entity_ids:
        for mark, slug in _MARKS:
            if entity_id and mark in entity_id:
                return CONSOLES[slug]
    return None


_COMPARE_CERTIFICATES = _(
    "In %(console)s, look at the certificate under “%(certificate)s”. If it is the one that was "
    "received, add it to this connection; if it is one that the connection has, something between "
    "it and us changes the message."
)
_SET_ACS_URL = _(
    "In %(console)s, open “%(page)s” and set “%(acs_url)s” to the expected value, to the letter."
)
_CHOOSE_NAME_ID = _(
    "In %(console)s, open “%(page)s” and choose under “%(name_id)s” a persistent identifier or the "
    "e-mail address."
)
_SEND_EMAIL = _(
    "In %(console)s, open “%(page)s” and let “%(attributes)s” send the person's e-mail address as "
    "“email”."
)
IN_CONSOLE: dict[str, str] = {
    "audience_mismatch": _(
        "In %(console)s, open “%(page)s” and set “%(audience)s” to the expected value, to the "
        "letter."
    ),
    "destination_mismatch": _SET_ACS_URL,
    "recipient_mismatch": _SET_ACS_URL,
    "signature_missing": _("In %(console)s, open “%(page)s” and switch signing on: “%(signing)s”."),
    "certificate_unknown": _COMPARE_CERTIFICATES,
    "signature_invalid": _COMPARE_CERTIFICATES,
    "decryption_failed": _(
        "In %(console)s, open “%(page)s” and give it our certificate, which stands in our "
        "metadata, under “%(encryption)s”; or switch encryption off there."
    ),
    "status_not_success": _(
        "In %(console)s, see whether the person may use the application: “%(assignment)s”."
    ),
    "name_id_missing": _CHOOSE_NAME_ID,
    "subject_unstable": _CHOOSE_NAME_ID,
    "subject_too_long": _CHOOSE_NAME_ID,
    "email_missing": _SEND_EMAIL,
    "email_invalid": _SEND_EMAIL,
    "identity_ambiguous": _(
        "Decide which account is the person's, and remove the other one or change its address. Or "
        "open “%(page)s” in %(console)s and let “%(attributes)s” send only the right address."
    ),
    "attribute_without_name": _(
        "In %(console)s, open “%(page)s” and give every attribute under “%(attributes)s” a name."
    ),
    "message_too_large": _(
        "In %(console)s, open “%(page)s” and send fewer groups: “%(attributes)s”."
    ),
}
"""How to mend it there, for the reasons for which a console has a field."""


_LOAD_OUR_METADATA = _(
    "In %(console)s, open “%(page)s” and load our metadata again under “Metadata > Load from URL”."
)
_OF_ONE: dict[str, dict[str, str]] = {
    "Keycloak": {
        "signature_profile_forbidden": _(
            "In Keycloak, open “%(page)s” and choose EXCLUSIVE under “Settings > Signature and "
            "Encryption > Canonicalization method”."
        ),
        "algorithm_forbidden": _(
            "In Keycloak, open “%(page)s” and look under “Settings > Signature and Encryption”: "
            "choose RSA_SHA256 as “Signature algorithm” and, if assertions are encrypted, "
            "AES_256_GCM as “Encryption Algorithm”."
        ),
        "attribute_without_name": _(
            "In Keycloak, open “%(page)s > %(attributes)s” and fill in “SAML Attribute Name” of "
            "every mapper: “Name” is only what the mapper itself is called. Or delete it and use "
            "“Add mapper > From predefined mappers”."
        ),
        "status_not_success": _(
            "Keycloak assigns nobody to a client, so look up the sign-in there under “Events” in "
            "the realm: it was broken off, or a step of the sign-in failed."
        ),
    },
    "LemonLDAP::NG": {
        "audience_mismatch": _LOAD_OUR_METADATA,
        "destination_mismatch": _LOAD_OUR_METADATA,
        "recipient_mismatch": _LOAD_OUR_METADATA,
        "algorithm_forbidden": _(
            "In LemonLDAP::NG, open “%(page)s” and choose RSA SHA256 under “Options > Signature > "
            "Signature method”."
        ),
    },
}
"""Where one console needs other words, or has a cure of its own."""


def mend_in(console: Console | None, reason: str | None) -> tuple[str, Mapping[str, str]] | None:
    """The sentence for this console and its values, where there is one."""
    if console is None:
        return None
    sentences = {**IN_CONSOLE, **_OF_ONE.get(console.console, {})}
    return (sentences[reason], asdict(console)) if reason in sentences else None
