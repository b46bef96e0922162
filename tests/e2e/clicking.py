"""What every story in a browser needs: the demo, its words, and a critical look at a page."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.passerelle import COMMAND
from tests.servers import processes

SCREENSHOTS = Path(__file__).parent.parent / "screenshots"

WEIGHT = """() => new Promise((done) => {
  let shift = 0;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) shift += one.value;
  }).observe({ type: "layout-shift", buffered: true });
  const loaded = [...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource").filter((one) => one.initiatorType !== "fetch")];
  const bytes = loaded.reduce((sum, one) => sum + one.decodedBodySize, 0);
  setTimeout(() => done({ shift, bytes, files: loaded.length }), 50);
})"""
"""How far things moved while the page was built, and what was loaded for it."""

WORDS = {
    "en": {
        "sign_in": "Sign in with Acme SSO",
        "hello": "Hello",
        "password": "Sign in with a password",
        "security": "Security settings",
        "toggle": "Automatic user provisioning",
        "workspace": "Default workspace",
        "permission_set": "Default permission set",
        "save": "Save changes",
        "saved": "Changes saved.",
        "select_workspace": "Select the workspace that newcomers join.",
        "new": "Somebody new",
        "as_this": "Sign in as this person",
        "wrong": "Make something go wrong",
        "sign_ins": "Sign-ins",
        "unsaved": "1 unsaved change",
        "copied": "Copied",
        "only_sso": "lets you in by single sign-on only",
    },
    "fr": {
        "sign_in": "Se connecter avec Acme SSO",
        "hello": "Bonjour",
        "password": "Se connecter avec un mot de passe",
        "security": "Paramètres de sécurité",
        "toggle": "Approvisionnement automatique des utilisateurs",
        "workspace": "Espace de travail par défaut",
        "permission_set": "Ensemble d’autorisations par défaut",
        "save": "Enregistrer les modifications",
        "saved": "Modifications enregistrées",
        "select_workspace": "Sélectionnez",
        "new": "",
        "as_this": "",
        "wrong": "",
        "sign_ins": "Journal des connexions",
        "unsaved": "1 modification non enregistrée",
        "copied": "Copié",
        "only_sso": "n’admet que l’authentification unique",
    },
}


@dataclass(frozen=True)
class Demo:
    base_url: str
    password: str
    state: Path

    def run(self, *command: str) -> str:
        environment = {"PASSERELLE_DATA_DIR": str(self.state / "data")}
        return processes.run([*COMMAND, *command], env=environment).decode()

    def make_company(self, slug: str) -> str:
        """A company that has nothing yet; return the link by which its administrator enters."""
        file = self.state / f"{slug}.toml"
        file.write_text(
            f"""
[[companies]]
slug = "{slug}"
name = "{slug.title()}"
jit_provisioning_available = true
workspaces = [{{ name = "Production" }}]
permission_sets = [{{ name = "Analyst", permissions = ["reports.export"] }}]
domains = [{{ name = "acme.example", verified = true }}]
"""
        )
        self.run("apply", str(file))
        printed = self.run("admin", "create", f"boss@{slug}.example", "--company", slug)
        found = re.search(r"/activate/\S+", printed)
        assert found, printed
        return self.base_url + found[0]

    def json(self, *command: str) -> list[dict[str, object]]:
        return json.loads(self.run(*command, "--json"))


def look(page: Page, name: str) -> None:
    """No serious violation of WCAG 2.2 AA, nothing wider than the screen; keep a picture."""
    # What a page costs whoever opens it: nothing moves, and little is loaded. Asked first: for the
    # picture the window grows, and what sticks to its edge moves.
    weight = page.evaluate(WEIGHT)
    assert weight["shift"] <= 0.01, weight
    assert weight["bytes"] <= 100_000, weight
    assert weight["files"] <= 6, weight
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    violations = [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in results.response["violations"]
    ]
    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def enter_as_administrator(page: Page, demo: Demo, words: dict[str, str]) -> None:
    page.goto(f"{demo.base_url}/login/acme/")
    page.get_by_text(words["password"]).click()
    page.locator("#email").fill("admin@acme.example")
    page.locator("#password").fill(demo.password)
    page.locator("details form button:not([type=button])").click()
    page.wait_for_url(demo.base_url + "/")
