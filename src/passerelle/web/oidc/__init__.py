"""Owns the addresses of OpenID Connect and of forward authentication. Uses oidc and below."""
