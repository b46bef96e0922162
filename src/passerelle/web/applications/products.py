"""What each product takes: its way in, its addresses, its roles, and which files to paste."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Product:
    """One product on the page where an application is added."""

    name: str | Promise
    kind: str
    files: tuple[str, ...] = ()
    """What to paste: names of files, each with a template under `recipes/<product>/`."""
    callback: str = ""
    """Where it wants people sent back, after its own address."""
    after_logout: str = ""
    roles: tuple[str, ...] = ()
    """What it calls its roles, the strongest first."""
    default_role: str = ""
    backchannel: str = ""
    tested: bool = False
    """Whether our tests start it with what the page prints."""
    version: str = ""
    """Of the product, or of its documentation."""
    note: str | Promise = ""


PROXIES = ("Caddyfile", "nginx.conf", "traefik.yml", "haproxy.cfg", "passerelle.lua", "envoy.yaml")

PRODUCTS: dict[str, Product] = {
    "grafana": Product(
        "Grafana",
        "oidc",
        ("grafana.ini",),
        "login/generic_oauth",
        roles=("GrafanaAdmin", "Admin", "Editor", "Viewer"),
        default_role="Viewer",
        version="12",
        after_logout="login",
    ),
    "superset": Product(
        "Apache Superset",
        "oidc",
        ("superset_config.py",),
        "oauth-authorized/passerelle",
        roles=("Admin", "Alpha", "Gamma", "sql_lab"),
        default_role="Gamma",
        tested=True,
        version="6",
        after_logout="login/",
    ),
    "streamlit": Product(
        "Streamlit",
        "oidc",
        ("secrets.toml", "app.py"),
        "oauth2callback",
        tested=True,
        version="1.67",
    ),
    "jupyterhub": Product(
        "JupyterHub",
        "oidc",
        ("jupyterhub_config.py",),
        "hub/oauth_callback",
        roles=("admin", "user"),
        default_role="user",
        tested=True,
        version="6.1",
        after_logout="hub/login",
    ),
    "airflow": Product(
        "Apache Airflow",
        "oidc",
        ("webserver_config.py",),
        "auth/oauth-authorized/passerelle",
        roles=("Admin", "Op", "User", "Viewer", "Public"),
        default_role="Viewer",
        version="3.3",
    ),
    "pgadmin": Product(
        "pgAdmin",
        "proxy",
        ("config_local.py", *PROXIES),
        tested=True,
        version="9.18",
    ),
    "datasette": Product(
        "Datasette",
        "proxy",
        ("metadata.yaml", *PROXIES),
        tested=True,
        version="0.65",
    ),
    "node-red": Product(
        "Node-RED",
        "oidc",
        ("settings.js",),
        "auth/strategy/callback",
        roles=("*", "read"),
        default_role="read",
        version="5",
    ),
    "mlflow": Product(
        "MLflow",
        "oidc",
        ("mlflow.env",),
        "callback",
        roles=("admin", "user"),
        default_role="user",
        version="3.18, mlflow-oidc-auth 11",
    ),
    "open-webui": Product(
        "Open WebUI",
        "oidc",
        ("open-webui.env",),
        "oauth/oidc/callback",
        roles=("admin", "user"),
        default_role="user",
        version="0.12",
    ),
    "apache": Product(
        "Apache (mod_auth_openidc)",
        "oidc",
        ("passerelle.conf",),
        "passerelle/callback",
        backchannel="passerelle/callback?logout=backchannel",
        tested=True,
        version="2.4",
    ),
    "nginx": Product(
        _("A site behind nginx"), "proxy", ("nginx.conf",), tested=True, version="1.22"
    ),
    "caddy": Product(_("A site behind Caddy"), "proxy", ("Caddyfile",), tested=True, version="2"),
    "traefik": Product(
        _("A site behind Traefik"), "proxy", ("traefik.yml",), tested=True, version="3"
    ),
    "haproxy": Product(
        _("A site behind HAProxy"),
        "proxy",
        ("haproxy.cfg", "passerelle.lua"),
        tested=True,
        version="2.6",
    ),
    "envoy": Product(
        _("A site behind Envoy"), "proxy", ("envoy.yaml",), tested=True, version="1.40"
    ),
    "oidc": Product(_("Something else with OpenID Connect"), "oidc", ("openid-connect.txt",)),
    "gate": Product(
        _("Something without any sign-in"),
        "proxy",
        PROXIES,
        note=_(
            "Passerelle decides who gets in; the product itself learns who they are only if it "
            "reads the headers."
        ),
    ),
    "link": Product(_("Just a link"), "link"),
}


def product_of(slug: str, kind: str) -> Product:
    """What an application was made as; for one of a file, what its kind is like."""
    return PRODUCTS.get(slug) or PRODUCTS[{"oidc": "oidc", "proxy": "gate"}.get(kind, "link")]
