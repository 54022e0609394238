"""The program as newer compilers make it: the kernel's verifier must take each of them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from frames import SYN, TX, Director, tcp

from trimaran.dataplane.xdp import loader
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.loader import load
from trimaran.dataplane.xdp.plane import XdpDataplane

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.parametrize("compiler", ["clang-16", "clang-19"])
def test_it_loads_and_forwards(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed: tools/setup long")
    made = tmp_path / "trimaran.bpf.o"
    command = ["make", "--silent", "-C", str(ROOT / "bpf"), f"CLANG={compiler}", f"OBJECT={made}"]
    subprocess.run(command, check=True)
    monkeypatch.setattr(loader, "OBJECT", made)
    director = Director(XdpDataplane(load(Capacity(flows=1 << 10), print)))
    try:
        director.serve(101)
        assert director.send(tcp(SYN))[0] == TX
    finally:
        director.plane.close(remove=True)
