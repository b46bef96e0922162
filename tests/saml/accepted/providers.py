"""Responses as the common identity providers send them."""

from ..response_builder import (
    IDP,
    PERSISTENT,
    SP,
    XS,
    XSI,
    Signing,
    attribute,
    attributes,
    authn_statement,
    conditions,
    confirmation,
    name_id,
)
from .cases import BASIC_NAMES, CLAIMS, EMAIL, TYPED, UNSPECIFIED, URI_NAMES, Valid

PROVIDERS = (
    Valid(
        name="Okta",
        parts={
            "prefixes": {"samlp": "saml2p", "saml": "saml2"},
            "declaration": '<?xml version="1.0" encoding="UTF-8"?>',
            "issuer": '<saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">'
            f"{IDP}</saml:Issuer>",
            "issued_at": "2030-01-31T12:00:00.123Z",
            "assertion_id": "id3907651188475921386534411",
            "response_namespaces": XS,
            "signed": "both",
            "signing": Signing(prefix_list="xs"),
            "name_id": name_id("alice@acme.example", EMAIL),
            "attributes": attributes(
                attribute("email", "alice@acme.example", more=BASIC_NAMES, typed=TYPED),
                attribute("groups", "Everyone", "Admins", more=BASIC_NAMES, typed=TYPED),
            ),
        },
        name_id="alice@acme.example",
        attributes={"email": ("alice@acme.example",), "groups": ("Everyone", "Admins")},
    ),
    Valid(
        name="Entra ID",
        parts={
            "prefixes": {"saml": "", "ds": ""},
            "signing": Signing(prefix=""),
            "issued_at": "2030-01-31T11:59:59.917Z",
            "name_id": name_id("alice@acme.example", EMAIL),
            "confirmations": confirmation(ends="2030-01-31T13:04:59.823Z"),
            "attributes": attributes(
                attribute(f"{CLAIMS}/emailaddress", "alice@acme.example"),
                attribute(f"{CLAIMS}/givenname", "Zoë"),
                attribute(
                    "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
                    "6a3e5a1c-0000-4000-8000-000000000001",
                    "6a3e5a1c-0000-4000-8000-000000000002",
                ),
            ),
        },
        name_id="alice@acme.example",
        attributes={
            f"{CLAIMS}/emailaddress": ("alice@acme.example",),
            f"{CLAIMS}/givenname": ("Zoë",),
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups": (
                "6a3e5a1c-0000-4000-8000-000000000001",
                "6a3e5a1c-0000-4000-8000-000000000002",
            ),
        },
    ),
    Valid(
        name="AD FS, seven digits of a second",
        parts={
            "prefixes": {"saml": ""},
            "issued_at": "2030-01-31T12:00:00.1234567Z",
            "conditions": conditions(
                starts="2030-01-31T11:59:59.9999999Z", ends="2030-01-31T13:00:00.0000001Z"
            ),
            "confirmations": confirmation(ends="2030-01-31T12:05:00.1234567Z"),
            "name_id": name_id(r"ACME\alice", UNSPECIFIED),
            "attributes": attributes(attribute(f"{CLAIMS}/upn", "alice@acme.example")),
        },
        name_id=r"ACME\alice",
        attributes={f"{CLAIMS}/upn": ("alice@acme.example",)},
    ),
    Valid(
        name="Google Workspace",
        parts={
            "prefixes": {"saml": "saml2", "samlp": "saml2p"},
            "declaration": '<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
            "signed": "response",
            "issued_at": "2030-01-31T12:00:00.000Z",
            "name_id": name_id("alice@acme.example", EMAIL),
            "attributes": attributes(attribute("department", "Ventes", typed=TYPED)),
        },
        name_id="alice@acme.example",
        attributes={"department": ("Ventes",)},
    ),
    Valid(
        name="Keycloak",
        parts={
            "prefixes": {"ds": "dsig"},
            "signed": "both",
            "signing": Signing(prefix="dsig"),
            "name_id": name_id("G-d3c1a2f0"),
            "statements": authn_statement(session="7a1e::b2", ends="2030-01-31T22:00:00.000Z"),
            "attributes": attributes(
                attribute("Role", "offline_access", more=BASIC_NAMES, typed=TYPED),
                attribute("Role", "uma_authorization", more=BASIC_NAMES, typed=TYPED),
                attribute("Role", "manage-account", more=BASIC_NAMES, typed=TYPED),
            ),
        },
        name_id="G-d3c1a2f0",
        attributes={"Role": ("offline_access", "uma_authorization", "manage-account")},
    ),
    Valid(
        name="SimpleSAMLphp",
        parts={
            "signed": "both",
            "pretty": False,
            "declaration": '<?xml version="1.0"?>\n',
            "response_issuer": f"<saml:Issuer>{IDP}</saml:Issuer>",
            "name_id": f'<saml:NameID SPNameQualifier="{SP}" Format="{PERSISTENT}">_ce3d2948'
            "</saml:NameID>",
            "assertion_namespaces": f"{XSI} {XS}",
            "attributes": attributes(
                attribute("uid", "alice", more=BASIC_NAMES, typed='xsi:type="xs:string"'),
                attribute("eduPersonAffiliation", "users", "staff", typed='xsi:type="xs:string"'),
            ),
        },
        name_id="_ce3d2948",
        attributes={"uid": ("alice",), "eduPersonAffiliation": ("users", "staff")},
    ),
    Valid(
        name="Shibboleth, with a NameID inside eduPersonTargetedID",
        parts={
            "prefixes": {"samlp": "saml2p", "saml": "saml2"},
            "pretty": True,
            "signed": "both",
            "signing": Signing(algorithm="rsa-sha512", digest="sha512"),
            "name_id": f'<saml:NameID Format="{PERSISTENT}" NameQualifier="{IDP}" '
            f'SPNameQualifier="{SP}">AAdzZWNyZXQx</saml:NameID>',
            "attributes": attributes(
                f'<saml:Attribute FriendlyName="mail" Name="urn:oid:0.9.2342.19200300.100.1.3" '
                f"{URI_NAMES}><saml:AttributeValue>alice@acme.example</saml:AttributeValue>"
                "</saml:Attribute>",
                f'<saml:Attribute Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.10" {URI_NAMES}>'
                f'<saml:AttributeValue><saml:NameID Format="{PERSISTENT}">tgt-1</saml:NameID>'
                "</saml:AttributeValue></saml:Attribute>",
            ),
        },
        name_id="AAdzZWNyZXQx",
        attributes={
            "urn:oid:0.9.2342.19200300.100.1.3": ("alice@acme.example",),
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.10": ("tgt-1",),
        },
    ),
)
