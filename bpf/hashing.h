/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The hashes of IPVS's sh, dh and mh (ipvs-semantics 2.10, 2.14). dataplane/maglev.py and
 * dataplane/buckets.py fill the tables that they lead into. */
#pragma once
#include "layout.h"

#define MAGLEV_KEY 2654435761ull

static __always_inline __u32 bucket(__u32 x)
{
	return x * 0x61C88647u >> 24;
}

static __always_inline __u64 rotate(__u64 x, int by)
{
	return x << by | x >> (64 - by);
}

struct sip {
	__u64 v0, v1, v2, v3;
};

static __always_inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

/* SipHash-1-3 (Aumasson, Bernstein) of the four bytes of address + offset; its low 32 bits. */
static __always_inline __u32 maglev_hash(__u32 input, __u32 offset)
{
	__u64 message = 4ull << 56 | (__u32)(input + offset);
	struct sip s = {
		.v0 = 0x736f6d6570736575ull ^ MAGLEV_KEY,
		.v1 = 0x646f72616e646f6dull ^ MAGLEV_KEY,
		.v2 = 0x6c7967656e657261ull ^ MAGLEV_KEY,
		.v3 = 0x7465646279746573ull ^ MAGLEV_KEY,
	};

	s.v3 ^= message;
	sip_round(&s);
	s.v0 ^= message;
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
