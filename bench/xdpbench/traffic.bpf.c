// SPDX-License-Identifier: GPL-2.0
// Both ends of a forwarding bench: `generate` makes each live frame of BPF_PROG_TEST_RUN a packet of
// the next flow and sends it, `sink` counts what arrives and drops it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct source {
	__u8 template[64];	/* an Ethernet frame with IPv4 and TCP; source and checksum are set */
	__u32 mask;		/* flows - 1, a power of two */
	__u32 sum;		/* of the IP header's words but for the source and the checksum */
	__u64 next;
	__u64 arrived;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct source);
} sources SEC(".maps");

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	struct source *s = bpf_map_lookup_elem(&sources, &zero);

	if (!s || data + 64 > end)
		return XDP_ABORTED;
	__builtin_memcpy(data, s->template, 64);

	__u32 flow = s->next++ & s->mask;
	__u32 address = bpf_htonl(0x0a400000u + (flow >> 14));	/* 10.64.0.0 and up */
	__u32 sum = s->sum + (address & 0xffff) + (address >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*(__u16 *)(data + 24) = ~sum;
	*(__u32 *)(data + 26) = address;
	*(__u16 *)(data + 34) = bpf_htons(16384 + (flow & 16383));
	return XDP_TX;
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct source *s = bpf_map_lookup_elem(&sources, &zero);

	if (s)
		s->arrived++;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
