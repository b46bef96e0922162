"""The corpus of attacks on responses, by family."""

MODULES = (
    "test_claims",
    "test_content",
    "test_encryption",
    "test_parser",
    "test_signature",
    "test_signing_key",
    "test_wrapping",
)
