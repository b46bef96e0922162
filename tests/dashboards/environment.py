"""Each dashboard's programs, and a picture of what somebody sees in it."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.applications.site import Surfer
from tests.e2e.clicking import SCREENSHOTS
from tests.servers.chromium import Chromium


def program(dashboard: str, name: str) -> str:
    path = Path(sys.prefix) / "dashboards" / dashboard / "bin" / name
    assert path.exists(), f"{path} is missing: run make test-dashboards"
    return str(path)


def take_picture(chromium: Chromium, surfer: Surfer, url: str, name: str) -> None:
    """The page at this address as the surfer, who is signed in there, would see it."""
    opened = chromium.new_page(locale="en", width=1280, color_scheme="light")
    cookies = surfer.cookies[urlsplit(url).netloc].items()
    opened.page.context.add_cookies([{"name": key, "value": of, "url": url} for key, of in cookies])
    opened.page.goto(url)
    opened.page.wait_for_load_state("networkidle")
    SCREENSHOTS.mkdir(exist_ok=True)
    opened.page.screenshot(path=SCREENSHOTS / f"{name}.png")
    opened.close()
