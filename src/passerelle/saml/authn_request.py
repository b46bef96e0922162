"""AuthnRequest: what we ask of an identity provider (Core §3.4.1)."""

from datetime import datetime

from lxml import etree

from passerelle.saml.names import ASSERTION_NS, BINDING_POST, PROTOCOL_NS, saml, samlp
from passerelle.saml.xml import written


def build_authn_request(
    *,
    request_id: str,
    issued_at: datetime,
    destination: str,
    acs_url: str,
    sp_entity_id: str,
    force_authn: bool = False,
    name_id_format: str = "",
    authn_contexts: tuple[str, ...] = (),
) -> etree._Element:
    """The request for a sign-in; the answer is to be posted to `acs_url`.

    `authn_contexts` are classes of which one must hold exactly (Core §3.3.2.2.1).
    """
    root = etree.Element(
        samlp("AuthnRequest"),
        nsmap={"samlp": PROTOCOL_NS, "saml": ASSERTION_NS},
        ID=request_id,
        Version="2.0",
        IssueInstant=written(issued_at),
        Destination=destination,
        AssertionConsumerServiceURL=acs_url,
        ProtocolBinding=BINDING_POST,
    )
    if force_authn:
        root.set("ForceAuthn", "true")
    etree.SubElement(root, saml("Issuer")).text = sp_entity_id
    # Without one, Lasso knows only people who have signed in here before (Core §3.4.1.1).
    policy = etree.SubElement(root, samlp("NameIDPolicy"), AllowCreate="true")
    if name_id_format:
        policy.set("Format", name_id_format)
    if authn_contexts:
        requested = etree.SubElement(root, samlp("RequestedAuthnContext"), Comparison="exact")
        for context in authn_contexts:
            etree.SubElement(requested, saml("AuthnContextClassRef")).text = context
    return root
