/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* On the way to a real server (ipvs-semantics 4.2-4.5): MAC addresses, TTL, and by the
 * connection's method a tunnel, another address and port, or nothing more. */
#pragma once
#include "errors.h"
#include "fragments.h"
#include "nat.h"
#include "related.h"
#include "schedulers.h"
#include "tunnel.h"

/* Can the packet go out just so? The rest is for forward(). */
static __always_inline int is_plain(const struct packet *p, const struct destination *d)
{
	return (d->flags & (DESTINATION_CONFIGURED | DESTINATION_REACHABLE | DESTINATION_LOCAL)) ==
		       (DESTINATION_CONFIGURED | DESTINATION_REACHABLE) &&
	       ttl_of(p) > 1 && p->length <= d->mtu && !p->fragment;
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

/* Any packet, when all is counted. Not static, so that it is verified once. */
__noinline int forward(struct xdp_md *ctx, __u32 destination, __u32 forwarding)
{
	struct destination *d = find_destination(destination);
	struct packet p;

	if (!d || !parse_frame(ctx, &p) || !is_for_us(ctx, &p))
		return XDP_DROP;

	/* Nobody is told of the fate of an error or of a later fragment (RFC 1122, 3.2.2). */
	int kind = parse_packet(ctx, &p), told = kind == OF_A_FLOW;

	if (d->flags & DESTINATION_LOCAL || forwarding == FORWARD_LOCALLY)
		return XDP_PASS;
	if (ttl_of(&p) <= 1) {
		count_event(EVENT_TTL_EXCEEDED);
		return told ? tell_expired(ctx, p.version, NO_SOURCE) : XDP_DROP;
	}
	if (!(d->flags & DESTINATION_REACHABLE)) {
		count_event(EVENT_UNRESOLVED);
		return XDP_DROP;
	}
	if (is_stuck(ctx, &p, d->interface))
		return XDP_DROP;
	/* A connection that still is in a tunnel, where new ones are not. */
	__u32 mtu = d->mtu;

	if (forwarding == FORWARD_TUNNELLED && d->forwarding != FORWARD_TUNNELLED)
		mtu -= d->version == IPV6 ? TUNNEL6_MAX : TUNNEL_MAX;
	if (p.length > mtu) {
		int merged = is_merged(&p), tunnelled = forwarding == FORWARD_TUNNELLED;

		if (merged && tunnelled) {
			count_event(EVENT_MERGED);
			return XDP_DROP;
		}
		/* An outer packet cannot be fragmented here: senders are told, whatever DF says. */
		if (!merged && (tunnelled || is_in_one_piece(&p))) {
			count_event(EVENT_TOO_BIG);
			if (!told)
				return XDP_DROP;
			decrement_ttl(&p);	/* IPVS quotes the packet as it would have left */
			return tell_too_big(ctx, p.version, mtu, NO_SOURCE);
		}
	}
	if (p.fragment == FIRST_FRAGMENT)
		note_fragment(&p, destination, forwarding, 0, now_in_ticks());
	decrement_ttl(&p);
	if (forwarding == FORWARD_TUNNELLED && !encapsulate(ctx, &p, d))
		return XDP_DROP;
	if (forwarding == FORWARD_MASQUERADED &&
	    !(kind == OF_ICMP
		      ? translate_related(ctx, &p, 0, &d->address, d->translated_port)
		      : translate(&p, is_unfinished(ctx, &p), 0, &d->address,
				  d->translated_port)))
		return XDP_DROP;
	return leave(ctx, d->interface, d->mac, d->source_mac);
}

/* A later fragment for the server that its first went to. */
__noinline int later_fragment(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	const struct fragment *first;
	struct destination *d;
	struct counters *c;
	struct packet p;

	if (!parse_frame(ctx, &p) || !is_for_us(ctx, &p) || parse_packet(ctx, &p) != OF_A_FRAGMENT)
		return XDP_PASS;
	first = find_first(&p, 0, now_in_ticks());
	if (!first)
		return XDP_PASS;
	d = find_destination(first->destination);
	c = counters_of(cpu, first->destination);
	if (!d || !c)
		return XDP_DROP;
	if (!(d->flags & DESTINATION_CONFIGURED)) {
		count_event(EVENT_DESTINATION_REMOVED);
		return XDP_DROP;
	}
	c->packets++;
	c->bytes += p.length;
	return to_forward(first->destination, first->forwarding);
}
