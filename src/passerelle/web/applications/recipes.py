"""What to paste into a product: complete, with the addresses and the secret of one application."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import mark_safe

from passerelle.directory.models import Application
from passerelle.infra.tokens import new_token
from passerelle.oidc.claims import issuer
from passerelle.oidc.clients import SCOPES
from passerelle.oidc.forward import ASK, NAMES, OWN
from passerelle.web.applications.products import PROXIES, Product

ADDRESSES = ("authorize", "token", "userinfo", "jwks", "logout", "discovery")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One file, or a part of one."""

    name: str
    text: str


def recipes_for(row: Application, product: Product, *, secret: str = "") -> list[Recipe]:
    """Each file of the product, with what it has to hold."""
    context = _context(row, product, secret)
    return [Recipe(name, _written(row, product, name, context)) for name in product.files]


def _written(row: Application, product: Product, name: str, context: dict[str, Any]) -> str:
    folder = "proxies" if name in PROXIES else row.product or product.kind
    if name.endswith(".env"):
        context |= {
            key: _for_a_shell(value)
            for key, value in context.items()
            if isinstance(value, str) and key not in ("client_secret", "scopes")
        }
    text = render_to_string(f"recipes/{folder}/{name}.txt", context)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _context(row: Application, product: Product, secret: str) -> dict[str, Any]:
    base = row.url if row.url.endswith("/") else f"{row.url}/"
    ours = urlsplit(settings.PASSERELLE.base_url)
    host = next((held.host for held in row.hosts.all()), row.host)
    roles = [(held.permission_set.name, held.role) for held in row.roles.all()]
    values = {
        "issuer": issuer(),
        **{f"{name}_url": f"{issuer()}{reverse(f'oidc_{name}')}" for name in ADDRESSES},
        "forward_auth": ASK,
        "own_path": OWN,
        "application": str(row.id),
        "our_host": ours.netloc,
        "our_scheme": ours.scheme,
        "our_name": ours.hostname or "",
        "our_port": str(ours.port or {"https": 443}.get(ours.scheme, 80)),
        "client_id": row.client_id or "",
        "client_secret": secret or "<client secret>",
        "scopes": " ".join(SCOPES[:4]),
        "name": row.name,
        "url": base,
        "host": host,
        "callback": row.redirect_uris[0] if row.redirect_uris else "",
        "after_logout": (row.post_logout_redirect_uris or [base])[0],
        "cookie_secret": new_token(),
        "default_role": row.default_role or product.default_role,
    }
    # What people typed goes into files of other languages: none of it ends a text there.
    safe = {name: _quoted(value) for name, value in values.items()}
    every = [*(role for _set, role in roles), row.default_role]
    distinct = list(dict.fromkeys(filter(None, every)))
    return {
        **safe,
        "roles": [(_quoted(given), _quoted(role)) for given, role in roles],
        "role_names": [_quoted(role) for role in distinct],
        "is_public": row.public,
        "callback_path": _quoted(urlsplit(values["callback"]).path),
        "logout_path": _quoted(urljoin(base, "logout")),
        "upstream": "127.0.0.1:8080",
        "upstream_host": "127.0.0.1",
        "upstream_port": "8080",
        "names": NAMES,
        "look_alikes": [
            f"X{first}Passerelle{second}{name}"
            for name in NAMES
            for first in "-_."
            for second in "-_."
            if (first, second) != ("-", "-")
        ],
    }


def _for_a_shell(value: str) -> str:
    """Without what a shell acts upon: such files are read by one, unquoted."""
    return mark_safe(re.sub(r"[^\w@%+=:,./~?-]", "", value))  # noqa: S308 - as in _quoted


def _quoted(text: str) -> str:
    """Without what would end a quoted text, or begin a variable, in any of the files."""
    plain = "".join(one for one in text if one.isprintable() and one not in "\"'\\`$")
    return mark_safe(plain)  # noqa: S308 - a text file, escaped again where a page shows it
