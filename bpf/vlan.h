/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* VLAN tags, one or two (IEEE 802.1Q, 802.1ad), that the interface leaves in the frame. They are
 * taken off, so that nothing else need know of them, and put back before the frame leaves. */
#pragma once
#include "parse.h"

struct tag {
	__u16 type;
	__u16 control;
};

static __always_inline int is_tag(__u16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* The tags as one number, 0 if there are none; they are off the frame then. */
static __noinline __u64 take_tags(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 addresses[2 * ETH_ALEN];
	struct tag *tag = data + sizeof(addresses);
	int two;

	/* The type that follows is in the place of a third tag's. */
	if ((void *)(tag + 3) > end || !is_tag(tag[0].type))
		return 0;
	two = is_tag(tag[1].type);

	struct tag first = tag[0], second = tag[1];

	if (!two)
		second = (struct tag){};
	__builtin_memcpy(addresses, data, sizeof(addresses));
	if (bpf_xdp_adjust_head(ctx, two ? 2 * sizeof(*tag) : sizeof(*tag)))
		return 0;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(addresses) > end)
		return 0;
	__builtin_memcpy(data, addresses, sizeof(addresses));
	return (__u64)second.control << 48 | (__u64)second.type << 32 |
	       (__u32)first.control << 16 | first.type;
}

/* Puts them back. False when they cannot be. */
static __noinline int put_tags(struct xdp_md *ctx, __u64 tags)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 addresses[2 * ETH_ALEN];
	__u32 *tag;

	if (data + sizeof(addresses) > end)
		return 0;
	__builtin_memcpy(addresses, data, sizeof(addresses));
	if (bpf_xdp_adjust_head(ctx, tags >> 32 ? -2 * (int)sizeof(*tag) : -(int)sizeof(*tag)))
		return 0;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	tag = data + sizeof(addresses);
	if ((void *)(tag + 2) > end)
		return 0;
	__builtin_memcpy(data, addresses, sizeof(addresses));
	tag[0] = tags;
	if (tags >> 32)
		tag[1] = tags >> 32;
	return 1;
}
