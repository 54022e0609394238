/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* ICMP errors about the outer packet of a tunnel (ipvs-semantics 4.4): routers and servers send
 * them to the director, the client is told in terms of its own packet. */
#pragma once
#include "reply.h"
#include "tunnel.h"

#define IP_MTU_MIN 68

/* How long the headers are that the tunnel put before the quoted packet; 0: no tunnel. */
static __always_inline __u32 tunnel_header(const struct iphdr *outer, const struct packet *p)
{
	const struct gre_header *gre = (const void *)(outer + 1);

	if (outer->protocol == IPPROTO_IPIP)
		return sizeof(*outer);
	if (outer->protocol == IPPROTO_UDP)
		return sizeof(*outer) + sizeof(struct gue_header);
	if (outer->protocol == IPPROTO_GRE && (const void *)gre + GRE_SHORT <= p->end)
		return sizeof(*outer) + (gre->flags ? sizeof(*gre) : GRE_SHORT);
	return 0;
}

/* Is that how the destination's packets are wrapped? */
static __always_inline int is_tunnel_of(const struct destination *d, const struct iphdr *outer)
{
	__u8 protocol = d->tunnel == TUNNEL_IPIP ? IPPROTO_IPIP :
			d->tunnel == TUNNEL_GUE ? IPPROTO_UDP : IPPROTO_GRE;

	return outer->protocol == protocol && d->version == IPV4 &&
	       outer->saddr == d->source.ipv4 && outer->daddr == d->address.ipv4;
}

/* NO_FLOW when it is not about a tunnelled packet of a connection. A path's MTU is kept until the
 * server's route is looked at again. */
__noinline int tunnel_error(struct xdp_md *ctx)
{
	struct neighbourhood n;
	struct packet p;
	__u64 control;

	if (!parse_version(ctx, &p, IPV4) || !is_for_us(ctx, &p) || parse_packet(ctx, &p) != OF_ICMP)
		return NO_FLOW;

	struct icmp_error *icmp = p.transport_header;
	struct iphdr *outer = (void *)(icmp + 1);

	if ((void *)(outer + 1) > p.end || !is_error(icmp->type) || outer->ihl != 5 ||
	    outer->frag_off & bpf_htons(IP_OFFSET_MASK))
		return NO_FLOW;

	__u32 header = tunnel_header(outer, &p);
	struct iphdr *inner = (void *)outer + header;

	if (!header || (void *)(inner + 1) > p.end)
		return NO_FLOW;

	__u32 inner_header = inner->ihl * 4;
	__u32 *ports = (void *)inner + inner_header;

	if (inner->version != 4 || inner_header < sizeof(*inner) || (void *)(ports + 1) > p.end ||
	    inner->frag_off & bpf_htons(IP_OFFSET_MASK))
		return NO_FLOW;
	p.addresses = (__u64)inner->daddr << 32 | inner->saddr;
	p.transport = (__u64)inner->protocol << 32 | *ports;
	if (!find_neighbourhood(&p.key, &n) || !find_flow(&n, &p.key, now_in_ticks(), &control))
		return NO_FLOW;

	struct destination *d = find_destination(destination_of(control));

	if (!d || forwarding_of(control) != FORWARD_TUNNELLED || !is_tunnel_of(d, outer))
		return NO_FLOW;

	__u32 mtu = 0;
	__u8 type = icmp->type, code = icmp->code;
	int strip = (void *)inner - (void *)p.ip;

	if (fold(sum_bytes(ctx, sizeof(struct ethhdr) + p.header, p.length - p.header)) != 0xffff)
		return XDP_DROP;
	if (type == ICMP_DESTINATION_UNREACHABLE && code == ICMP_FRAGMENTATION_NEEDED) {
		mtu = bpf_ntohs(icmp->mtu);
		if (mtu < IP_MTU_MIN + header)
			return XDP_DROP;
		mtu -= header;
		if (mtu < d->mtu)
			d->mtu = mtu;
		if (!(inner->frag_off & bpf_htons(IP_DONT_FRAGMENT)))
			return XDP_DROP;
	}
	if (bpf_xdp_adjust_head(ctx, strip) ||
	    send_icmp(ctx, type, code, mtu, 0) == XDP_DROP)
		return XDP_DROP;

	int interface = aim(ctx, destination_of(control));

	return interface > 0 ? leave_by(ctx, interface) : XDP_DROP;
}
