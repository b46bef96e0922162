"""What a page of ours may load, and where its forms may lead."""


def content_security_policy(*, forms_to: str = "'self'") -> str:
    """Nothing but our own files, no inline script; forms lead here, or to `forms_to` instead."""
    return "; ".join(
        [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            f"form-action {forms_to}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
