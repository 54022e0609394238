/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The same for IPv6, as Linux's icmp6_send does (RFC 4443): from the virtual address, quoting as much
 * as fits in the least MTU. */
#pragma once
#include "icmp_budget.h"

#define QUOTE6_MAX 1232		/* 1280 - IPv6 - ICMPv6 */
#define ICMP6_DESTINATION_UNREACHABLE 1
#define ICMP6_PACKET_TOO_BIG 2
#define ICMP6_TIME_EXCEEDED 3
#define ICMP6_PARAMETER_PROBLEM 4
#define ICMP6_PORT_UNREACHABLE 4

struct icmp6_error {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 mtu;
};

#define ICMP6_HEADROOM (sizeof(struct ip6) + sizeof(struct icmp6_error))

/* No errors to addresses that cannot be one host's (RFC 4443, 2.4 e.6): multicast, ::, ::1. */
static __always_inline int is_unicast6(const union address *a)
{
	return (a->word[0] & 0xff) != 0xff &&
	       (a->half[0] || a->word[2] || (a->word[3] & ~bpf_htonl(1)));
}

/* From the director's address towards a destination, or if that is NO_SOURCE from the address that
 * the packet was for. Not static, so that it is verified once. */
#define NO_SOURCE ~0u
__noinline int send_icmp6(struct xdp_md *ctx, __u8 type, __u8 code, __u32 mtu, __u32 destination)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct destination *d = bpf_map_lookup_elem(&destinations, &destination);
	struct ethhdr *eth = data, saved;
	struct ip6 *ip = data + sizeof(*eth);

	if ((void *)(ip + 1) > end || !is_unicast6(&ip->source))
		return XDP_DROP;

	union address client = ip->source, director = d ? d->source : ip->target;
	__u32 quoted = sizeof(*ip) + bpf_ntohs(ip->payload);

	if (!may_send_icmp()) {
		count_event(EVENT_ICMP_SUPPRESSED);
		return XDP_DROP;
	}
	if (quoted > QUOTE6_MAX)
		quoted = QUOTE6_MAX;
	if (quoted > end - (void *)ip)
		quoted = end - (void *)ip;	/* itself a quotation, cut off */
	saved = *eth;
	if (bpf_xdp_adjust_tail(ctx, (int)(sizeof(*eth) + quoted) - (int)(end - data)) ||
	    bpf_xdp_adjust_head(ctx, -(int)ICMP6_HEADROOM))
		return XDP_DROP;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	ip = data + sizeof(*eth);
	struct icmp6_error *icmp = (void *)(ip + 1);

	if ((void *)(icmp + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, saved.h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, saved.h_dest, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	ip->traffic = bpf_htonl(6u << 28);
	ip->payload = bpf_htons(sizeof(*icmp) + quoted);
	ip->next = IPPROTO_ICMPV6;
	ip->hop_limit = 64;
	ip->source = director;
	ip->target = client;
	*icmp = (struct icmp6_error){.type = type, .code = code, .mtu = bpf_htonl(mtu)};

	__u64 sum = sum_bytes(ctx, sizeof(*eth) + sizeof(*ip), sizeof(*icmp) + quoted);

	sum += sum_address(&director) + sum_address(&client) +
	       bpf_htons(sizeof(*icmp) + quoted) + bpf_htons(IPPROTO_ICMPV6);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	icmp = data + sizeof(*eth) + sizeof(*ip);
	if ((void *)(icmp + 1) > end)
		return XDP_DROP;
	icmp->checksum = ~fold(sum);
	count_event(EVENT_ICMP_SENT);
	return send_back(ctx);
}
