"""Real proxies, started with what our page prints, but for ports and folders."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.applications.site import HOST
from tests.servers import processes


def nginx(text: str, port: int, state: Path) -> list[str]:
    own = state / "nginx.conf"
    text = text.replace("# Add: listen", f"listen 127.0.0.1:{port};\n    # Add: listen")
    temporary = "".join(
        f"{kind}_temp_path {state}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    own.write_text(
        f"daemon off;\nuser root;\npid {state}/pid;\nerror_log {state}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}\n}}\n"
    )
    return [shutil.which("nginx") or "nginx", "-c", str(own)]


def caddy(text: str, port: int, state: Path) -> list[str]:
    own = state / "Caddyfile"
    site = text.replace(f"{HOST} {{", f"http://{HOST}:{port} {{", 1)
    # It listens by itself on loopback only where it is told to.
    site = site.replace("{\n", "{\n\tbind 127.0.0.1\n", 1)
    own.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    return [shutil.which("caddy") or "caddy", "run", "--config", str(own), "--adapter", "caddyfile"]


def traefik(text: str, port: int, state: Path) -> list[str]:
    (state / "dynamic.yml").write_text(text)
    own = state / "traefik.yml"
    own.write_text(
        f'entryPoints:\n  web:\n    address: "127.0.0.1:{port}"\n'
        f'providers:\n  file:\n    filename: "{state}/dynamic.yml"\n'
    )
    return [str(Path(sys.executable).with_name("traefik")), f"--configFile={own}"]


def envoy(text: str, port: int, state: Path) -> list[str]:
    own = state / "envoy.yaml"
    own.write_text(
        text.replace(
            "address: 0.0.0.0, port_value: 80 ", f"address: 127.0.0.1, port_value: {port} "
        )
    )
    # One on a machine has one base ID: those of other tests are others.
    return [str(Path(sys.executable).with_name("envoy")), "-c", str(own), "--use-dynamic-base-id"]


def haproxy(text: str, port: int, state: Path) -> list[str]:
    own = state / "haproxy.cfg"
    text = text.replace("bind :80", f"bind 127.0.0.1:{port}")
    own.write_text(text.replace("/etc/haproxy/passerelle.lua", str(state / "passerelle.lua")))
    return [shutil.which("haproxy") or "haproxy", "-db", "-f", str(own)]


PROXIES = {
    "nginx": ("nginx.conf", nginx),
    "caddy": ("Caddyfile", caddy),
    "traefik": ("traefik.yml", traefik),
    "envoy": ("envoy.yaml", envoy),
    "haproxy": ("haproxy.cfg", haproxy),
}


def start_proxy(
    kind: str, files: Mapping[str, str], upstream: int, state: Path
) -> tuple[processes.Server, int]:
    """The proxy of this kind before a site that listens on `upstream`, and its own port."""
    name, command_of = PROXIES[kind]
    if "passerelle.lua" in files:
        (state / "passerelle.lua").write_text(files["passerelle.lua"])
    text = files[name].replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    text = text.replace("port_value: 8080 ", f"port_value: {upstream} ")
    port = processes.free_port()
    server = processes.start(command_of(text, port, state), log=state / "proxy.log")
    processes.wait_for_port(server, port)
    return server, port
