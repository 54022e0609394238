"""Persistence and services of all ports (ipvs-semantics 3)."""

import os
import random
import threading
from collections import Counter
from dataclasses import replace

import pytest
from frames import ACK, DNS, FIN, HTTP, PASS, SYN, TX, VIP, Director, server, tcp, udp

from trimaran.dataplane.base import Behaviour, Destination, Persistence, Service, Settings
from trimaran.dataplane.xdp.layout import Event
from trimaran.model.service import Forwarding, Protocol, ServiceKey

HOST, NET = 0xFFFFFFFF, 0xFFFFFF00
ALL_PORTS = ServiceKey(Protocol.TCP, VIP, 0)
CLIENT = "10.0.5.1"


def persistent(timeout: int = 300, netmask: int = HOST) -> Settings:
    return Settings("rr", persistence=Persistence(timeout, netmask))


def serve(
    director: Director,
    *lasts: int,
    settings: Settings | None = None,
    key: ServiceKey = HTTP,
    weights: dict[int, int] | None = None,
    port: int | None = None,
    forwarding: Forwarding = Forwarding.DIRECT_ROUTING,
) -> None:
    destinations = tuple(
        Destination(
            server(n, key.port if port is None else port), (weights or {}).get(n, 1), forwarding
        )
        for n in lasts
    )
    director.plane.apply([Service(key, settings or persistent(), destinations)])


def listed(director: Director) -> list[str]:
    """As ipvsadm -Lnc, without what is behind: templates first."""
    rows = [
        f"{f.client}:{f.client_port} {f.virtual_port} {f.destination.port} "
        f"{str(f.destination.address)[-3:]} {f.state}"
        for f in director.flows()
    ]
    return sorted(rows, key=lambda row: (":0 " not in row, row))


def templates(director: Director) -> dict[tuple[str, str], int]:
    """By client and state, what is left of them in seconds."""
    return {(str(f.client), f.state): f.expires for f in director.flows() if f.client_port == 0}


def persistent_connections(director: Director, key: ServiceKey = HTTP) -> dict[int, int]:
    return {
        int(view.destination.key.address) & 0xFF: view.persistent_connections
        for view in director.service(key).destinations
    }


def expire_templates(director: Director, left: float = -0.25) -> None:
    """Leaves templates that many seconds; less than none is past for the kernel's clock, too."""
    flows = director.plane.tables.flows
    of_templates = flows["transport"] >> 40 & 1 == 1
    tick = int(director.plane.tables.tick() + left * 16) & 0xFFFFFFFF
    flows["control"][of_templates] = flows["control"][of_templates] >> 32 << 32 | tick


def test_a_client_stays_with_its_server(director: Director) -> None:
    serve(director, 101, 102)
    first = director.chosen(tcp(SYN, port=1001))
    assert [director.chosen(tcp(SYN, port=port)) for port in range(1002, 1010)] == [first] * 8
    assert director.chosen(tcp(SYN, source="10.0.0.10")) != first
    assert persistent_connections(director) == {101: 1, 102: 1}
    assert director.service().counters.connections == 10


def test_templates_are_listed_as_ipvs_does(director: Director) -> None:
    """As golden session 22."""
    serve(director, 101, 102, settings=persistent(300, NET))
    for flags, source, port in ((SYN, "1", 1001), (ACK, "1", 1001), (SYN, "77", 1002)):
        director.send(tcp(flags, source=f"10.0.5.{source}", port=port))
    director.send(tcp(SYN, source="10.0.6.1", port=1003))
    assert listed(director) == [
        "10.0.5.0:0 80 80 102 ASSURED",
        "10.0.6.0:0 80 80 101 NONE",
        "10.0.5.1:1001 80 80 102 ESTABLISHED",
        "10.0.5.77:1002 80 80 102 SYN_RECV",
        "10.0.6.1:1003 80 80 101 SYN_RECV",
    ]
    assert persistent_connections(director) == {101: 1, 102: 1}
    assert director.counts(102) == (2, 0)
    assert templates(director)["10.0.5.0", "ASSURED"] in (298, 299)


def test_weight_and_overload_do_not_matter_to_who_is_there(director: Director) -> None:
    serve(director, 101, 102)
    assert director.chosen(tcp(SYN, port=1001)) == 102
    serve(director, 101, 102, weights={102: 0})
    assert director.chosen(tcp(SYN, port=1002)) == 102
    full = (Destination(server(101)), Destination(server(102), upper_threshold=2))
    director.plane.apply([Service(HTTP, persistent(), full)])
    assert director.chosen(tcp(SYN, port=1003)) == 102
    assert {director.chosen(tcp(SYN, source=f"10.0.1.{n}")) for n in range(4)} == {101}


def test_each_new_connection_starts_the_time_again_and_then_it_ends(director: Director) -> None:
    serve(director, 101, 102, settings=persistent(100))
    assert director.chosen(tcp(SYN, port=1001)) == 102
    expire_templates(director, left=30)
    assert templates(director)["10.0.0.9", "NONE"] in (28, 29, 30)
    director.send(tcp(ACK, port=1001))
    assert templates(director)["10.0.0.9", "ASSURED"] in (28, 29, 30)
    assert director.chosen(tcp(SYN, port=1002)) == 102
    assert templates(director)["10.0.0.9", "ASSURED"] in (98, 99)
    expire_templates(director)
    assert director.chosen(tcp(SYN, port=1003)) == 101


def test_editing_the_timeout_leaves_templates_as_they_are(director: Director) -> None:
    serve(director, 101, settings=persistent(100))
    director.send(tcp(SYN, port=1001))
    serve(director, 101, settings=persistent(1000))
    director.send(tcp(SYN, port=1002))
    assert templates(director)["10.0.0.9", "NONE"] in (98, 99)
    director.send(tcp(SYN, source="10.0.0.8"))
    assert templates(director)["10.0.0.8", "NONE"] in (998, 999)


def test_a_template_outlives_its_connections_in_steps_of_a_minute(director: Director) -> None:
    serve(director, 101, 102, settings=persistent(300))
    assert director.chosen(tcp(SYN, port=1001)) == 102
    director.send(tcp(ACK, port=1001))
    expire_templates(director, left=4)
    for _ in range(5):
        director.poll()
    assert templates(director)["10.0.0.9", "ASSURED"] in (62, 63, 64)
    assert director.chosen(tcp(SYN, port=1002)) == 102
    assert templates(director)["10.0.0.9", "ASSURED"] in (58, 59)


def test_a_template_without_connections_is_swept(director: Director) -> None:
    serve(director, 101, 102)
    director.send(tcp(SYN))
    director.expire_all()
    for _ in range(5):
        director.poll()
    assert persistent_connections(director) == {101: 0, 102: 0}
    assert not director.plane.tables.flows["control"].any()


def test_a_removed_server_is_left_and_its_record_kept(director: Director) -> None:
    serve(director, 101, 102)
    assert director.chosen(tcp(SYN, port=1001)) == 102
    serve(director, 101)
    assert director.chosen(tcp(SYN, port=1002)) == 101
    assert listed(director)[:2] == ["10.0.0.9:0 65535 65535 102 NONE", "10.0.0.9:0 80 80 101 NONE"]
    director.plane.tables.loads["connections"] = 0
    director.poll(1)
    director.poll(200)
    serve(director, 101, 102)
    assert persistent_connections(director) == {101: 1, 102: 1}


def test_quiescent_templates_expire_if_so_set(director: Director) -> None:
    """As golden session 32."""
    serve(director, 101, 102)
    assert director.chosen(tcp(SYN, port=1001)) == 102
    serve(director, 101, 102, weights={102: 0})
    assert director.chosen(tcp(SYN, port=1002)) == 102
    director.plane.set_behaviour(Behaviour(expire_quiescent_template=1))
    assert director.chosen(tcp(SYN, port=1003)) == 101
    assert director.chosen(tcp(ACK, port=1002)) == 102
    assert persistent_connections(director) == {101: 1, 102: 1}
    director.plane.set_behaviour(Behaviour(expire_quiescent_template=1, expire_nodest_conn=1))
    serve(director, 101)
    assert listed(director) == ["10.0.0.9:0 80 80 101 NONE", "10.0.0.9:1003 80 80 101 SYN_RECV"]


def test_persistent_connections_are_not_rescheduled(director: Director) -> None:
    director.plane.set_behaviour(Behaviour(conn_reuse_mode=3))
    serve(director, 101, 102)
    assert director.chosen(tcp(SYN, port=1001)) == 102
    for flags in (ACK, FIN | ACK):
        director.send(tcp(flags, port=1001))
    expire_templates(director)
    assert director.chosen(tcp(SYN, port=1001)) == 102
    assert director.service().counters.connections == 1


def test_persistence_switched_on_and_off(director: Director) -> None:
    serve(director, 101, 102, settings=Settings("rr"))
    assert [director.chosen(tcp(SYN, port=port)) for port in (1, 2)] == [102, 101]
    serve(director, 101, 102)
    assert len({director.chosen(tcp(SYN, port=port)) for port in range(3, 9)}) == 1
    assert director.service().settings == persistent()
    serve(director, 101, 102, settings=Settings("rr"))
    assert len({director.chosen(tcp(SYN, port=port)) for port in range(9, 12)}) == 2


def test_one_packet_scheduling_follows_templates(director: Director) -> None:
    serve(director, 101, 102, key=DNS, settings=replace(persistent(), one_packet=True))
    assert len({director.chosen(udp(port=port)) for port in range(1000, 1008)}) == 1
    assert [f.client_port for f in director.flows()] == [0]


def test_all_ports_of_an_address(director: Director) -> None:
    http = Service(HTTP, Settings("rr"), (Destination(server(103)),))
    servers = (Destination(server(101, 0)), Destination(server(102, 0)))
    director.plane.apply([http, Service(ALL_PORTS, persistent(200), servers)])
    first = director.chosen(tcp(SYN, to=22, source=CLIENT, port=1004))
    assert first == 102
    assert director.chosen(tcp(SYN, to=443, source=CLIENT)) == first
    assert director.chosen(tcp(SYN, to=80, source=CLIENT)) == 103
    assert listed(director)[:2] == [
        "10.0.5.1:0 0 0 102 NONE",
        "10.0.5.1:1004 22 22 102 SYN_RECV",
    ]
    assert director.send(udp(to=22))[0] == PASS
    director.plane.apply([http])
    assert director.send(tcp(SYN, to=23))[0] == PASS


def test_all_ports_need_persistence(director: Director) -> None:
    serve(director, 101, key=ALL_PORTS, settings=Settings("rr"))
    verdict, out = director.send(tcp(SYN, to=22))
    assert (verdict, out[23], out[34:36]) == (TX, 1, b"\3\3")
    assert director.flows() == []


@pytest.mark.parametrize("port", [0, 8080])
def test_all_ports_masqueraded(gateway: Director, port: int) -> None:
    """A server's own port is ignored (golden: RS 8080, client to 81 -> RS:81)."""
    serve(gateway, 101, key=ALL_PORTS, port=port, forwarding=Forwarding.MASQUERADING)
    for flags in (SYN, ACK):
        _, out = gateway.send(tcp(flags, to=81))
        assert (out[30:34], out[36:38]) == (server(101).address.packed, (81).to_bytes(2))
    back = tcp(SYN | ACK, source="192.168.1.101", port=81, to=20010, target="10.0.0.9")
    _, out = gateway.send(back)
    assert (out[26:30], out[34:36]) == (VIP.packed, (81).to_bytes(2))
    assert gateway.service(ALL_PORTS).destinations[0].counters.packets_out == 1


def test_udp_is_assured_by_a_reply(gateway: Director) -> None:
    serve(gateway, 101, key=DNS, forwarding=Forwarding.MASQUERADING)
    gateway.send(udp())
    assert templates(gateway).keys() == {("10.0.0.9", "NONE")}
    gateway.send(udp(source="192.168.1.101", port=53, to=20010, target="10.0.0.9"))
    assert templates(gateway).keys() == {("10.0.0.9", "ASSURED")}
    assert gateway.counts(101, DNS) == (0, 1)


def test_a_flood_gives_up_templates_before_anything_else(director: Director) -> None:
    serve(director, 101, 102)
    for port in range(200):
        director.send(tcp(SYN, source=f"10.1.0.{port}", port=5000 + port))
        director.send(tcp(ACK, source=f"10.1.0.{port}", port=5000 + port))
    for number in range(6000):
        source = f"10.2.{number >> 8}.{number & 255}"
        assert director.send(tcp(SYN, source=source))[0] == TX
    established = [f for f in director.flows() if f.state == "ESTABLISHED"]
    assert len(established) == 200
    total = sum(persistent_connections(director).values())
    assert total == sum(f.client_port == 0 for f in director.flows())
    assert director.plane.events()[Event.EVICTED] > 6000


def test_no_room_for_a_template(director: Director) -> None:
    serve(director, 101, 102, key=DNS, settings=Settings("rr"))
    for number in range(5000):
        director.send(udp(source=f"10.2.{number >> 8}.{number & 255}"))
    udp_service = Service(DNS, persistent(), (Destination(server(101, 53)),))
    director.plane.apply([udp_service])
    for number in range(200):
        assert director.send(udp(source=f"10.3.0.{number}"))[0] == TX
    assert director.plane.events()[Event.HASHED] > 100


def test_templates_survive_a_new_owner(director: Director) -> None:
    serve(director, 101, 102)
    first = director.chosen(tcp(SYN, port=1001))
    after = Director(type(director.plane)(director.plane._loaded))
    serve(after, 101, 102)
    assert after.chosen(tcp(SYN, port=1002)) == first
    assert sum(persistent_connections(after).values()) == 1


@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two CPUs")
def test_two_cpus_agree_on_a_clients_server(director: Director) -> None:
    serve(director, 101, 102, 103)
    barrier = threading.Barrier(2)
    chosen: list[dict[int, int]] = [{}, {}]

    def run(cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})
        for number in range(200):
            barrier.wait()
            source = f"10.4.{number >> 8}.{number & 255}"
            chosen[cpu][number] = director.chosen(tcp(SYN, source=source, port=2000 + cpu))

    threads = [threading.Thread(target=run, args=(cpu,)) for cpu in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chosen[0] == chosen[1]
    held = [f for f in director.flows() if f.client_port == 0]
    assert sum(persistent_connections(director).values()) == len(held) == 200


def test_who_is_refused_leaves_no_template(director: Director) -> None:
    serve(director)
    verdict, out = director.send(tcp(SYN))
    assert (verdict, out[23], out[34:36]) == (TX, 1, b"\3\3")
    assert director.flows() == []


class Model:
    """What section 3 says, for one service: who leads where, and how many templates there are."""

    def __init__(self) -> None:
        self.weights = dict.fromkeys((101, 102, 103), 1)
        self.expire_quiescent = False
        self.leads: dict[int, int] = {}
        self.retired: Counter[int] = Counter()
        self.connections: dict[tuple[int, int], int] = {}

    def open(self, client: int, port: int, chosen: int) -> None:
        """A SYN went there (0: nowhere)."""
        if (client, port) in self.connections:  # never rescheduled
            last = self.connections[client, port]
            assert chosen == (last if last in self.weights else 0)
            return
        network = client >> 1
        last = self.leads.get(network, 0)
        usable = last in self.weights and (self.weights[last] or not self.expire_quiescent)
        if last and usable:
            assert chosen == last
        elif last:
            self.retired[self.leads.pop(network)] += 1
        if not usable:
            assert chosen == 0 if not any(self.weights.values()) else self.weights[chosen] > 0
        if chosen:
            self.leads[network] = chosen
            self.connections[client, port] = chosen

    def persistent_connections(self) -> dict[int, int]:
        totals = Counter(self.leads.values()) + self.retired
        return {last: totals[last] for last in self.weights}


@pytest.mark.parametrize("seed", range(6))
def test_random_operations_against_the_model(director: Director, seed: int) -> None:
    chance, model = random.Random(seed), Model()
    # Two neighbours are one client. (Retired templates share the room of eight with their heirs.)
    settings = persistent(300, 0xFFFFFFFE)
    serve(director, *model.weights, settings=settings)
    for _ in range(400):
        match chance.random():
            case x if x < 0.8:
                client, port = chance.randrange(64), chance.randrange(1000, 1006)
                frame = tcp(SYN, source=f"10.9.0.{client}", port=port)
                model.open(client, port, director.chosen(frame))
                if chance.random() < 0.5:
                    director.send(tcp(ACK, source=f"10.9.0.{client}", port=port))
                continue
            case x if x < 0.88:
                last = chance.choice([101, 102, 103])
                if last in model.weights:
                    model.weights[last] = chance.choice([0, 1])
            case x if x < 0.94:
                last = chance.choice([101, 102, 103])
                if model.weights.pop(last, None) is None:
                    model.weights[last] = 1
            case _:
                model.expire_quiescent = not model.expire_quiescent
                flag = int(model.expire_quiescent)
                director.plane.set_behaviour(Behaviour(expire_quiescent_template=flag))
        serve(director, *model.weights, settings=settings, weights=model.weights)
        assert persistent_connections(director) == model.persistent_connections()
    held = [f for f in director.flows() if f.client_port == 0]
    assert len(held) == len(model.leads) + sum(model.retired.values())
    assert len(director.flows()) == len(held) + len(model.connections)
