"""AuthnRequest (Core §3.4.1), and the HTTP-Redirect binding that carries it (Bindings §3.4)."""

import base64
import zlib
from datetime import datetime
from urllib.parse import urlencode

from lxml import etree

from passerelle.saml.names import ASSERTION_NS, BINDING_POST, PROTOCOL_NS, saml, samlp
from passerelle.saml.xml import written


def build_authn_request(
    *, request_id: str, issued_at: datetime, destination: str, acs_url: str, sp_entity_id: str
) -> bytes:
    """The request for a sign-in; the answer is to be posted to `acs_url`."""
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
    etree.SubElement(root, saml("Issuer")).text = sp_entity_id
    return etree.tostring(root)


def redirect_url(target: str, message: bytes, relay_state: str | None = None) -> str:
    """The address that carries a request in its query, next to what the target already has."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = compressor.compress(message) + compressor.flush()
    query = {"SAMLRequest": base64.b64encode(deflated).decode()}
    if relay_state:
        query["RelayState"] = relay_state
    address, _, old_query = target.partition("#")[0].partition("?")
    return f"{address}?{old_query}{'&' if old_query else ''}{urlencode(query)}"
