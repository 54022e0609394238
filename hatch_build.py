"""Build hook: compiles the XDP program (bpf/) into the package before a wheel is made."""

import subprocess
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileBpf(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `make -C bpf`, whose only product is the object that the package ships."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        subprocess.run(["make", "--silent", "-C", f"{self.root}/bpf"], check=True)
        build_data["artifacts"].append("src/trimaran/dataplane/xdp/trimaran.bpf.o")
        build_data["pure_python"] = True
