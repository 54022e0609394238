"""What ipvsadm says to a refusal, by command and error number (ipvs-semantics 7.3)."""

import os
from errno import (
    EAFNOSUPPORT,
    EEXIST,
    EINVAL,
    ENOENT,
    ENOMEM,
    ENOPROTOOPT,
    EOPNOTSUPP,
    EPERM,
    ESRCH,
)
from typing import Final

from trimaran.dataplane.base import DataplaneError, Refused

_NO_SERVICE: Final = "No such service"
_NO_SCHEDULER: Final = "Scheduler or persistence engine not found"
_UNDEFINED: Final = "Service not defined"
_NO_SERVER: Final = "No such destination"

_BY_COMMAND: Final = {
    ("add-service", EEXIST): "Service already exists",
    ("add-service", ENOENT): _NO_SCHEDULER,
    ("edit-service", ESRCH): _NO_SERVICE,
    ("edit-service", ENOENT): _NO_SCHEDULER,
    ("delete-service", ESRCH): _NO_SERVICE,
    ("zero", ESRCH): _NO_SERVICE,
    ("add-server", ESRCH): _UNDEFINED,
    ("add-server", EEXIST): "Destination already exists",
    ("edit-server", ESRCH): _UNDEFINED,
    ("edit-server", ENOENT): _NO_SERVER,
    ("delete-server", ESRCH): _UNDEFINED,
    ("delete-server", ENOENT): _NO_SERVER,
    ("start-daemon", EEXIST): "Daemon has already run",
    ("stop-daemon", ESRCH): "No daemon is running",
}

_BY_NUMBER: Final = {
    EPERM: "Permission denied (you must be root)",
    EINVAL: "Invalid operation.  Possibly wrong module version, address not unicast, ...",
    ENOPROTOOPT: "Protocol not available",
    ENOMEM: "Memory allocation problem",
    EAFNOSUPPORT: "Operation not supported with specified address family",
}


def text(error: DataplaneError, command: str = "") -> str:
    """The text for standard error.

    What a dataplane cannot do at all (EOPNOTSUPP, which IPVS answers to no command of ipvsadm)
    it says in its own words.
    """
    if not isinstance(error, Refused) or error.errno == EOPNOTSUPP:
        return str(error)
    known = _BY_COMMAND.get((command, error.errno)) or _BY_NUMBER.get(error.errno)
    return known or os.strerror(error.errno)
