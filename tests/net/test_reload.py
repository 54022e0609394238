"""`trimaran reload`: its verdict, what changed, and that nothing waits for a large file."""

import json
import subprocess

from watching import router, wait_for_state

from trimaran.lab.host import ENVIRONMENT, LabHost, wait_until
from trimaran.lab.lab import Lab


def reload(director: LabHost, config: str | None = None) -> tuple[int, str]:
    if config is not None:
        (director.directory / "trimaran.conf").write_text(config)
    done = director.run(["trimaran", "reload"], timeout=120)
    return done.returncode, done.stdout + done.stderr


def services(number: int) -> str:
    """So many virtual services, on addresses of nobody."""
    return "".join(
        f"virtual_server 10.{n // 65536}.{n // 256 % 256}.{n % 256} 80 {{\n protocol TCP\n"
        " lvs_method DR\n real_server 192.168.1.201 80 {\n }\n}\n"
        for n in range(1, number + 1)
    )


def test_the_verdict_and_what_changed(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    config = (lb1.directory / "trimaran.conf").read_text()
    before = router(lb1)

    status, said = reload(lb1)
    assert (status, said.startswith("reload: nothing has changed (")) == (0, True)

    status, said = reload(lb1, config.replace("weight 1", "weight 4", 1))
    assert status == 0
    assert said.startswith(
        "TCP 192.168.1.10:80: server 192.168.1.201:80: weight 1 -> 4\n"
        "reload: the new configuration is in force ("
    )
    # By then it is: the dataplane has confirmed it.
    assert "192.168.1.201:80             Route   4" in lb1.output(["trimaran", "ipvsadm", "-Ln"])

    status, said = reload(lb1, config.replace("delay_loop 5", "delay_loop 5\n  wolly on"))
    assert status == 2
    assert "trimaran.conf:" in said
    assert ": error: unknown keyword 'wolly'" in said
    assert "  wolly on\n  ^^^^^\n" in said
    assert said.endswith("reload refused: the running configuration stays as it was\n")
    assert "Route   4" in lb1.output(["trimaran", "ipvsadm", "-Ln"])

    status, said = reload(lb1, config.replace("protocol TCP", "protocol TCP\n  ops"))
    assert status == 1
    assert ": warning: ops is ignored" in said

    # A storm: all get an answer, and two reloads are enough for those that come at once.
    commands = [
        subprocess.Popen(
            lb1.command(["trimaran", "reload", "--json"]), stdout=subprocess.PIPE, env=ENVIRONMENT
        )
        for _ in range(6)
    ]
    for command in commands:
        output, _ = command.communicate(timeout=60)
        assert json.loads(output)["verdict"] == "nothing has changed"

    after = router(lb1)
    assert (after["state"], after["transitions"]) == ("MASTER", before["transitions"])
    done = lab.host("client").run(["trimaran", "reload"])
    assert (done.returncode, "no trimaran daemon runs here" in done.stderr) == (3, True)


def test_what_the_dataplane_has_no_room_for_is_said_and_a_large_file_delays_nobody(
    bare_lab: Lab,
) -> None:
    lb1 = bare_lab.host("lb1")
    config = (lb1.directory / "trimaran.conf").read_text()
    lb1.start_service()
    wait_for_state(lb1, "MASTER", 10)
    before = router(lb1)
    (lb1.directory / "trimaran.conf").write_text(config + services(12_000))
    with (lb1.directory / "said").open("w+") as output:
        command = lb1.command(["trimaran", "reload"])
        with subprocess.Popen(command, stdout=output, env=ENVIRONMENT) as reloading:
            answers = 0
            while reloading.poll() is None:
                assert router(lb1)["state"] == "MASTER"  # the steward answers meanwhile
                answers += 1
        output.seek(0)
        said = output.read()
    assert answers > 1
    assert reloading.returncode == 1
    assert "10.0.0.1:80 added" in said
    assert "left out: no room for another service in the XDP dataplane" in said
    assert " more\n" in said
    assert lb1.log.count("left out") <= 101
    after = router(lb1)
    assert after["transitions"] == before["transitions"]
    assert after["worst_lateness_us"] < 1_000_000

    assert reload(lb1, config)[0] == 0
    wait_until(
        "the services are gone",
        lambda: lb1.output(["trimaran", "ipvsadm", "-Ln"]).count("TCP ") == 1,
        30,
    )
