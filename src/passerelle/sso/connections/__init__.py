"""Trust in one identity provider: settings, keys, metadata, set-up. Uses outbox and records."""
