"""Real servers for the tests: an identity provider, a database and a browser."""
