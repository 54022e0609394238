/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Connections that another director told of, entered by user space beside running packets. */
#pragma once
#include "forward.h"
#include "room.h"

enum { ENTER_DONE, ENTER_IGNORED, ENTER_AGAIN };

/* As try_packet() enters a flow, but in the state and for the time that was told; an entry that is
 * there is brought up to date. Not static, so that it is verified once. */
__noinline int enter_one(__u32 index)
{
	struct newcomer *told = bpf_map_lookup_elem(&newcomers, &index);
	struct key key = {};
	struct neighbourhood n;
	struct flow *slot;
	__u64 control = 0, wanted;
	__u32 now = now_in_ticks(), room;

	if (!told || !find_destination(destination_of(told->control)))
		return ENTER_IGNORED;
	key.transport = told->transport;
	if (told->version == IPV6) {
		key.version = settled(IPV6);
		key.client = &told->client;
		key.virtual_address = &told->virtual_address;
		key.addresses = number_after(number_of(key.virtual_address), key.client);
	} else {
		key.version = settled(IPV4);
		key.addresses = (__u64)told->virtual_address.ipv4 << 32 | told->client.ipv4;
	}
	wanted = told->control + now;	/* user space gives the time left */
	if (!find_neighbourhood(&key, &n))
		return ENTER_IGNORED;
	slot = find_flow(&n, &key, now, &control);
	if (slot) {
		/* To another server only if that one is the active one (ipvs-semantics 4.10). */
		if (destination_of(control) != destination_of(wanted) &&
		    !active_connection[state_of(wanted)])
			return ENTER_IGNORED;
		if (!claim(slot, control))
			return ENTER_AGAIN;
	} else {
		room = find_room(&n, key.version, now);
		if (room >= NO_ROOM)
			return ENTER_IGNORED;
		slot = flow_in_room(&n, key.version, room);
		control = load(slot->control);
		if (reluctance(control, now))
			return ENTER_IGNORED;	/* nobody is displaced for a newcomer */
		if (!claim(slot, control))
			return ENTER_AGAIN;
	}
	if (is_template(wanted)) {
		slot->timeout = told->timeout;
		count_template(destination_of(wanted), 1);
	} else {
		bind(load_of(destination_of(wanted)), active_connection[state_of(wanted)]);
	}
	publish(slot, &key, wanted);
	settle(&n, slot, wanted, &key, now);
	return ENTER_DONE;
}

static long enter_step(__u32 i, struct entering *e)
{
	int result = ENTER_AGAIN;

	for (int k = 0; k < ATTEMPTS && result == ENTER_AGAIN; k++)
		result = enter_one(i);
	e->entered += result == ENTER_DONE;
	return 0;
}

SEC("syscall")
int enter(struct entering *e)
{
	struct entering here = *e;

	here.entered = 0;
	bpf_loop(here.count, enter_step, &here, 0);
	*e = here;
	return 0;
}
