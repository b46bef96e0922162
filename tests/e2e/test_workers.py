"""What happens to the processes of a service, and what it makes of it."""

import os
import resource
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from passerelle.cli.serve.supervisor import STOPS_WITHIN
from tests.e2e.passerelle import COMMAND, Passerelle
from tests.e2e.visitor import Visitor
from tests.e2e.wire import connect
from tests.servers import processes


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return Passerelle.set_up(tmp_path_factory.mktemp("workers") / "installation")


@pytest.fixture
def service(empty):
    empty.serve(workers=2)
    with empty:
        yield empty


def workers_of(service: Passerelle) -> list[int]:
    assert service.server
    parent = service.server.process.pid
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(number) for number in found]


def is_ready(service: Passerelle) -> bool:
    try:
        return Visitor(service.base_url).get("/health/ready").status == 200
    except OSError:
        return False


def are_new(service: Passerelle, before: list[int]) -> bool:
    now = workers_of(service)
    return len(now) == 2 and not set(before) & set(now)


def kill_all(service: Passerelle) -> None:
    before = workers_of(service)
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    wait_for(service, lambda: are_new(service, before))


def wait_for(service: Passerelle, true) -> None:
    assert service.server
    processes.wait_until(service.server, true)


def test_workers_that_die_in_any_rhythm_are_replaced_and_the_log_says_so(service):
    for _ in range(4):
        kill_all(service)
    wait_for(service, lambda: is_ready(service))
    assert service.server.process.poll() is None
    assert "worker 1 was ended by SIGKILL" in service.log()
    assert "worker 2 was ended by SIGKILL" in service.log()
    # The pause grows.
    assert "in 0.25 s" in service.log() and "in 2 s" in service.log()


def test_one_that_dies_leaves_the_other_serving(service):
    victim, other = workers_of(service)
    os.kill(victim, signal.SIGSEGV)
    wait_for(service, lambda: len(workers_of(service)) == 2 and victim not in workers_of(service))
    assert other in workers_of(service)
    assert "SIGSEGV" in service.log()


def test_a_worker_that_hangs_is_replaced(service):
    victim, _ = workers_of(service)
    os.kill(victim, signal.SIGSTOP)
    began = time.monotonic()
    wait_for(service, lambda: victim not in workers_of(service))
    # Who is only slow is left alone for a while.
    assert time.monotonic() - began > 10
    wait_for(service, lambda: len(workers_of(service)) == 2)
    wait_for(service, lambda: all(is_ready(service) for _ in range(10)))
    assert "worker 1 hangs" in service.log()


def test_a_service_that_sleeps_as_a_whole_wakes_up_whole(service):
    before = workers_of(service)
    everything = [*before, service.server.process.pid]
    for one in everything:
        os.kill(one, signal.SIGSTOP)
    time.sleep(18)
    for one in reversed(everything):
        os.kill(one, signal.SIGCONT)
    time.sleep(3)
    assert workers_of(service) == before
    assert is_ready(service)


def test_a_polite_stop_waits_for_no_idle_connection_and_leaves_nothing(service):
    before = workers_of(service)
    with connect(service) as idle:
        idle.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536)
        service.server.process.terminate()
        # By then it would be made to.
        assert service.server.process.wait(timeout=STOPS_WITHIN) == 0
    assert not any(Path(f"/proc/{worker}").exists() for worker in before)


def test_a_reload_puts_new_workers_in_the_place_of_the_old_and_serves_on(service):
    before = workers_of(service)
    service.server.process.send_signal(signal.SIGHUP)
    wait_for(service, lambda: are_new(service, before))
    # The old ones end while this is asked.
    wait_for(service, lambda: is_ready(service))
    assert service.server.process.poll() is None


def test_workers_whose_keeper_was_killed_end_and_let_go_of_the_port(service):
    before = workers_of(service)
    service.server.process.kill()
    service.server.process.wait()
    deadline = time.monotonic() + processes.PATIENCE
    while any(Path(f"/proc/{one}").exists() and _runs(one) for one in before):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    service.serve(workers=1)


def _runs(process: int) -> bool:
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return state not in "ZX"


def test_a_second_service_on_the_same_data_folder_says_so_and_stops(service):
    port = processes.free_port()
    done = subprocess.run(
        [*COMMAND, "serve", "--bind", f"127.0.0.1:{port}"],
        env={**os.environ, **service.environment},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("passerelle: another `passerelle serve` uses the data folder")
    assert is_ready(service)


@pytest.fixture
def many_files():
    before, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8000 if allowed == resource.RLIM_INFINITY else min(8000, allowed)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, allowed))
    yield wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, allowed))


def test_thousands_of_connections_that_say_nothing_make_nobody_wait(many_files, service):
    with ExitStack() as opened:
        for _ in range(min(3000, many_files - 500)):
            opened.enter_context(connect(service))
        started = time.monotonic()
        assert all(is_ready(service) for _ in range(8))
        # They are ended after ten seconds: until then somebody would have waited.
        assert time.monotonic() - started < 5


def test_other_commands_work_beside_a_service(service):
    assert service.run("users", "--json").strip() == "[]"
    service.run("migrate")
    service.run("check", "--json")
