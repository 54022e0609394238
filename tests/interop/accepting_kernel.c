/* Loaded into the real ipvsadm in front of libnl: a kernel whose IPVS accepts every change and
 * holds nothing. What is sent to it is written to descriptor 9, a line of hex digits a request.
 */

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

struct nl_sock;
struct nl_msg;

struct nlmsghdr {
	uint32_t length;
	uint16_t type;
	uint16_t flags;
	uint32_t sequence;
	uint32_t port;
	uint8_t command;
};

struct nlmsghdr *nlmsg_hdr(struct nl_msg *);
struct nl_msg *nlmsg_alloc(void);
void nlmsg_free(struct nl_msg *);
void *genlmsg_put(struct nl_msg *, uint32_t, uint32_t, int, int, int, uint8_t, uint8_t);
int nla_put(struct nl_msg *, int, int, const void *);

typedef int callback(struct nl_msg *, void *);

enum { FAMILY = 30, VALID = 0, GET_CONFIG = 13, SET_CONFIG = 12, GET_INFO = 15, SET_INFO = 14 };

static callback *receive;
static void *argument;
static int asked;

int genl_connect(struct nl_sock *socket)
{
	return 0;
}

int genl_ctrl_resolve(struct nl_sock *socket, const char *name)
{
	return FAMILY;
}

int nl_socket_modify_cb(struct nl_sock *socket, int type, int kind, callback *called, void *with)
{
	if (type == VALID) {
		receive = called;
		argument = with;
	}
	return 0;
}

int nl_socket_modify_err_cb(struct nl_sock *socket, int kind, void *called, void *with)
{
	return 0;
}

int nl_send_auto_complete(struct nl_sock *socket, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);

	asked = header->command;
	for (uint8_t *byte = &header->command; byte < (uint8_t *)header + header->length; byte++)
		dprintf(9, "%02x", *byte);
	dprintf(9, "\n");
	return header->length;
}

int nl_recvmsgs_default(struct nl_sock *socket)
{
	static const uint32_t info[] = { 0x010201, 4096 }, timeouts[] = { 900, 120, 300 };
	struct nl_msg *message;

	if (!receive || (asked != GET_INFO && asked != GET_CONFIG))
		return 0;
	message = nlmsg_alloc();
	if (asked == GET_INFO) {
		genlmsg_put(message, 0, 0, FAMILY, 0, 0, SET_INFO, 1);
		for (int i = 0; i < 2; i++)
			nla_put(message, 1 + i, 4, &info[i]);
	} else {
		genlmsg_put(message, 0, 0, FAMILY, 0, 0, SET_CONFIG, 1);
		for (int i = 0; i < 3; i++)
			nla_put(message, 4 + i, 4, &timeouts[i]);
	}
	receive(message, argument);
	nlmsg_free(message);
	return 0;
}
