"""`trimaran config`: the configuration in force, and what keywords mean."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trimaran import conf
from trimaran.cli.config import config
from trimaran.conf import load
from trimaran.conf.known import known_keywords
from trimaran.daemon.configuration import read
from trimaran.views.effective import effective_text
from trimaran.views.keywords import explain

HERE = Path(__file__).parents[1]
FILES = [*sorted((HERE / "data" / "conf" / "real").glob("*.conf"))]
FILES += sorted((HERE.parent / "examples").glob("*/keepalived.conf"))


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(config, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def effective(text: str) -> str:
    return shown(load(text.encode(), "f"))


def shown(result: conf.Result) -> str:
    assert result.config is not None, [str(d) for d in result.diagnostics]
    assert result.said is not None
    return effective_text(result.said, result.config)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_means_the_same_when_it_is_read_again(file: Path) -> None:
    result = read(file, "lb1")
    text = shown(result)
    assert load(text.encode(), "f").config == result.config
    assert [line.split("  #")[0] for line in effective(text).splitlines()] == [
        line.split("  #")[0] for line in text.splitlines()
    ]


def test_defaults_definitions_and_inheritance_are_filled_in() -> None:
    text = """$P=5
    global_defs { vrrp_version 3 }
    vrrp_instance "a b" { interface eth0
      virtual_router_id $P
      state MASTER
      virtual_ipaddress { 10.0.0.1/24 dev eth0 } }
    global_defs { router_id "x#y" }
    virtual_server 10.0.0.1 80 { lvs_sched rr
      lvs_method DR
      protocol TCP
      retry 3
      retry 4
      real_server 10.0.0.2 80 { TCP_CHECK } }
    """
    assert (
        effective(text)
        == """\
global_defs {
  router_id "x#y"
  vrrp_mcast_group4 224.0.0.18  # default
  vrrp_mcast_group6 ff02::12  # default
  vrrp_version 3
  vrrp_down_timer_adverts 3  # default
  vrrp_garp_master_delay 5  # default
  vrrp_garp_master_repeat 5  # default
  vrrp_garp_master_refresh 0  # default
  vrrp_garp_master_refresh_repeat 1  # default
  vrrp_garp_interval 0  # default
  vrrp_gna_interval 0  # default
  smtp_connect_timeout 30  # default
  startup_script_timeout 10  # default
  shutdown_script_timeout 10  # default
}
vrrp_instance "a b" {
  state MASTER
  interface eth0
  virtual_router_id 5
  priority 255  # default
  advert_int 1  # default
  version 3  # default
  virtual_ipaddress {
    10.0.0.1/24 dev eth0
  }
  preempt_delay 0  # default
  garp_master_delay 5  # default
  garp_master_repeat 5  # default
}
virtual_server 10.0.0.1 80 {
  lb_algo rr
  lb_kind DR
  protocol TCP
  quorum 1  # default
  hysteresis 0  # default
  retry 4
  real_server 10.0.0.2 80 {
    weight 1  # default
    uthreshold 0  # default
    lthreshold 0  # default
    TCP_CHECK {
      connect_timeout 5  # default
      retry 4  # inherited
      delay_before_retry 1  # default
      warmup 0  # default
      delay_loop 60  # default
    }
  }
}
"""
    )


def test_show(tmp_path: Path) -> None:
    file = tmp_path / "f.conf"
    file.write_text("@lb9 include more.conf\n")
    (tmp_path / "more.conf").write_text((HERE.parent / "examples/lb1/keepalived.conf").read_text())
    output = run("show", str(file), "-i", "lb9")
    assert output.exit_code == 0
    assert output.output.startswith("vrrp_instance ip1 {")
    nothing = run("show", str(file), "-i", "lb8")
    assert nothing.exit_code == 2
    assert "nothing is configured" in nothing.output


def test_explain() -> None:
    assert run("explain", "lvs_sched").output.startswith("lvs_sched rr|wrr|lc")
    assert "The same as lb_algo" in run("explain", "lvs_sched").output
    assert "obsolete: write 'retry'" in run("explain", "nb_get_retry").output
    wrong = run("explain", "virtual_sever")
    assert wrong.exit_code == 2
    assert "did you mean 'virtual_server'?" in wrong.output


def test_every_keyword_is_explained() -> None:
    for block, keywords in known_keywords().items():
        for keyword in keywords:
            assert explain(keyword), f"{keyword} in {block}"
