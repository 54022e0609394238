/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* IPv6 extension headers (RFC 8200, section 4), and what is behind them. */
#pragma once
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define EXTENSIONS 6		/* at most looked at in a packet; with more it is the kernel's */
#define OFFSET_MAX 0x7ff

/* A bound that the compiler must not leave out as known: a verifier that does not see why it
 * holds (Linux 6.1: after a byte swap, or a spill of 32 bits) wants to read it. */
static __always_inline __u32 bounded(__u32 value, __u32 mask)
{
	asm volatile("" : "+r"(value));
	return value & mask;
}

enum part { WHOLE, FIRST_FRAGMENT, LATER_FRAGMENT };

struct extension {
	__u8 next;
	__u8 length;		/* in eight bytes, without the first eight */
};

struct fragment_extension {
	__u8 next;
	__u8 reserved;
	__u16 offset;		/* in eight bytes << 3, and whether more follow */
	__u32 id;
};

static __always_inline int may_be_extended(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_FRAGMENT;
}

/* What find_transport() says. */
static __always_inline __u32 transport_offset(__u64 found) { return found & OFFSET_MAX; }
static __always_inline __u8 transport_protocol(__u64 found) { return found >> 16; }
static __always_inline __u8 transport_part(__u64 found) { return found >> 24; }
static __always_inline __u32 transport_fragment_id(__u64 found) { return found >> 32; }

/* Where, from the IPv6 header that is `start` bytes into the frame on, the transport header
 * begins, of which protocol it is, and which part of a fragmented packet it belongs to; 0 if there
 * is none. Not static, so that it is verified once. */
__noinline __u64 find_transport(struct xdp_md *ctx, __u32 start)
{
	void *end = (void *)(long)ctx->data_end;
	void *ip = (void *)(long)ctx->data + (start & OFFSET_MAX);
	__u32 offset = 40, part = WHOLE, id = 0;
	__u8 next;

	if (ip + 40 > end)
		return 0;
	next = ((__u8 *)ip)[6];
	for (int i = 0; i < EXTENSIONS && may_be_extended(next); i++) {
		struct extension *e = ip + bounded(offset, OFFSET_MAX);

		if ((void *)e + 8 > end)
			return 0;
		if (next == IPPROTO_FRAGMENT) {
			struct fragment_extension *f = (void *)e;

			id = f->id;
			part = f->offset & bpf_htons(0xfff8)   ? LATER_FRAGMENT :
			       f->offset & bpf_htons(1) ? FIRST_FRAGMENT : part;
			offset += 8;
		} else {
			offset += 8 * (e->length + 1);
		}
		next = e->next;
		if (part == LATER_FRAGMENT)
			break;
	}
	if (offset > OFFSET_MAX || (part != LATER_FRAGMENT && may_be_extended(next)))
		return 0;
	return (__u64)id << 32 | part << 24 | (__u32)next << 16 | offset;
}
