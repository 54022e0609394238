"""Interfaces that a machine has to have, and those that it need not."""

import pytest

from trimaran.conf import Severity, fitted, load

FILE = """\
%s
vrrp_instance a {
  interface eth0
  virtual_router_id 51
  %s
  track_interface {
    %s
  }
  virtual_ipaddress {
    10.0.0.1/24
  }
}
"""


def errors(globally: str = "", inside: str = "", tracked: str = "eth0") -> list[str]:
    result = load((FILE % (globally, inside, tracked)).encode(), "f")
    assert not [d for d in result.diagnostics if d.severity is Severity.ERROR]
    found = fitted(result, frozenset({"eth1", "lo"}))
    return [d.message for d in found.diagnostics if d.severity is Severity.ERROR]


def test_an_interface_must_be_there() -> None:
    assert errors() == ["this machine has no interface 'eth0'"]


@pytest.mark.parametrize("form", ["dynamic_interfaces", "dynamic_interfaces allow_if_changes"])
def test_unless_the_file_says_that_it_may_appear_later(form: str) -> None:
    assert errors(f"global_defs {{\n  {form}\n}}") == []


def test_a_device_that_the_daemon_makes_need_not_be_there() -> None:
    assert errors(inside="use_vmac", tracked="vrrp.51") == ["this machine has no interface 'eth0'"]
