/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Direct routing: the packet goes to the real server's MAC address, otherwise unchanged but for
 * its TTL (ipvs-semantics 4.2). */
#pragma once
#include "icmp.h"
#include "schedulers.h"

static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__u32 sum = (__u32)ip->check + bpf_htons(0x0100);

	ip->check = sum + (sum >= 0xffff);	/* RFC 1141 */
	ip->ttl--;
}

/* Can the packet go out just so? The rest is for forward(). */
static __always_inline int is_plain(const struct packet *p, const struct destination *d)
{
	return (d->flags & (DESTINATION_CONFIGURED | DESTINATION_REACHABLE | DESTINATION_LOCAL)) ==
		       (DESTINATION_CONFIGURED | DESTINATION_REACHABLE) &&
	       p->ip->ttl > 1 && p->length <= d->mtu && !p->fragment;
}

static __always_inline int send_to(struct xdp_md *ctx, const struct packet *p,
				   const struct destination *d)
{
	decrement_ttl(p->ip);
	__builtin_memcpy(p->eth->h_dest, d->mac, ETH_ALEN);
	__builtin_memcpy(p->eth->h_source, d->source_mac, ETH_ALEN);
	return d->interface == ctx->ingress_ifindex ? send_back(ctx) : bpf_redirect(d->interface, 0);
}

static __always_inline int forward(struct xdp_md *ctx, const struct packet *p,
				   const struct destination *d)
{
	if (d->flags & DESTINATION_LOCAL)
		return XDP_PASS;
	if (p->ip->ttl <= 1) {
		count_event(EVENT_TTL_EXCEEDED);
		return send_icmp(ctx, ICMP_TIME_EXCEEDED, 0, 0);
	}
	if (!(d->flags & DESTINATION_REACHABLE)) {
		count_event(EVENT_UNRESOLVED);
		return XDP_DROP;
	}
	/* Longer than its own interface's MTU: several packets, merged by GRO; the way out
	 * splits them again. */
	if (p->length > d->mtu && p->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT) &&
	    (!p->mtu || p->length <= p->mtu)) {
		count_event(EVENT_TOO_BIG);
		decrement_ttl(p->ip);	/* IPVS quotes the packet as it would have left */
		return send_icmp(ctx, ICMP_DESTINATION_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, d->mtu);
	}
	return send_to(ctx, p, d);
}
