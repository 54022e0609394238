/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Addresses of either version of IP, and IPv6's as numbers. */
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

/* A version of IP that has just been found out. The compiler must not see that it is a constant, or
 * it would ask the packet again each time that it is looked at; the verifier, which must not take
 * one version for the other, would not know the answer. */
static __always_inline __u64 settled(__u64 version)
{
	asm volatile("" : "+r"(version));
	return version;
}

static __always_inline __u64 number_of(const union address *a)
{
	return number_after(live.hash_seed, a);
}

static __always_inline union address ipv4_address(__u32 ipv4)
{
	return (union address){.half = {ipv4}};
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
