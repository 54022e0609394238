/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Tunnels (ipvs-semantics 4.4): IPIP, GUE and GRE, over and of either version of IP. The outer
 * header takes after the inner one, whose TTL is already decremented. */
#pragma once
#include "checksum.h"
#include "counters.h"
#include "ip.h"

#define ECN_MASK 3
#define TUNNEL_MAX 32		/* bytes that the headers take at most */
#define TUNNEL6_MAX 52
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

/* What is in the tunnel, by IP's number for it. */
static __always_inline __u8 inner_protocol(const struct packet *p)
{
	return p->version == IPV6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

/* Makes room for `length` bytes between the Ethernet header, which is to be written anew, and the
 * packet; where they begin, or 0. All pointers into the packet are void after this. */
static __always_inline void *push(struct xdp_md *ctx, __u32 length, __u16 ethertype)
{
	if (bpf_xdp_adjust_head(ctx, -(int)length))
		return 0;

	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) + length > (void *)(long)ctx->data_end)
		return 0;
	eth->h_proto = ethertype;
	return eth + 1;
}

static __always_inline void *push_outer4(struct xdp_md *ctx, const struct packet *p,
					 const struct destination *d, __u32 between,
					 __u8 protocol)
{
	struct iphdr *outer, header = {
		.version = 4,
		.ihl = 5,
		.tos = outer_tos(tos_of(p)),
		.tot_len = bpf_htons(p->length + sizeof(header) + between),
		.frag_off = p->version == IPV6 ? 0 : p->ip->frag_off & bpf_htons(IP_DONT_FRAGMENT),
		.ttl = ttl_of(p),
		.protocol = protocol,
		.saddr = d->source.ipv4,
		.daddr = d->address.ipv4,
	};

	if (!header.frag_off)
		header.id = bpf_get_prandom_u32();

	__u32 *words = (__u32 *)&header;

	header.check = ~fold((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
	outer = push(ctx, sizeof(header) + between, bpf_htons(ETH_P_IP));
	if (!outer)
		return 0;
	*outer = header;
	return outer + 1;
}

static __always_inline void *push_outer6(struct xdp_md *ctx, const struct packet *p,
					 const struct destination *d, __u32 between,
					 __u8 protocol)
{
	__u32 traffic = bpf_htonl(6u << 28 | (__u32)outer_tos(tos_of(p)) << 20);
	__u16 payload = bpf_htons(p->length + between);
	__u8 hop_limit = ttl_of(p);
	struct ip6 *outer = push(ctx, sizeof(*outer) + between, bpf_htons(ETH_P_IPV6));

	if (!outer)
		return 0;
	outer->traffic = traffic;
	outer->payload = payload;
	outer->next = protocol;
	outer->hop_limit = hop_limit;
	outer->source = d->source;
	outer->target = d->address;
	return outer + 1;
}

/* Puts an outer header, and `between` bytes for the tunnel's own, before the packet; where these
 * begin, or 0 if there is no room. */
static __always_inline void *push_outer(struct xdp_md *ctx, const struct packet *p,
					const struct destination *d, __u32 between,
					__u8 protocol)
{
	return d->version == IPV6 ? push_outer6(ctx, p, d, between, protocol)
				  : push_outer4(ctx, p, d, between, protocol);
}

static __always_inline __u64 sum_header6(const struct ip6 *ip)
{
	return (__u64)ip->traffic + *(__u32 *)&ip->payload + sum_address(&ip->source) +
	       sum_address(&ip->target);
}

/* The sum of the inner packet. A header that carries its own checksum adds up to nothing, and
 * so does a whole TCP or UDP packet but for its pseudo header: no need to read the data. That a
 * checksum left to hardware will have been put in when the packet leaves makes no difference. */
static __always_inline __u64 sum_inner(struct xdp_md *ctx, const struct packet *p)
{
	void *header = p->transport_header;

	if (p->fragment == WHOLE && header + sizeof(struct udphdr) <= p->end &&
	    (p->protocol == IPPROTO_TCP ||
	     (p->protocol == IPPROTO_UDP && ((struct udphdr *)header)->check)) &&
	    (p->version != IPV6 || p->header == sizeof(struct ip6)))
		return (__u16)~fold(sum_pseudo(p)) +
		       (p->version == IPV6 ? sum_header6(p->ip6) : 0);
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
		.protocol = inner_protocol(p),
	};

	if (d->tunnel_checksum) {
		__u32 *words = (__u32 *)&header;

		sum += (__u64)words[0] + words[1] + words[2] + sum_address(&d->source) +
		       sum_address(&d->address) + bpf_htons(IPPROTO_UDP) + header.length;
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
	struct gre_header header = {.protocol = p->eth->h_proto}, *at;

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
	return !!push_outer(ctx, p, d, 0, inner_protocol(p));
}

/* The same for IPIP of one version in the same. */
static __always_inline int push_plain(struct xdp_md *ctx, const struct packet *p,
				      const struct destination *d)
{
	if (p->version == IPV6)
		return !!push_outer6(ctx, p, d, 0, IPPROTO_IPV6);
	return !!push_outer4(ctx, p, d, 0, IPPROTO_IPIP);
}
