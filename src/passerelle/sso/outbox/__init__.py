"""What leaves the service later: e-mail, notices, security events. Uses records."""
