"""FastAPI with SAML single sign-on: an account is made at the first sign-in."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.middleware.sessions import SessionMiddleware

from passerelle.embed import MemoryStore, Refused, SignIn

sign_in = SignIn(
    Path(os.environ["IDP_METADATA"]).read_bytes(),
    base_url=os.environ["BASE_URL"] + "/saml",
    store=MemoryStore(),
)
COOKIE = sign_in.cookie_name
accounts: dict[tuple[str, str], str | None] = {}
app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=os.environ["SECRET_KEY"], same_site="lax")


@app.exception_handler(Refused)
def refused(_request: Request, problem: Refused) -> Response:
    return PlainTextResponse(f"{problem} ({problem.reason})", 403)


@app.get("/saml/login")
def login(request: Request, next: str = "/") -> Response:
    begun = sign_in.begin(
        next_path=next, cookie=request.cookies.get(COOKIE, ""), now=datetime.now(UTC)
    )
    response = RedirectResponse(begun.address)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, begun.cookie, 900, httponly=True, secure=secure, samesite="lax")
    return response


@app.post("/saml/acs")
def acs(SAMLResponse: Annotated[str, Form()]) -> Response:
    return RedirectResponse(sign_in.receive(SAMLResponse, now=datetime.now(UTC)), 303)


@app.get("/saml/finish")
def finish(request: Request, code: str) -> Response:
    arrived = sign_in.finish(code, request.cookies.get(COOKIE, ""), now=datetime.now(UTC))
    person = arrived.person
    accounts[person.idp, person.subject] = person.email
    request.session["who"] = [person.idp, person.subject]
    return RedirectResponse(arrived.next_path)


@app.get("/reports")
def reports(request: Request) -> Response:
    if "who" not in request.session:
        return RedirectResponse("/saml/login?next=/reports")
    return PlainTextResponse(accounts[tuple(request.session["who"])])
