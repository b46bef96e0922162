"""What the dashboard shows: everybody the figures, and who may more, more."""

from collections.abc import Mapping
from html import escape
from typing import Any

SALES = (("01", 42), ("02", 51), ("03", 48), ("04", 63), ("05", 59), ("06", 74))
"""Made up: the months of half a year, in thousands."""
TARGET = 60

_TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Sales",
        "role": "Signed in as {name}. Your role here: {role}.",
        "chart": "Sales by month, in thousands of euros",
        "month": "Month",
        "sales": "Sales",
        "target": "Against the target of {target}",
        "admin": "For administrators of this dashboard",
        "why": "You see this part because your role here is Admin.",
        "viewer": "There is more here for administrators of this dashboard.",
        "open": "Signed in here now",
        "leave": "Sign out",
        "out": "You are signed out",
        "again": "Open the dashboard",
        "failed": "That did not work",
        "why_failed": "The sign-in was finished already, or was begun in another browser.",
    },
    "fr": {
        "title": "Ventes",
        "role": "Connecté en tant que {name}. Votre rôle ici : {role}.",
        "chart": "Ventes par mois, en milliers d’euros",
        "month": "Mois",
        "sales": "Ventes",
        "target": "Par rapport à l’objectif de {target}",
        "admin": "Pour les administrateurs de ce tableau de bord",
        "why": "Vous voyez cette partie parce que votre rôle ici est Admin.",
        "viewer": "Les administrateurs de ce tableau de bord en voient davantage.",
        "open": "Connectés ici en ce moment",
        "leave": "Se déconnecter",
        "out": "Vous êtes déconnecté",
        "again": "Ouvrir le tableau de bord",
        "failed": "Cela n’a pas fonctionné",
        "why_failed": "La connexion était déjà terminée, ou a commencé dans un autre navigateur.",
    },
}
STYLE = """
:root { color-scheme: light dark; --page: #f5f6fb; --card: #fff; --ink: #1c2033; --quiet: #565d78;
  --bar: #4453c4; --line: #d9dcea; }
@media (prefers-color-scheme: dark) { :root { --page: #12141d; --card: #1b1e2b; --ink: #e9ebf5;
  --quiet: #a6adc8; --bar: #8d9bff; --line: #30354a; } }
body { margin: 0 auto; padding: 1.25rem; max-width: 46rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
header { display: flex; flex-wrap: wrap; gap: .75rem; justify-content: space-between; }
h1 { margin: 0; font-size: 1.6rem; } h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 1rem; margin: 1rem 0; }
p { color: var(--quiet); margin: .25rem 0; }
table { width: 100%; border-collapse: collapse; } th, td { text-align: left; padding: .3rem .4rem;
  border-top: 1px solid var(--line); overflow-wrap: normal; } td:last-child { width: 50%; }
svg { display: block; width: 100%; height: 1rem; } rect { fill: var(--bar); }
button { font: inherit; padding: .5rem .9rem; min-height: 2.75rem; border-radius: 6px;
  border: 1px solid var(--quiet); background: var(--card); color: var(--ink); }
a { color: var(--bar); }
"""


def language_of(accepted: str) -> str:
    """As the browser says."""
    return "fr" if accepted.lower().startswith("fr") else "en"


def dashboard(language: str, claims: Mapping[str, Any], *, present: list[str]) -> str:
    """The page of somebody with these claims; `present` is who is signed in."""
    text = _TEXTS[language]
    role, name = str(claims.get("role", "–")), str(claims.get("name") or claims.get("email", ""))
    rows = "".join(
        f"<tr><td>{month}</td><td>{amount}</td><td>{_bar(amount)}</td></tr>"
        for month, amount in SALES
    )
    if role == "Admin":
        targets = "".join(
            f"<tr><td>{month}</td><td>{amount - TARGET:+}</td></tr>" for month, amount in SALES
        )
        people = "".join(f"<li>{escape(one)}</li>" for one in present)
        more = (
            f"<section><h2>{text['admin']}</h2><p>{text['why']}</p>"
            f"<h3>{text['target'].format(target=TARGET)}</h3><table>{targets}</table>"
            f"<h3>{text['open']}</h3><ul>{people}</ul></section>"
        )
    else:
        more = f"<section><p>{text['viewer']}</p></section>"
    said = text["role"].format(name=escape(name), role=escape(role))
    body = (
        f"<header><div><h1>{text['title']}</h1><p>{said}</p></div>"
        f'<form method="post" action="/logout"><button>{text["leave"]}</button></form></header>'
        f"<section><h2>{text['chart']}</h2><table><thead><tr><th>{text['month']}</th>"
        f"<th>{text['sales']}</th><td></td></tr></thead><tbody>{rows}</tbody></table></section>{more}"
    )
    return _page(language, text["title"], body)


def _bar(amount: int) -> str:
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{amount}" height="10"></rect></svg>'
    )


def signed_out(language: str) -> str:
    text = _TEXTS[language]
    body = f'<h1>{text["out"]}</h1><p><a href="/">{text["again"]}</a></p>'
    return _page(language, text["out"], body)


def failed(language: str, said: str) -> str:
    text = _TEXTS[language]
    body = (
        f"<h1>{text['failed']}</h1><p>{escape(said) or text['why_failed']}</p>"
        f'<p><a href="/">{text["again"]}</a></p>'
    )
    return _page(language, text["failed"], body)


def _page(language: str, title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" '
        f'href="/style.css"><main>{body}</main></html>'
    )
