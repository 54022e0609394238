/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Internet checksums, and how to know one that was never computed. */
#pragma once
#include "parse.h"

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

#define SUM_MAX 560	/* an ICMP error without its IP header, rounded up */

/* The sum of `length` bytes, at most SUM_MAX, at an offset into the frame. Not static: the
 * verifier looks at such a function once, not at each call. */
__noinline __u64 sum_bytes(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	void *at = (void *)(long)ctx->data + (offset & 0xff);
	void *end = (void *)(long)ctx->data_end;
	__u64 sum = 0;

	for (int i = 0; i < SUM_MAX / 2; i++) {
		if (length < 2 || at + 2 > end)
			break;
		sum += *(__u16 *)at;
		at += 2;
		length -= 2;
	}
	if (length == 1 && at + 1 <= end)
		sum += *(__u8 *)at;
	return sum;
}

/* A veth or a bridge hands on packets whose sender left the TCP or UDP checksum to hardware: the
 * field holds only the sum of the pseudo header, and in native mode the mark that says so is
 * lost. Such a packet would be thrown away by the real server. By chance one valid packet in
 * 65536 looks the same; short ones (every SYN) are therefore added up. */
static __always_inline int checksum_is_missing(struct xdp_md *ctx, const struct packet *p)
{
	void *field = p->transport_header + (p->protocol == IPPROTO_TCP ? 16 : 6);
	__u32 header = p->ip->ihl * 4, length = p->length - header;
	__u64 pseudo = (p->addresses & 0xffffffff) + (p->addresses >> 32) +
		       bpf_htons(p->protocol) + bpf_htons(length);

	if (field + 2 > p->end || *(__u16 *)field != fold(pseudo))
		return 0;
	return length > 64 ||
	       fold(pseudo + sum_bytes(ctx, sizeof(struct ethhdr) + header, length)) != 0xffff;
}
