"""What every story in a browser needs: the demo, its words, and a critical look at a page."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page, Route

from tests.e2e.passerelle import COMMAND
from tests.servers import processes

SCREENSHOTS = Path(__file__).parent.parent / "screenshots"

LAID_OUT = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(done)))"""

WATCH = f"""(() => {{
  const laidOut = {LAID_OUT};
  const shifts = [], arrivals = [];
  const keep = (entries) => shifts.push(...entries);
  const observer = new PerformanceObserver((list) => keep(list.getEntries()));
  observer.observe({{ type: "layout-shift", buffered: true }});
  const ask = window.fetch;
  window.fetch = async (...given) => {{
    const answer = await ask(...given);
    await laidOut();
    arrivals.push(performance.now());
    return answer;
  }};
  const isLate = (shift) =>
    arrivals.some((at) => shift.lastInputTime < at && at <= shift.startTime);
  window.weigh = async () => {{
    await laidOut();
    keep(observer.takeRecords());
    const counted = shifts.filter((one) => !one.hadRecentInput || isLate(one));
    const loaded = [...performance.getEntriesByType("navigation"),
      ...performance.getEntriesByType("resource").filter((one) => one.initiatorType !== "fetch")];
    return {{
      shift: counted.reduce((sum, one) => sum + one.value, 0),
      bytes: loaded.reduce((sum, one) => sum + one.decodedBodySize, 0),
      files: loaded.length,
      moved: counted.flatMap((one) => one.sources.map((part) =>
        part.node?.parentElement?.outerHTML.slice(0, 80))),
    }};
  }};
}})()"""
"""How far things moved, and what was loaded.

What is fetched arrives after the page was laid out, on a quick machine as on a slow one, and counts
however soon it follows what somebody did: elsewhere it takes longer than the half second that a
browser allows.
"""


def watch(page: Page) -> None:
    """From its first document on. Scripts come late as well: a page is there before they are."""

    def come_late(route: Route) -> None:
        # Who has left the page needs it no longer.
        with suppress(Error):
            route.request.frame.evaluate(LAID_OUT)
            route.continue_()

    page.context.add_init_script(WATCH)
    page.context.route("**/static/**.js*", come_late)


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
    dashboard: str = ""
    """Where the practice dashboard stands."""

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
    weight = page.evaluate("weigh()")
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
    assert violations == [], violations
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def enter_as_administrator(page: Page, demo: Demo, words: dict[str, str]) -> None:
    page.goto(f"{demo.base_url}/login/acme/")
    page.get_by_text(words["password"]).click()
    page.locator("#email").fill("admin@acme.example")
    page.locator("#password").fill(demo.password)
    page.locator("details form button:not([type=button])").click()
    page.wait_for_url(demo.base_url + "/")
