"""Random secrets that browsers carry; the database keeps only their digests."""

import hashlib
import hmac
import re
import secrets

# Without the letters and digits that are mistaken for each other when read out.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def new_token() -> str:
    """256 bits, for addresses and cookies."""
    return secrets.token_urlsafe(32)


def new_message_id() -> str:
    """Of a SAML message: an XML ID starts with a letter or an underscore, and holds no hyphen."""
    return "_" + new_token().replace("-", ".")


def is_message_id(text: str) -> bool:
    """Whether this looks like an ID that `new_message_id` has made."""
    return _MESSAGE_ID.fullmatch(text) is not None


_MESSAGE_ID = re.compile(r"_[A-Za-z0-9_.]{43}")
_OF_A_TRIAL = "_trial."


def new_trial_id() -> str:
    """Of a test sign-in's request: its answer is told apart without asking the database."""
    return _OF_A_TRIAL + new_token().replace("-", ".")


def is_of_trial(message_id: str) -> bool:
    return message_id.startswith(_OF_A_TRIAL)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def matches(token: str | None, expected_digest: str) -> bool:
    return token is not None and hmac.compare_digest(digest(token), expected_digest)


def new_reference() -> str:
    """A short reference that a person can read out: K7F-2Q9."""
    letters = [secrets.choice(_ALPHABET) for _ in range(6)]
    return "".join(letters[:3]) + "-" + "".join(letters[3:])
