/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Tunnels over IPv4 (ipvs-semantics 4.4): IPIP, GUE and GRE. The outer header takes after the
 * inner one, whose TTL is already decremented. */
#pragma once
#include "checksum.h"
#include "counters.h"

#define ECN_MASK 3
#define TUNNEL_MAX 32		/* bytes that the headers take at most */
#define GUE_PORT_FIRST 32768	/* Linux's ip_local_port_range */
#define GUE_PORTS 28232

struct gue_header {
	__u16 source;		/* UDP */
	__u16 dest;
	__u16 length;
	__u16 checksum;
	__u8 control;		/* version, control bit and length of options: all 0 */
	__u8 protocol;
	__u16 flags;
};

struct gre_header {
	__u16 flags;
	__u16 protocol;
	__u16 checksum;		/* these two only if GRE_CHECKSUM is set */
	__u16 reserved;
};

#define GRE_CHECKSUM bpf_htons(0x8000)
#define GRE_SHORT 4

/* Congestion experienced is for the inner header alone. */
static __always_inline __u8 outer_tos(__u8 tos)
{
	return (tos & ECN_MASK) == ECN_MASK ? tos & ~1 : tos;
}

/* Puts an outer header, and `between` bytes for the tunnel's own, before the packet; where these
 * begin, or 0 if there is no room. All pointers into the packet are void after this. */
static __always_inline void *push_outer(struct xdp_md *ctx, const struct packet *p,
					const struct destination *d, __u32 between,
					__u8 protocol)
{
	struct iphdr header = {
		.version = 4,
		.ihl = 5,
		.tos = outer_tos(p->ip->tos),
		.tot_len = bpf_htons(p->length + sizeof(header) + between),
		.frag_off = p->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT),
		.ttl = p->ip->ttl,
		.protocol = protocol,
		.saddr = d->source,
		.daddr = d->address,
	};

	if (!header.frag_off)
		header.id = bpf_get_prandom_u32();

	__u32 *words = (__u32 *)&header;

	header.check = ~fold((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
	if (bpf_xdp_adjust_head(ctx, -(int)(sizeof(header) + between)))
		return 0;

	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *outer = (void *)(eth + 1);

	if ((void *)(outer + 1) + between > (void *)(long)ctx->data_end)
		return 0;
	eth->h_proto = bpf_htons(ETH_P_IP);
	*outer = header;
	return outer + 1;
}

/* The sum of the inner packet. A header that carries its own checksum adds up to nothing, and
 * so does a whole TCP or UDP packet but for its pseudo header: no need to read the data. That a
 * checksum left to hardware will have been put in when the packet leaves makes no difference. */
static __always_inline __u64 sum_inner(struct xdp_md *ctx, const struct packet *p)
{
	void *header = p->transport_header;

	if (p->fragment == WHOLE && p->protocol != IPPROTO_SCTP && p->protocol != IPPROTO_ICMP &&
	    header + sizeof(struct udphdr) <= p->end &&
	    (p->protocol == IPPROTO_TCP || ((struct udphdr *)header)->check))
		return (__u16)~fold(sum_pseudo(p));
	return sum_bytes(ctx, sizeof(struct ethhdr), p->length);
}

static __always_inline int push_gue(struct xdp_md *ctx, const struct packet *p,
				    const struct destination *d)
{
	__u64 hash = (p->addresses ^ p->transport) * 0x9E3779B97F4A7C15ull >> 32;
	__u64 sum = d->tunnel_checksum ? sum_inner(ctx, p) : 0;
	struct gue_header header = {
		.source = bpf_htons(GUE_PORT_FIRST + (hash * GUE_PORTS >> 32)),
		.dest = d->tunnel_port,
		.length = bpf_htons(p->length + sizeof(header)),
		.protocol = IPPROTO_IPIP,
	};

	if (d->tunnel_checksum) {
		__u32 *words = (__u32 *)&header;

		sum += (__u64)words[0] + words[1] + words[2] + d->source + d->address +
		       bpf_htons(IPPROTO_UDP) + header.length;
		header.checksum = ~fold(sum);
		if (!header.checksum)
			header.checksum = 0xffff;
	}

	struct gue_header *at = push_outer(ctx, p, d, sizeof(header), IPPROTO_UDP);

	if (!at)
		return 0;
	*at = header;
	return 1;
}

static __always_inline int push_gre(struct xdp_md *ctx, const struct packet *p,
				    const struct destination *d)
{
	struct gre_header header = {.protocol = bpf_htons(ETH_P_IP)}, *at;

	if (d->tunnel_checksum != TUNNEL_CHECKSUM_FULL) {
		at = push_outer(ctx, p, d, GRE_SHORT, IPPROTO_GRE);
		if (!at)
			return 0;
		at->flags = header.flags;
		at->protocol = header.protocol;
		return 1;
	}
	header.flags = GRE_CHECKSUM;
	header.checksum = ~fold(sum_inner(ctx, p) + header.flags + header.protocol);
	at = push_outer(ctx, p, d, sizeof(header), IPPROTO_GRE);
	if (!at)
		return 0;
	*at = header;
	return 1;
}

/* Wraps the packet up for the server; 0 if there is no room for the headers. */
static __always_inline int encapsulate(struct xdp_md *ctx, const struct packet *p,
				       const struct destination *d)
{
	if (d->tunnel == TUNNEL_GUE)
		return push_gue(ctx, p, d);
	if (d->tunnel == TUNNEL_GRE)
		return push_gre(ctx, p, d);
	return !!push_outer(ctx, p, d, 0, IPPROTO_IPIP);
}
