/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What is wrong with a packet, told to its sender in the words of its version of IP: from the
 * address that it is for, or if a `destination` is given from the director's towards that one. */
#pragma once
#include "icmp.h"
#include "icmp6.h"

static __always_inline __u32 source_towards(__u32 destination)
{
	struct destination *d = bpf_map_lookup_elem(&destinations, &destination);

	return d ? d->source.ipv4 : 0;
}

static __always_inline int tell_nobody(struct xdp_md *ctx, __u64 version)
{
	if (version == IPV6)
		return send_icmp6(ctx, ICMP6_DESTINATION_UNREACHABLE, ICMP6_PORT_UNREACHABLE, 0,
				  NO_SOURCE);
	return send_icmp(ctx, ICMP_DESTINATION_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0, 0);
}

static __always_inline int tell_expired(struct xdp_md *ctx, __u64 version, __u32 destination)
{
	if (version == IPV6)
		return send_icmp6(ctx, ICMP6_TIME_EXCEEDED, 0, 0, destination);
	return send_icmp(ctx, ICMP_TIME_EXCEEDED, 0, 0, source_towards(destination));
}

static __always_inline int tell_too_big(struct xdp_md *ctx, __u64 version, __u32 mtu,
					__u32 destination)
{
	if (version == IPV6)
		return send_icmp6(ctx, ICMP6_PACKET_TOO_BIG, 0, mtu, destination);
	return send_icmp(ctx, ICMP_DESTINATION_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, mtu,
			 source_towards(destination));
}
