"""Owns sign-in for other dashboards: clients, tokens, claims, proxies. Uses sso and below."""
