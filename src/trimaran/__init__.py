"""trimaran: VRRP, health checks and an XDP dataplane for Linux load balancers (directors)."""
