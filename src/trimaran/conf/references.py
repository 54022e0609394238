"""What a file names that only its machine can judge, and where: programs, files, hosts, servers."""

from collections.abc import Iterator
from dataclasses import replace

from trimaran.conf.schema import Setting
from trimaran.conf.table import http_checks
from trimaran.conf.table.globals import GLOBAL_DEFS
from trimaran.conf.table.misc_checks import MISC_USER
from trimaran.conf.table.notify import SMTP_SERVER
from trimaran.conf.table.services import REAL_SERVER, VIRTUAL_SERVER
from trimaran.conf.targets import Endpoint
from trimaran.conf.tokens import Word
from trimaran.model.ip import IPAddress
from trimaran.model.script import Script

_TLS = (
    http_checks.CERTIFICATE,
    http_checks.KEY,
    http_checks.CA,
    http_checks.VERIFY_CERTIFICATE,
)


def programs(said: Setting[bool]) -> Iterator[tuple[Word, Script]]:
    """Every program that is to be run, as whom its statement says."""
    for block in said.blocks():
        account = block.get(MISC_USER)
        for setting in block.inside():
            if isinstance(script := setting.value, Script):
                if account is not None:
                    script = replace(script, user=account[0], group=account[1])
                yield setting.at, script


def files(said: Setting[bool]) -> Iterator[tuple[Word, str]]:
    """Every file that must be there to be read: what TLS needs."""
    for block in said.blocks():
        for keyword in _TLS:
            for setting in block.all(keyword):
                if setting.value:
                    yield setting.at, setting.value


def hosts(said: Setting[bool]) -> Iterator[tuple[Word, str]]:
    """Every host that may be called by a name."""
    for block in said.all(GLOBAL_DEFS):
        for setting in block.all(SMTP_SERVER):
            if setting.value is not None:
                yield setting.at, setting.value[0]


def real_servers(said: Setting[bool]) -> dict[tuple[IPAddress | None, IPAddress], Word]:
    """Where each real server is first named, by the service's address (None: any) and its own."""
    found: dict[tuple[IPAddress | None, IPAddress], Word] = {}
    for block in said.all(VIRTUAL_SERVER):
        vip = block.value.address if isinstance(block.value, Endpoint) else None
        for server in block.all(REAL_SERVER):
            if server.value is not None:
                found.setdefault((vip, server.value.address), server.at)
                found.setdefault((None, server.value.address), server.at)
    return found
