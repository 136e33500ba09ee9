/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/node_devlink.h"
#include "base/cleanup.h"
#include <linux/devlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define MESSAGE_SIZE 8192

struct message {
	_Alignas(struct nlmsghdr) uint8_t bytes[MESSAGE_SIZE];
	size_t length;
};

static void begin(struct message *message, uint16_t family, uint8_t command)
{
	const struct nlmsghdr head = {.nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST};
	const struct genlmsghdr generic = {.cmd = command, .version = 1};
	memset(message->bytes, 0, 256);
	memcpy(message->bytes, &head, sizeof(head));
	memcpy(message->bytes + NLMSG_HDRLEN, &generic, sizeof(generic));
	message->length = NLMSG_HDRLEN + GENL_HDRLEN;
}

static void add_text(struct message *message, uint16_t type, const char *text)
{
	size_t size = strlen(text) + 1;
	const struct nlattr head = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};
	memcpy(message->bytes + message->length, &head, sizeof(head));
	memcpy(message->bytes + message->length + NLA_HDRLEN, text, size);
	message->length += NLA_ALIGN(NLA_HDRLEN + size);
}

/* The 16 bits of an attribute of the answer; -1 where it has none, or is an error. */
static int find_u16(const struct message *message, uint16_t type)
{
	struct nlmsghdr head;
	if (message->length < sizeof(head))
		return -1;
	memcpy(&head, message->bytes, sizeof(head));
	if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_len > message->length)
		return -1;
	for (size_t at = NLMSG_HDRLEN + GENL_HDRLEN; at + NLA_HDRLEN <= head.nlmsg_len;) {
		struct nlattr attribute;
		uint16_t value;
		memcpy(&attribute, message->bytes + at, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > head.nlmsg_len - at)
			return -1;
		if ((attribute.nla_type & NLA_TYPE_MASK) == type &&
			attribute.nla_len >= NLA_HDRLEN + sizeof(value)) {
			memcpy(&value, message->bytes + at + NLA_HDRLEN, sizeof(value));
			return value;
		}
		at += NLA_ALIGN(attribute.nla_len);
	}
	return -1;
}

static int ask(int fd, struct message *message, uint16_t wanted)
{
	uint32_t length = (uint32_t)message->length;
	memcpy(message->bytes, &length, sizeof(length));
	if (send(fd, message->bytes, message->length, 0) < 0)
		return -1;
	ssize_t n = recv(fd, message->bytes, sizeof(message->bytes), 0);
	message->length = n > 0 ? (size_t)n : 0;
	return find_u16(message, wanted);
}

bool pp_devlink_is_switchdev(const char *address)
{
	struct message message;
	const struct timeval second = {.tv_sec = 1};
	if (strlen(address) > 64)
		return false;
	PP_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0)
		return false;
	begin(&message, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	add_text(&message, CTRL_ATTR_FAMILY_NAME, DEVLINK_GENL_NAME);
	int family = ask(fd, &message, CTRL_ATTR_FAMILY_ID);
	if (family < 0)
		return false;
	begin(&message, (uint16_t)family, DEVLINK_CMD_ESWITCH_GET);
	add_text(&message, DEVLINK_ATTR_BUS_NAME, "pci");
	add_text(&message, DEVLINK_ATTR_DEV_NAME, address);
	return ask(fd, &message, DEVLINK_ATTR_ESWITCH_MODE) == DEVLINK_ESWITCH_MODE_SWITCHDEV;
}
