"""The ways to sign in, each to its end: SAML, Google, password, passkey. Uses all of sso."""
