"""Debian's Chromium without a window, driven by Playwright, and what its pages complain about."""

from dataclasses import dataclass, field
from typing import Literal, Self

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    Request,
    Response,
    expect,
    sync_playwright,
)

BINARY = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HEIGHTS: dict[int, int] = {1280: 900, 390: 844}
# Only what fails takes as long.
MILLISECONDS = 60_000
expect.set_options(timeout=MILLISECONDS)


@dataclass(frozen=True)
class Tab:
    """A page with cookies of its own, and every problem it met so far, one sentence each."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Close the page and forget its cookies."""
        self.page.context.close()


class Chromium:
    """One running browser.

    While it runs, its thread counts as asynchronous: Django's ORM then needs
    DJANGO_ALLOW_ASYNC_UNSAFE in tests that use both.
    """

    def __init__(self, playwright: Playwright, browser: Browser) -> None:
        self._playwright = playwright
        self._browser = browser

    @classmethod
    def start(cls) -> Self:
        """Start the browser; it stops with this process at the latest."""
        playwright = sync_playwright().start()
        try:
            return cls(playwright, _launch(playwright))
        except Error:
            playwright.stop()
            raise

    def stop(self) -> None:
        """Close every page, the browser and its driver."""
        self._browser.close()
        self._playwright.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def new_page(
        self,
        locale: Literal["en", "fr"] = "en",
        width: Literal[1280, 390] = 1280,
        color_scheme: Literal["light", "dark"] = "light",
    ) -> Tab:
        """Open an empty page of a visitor without a past."""
        context = self._browser.new_context(
            locale=locale,
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme=color_scheme,
        )
        context.set_default_timeout(MILLISECONDS)
        tab = Tab(context.new_page())
        _listen(tab)
        return tab


def _launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=BINARY, args=list(FLAGS), headless=True)


def _listen(tab: Tab) -> None:
    """Have every problem of a page written down."""

    def on_console(message: ConsoleMessage) -> None:
        # A status of 400 or more is reported by on_response, which knows what was asked for.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            tab.problems.append(f"console: {message.text}")

    def on_response(response: Response) -> None:
        # The status of the page itself is for the test to judge: refusals are meant.
        if response.status >= 400 and not response.request.is_navigation_request():
            tab.problems.append(f"status {response.status}: {response.url}")

    def on_failure(request: Request) -> None:
        # Leaving a page aborts what it was still loading: nothing is wrong with that.
        if request.failure != "net::ERR_ABORTED":
            tab.problems.append(f"{request.failure}: {request.url}")

    def on_error(error: Error) -> None:
        tab.problems.append(f"script: {error.message}")

    tab.page.on("console", on_console)
    tab.page.on("response", on_response)
    tab.page.on("requestfailed", on_failure)
    tab.page.on("pageerror", on_error)
