"""How the properties are tried: without a clock that could fail them, leaving nothing behind."""

from hypothesis import settings

settings.register_profile("saml", deadline=None, database=None)
settings.load_profile("saml")
