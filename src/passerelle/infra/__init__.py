"""Tools without a domain: tokens, hashing, fetching, sealing, networks. Uses nothing of ours."""
