"""Flask with SAML single sign-on: an account is made at the first sign-in."""

import os
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, Response, redirect, request, session

from passerelle.embed import MemoryStore, Refused, SignIn

sign_in = SignIn(
    Path(os.environ["IDP_METADATA"]).read_bytes(),
    base_url=os.environ["BASE_URL"] + "/saml",
    store=MemoryStore(),
)
COOKIE = sign_in.cookie_name
accounts: dict[tuple[str, str], str | None] = {}
app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"


@app.errorhandler(Refused)
def refused(problem: Refused) -> Response:
    return Response(f"{problem} ({problem.reason})", 403, mimetype="text/plain")


@app.get("/saml/login")
def login() -> Response:
    begun = sign_in.begin(
        next_path=request.args.get("next", "/"),
        cookie=request.cookies.get(COOKIE, ""),
        now=datetime.now(UTC),
    )
    response = redirect(begun.address)
    options = {"httponly": True, "secure": request.is_secure, "samesite": "Lax"}
    response.set_cookie(COOKIE, begun.cookie, 900, **options)
    return response


@app.post("/saml/acs")
def acs() -> Response:
    return redirect(sign_in.receive(request.form["SAMLResponse"], now=datetime.now(UTC)), 303)


@app.get("/saml/finish")
def finish() -> Response:
    code, cookie = request.args["code"], request.cookies.get(COOKIE, "")
    arrived = sign_in.finish(code, cookie, now=datetime.now(UTC))
    session["who"] = [arrived.person.idp, arrived.person.subject]
    accounts[tuple(session["who"])] = arrived.person.email
    return redirect(arrived.next_path)


@app.get("/reports")
def reports() -> Response:
    if "who" not in session:
        return redirect("/saml/login?next=/reports")
    return Response(accounts[tuple(session["who"])], mimetype="text/plain")
