"""A proxy in front of a dashboard is asked as a browser would, without anybody being signed in.

Judged is what is seen from outside, so it does for every proxy.
"""

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from passerelle.cli.diagnosis.asking import Answer, AskError, ask
from passerelle.cli.diagnosis.finding import Finding

OWN = "/.passerelle/"
START = f"{OWN}start"
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Dest": "document"}
SCRIPT = {"Accept": "application/json", "X-Requested-With": "XMLHttpRequest"}
REASON = "X-Passerelle-Reason"
_SAID = {
    "application_unknown": "Name this host in the settings of the application, with its port where "
    "it is not the usual one, or have the proxy send the host that the browser asked for.",
    "proxy_host": "Have the proxy send `X-Forwarded-Host`, and name it in "
    "PASSERELLE_TRUSTED_PROXIES.",
    "proxy_scheme": "Have the proxy send `X-Forwarded-Proto` as the browser came.",
    "proxy_path_missing": f"Have the proxy hand everything under {OWN} to Passerelle, without "
    "asking about it.",
    "address_not_allowed": "The company's networks do not have this machine: ask from inside them.",
}


def ask_proxy(url: str, base_url: str) -> Iterator[Finding]:
    """What a proxy gets right, up to the first thing that it does not."""
    try:
        page = ask(url, PAGE)
    except AskError as error:
        yield Finding("asks", False, f"{url} does not answer: {error}", "See whether it runs.")
        return
    asks = _asks(url, page)
    yield asks
    if not asks.passed:
        return
    meant, led = urlsplit(url), urlsplit(page.location)
    if (led.scheme, led.netloc) != (meant.scheme, meant.netloc):
        yield Finding(
            "address",
            False,
            f"people are led to {led.scheme}://{led.netloc}, not to {meant.scheme}://{meant.netloc}",
            "Have the proxy send `X-Forwarded-Proto` and `X-Forwarded-Host` as the browser asked, "
            "and name it in PASSERELLE_TRUSTED_PROXIES.",
        )
        return
    yield Finding(
        "address", True, f"it says that the browser asked for {led.scheme}://{led.netloc}"
    )
    yield _hands_over(page.location, base_url)
    yield _scripts(url)


def _asks(url: str, page: Answer) -> Finding:
    said = str(page.headers.get(REASON, ""))
    seen = f"{url} answers {page.status}"
    if said:
        cure = _SAID.get(said, "Look the reason up in the list of reasons.")
        return Finding("asks", False, f"{seen}, {said}", cure)
    if page.is_redirect and urlsplit(page.location).path == START:
        return Finding("asks", True, f"{seen}: a page leads to sign-in")
    if page.is_good:
        return Finding(
            "asks",
            False,
            f"{seen} to somebody who is not signed in",
            "The proxy does not ask /forward-auth about this address, or passes the request on "
            "whatever the answer is.",
        )
    if page.status == HTTPStatus.UNAUTHORIZED:
        return Finding(
            "asks",
            False,
            f"{seen}, and leads nowhere",
            "nginx: end the address that it asks with `?mode=nginx`, and answer 401 with a "
            "redirect to the Location that came with it.",
        )
    if page.is_redirect:
        where = page.location
        return Finding(
            "asks",
            False,
            f"{seen} and leads to {where}",
            f"Expected {START}. If this only leads to https or to another host, check that one.",
        )
    return Finding(
        "asks",
        False,
        seen,
        "The proxy cannot reach /forward-auth of Passerelle, or fails by itself: see its log.",
    )


def _hands_over(start: str, base_url: str) -> Finding:
    try:
        begun = ask(start, PAGE)
    except AskError as error:
        return Finding("hands_over", False, f"{start} does not answer: {error}", None)
    leads = urljoin(start, begun.location)
    if begun.is_redirect and leads.startswith(f"{base_url}/"):
        return Finding("hands_over", True, f"{OWN} is handed to Passerelle")
    return Finding(
        "hands_over",
        False,
        f"{START} answers {begun.status}, not a redirect to {base_url}",
        _SAID["proxy_path_missing"],
    )


def _scripts(url: str) -> Finding:
    try:
        answer = ask(url, SCRIPT)
    except AskError as error:
        return Finding("scripts", False, f"{url} does not answer: {error}", None)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return Finding("scripts", True, "what a script asks for gets 401")
    return Finding(
        "scripts",
        False,
        f"what a script asks for gets {answer.status}, expected 401",
        "Have the proxy pass our answer on as it is, with the headers that the browser sent.",
    )
