"""Signing in: where verified SAML meets the company's accounts."""
