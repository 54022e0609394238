"""What a machine knows of itself, and of what it depends on."""

from dataclasses import dataclass, field

from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Readings
from trimaran.vrrp.packet import OWNER_PRIORITY
from trimaran.vrrp.timers import master_down_interval, skew_time
from trimaran.vrrp.tracking import Standing, standing


@dataclass(slots=True)
class Situation:
    """The circumstances of one virtual router, shared by the parts of its machine.

    `primary`: its interface's primary address, if it has one; `link_fault`: why its interface
    is unfit, if it is; `readings`: what is known of its trackers; `shared_fault`: why its sync
    group is unfit, if it is. `yields`: it leaves a lesser master alone until it is master again;
    `maintenance`: it shall take no part. `sequence`: the highest number that an authentication
    header of the virtual router had, sent or received.
    """

    router: VirtualRouter
    primary: IPAddress | None = None
    link_fault: str | None = field(init=False)
    readings: Readings = field(default_factory=dict)
    shared_fault: str | None = None
    yields: bool = False
    maintenance: bool = False
    sequence: int = 0
    standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self.link_fault = f"interface {self.router.interface} not found"
        self.weigh()

    def weigh(self) -> None:
        """Bring `standing` up to date with `router` and `readings`."""
        self.standing = standing(self.router, self.readings)

    @property
    def priority(self) -> int:
        """The effective one."""
        return self.standing.priority

    @property
    def owner(self) -> bool:
        """Whether the virtual addresses are this router's own (RFC 9568, 1.7)."""
        return self.router.priority == OWNER_PRIORITY

    @property
    def own_fault(self) -> str | None:
        """The reason to be in FAULT that is this router's own, if there is one."""
        return self.link_fault or self.standing.fault

    @property
    def fault(self) -> str | None:
        """The reason to be in FAULT, if there is one."""
        return self.own_fault or self.shared_fault or ("maintenance" if self.maintenance else None)

    @property
    def preempts(self) -> bool:
        """Whether it takes over from a lesser master."""
        return self.router.preempt and not self.yields

    def skew(self, interval: int) -> int:
        """The skew time, if the master advertises every `interval`."""
        return skew_time(self.router.version, self.priority, interval)

    def master_down_interval(self, interval: int) -> int:
        """The master-down interval, if the master advertises every `interval`."""
        return master_down_interval(
            self.router.version, self.priority, interval, self.router.manners.down_adverts
        )
