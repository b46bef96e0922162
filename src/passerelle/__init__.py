"""Passerelle: SAML single sign-on with just-in-time provisioning for dashboards."""

__version__ = "0.1.0"
