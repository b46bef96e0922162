"""Verbs over one company: trust, people and settings. Uses sso and what is below."""
