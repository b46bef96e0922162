"""Every form that a message and its signature may take."""

import base64

from ..keys import key_pair
from ..response_builder import (
    DS_NS,
    XS,
    XSI,
    Signing,
    attribute,
    attributes,
    name_id,
)
from .cases import (
    Valid,
    algorithm,
)

FORMS = (
    Valid(name="signed assertion"),
    Valid(name="signed response", parts={"signed": "response"}),
    Valid(name="both signed", parts={"signed": "both"}),
    Valid(name="pretty-printed", parts={"signed": "both", "pretty": True}),
    Valid(
        name="both signed, each with another prefix for the signature, one of them declared above",
        parts={
            "signed": "both",
            "signing": Signing(prefix="dsig"),
            "response_signing": Signing(),
            "response_namespaces": f'xmlns:ds="{DS_NS}"',
        },
    ),
    Valid(
        name="both signed by two keys of the connection",
        parts={
            "signed": "both",
            "response_signing": Signing(key=key_pair("p256"), algorithm="ecdsa-sha256"),
        },
        expected={"certificates": (key_pair().certificate, key_pair("p256").certificate)},
    ),
    Valid(
        name="default namespaces throughout",
        parts={"prefixes": {"samlp": "", "saml": "a"}, "signing": Signing(prefix="")},
    ),
    Valid(
        name="UTF-8 with a byte order mark",
        parts={"declaration": '\ufeff<?xml version="1.0" encoding="utf-8"?>'},
    ),
    Valid(
        name="UTF-16",
        parts={
            "declaration": '<?xml version="1.0" encoding="UTF-16"?>',
            "encoding": "utf-16",
            "name_id": name_id("Zoë-𝒵"),
        },
        name_id="Zoë-𝒵",
    ),
    Valid(name="UTF-16, big end first, without a mark", parts={"encoding": "utf-16-be"}),
    Valid(
        name="US-ASCII",
        parts={"declaration": '<?xml version="1.0" encoding="us-ascii"?>'},
    ),
    Valid(name="base64", carry=base64.b64encode),
    Valid(name="base64 in lines", carry=base64.encodebytes),
    Valid(name="base64 as text", carry=lambda message: base64.b64encode(message).decode()),
    Valid(name="XML as text", carry=bytes.decode),
    Valid(name="white space around", carry=lambda message: b"\r\n " + message + b"\n\n"),
    Valid(
        name="white space after in UTF-16",
        parts={"encoding": "utf-16", "edit_signed": lambda text: text + "\n"},
    ),
    Valid(
        name="InclusiveNamespaces xs declared on the Response",
        parts={
            "response_namespaces": f"{XS} {XSI}",
            "signing": Signing(prefix_list="xs"),
            "attributes": attributes(attribute("a", "1", typed='xsi:type="xs:string"')),
        },
        attributes={"a": ("1",)},
    ),
    Valid(
        name="InclusiveNamespaces for SignedInfo",
        parts={
            "response_namespaces": XS,
            "signing": Signing(info_prefix_list="xs saml", prefix_list="xs unknown"),
        },
    ),
    Valid(
        name="InclusiveNamespaces #default",
        parts={
            "prefixes": {"samlp": ""},
            "signing": Signing(prefix_list="#default xs", info_prefix_list="#default"),
        },
    ),
    Valid(
        name="InclusiveNamespaces #default with nothing by default",
        parts={"signing": Signing(prefix_list="#default samlp saml ds")},
    ),
    Valid(
        name="a comment inside the text, dropped and read as one text",
        parts={"edit_signed": lambda text: text.replace("u-1", "u<!-- -->-1")},
    ),
    Valid(
        name="CDATA instead of text",
        parts={"edit_signed": lambda text: text.replace(">u-1<", "><![CDATA[u-1]]><")},
    ),
    Valid(
        name="a character reference instead of a letter",
        parts={"edit_signed": lambda text: text.replace(">u-1<", ">&#117;-1<")},
    ),
    Valid(name="no KeyInfo", parts={"signing": Signing(key_info="")}),
    Valid(
        name="KeyInfo with a name and a reference that nobody follows",
        parts={
            "signing": Signing(
                key_info="<ds:KeyInfo><ds:KeyName>k</ds:KeyName>"
                '<ds:RetrievalMethod URI="http://169.254.169.254/"/></ds:KeyInfo>'
            )
        },
    ),
    Valid(
        name="KeyInfo with another certificate",
        parts={
            "signing": Signing(
                key_info="<ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
                f"{base64.b64encode(key_pair('stranger').der).decode()}"
                "</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
            )
        },
    ),
    Valid(
        name="a second certificate of the connection",
        expected={"certificates": (key_pair("p384").certificate, key_pair().certificate)},
    ),
    Valid(
        name="an Id on SignedInfo and spaces inside it",
        parts={
            "signing": Signing(
                edit_info=lambda info: info.replace("<ds:SignedInfo>", '<ds:SignedInfo Id="s">\n ')
            )
        },
    ),
)

ALGORITHMS = (
    *(algorithm(f"rsa-{name}", name) for name in ("sha256", "sha384", "sha512")),
    *(algorithm(f"{name}-rsa-MGF1", name) for name in ("sha256", "sha384", "sha512")),
    *(
        algorithm(f"ecdsa-{name}", key=key)
        for name, key in (("sha256", "p256"), ("sha384", "p384"), ("sha512", "p521"))
    ),
)
