"""What every page's frame needs."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

SECURITY = ("security", "connect", "enforcement", "domains", "delivery")
"""The pages behind the menu's “Security settings”."""


def page(request: HttpRequest) -> dict[str, Any]:
    return {
        "person": getattr(request, "person", None),
        "static_version": static_version(),
        "in_security": request.path.startswith(tuple(map(reverse, SECURITY))),
        "is_demo": settings.PASSERELLE.demo,
    }


@cache
def static_version() -> str:
    """A digest of our style and script, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parents[1] / "static" / "passerelle").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
