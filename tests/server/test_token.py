"""Who may use the control interface: anybody on loopback, elsewhere only who shows the token."""

import pytest
from click.testing import CliRunner

from mock_server import MockServer, Simulator, wsgi
from mock_server.cli.commands import main
from mock_server.serve import processes
from mock_server.serve.processes import ServeError

CALLS = [("GET", "clock"), ("POST", "clock/advance"), ("POST", "reset"), ("PATCH", "scenario"), ("GET", "journal"),
         ("GET", "state"), ("PUT", "state"), ("POST", "faults"), ("GET", "report"), ("POST", "users")]  # fmt: skip


@pytest.fixture
def locked():
    with Simulator(token="open sesame") as sim:
        yield sim.app.test_client()


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("shown", [None, "Bearer", "Bearer open", "open sesame", "Bearer open sesame ", "Bearer öpen"])
def test_without_the_token_nothing_is_shown_or_done(locked, method, path, shown):
    headers = {} if shown is None else {"Authorization": shown.encode().decode("latin-1")}
    answer = locked.open(f"/_mock/{path}", method=method, headers=headers, json={"seconds": 60})
    assert answer.status_code == 401
    assert "Authorization: Bearer TOKEN" in answer.get_json()["error"]


def test_with_the_token_everything_is_as_without_a_lock(locked):
    answer = locked.get("/_mock/clock", headers={"Authorization": "Bearer open sesame"})
    assert answer.get_json()["kind"] == "virtual"


def test_health_and_the_service_itself_need_no_token(locked):
    assert locked.get("/_mock/health").get_json() == {"status": "ok"}
    answer = locked.post("/user_objects/getNumJobs.php", json={"UserID": "me@example.org"})
    assert answer.get_json(force=True)["OK"] == 1


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_cannot_steer_a_simulator_on_this_machine(site):
    with Simulator() as sim:
        answer = sim.app.test_client().post("/_mock/reset", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 401
        assert "other sites" in answer.get_json()["error"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_elsewhere_than_on_loopback_a_server_without_a_token_does_not_start(host):
    with pytest.raises(ServeError, match="give --token"):
        processes.serve(host, 0, print, token=None)


def test_several_processes_need_a_database_they_share():
    with pytest.raises(ServeError, match=r"--db sqlite:///jobs.sqlite"):
        processes.serve("127.0.0.1", 0, print, token=None, processes=2)


def test_a_port_that_is_taken_is_shown():
    with MockServer() as server, pytest.raises(ServeError, match="try --port 0"):
        processes.serve("127.0.0.1", int(server.url.rpartition(":")[2]), print, token=None)


def test_ctl_shows_the_token_of_its_option_or_environment():
    with MockServer(token="t") as server:
        for extra, environment in ((["--token", "t"], {}), ([], {"XRT_MOCK_TOKEN": "t"})):
            answer = CliRunner().invoke(main, ["ctl", "--url", server.url, *extra, "clock"], env=environment)
            assert '"kind": "virtual"' in answer.output
        refused = CliRunner().invoke(main, ["ctl", "--url", server.url, "clock"])
        assert refused.exit_code == 1
        assert "needs its token" in refused.output


def test_under_another_wsgi_server_the_control_interface_is_closed_without_a_token():
    with wsgi.simulator_from({"XRT_MOCK_CLOCK": "virtual"}) as sim:
        assert sim.app.test_client().get("/_mock/clock").status_code == 401


def test_the_environment_says_what_a_wsgi_server_plays(tmp_path):
    environment = {
        "DB": f"sqlite:///{tmp_path / 'jobs.sqlite'}", "SCENARIO": "flaky", "SEED": "5", "CLOCK": "x60",
        "USERS": "registered", "URL": "https://xrt.example.org", "TOKEN": "t",
    }  # fmt: skip
    with wsgi.simulator_from({f"XRT_MOCK_{name}": value for name, value in environment.items()}) as sim:
        client = sim.app.test_client()
        clock = client.get("/_mock/clock", headers={"Authorization": "Bearer t"}).get_json()
        assert (sim.scenario.name, sim.scenario.seed, clock["factor"]) == ("flaky", 5, 60)
        assert sim.jobs.job_url(1).startswith("https://xrt.example.org/user_objects/")


@pytest.fixture
def open_here():
    with Simulator(base_url="https://xrt.example.org:8443") as sim:
        yield sim.app.test_client()


PAGES = [("GET", "/_mock/clock"), ("POST", "/_mock/clock/advance"), ("GET", "/_mock/"), ("POST", "/_mock/do/advance")]


@pytest.mark.parametrize(("method", "path"), PAGES)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.evil.example", "localhost.evil.example"])
def test_a_name_that_another_site_lets_lead_here_shows_and_does_nothing(open_here, method, path, host):
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    answer = open_here.open(path, method=method, headers=headers, json={"seconds": 60})
    assert answer.status_code == 401
    assert "without --token" in answer.text


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.1.2.3:80", "[::1]:8000", "xrt.example.org:8443"])
def test_names_of_this_machine_and_of_its_own_url_lead_here(open_here, host):
    for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
        assert open_here.post("/_mock/clock/advance", headers=headers, json={"seconds": 60}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9", "https://xrt.example.org"])
@pytest.mark.parametrize("path", ["/_mock/clock/advance", "/_mock/do/advance"])
def test_a_foreign_origin_is_refused(open_here, origin, path):
    headers = {"Host": "localhost:8000", "Origin": origin}
    assert open_here.post(path, headers=headers, json={"seconds": 60}).status_code == 401


def test_a_foreign_origin_is_refused_with_the_token_too(locked):
    shown = {"Authorization": "Bearer open sesame", "Host": "elsewhere.example"}
    assert locked.get("/_mock/clock", headers=shown).status_code == 200
    assert locked.get("/_mock/clock", headers=shown | {"Origin": "http://evil.example"}).status_code == 401


@pytest.mark.parametrize("token", ["", " ", "\t"])
def test_an_empty_token_is_refused(token):
    with pytest.raises(ServeError, match="--token is empty or has blanks"):
        processes.serve("0.0.0.0", 0, print, token=token)
    with pytest.raises(ValueError, match="token is empty"):
        Simulator(token=token)
