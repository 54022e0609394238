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

#define SUMMAND 32		/* bytes a step */
#define SUM_MAX 0x7fff		/* bytes; frames are shorter, unless GRO merged them */

struct summation {
	struct xdp_md *ctx;
	__u32 offset;
	__u32 unused;
	__u64 sum;
};

static long sum_step(__u32 i, struct summation *s)
{
	void *at = (void *)(long)s->ctx->data + (s->offset & SUM_MAX);
	__u32 *words = at;

	if (at + SUMMAND > (void *)(long)s->ctx->data_end)
		return 1;
#pragma unroll
	for (int k = 0; k < SUMMAND / 4; k++)
		s->sum += words[k];
	s->offset += SUMMAND;
	return 0;
}

/* The sum of `length` bytes at an offset into the frame, both at most SUM_MAX. Not static: the
 * verifier looks at such a function once, not at each call. */
__noinline __u64 sum_bytes(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	struct summation s = {.ctx = ctx, .offset = offset};

	bpf_loop(length / SUMMAND, sum_step, &s, 0);
	length %= SUMMAND;

	void *at = (void *)(long)ctx->data + (s.offset & SUM_MAX);
	void *end = (void *)(long)ctx->data_end;

	for (int i = 0; i < SUMMAND / 2; i++) {
		if (length < 2 || at + 2 > end)
			break;
		s.sum += *(__u16 *)at;
		at += 2;
		length -= 2;
	}
	if (length == 1 && at + 1 <= end)
		s.sum += *(__u8 *)at;
	return s.sum;
}

static __always_inline __u64 sum_address(const union address *a)
{
	return (__u64)a->word[0] + a->word[1] + a->word[2] + a->word[3];
}

/* The sum of the pseudo header that TCP's and UDP's checksums cover, of the packet as it is now. */
static __always_inline __u64 sum_pseudo(const struct packet *p)
{
	__u64 rest = (__u64)bpf_htons(p->protocol) + bpf_htons(p->length - p->header);

	if (p->version == IPV6)
		return sum_address(&p->ip6->source) + sum_address(&p->ip6->target) + rest;
	return (__u64)p->ip->saddr + p->ip->daddr + rest;
}

/* Senders on the same machine leave the TCP or UDP checksum to hardware: until then the field
 * holds only the sum of the pseudo header. By chance one complete checksum in 65536 looks the
 * same; the packet is therefore added up, unless GRO merged it, which leaves checksums so. */
static __always_inline int checksum_is_missing(struct xdp_md *ctx, const struct packet *p)
{
	void *field = p->transport_header + (p->protocol == IPPROTO_TCP ? 16 : 6);
	__u64 pseudo = sum_pseudo(p);

	if (p->protocol == IPPROTO_SCTP || p->fragment || field + 2 > p->end ||
	    *(__u16 *)field != fold(pseudo))
		return 0;
	if (p->mtu && p->length > p->mtu)
		return 1;
	return fold(pseudo + sum_bytes(ctx, sizeof(struct ethhdr) + p->header,
				       p->length - p->header)) != 0xffff;
}
