"""What can be wrong with a message or with metadata.

SAMLError
├── MessageError    a response that cannot be read, is not signed as it must be, or says "no"
│   └── DecryptionError  something in it that cannot be decrypted, or may not be
├── MetadataError   an identity provider's metadata that cannot be used
└── CertificateError  a certificate or key that cannot be read or is too weak
"""

MAX_SHOWN = 300
"""Characters of something received that are kept to be shown."""


def shortened(received: str) -> str:
    """What was received, as a page, a trace, a database and a terminal can bear it."""
    if not received.isprintable():
        received = "".join(one if one.isprintable() else repr(one)[1:-1] for one in received)
    return received if len(received) <= MAX_SHOWN else received[: MAX_SHOWN - 1] + "…"


class SAMLError(Exception):
    """A named failure: `reason` is a stable slug; expected and received are for people.

    `values` holds what the sentence about this failure needs besides those two.
    """

    def __init__(
        self,
        reason: str,
        *,
        expected: str | None = None,
        received: str | None = None,
        **values: str,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expected = expected
        self.received = None if received is None else shortened(received)
        self.values = {name: shortened(value) for name, value in values.items()}

    def __str__(self) -> str:
        parts = [self.reason]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.received is not None:
            parts.append(f"received {self.received}")
        return "; ".join(parts)


class MessageError(SAMLError):
    """A response that cannot be read or trusted."""


class DecryptionError(MessageError):
    """Something encrypted that cannot be decrypted, or is encrypted as it may not be."""


class MetadataError(SAMLError):
    """Metadata of an identity provider that cannot be used."""


class CertificateError(SAMLError):
    """A certificate that cannot be read, or whose key is too weak to trust."""
