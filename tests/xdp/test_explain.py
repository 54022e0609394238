"""Where a packet would go, asked of the program."""

from ipaddress import IPv4Address

from click.testing import CliRunner
from frames import ACK, DNS, HTTP, SYN, VIP, Director, server, tcp

from trimaran.cli.explain import explain as command
from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.dataplane.xdp.explain import Explanation, Tuple, explained
from trimaran.model.service import Protocol
from trimaran.views.explanation import explanation_text


def ask(director: Director, port: int = 20010, to: int = 80, vip: IPv4Address = VIP) -> Explanation:
    packet = Tuple(Protocol.TCP, IPv4Address("10.0.0.9"), port, vip, to)
    loaded = director.plane._loaded
    return explained(loaded.tables, loaded.programs.preview, packet)


def chosen(found: Explanation) -> int:
    assert found.server is not None
    return found.server.key.address.packed[3]


def test_asking_changes_nothing_and_is_right(director: Director) -> None:
    for scheduler in ("rr", "wrr", "wlc", "sh", "mh", "lblc", "lblcr", "nq"):
        servers = tuple(Destination(server(n), weight) for n, weight in ((101, 1), (102, 3)))
        director.plane.apply([Service(HTTP, Settings(scheduler), servers)])
        for number in range(12):
            port = 1000 + number
            told = {chosen(ask(director, port)) for _ in range(3)}
            assert told == {director.chosen(tcp(SYN, port=port))}, (scheduler, number)
            director.send(tcp(4, port=port))  # RST: so that its entry does not count for long
        director.expire_all()
        director.poll()


def test_a_connection_is_shown_with_its_server(director: Director) -> None:
    director.serve(101, 102)
    first = director.chosen(tcp(SYN))
    director.send(tcp(ACK))
    found = ask(director)
    assert found.flow is not None
    assert found.flow.state == "ESTABLISHED"
    assert 895 < found.flow.expires <= 901
    assert chosen(found) == first
    text = explanation_text(found)
    assert text.splitlines()[0] == "packet:     TCP 10.0.0.9:20010 > 192.168.1.10:80"
    assert "connection: ESTABLISHED, expires in" in text
    assert text.splitlines()[-1] == "verdict:    forwarded"


def test_why_not(director: Director) -> None:
    director.serve(101)
    assert "not held" in explanation_text(ask(director, vip=IPv4Address("192.168.1.11")))
    assert "none on this address and port" in explanation_text(ask(director, to=81))
    director.serve(101, weights={101: 0})
    assert "refused with ICMP port unreachable" in explanation_text(ask(director))
    director.serve(109)
    director.plane.set_neighbour(server(109).address, None)
    assert "MAC address is known" in explanation_text(ask(director))
    director.serve(101)
    director.send(tcp(SYN))
    director.plane.apply([Service(DNS)])
    assert "was removed from the service" in explanation_text(ask(director))


def test_bad_words_are_refused_in_one_line() -> None:
    for words, why in [
        (["tcp", "1.2.3.4", ">", "5.6.7.8:80"], "is not a packet"),
        (["tcp 1.2.3.400:1 > 5.6.7.8:80"], "1.2.3.400"),
        (["icmp 1.2.3.4:1 > 5.6.7.8:80"], "'icmp' is none of tcp, udp, sctp"),
        (["tcp 1.2.3.4:70000 > 5.6.7.8:80"], "port 70000 is above 65535"),
    ]:
        result = CliRunner().invoke(command, words)
        assert result.exit_code == 2
        assert why in result.output
