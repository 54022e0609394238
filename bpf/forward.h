/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* On the way to a real server (ipvs-semantics 4.2-4.5): MAC addresses, TTL, and by the
 * connection's method a tunnel, another address and port, or nothing more. */
#pragma once
#include "icmp.h"
#include "nat.h"
#include "schedulers.h"
#include "tunnel.h"

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

/* Several packets in one, which the way out splits again. */
static __always_inline int is_merged(const struct packet *p)
{
	return p->mtu && p->length > p->mtu;
}

/* Merged packets are sent on by the interface that they came in by, but not by another: there
 * the kernel refuses them (Linux 6.18, xdp_ok_fwd_dev). Only generic mode meets any. */
static __always_inline int is_stuck(struct xdp_md *ctx, const struct packet *p, __u32 interface)
{
	if (!is_merged(p) || interface == ctx->ingress_ifindex)
		return 0;
	count_event(EVENT_MERGED);
	return 1;
}

/* Out by an interface; the frame may have been moved. */
static __always_inline int leave(struct xdp_md *ctx, __u32 interface, const __u8 *mac,
				 const __u8 *source_mac)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, source_mac, ETH_ALEN);
	return interface == ctx->ingress_ifindex ? send_back(ctx) : bpf_redirect(interface, 0);
}

/* What forward() shall do, beside the verdicts of XDP. */
#define TO_FORWARD (1 << 30)

static __always_inline int to_forward(__u32 destination, __u32 forwarding)
{
	return TO_FORWARD | forwarding << 24 | destination;
}

static __always_inline int is_to_forward(int verdict) { return verdict >= TO_FORWARD; }

/* Any packet, when all is counted. Not static, so that it is verified once. */
__noinline int forward(struct xdp_md *ctx, __u32 destination, __u32 forwarding)
{
	struct destination *d = find_destination(destination);
	struct packet p;

	if (!d || !parse_frame(ctx, &p) || !is_for_us(ctx, &p))
		return XDP_DROP;
	parse_packet(&p);
	if (d->flags & DESTINATION_LOCAL)
		return XDP_PASS;
	if (p.ip->ttl <= 1) {
		count_event(EVENT_TTL_EXCEEDED);
		return send_icmp(ctx, ICMP_TIME_EXCEEDED, 0, 0, 0);
	}
	if (!(d->flags & DESTINATION_REACHABLE)) {
		count_event(EVENT_UNRESOLVED);
		return XDP_DROP;
	}
	if (is_stuck(ctx, &p, d->interface))
		return XDP_DROP;
	if (p.length > d->mtu) {
		int merged = is_merged(&p), tunnelled = forwarding == FORWARD_TUNNELLED;

		if (merged && tunnelled) {
			count_event(EVENT_MERGED);
			return XDP_DROP;
		}
		/* An outer packet cannot be fragmented here: senders are told, whatever DF says. */
		if (!merged && (tunnelled || p.ip->frag_off & bpf_htons(IP_DONT_FRAGMENT))) {
			count_event(EVENT_TOO_BIG);
			decrement_ttl(p.ip);	/* IPVS quotes the packet as it would have left */
			return send_icmp(ctx, ICMP_DESTINATION_UNREACHABLE,
					 ICMP_FRAGMENTATION_NEEDED, d->mtu, 0);
		}
	}
	decrement_ttl(p.ip);
	if (forwarding == FORWARD_TUNNELLED && !encapsulate(ctx, &p, d))
		return XDP_DROP;
	if (forwarding == FORWARD_MASQUERADED && 
	    !translate(&p, is_unfinished(ctx, &p), 0, d->address, d->translated_port))
		return XDP_DROP;
	return leave(ctx, d->interface, d->mac, d->source_mac);
}
