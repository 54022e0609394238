/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* ICMP errors that the program itself sends, as Linux's icmp_send does (RFC 1122, 1812): from the
 * virtual address, up to 576 bytes, ToS with internetwork control precedence, back to the MAC
 * address that the packet came from. */
#pragma once
#include "icmp_budget.h"

#define QUOTE_MAX 548		/* 576 - IP - ICMP */
#define ICMP_DESTINATION_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PORT_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4

/* Not from <linux/icmp.h>, which brings in headers of the C library. */
struct icmp_error {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u16 unused;
	__u16 mtu;
};

#define ICMP_HEADROOM (sizeof(struct iphdr) + sizeof(struct icmp_error))

/* No errors to addresses that cannot be one host's. */
static __always_inline int is_unicast(__u32 address)
{
	__u8 net = address & 0xff;

	return net && net != 127 && net < 224;
}

/* From `source`, or if that is 0 from the address that the packet was for. Not static, so that
 * it is verified once. */
__noinline int send_icmp(struct xdp_md *ctx, __u8 type, __u8 code, __u32 mtu, __u32 source)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data, saved;
	struct iphdr *ip = data + sizeof(*eth);

	if ((void *)(ip + 1) > end)
		return XDP_DROP;

	__u32 client = ip->saddr, director = source ? source : ip->daddr;
	__u32 quoted = bpf_ntohs(ip->tot_len);
	__u8 tos = (ip->tos & 0x1e) | 0xc0;

	if (!is_unicast(client))
		return XDP_DROP;
	if (!may_send_icmp()) {
		count_event(EVENT_ICMP_SUPPRESSED);
		return XDP_DROP;
	}
	if (quoted > QUOTE_MAX)
		quoted = QUOTE_MAX;
	if (quoted > end - (void *)ip)
		quoted = end - (void *)ip;	/* itself a quotation, cut off */
	saved = *eth;
	if (bpf_xdp_adjust_tail(ctx, (int)(sizeof(*eth) + quoted) - (int)(end - data)) ||
	    bpf_xdp_adjust_head(ctx, -(int)ICMP_HEADROOM))
		return XDP_DROP;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	ip = data + sizeof(*eth);
	struct icmp_error *icmp = (void *)(ip + 1);

	if ((void *)(icmp + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, saved.h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, saved.h_dest, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tos = tos,
		.tot_len = bpf_htons(ICMP_HEADROOM + quoted),
		.id = bpf_get_prandom_u32(),
		.ttl = 64,
		.protocol = IPPROTO_ICMP,
		.saddr = director,
		.daddr = client,
	};
	*icmp = (struct icmp_error){.type = type, .code = code, .mtu = bpf_htons(mtu)};

	__u64 sum = sum_bytes(ctx, sizeof(*eth), sizeof(*ip));

	ip->check = ~fold(sum);
	sum = sum_bytes(ctx, sizeof(*eth) + sizeof(*ip), sizeof(*icmp) + quoted);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	icmp = data + sizeof(*eth) + sizeof(*ip);
	if ((void *)(icmp + 1) > end)
		return XDP_DROP;
	icmp->checksum = ~fold(sum);
	count_event(EVENT_ICMP_SENT);
	return send_back(ctx);
}
