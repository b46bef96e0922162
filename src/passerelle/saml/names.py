"""Names of the SAML 2.0 and XML Signature vocabularies, as the standards spell them."""

from functools import cache

PROTOCOL_NS = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION_NS = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA_NS = "urn:oasis:names:tc:SAML:2.0:metadata"
DSIG_NS = "http://www.w3.org/2000/09/xmldsig#"
XENC_NS = "http://www.w3.org/2001/04/xmlenc#"
XENC11_NS = "http://www.w3.org/2009/xmlenc11#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
EXCLUSIVE_C14N = (EXC_C14N, EXC_C14N + "WithComments")
"""Both are allowed by name (Core §5.4.3, §5.4.4)."""
C14N = (
    *EXCLUSIVE_C14N,
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "http://www.w3.org/2006/12/xml-c14n11",
    "http://www.w3.org/2006/12/xml-c14n11#WithComments",
)
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SAML1_PROTOCOL_NS = "urn:oasis:names:tc:SAML:1.0:protocol"
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

PREFIXES = {"samlp": PROTOCOL_NS, "saml": ASSERTION_NS, "ds": DSIG_NS, "md": METADATA_NS}

STATUS_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
STATUS_RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"
STATUS_UNKNOWN_PRINCIPAL = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"
METHOD_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
BINDING_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
BINDING_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
NAME_ID_ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
NAME_ID_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NAME_ID_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
NAME_ID_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
NAME_ID_UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"


@cache
def samlp(name: str) -> str:
    return f"{{{PROTOCOL_NS}}}{name}"


@cache
def saml(name: str) -> str:
    return f"{{{ASSERTION_NS}}}{name}"


@cache
def md(name: str) -> str:
    return f"{{{METADATA_NS}}}{name}"


@cache
def ds(name: str) -> str:
    return f"{{{DSIG_NS}}}{name}"


@cache
def xenc(name: str) -> str:
    return f"{{{XENC_NS}}}{name}"
