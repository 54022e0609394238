"""Sync groups."""

from dataclasses import dataclass

from trimaran.model.notification import NOBODY, Notify


@dataclass(frozen=True, slots=True)
class SyncGroup:
    """`vrrp_sync_group`: virtual routers that are master together or not at all."""

    name: str
    members: tuple[str, ...]
    notify: Notify = NOBODY
