/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* How SCTP's checksum (CRC32c, RFC 9260) changes with the ports, without reading the rest: the CRC
 * is linear, so what is added to it is that of the ports' change followed by zeros, and that many
 * zeros are a multiplication by a power of x. Bits are reflected, as in the CRC: x^0 is 1 << 31. */
#pragma once
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#define CRC32C_POLYNOMIAL 0x82f63b78

/* x^(8 * 2^k) modulo the polynomial: for 2^k bytes. */
static const __u32 powers[16] = {
	0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c,
	0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7,
	0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a,
	0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
};

/* The product modulo the polynomial. Not static, so that it is verified once. */
__noinline __u32 multiply(__u32 a, __u32 b)
{
	__u32 product = 0;

	for (int i = 0; i < 32; i++) {
		product ^= b & -(a >> 31);
		a <<= 1;
		b = b >> 1 ^ (CRC32C_POLYNOMIAL & -(b & 1));
	}
	return product;
}

/* What the checksum of a packet of `length` bytes (below 2^16) is to be XORed with when its first
 * four bytes are XORed with `change`; both as read from the packet by a little-endian machine. */
__noinline __u32 crc32c_change(__u32 change, __u32 length)
{
	for (int k = 0; k < 16; k++)
		if (length >> k & 1)
			change = multiply(change, powers[k]);
	return change;
}
