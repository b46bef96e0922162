"""Apache with mod_auth_openidc, which we did not write, with what our page prints."""

import re
from pathlib import Path

import pytest

from tests.applications.site import Surfer, sign_in, start_echo
from tests.e2e.conftest import sign_ins_of
from tests.servers import processes

HOST = "reports.acme.example"
MODULES = Path("/usr/lib/apache2/modules")
WANTED = (
    "mpm_event authn_core authz_core authz_user authn_file proxy proxy_http headers auth_openidc"
).split()


@pytest.fixture
def site(service, administrator, tmp_path):
    port, echo = processes.free_port(), start_echo(tmp_path)
    here = f"http://{HOST}:{port}"
    files = administrator.add(
        "apache",
        role="Analysts",
        name="Reports",
        url=f"{here}/",
        default_role="Guests",
        # As the page has it, but for a name that no name server here knows.
        backchannel_logout_uri=f"http://127.0.0.1:{port}/passerelle/callback?logout=backchannel",
    )
    loaded = "".join(f"LoadModule {one}_module {MODULES}/mod_{one}.so\n" for one in WANTED)
    text = (
        files["passerelle.conf"]
        .replace("# <Location", "<Location")
        .replace("# </Location>", "</Location>")
        .replace("#     Require", "    Require")
    )
    own = tmp_path / "apache.conf"
    own.write_text(
        f"{loaded}ServerName {HOST}\nListen 127.0.0.1:{port}\nPidFile {tmp_path}/pid\n"
        f"ErrorLog {tmp_path}/error.log\nLogLevel warn auth_openidc:debug\nUser www-data\n"
        f"<VirtualHost *:{port}>\nServerName {HOST}\n{text}\n"
        f"ProxyPass /passerelle/ !\nProxyPass / http://127.0.0.1:{echo}/\n</VirtualHost>\n"
    )
    server = processes.start(
        ["/usr/sbin/apache2", "-X", "-f", str(own)],
        log=tmp_path / "apache.log",
        env={"APACHE_RUN_DIR": str(tmp_path)},
    )
    processes.wait_for_port(server, port)
    surfer = Surfer({f"{HOST}:{port}": port, f"127.0.0.1:{service.port}": service.port})
    yield surfer, here, tmp_path
    processes.stop(server)


def test_who_is_new_everywhere_is_in_with_their_role(service, site):
    surfer, here, state = site
    where, answer = sign_in(surfer, service, f"{here}/pages/1?a=b")
    log = (state / "error.log").read_text()[-3000:]
    assert (where, answer.status) == (f"{here}/pages/1?a=b", 200), log
    assert answer.arrived["x-passerelle-email"] == ["grace@acme.example"]
    assert answer.arrived["x-passerelle-roles"] == ["Analysts"]
    assert sign_ins_of(service)[0]["outcome"] == "signed_in"


def test_a_role_opens_what_is_for_it_and_nothing_else(service, site):
    surfer, here, _ = site
    sign_in(surfer, service, f"{here}/")
    assert surfer.ask(f"{here}/only-for-1").status == 200
    assert surfer.ask(f"{here}/only-for-2").status in (401, 403)


def test_apache_hears_of_a_sign_out_within_seconds(service, site):
    """By back-channel logout: the session there ends, and the next page asks for a sign-in."""
    surfer, here, _ = site
    sign_in(surfer, service, f"{here}/")
    assert surfer.ask(f"{here}/").status == 200
    question = surfer.ask(f"{service.base_url}/oidc/logout")
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', question.body)
    assert token
    surfer.ask(
        f"{service.base_url}/oidc/logout/confirmed",
        "POST",
        f"csrfmiddlewaretoken={token[1]}".encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert service.server
    processes.wait_until(service.server, lambda: surfer.ask(f"{here}/").status == 302)
