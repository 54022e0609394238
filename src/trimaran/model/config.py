"""A whole configuration: what one `keepalived.conf` means."""

from dataclasses import dataclass

from trimaran.model.router import VirtualRouter
from trimaran.model.service import VirtualService


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the daemon is asked to do. Names and keys are unique, references resolve."""

    router_id: str | None = None
    virtual_routers: tuple[VirtualRouter, ...] = ()
    virtual_services: tuple[VirtualService, ...] = ()
