"""Strangers who keep a server busy: as many as can, until they are stopped."""

import http.client
import random
import re
import sys
import threading
import time
from urllib.parse import urlencode, urlsplit

STRANGERS = 32
DOOR = "/login/acme/"


def _be_a_stranger(base_url: str, kind: str, seed: int, counts: dict[int, int]) -> None:
    """Each time from another network: no limit on guesses stops them."""
    chance = random.Random(seed)
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=60)
    connection.request("GET", DOOR)
    page = connection.getresponse()
    text = page.read().decode()
    cookie = "; ".join(one.split(";")[0] for one in page.headers.get_all("Set-Cookie") or [])
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
    token = found[1] if found else ""
    fields = {"csrfmiddlewaretoken": token, "email": "x@acme.example", "password": "y" * 20}
    while True:
        address = f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.1"
        headers = {"X-Forwarded-For": address, "Cookie": cookie}
        if kind == "try":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request("POST", DOOR, urlencode(fields), headers)
        else:
            connection.request("GET", DOOR, headers=headers)
        answer = connection.getresponse()
        answer.read()
        counts[answer.status] = counts.get(answer.status, 0) + 1


def main() -> None:
    base_url, kind = sys.argv[1:]
    counts: dict[int, int] = {}
    for seed in range(STRANGERS):
        threading.Thread(
            target=_be_a_stranger, args=(base_url, kind, seed, counts), daemon=True
        ).start()
    while True:
        time.sleep(2)
        print(counts, flush=True)


if __name__ == "__main__":
    main()
