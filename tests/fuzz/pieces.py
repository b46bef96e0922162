"""What the moves put into messages, one by one or as often as fits."""

from ..saml.encryption import XENC_NS
from ..saml.response_builder import DIGESTS, DS_NS, EXC, NOW, SAML_NS, SAMLP_NS, SIGNATURES

PREFIXES = {"saml": SAML_NS, "samlp": SAMLP_NS, "ds": DS_NS, "xenc": XENC_NS, "ec": EXC}
EVIL_NAME_ID = "<saml:NameID>admin</saml:NameID>"
EVIL_ATTRIBUTE = (
    '<saml:Attribute Name="groups"><saml:AttributeValue>admin</saml:AttributeValue>'
    "</saml:Attribute>"
)
EVIL_ASSERTION = (
    f'<saml:Assertion xmlns:saml="{SAML_NS}" ID="_assertion" Version="2.0"'
    f' IssueInstant="{NOW:%Y-%m-%dT%H:%M:%SZ}"><saml:Issuer>https://idp.example/metadata'
    f"</saml:Issuer><saml:Subject>{EVIL_NAME_ID}</saml:Subject></saml:Assertion>"
)
PIECES = (
    "<x/>",
    "<!-- x -->",
    "<!---->",
    "<![CDATA[x]]>",
    "<![CDATA[]]>",
    "]]>",
    "<?x?>",
    "<?xml version='1.0' encoding='utf-16'?>",
    "<!DOCTYPE x [<!ENTITY e 'admin'>]>",
    "<!DOCTYPE samlp:Response [<!ATTLIST samlp:Response ID ID #IMPLIED>]>",
    "&e;",
    "&amp;",
    "&#0;",
    "&#10;",
    "&#xD;",
    "&#120;",
    "x",
    " ",
    "\r\n",
    "\t",
    "\0",
    "\ufeff",
    # White space to Python and none to XML, or the other way round.
    "\u0085",
    "\u00a0",
    "\u1680",
    "\u2028",
    "\u3000",
    '<p\u1680q:x xmlns:p\u1680q="urn:x"/>',
    "\u0130",
    "\U0001f511",
    "xmlns:",
    " xmlns='",
    "<saml:Assertion/>",
    '<saml:Assertion ID="_assertion"/>',
    EVIL_ASSERTION,
    EVIL_NAME_ID,
    f"<saml:Subject>{EVIL_NAME_ID}</saml:Subject>",
    EVIL_ATTRIBUTE,
    f"<saml:AttributeStatement>{EVIL_ATTRIBUTE}</saml:AttributeStatement>",
    "<saml:EncryptedAssertion/>",
    "<saml:Issuer>https://evil.example</saml:Issuer>",
    "<saml:Conditions/>",
    "<saml:Advice/>",
    "<samlp:Extensions/>",
    '<samlp:Status><samlp:StatusCode Value="x"/></samlp:Status>',
    f'<ds:Signature xmlns:ds="{DS_NS}"/>',
    f'<ds:Object xmlns:ds="{DS_NS}"/>',
    f'<x xmlns="{SAML_NS}"/>',
    '<x xmlns="relative"/>',
    '<x xmlns:xml="http://www.w3.org/XML/1998/namespace" xml:id="_assertion"/>',
)
ATTRIBUTES = (
    ' ID="_assertion"',
    ' Id="_assertion"',
    ' id="_response"',
    ' xml:id="_assertion"',
    ' xml:base="https://evil.example"',
    ' xml:lang="en"',
    ' xml:space="preserve"',
    ' xmlns=""',
    f' xmlns="{SAML_NS}"',
    f' xmlns="{SAMLP_NS}"',
    f' xmlns:saml="{SAMLP_NS}"',
    ' xmlns:saml="urn:x"',
    f' xmlns:x="{SAML_NS}"',
    f' xmlns:ds="{SAML_NS}"',
    ' xmlns:xs="urn:x"',
    ' xmlns:p="relative"',
    ' xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
    ' Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity"',
    ' NameQualifier="x"',
    ' Version="2.0"',
    ' Destination="https://evil.example"',
    ' InResponseTo="_another"',
    ' NotOnOrAfter="2999-01-01T00:00:00Z"',
    ' PrefixList="saml ds #default x"',
    ' URI=""',
    ' URI="#_response"',
)
WRAPPERS = (
    ("<samlp:Extensions>", "</samlp:Extensions>"),
    ("<saml:Advice>", "</saml:Advice>"),
    (f'<ds:Object xmlns:ds="{DS_NS}">', "</ds:Object>"),
    (
        f'<ds:Signature xmlns:ds="{DS_NS}"><ds:Object>',
        "</ds:Object></ds:Signature>",
    ),
    ("<saml:SubjectConfirmationData>", "</saml:SubjectConfirmationData>"),
    ("<saml:AttributeValue>", "</saml:AttributeValue>"),
    ("<saml:EncryptedAssertion>", "</saml:EncryptedAssertion>"),
    (f'<samlp:Response xmlns:samlp="{SAMLP_NS}">', "</samlp:Response>"),
    ("<x>", "</x>"),
    ('<x xmlns="urn:x" xmlns:y="urn:y">', "</x>"),
)
ALGORITHMS = (
    *(uri for uri, _hash in SIGNATURES.values()),
    *DIGESTS.values(),
    EXC,
    EXC + "WithComments",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/2006/12/xml-c14n11",
    DS_NS + "enveloped-signature",
    DS_NS + "base64",
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "http://www.w3.org/2002/06/xmldsig-filter2",
    "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
    "http://www.w3.org/2009/xmlenc11#rsa-oaep",
    "",
)
REFERENCES = (
    "",
    "#",
    "#_assertion",
    "#_response",
    "#_another",
    "_assertion",
    "#xpointer(/)",
    "#xpointer(id('_assertion'))",
    "#xpointer(id('_response'))",
    " #_assertion",
    "#%5Fassertion",
    "#_assertion&#10;",
    "https://evil.example/#_assertion",
    "file:///etc/hostname",
)
NAMESPACES = (SAML_NS, SAMLP_NS, DS_NS, EXC, "", "urn:x", SAML_NS + "/", SAML_NS.upper())
ENCODINGS = (
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-8-sig",
    "utf-32",
    "utf-7",
    "latin-1",
    "cp037",
    "iso2022_jp",
)
SIGNED_PARTS = (
    "Assertion EncryptedAssertion Signature SignedInfo SignatureValue DigestValue Reference Subject"
    " NameID EncryptedID AttributeStatement Attribute AttributeValue EncryptedAttribute Conditions"
    " AuthnStatement Issuer EncryptedData EncryptedKey CipherValue CipherData KeyInfo Transforms"
    " InclusiveNamespaces Status"
).split()
