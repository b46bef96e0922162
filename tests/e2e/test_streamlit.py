"""Streamlit as it is, with the two files that our page prints."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.clicking import SCREENSHOTS, WORDS, Demo, enter_as_administrator
from tests.servers import processes
from tests.servers.chromium import Chromium

pytestmark = pytest.mark.xdist_group("browser")

STREAMLIT = Path(sys.prefix) / "applications/bin/streamlit"


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Page]:
    opened = chromium.new_page(locale="en", width=1280, color_scheme="light")
    yield opened.page
    opened.close()


def printed_files(page: Page, demo: Demo, url: str) -> list[str]:
    """An administrator adds it; what stands on the page that follows."""
    enter_as_administrator(page, demo, WORDS["en"])
    page.goto(f"{demo.base_url}/settings/applications/new/streamlit/")
    page.locator("#name").fill("Forecasts")
    page.locator("#url").fill(url)
    page.get_by_label("Analyst").fill("Editor")
    page.locator("main form button:not([type=button])").click()
    page.wait_for_selector("#file-2")
    return [page.locator(f"#file-{number}").input_value() for number in (1, 2)]


def test_who_is_new_everywhere_is_in_with_their_role(chromium, page, demo, tmp_path):
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}/"
    secrets, app = printed_files(page, demo, url)
    (tmp_path / "secrets.toml").write_text(secrets)
    (tmp_path / "app.py").write_text(app)
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "secrets.files": str(tmp_path / "secrets.toml"),
        "browser.gatherUsageStats": "false",
    }
    server = processes.start(
        [
            str(STREAMLIT),
            "run",
            str(tmp_path / "app.py"),
            *(f"--{name}={value}" for name, value in options.items()),
        ],
        log=tmp_path / "log",
    )
    processes.wait_for_url(server, f"{url}_stcore/health")
    person = chromium.new_page(locale="en", width=1280, color_scheme="light")
    newcomer = person.page
    newcomer.goto(url)
    newcomer.wait_for_url("**/practice-idp/**")
    newcomer.locator("details").first.locator("summary").click()
    newcomer.locator("#email").fill("zoe@acme.example")
    newcomer.locator("#first_name").fill("Zoe")
    newcomer.locator("button[value=new]").click()
    expect(newcomer.get_by_text("Zoe, Editor")).to_be_visible()
    newcomer.screenshot(path=SCREENSHOTS / "streamlit.png")
    person.close()
    processes.stop(server)
