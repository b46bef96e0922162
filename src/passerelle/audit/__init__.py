"""Who changed what: an append-only log, sealed into one hash chain for each company."""
