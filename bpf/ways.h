/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The way back to clients, which the kernel is asked for. */
#pragma once
#include "forward.h"

#define AF_INET 2
#define AF_INET6 10

/* What reply() shall tell the server, beside the verdicts of XDP: that the packet is longer than
 * an MTU, or if that is 0, that its time is over. */
#define TO_TELL (1 << 30)

static __always_inline void note_unresolved(const struct bpf_fib_lookup *route, __u64 version)
{
	struct hop *hop = &live.unresolved_hop;

	if (version == IPV6)
		__builtin_memcpy(&hop->address, route->ipv6_dst, sizeof(hop->address));
	else
		hop->address = ipv4_address(route->ipv4_dst);
	hop->version = version;
	hop->interface = route->ifindex;
}

/* Asks the kernel for the way of what comes from the virtual address: 0, or what becomes of the
 * packet without one, a verdict or TO_TELL. */
static __always_inline int find_way(struct xdp_md *ctx, const struct packet *p, struct way *way)
{
	struct bpf_fib_lookup route = {
		.family = p->version == IPV6 ? AF_INET6 : AF_INET,
		.l4_protocol = p->protocol,
		.tot_len = is_merged(p) ? 0 : p->length,
		.ifindex = way->ingress,
	};

	if (p->version == IPV6) {
		route.flowinfo = p->ip6->traffic & bpf_htonl(0x0fffffff);
		__builtin_memcpy(route.ipv6_src, &way->source, sizeof(way->source));
		__builtin_memcpy(route.ipv6_dst, &way->client, sizeof(way->client));
	} else {
		route.tos = p->ip->tos;
		route.ipv4_src = way->source.ipv4;
		route.ipv4_dst = way->client.ipv4;
	}

	switch (bpf_fib_lookup(ctx, &route, sizeof(route), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		way->interface = route.ifindex;
		way->mtu = route.mtu_result;
		__builtin_memcpy(way->mac, route.dmac, ETH_ALEN);
		__builtin_memcpy(way->source_mac, route.smac, ETH_ALEN);
		return 0;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		count_event(EVENT_TOO_BIG);
		return TO_TELL | route.mtu_result;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		count_event(EVENT_UNRESOLVED);
		note_unresolved(&route, p->version);
		return XDP_DROP;
	default:
		return XDP_PASS;	/* the kernel tells the server, if anybody */
	}
}

/* Where the way to a packet's target is remembered. */
static __always_inline struct way *way_to(const struct packet *p, union address *client)
{
	__u32 place;

	if (p->version == IPV6)
		*client = p->ip6->target;
	else
		*client = ipv4_address(p->ip->daddr);
	place = fold_address(client) * 0x9E3779B1u >> 20 & (WAYS - 1);
	return bpf_map_lookup_elem(&ways, &place);
}

/* Addresses the frame to the next hop towards the client, from the destination's virtual address:
 * the number of its interface, or minus what find_way() said. The answer holds for the rest of the
 * tick, a sixteenth of a second. */
__noinline int aim(struct xdp_md *ctx, __u32 destination)
{
	struct destination *d = find_destination(destination);
	union address client;
	struct packet p;

	if (!d || !parse_frame(ctx, &p))
		return -XDP_DROP;
	p.mtu = ingress(ctx)->mtu;
	if (p.version == IPV6) {
		p.length = sizeof(struct ip6) + bpf_ntohs(p.ip6->payload);
		p.protocol = p.ip6->next;
	} else {
		p.length = bpf_ntohs(p.ip->tot_len);
		p.protocol = p.ip->protocol;
	}

	__u32 now = now_in_ticks();
	struct way *way = way_to(&p, &client);

	if (!way)
		return -XDP_DROP;
	if (!same_address(&way->client, &client) ||
	    !same_address(&way->source, &d->virtual_address) || way->tick != now ||
	    way->ingress != ctx->ingress_ifindex || p.length > way->mtu) {
		way->client = client;
		way->source = d->virtual_address;
		way->tick = now;
		way->ingress = ctx->ingress_ifindex;

		int fate = find_way(ctx, &p, way);

		if (fate) {
			way->ingress = 0;
			return -fate;
		}
	}
	if (is_stuck(ctx, &p, way->interface))
		return -XDP_DROP;
	__builtin_memcpy(p.eth->h_dest, way->mac, ETH_ALEN);
	__builtin_memcpy(p.eth->h_source, way->source_mac, ETH_ALEN);
	return way->interface;
}

/* Sends a translated packet on by the interface. */
static __always_inline int leave_by(struct xdp_md *ctx, int interface)
{
	return interface == (int)ctx->ingress_ifindex ? send_back(ctx)
						       : bpf_redirect(interface, 0);
}
