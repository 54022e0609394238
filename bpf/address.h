/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* IPv6 addresses as numbers. */
#pragma once
#include "maps.h"

/* A number for an address, after another one (or the secret seed): whoever does not know the seed
 * cannot choose addresses that come out the same. */
static __always_inline __u64 number_after(__u64 x, const union address *a)
{
	x = (x ^ a->half[0]) * 0x9E3779B97F4A7C15ull;
	x ^= x >> 32;
	x = (x ^ a->half[1]) * 0xD6E8FEB86659FD93ull;
	return x ^ x >> 29;
}

static __always_inline __u64 number_of(const union address *a)
{
	return number_after(live.hash_seed, a);
}

/* IPVS's schedulers hash the exclusive or of the four words. */
static __always_inline __u32 fold_address(const union address *a)
{
	__u64 x = a->half[0] ^ a->half[1];

	return x ^ x >> 32;
}

static __always_inline int same_address(const union address *a, const union address *b)
{
	return a->half[0] == b->half[0] && a->half[1] == b->half[1];
}
