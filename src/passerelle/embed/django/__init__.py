"""SAML single sign-on in a Django project with its own user model (docs/guides/own-program.md)."""
