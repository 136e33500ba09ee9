/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/vflink.h"
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* ---- making ---- */

struct message {
	uint8_t *bytes;
	size_t length;
};

static void put(struct message *message, const void *data, size_t size)
{
	memcpy(message->bytes + message->length, data, size);
	memset(message->bytes + message->length + size, 0, NLA_ALIGN(size) - size);
	message->length += NLA_ALIGN(size);
}

static size_t attribute_begin(struct message *message, uint16_t type)
{
	size_t at = message->length;
	struct nlattr attribute = {.nla_type = type};
	put(message, &attribute, sizeof(attribute));
	return at;
}

static void attribute_end(struct message *message, size_t at)
{
	uint16_t length = (uint16_t)(message->length - at);
	memcpy(message->bytes + at + offsetof(struct nlattr, nla_len), &length, sizeof(length));
}

static void attribute_put(struct message *message, uint16_t type, const void *data, size_t size)
{
	struct nlattr attribute = {.nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + size)};
	put(message, &attribute, sizeof(attribute));
	put(message, data, size);
}

static struct message message_begin(
	uint8_t bytes[PP_VFLINK_MAX], uint16_t type, uint16_t flags, int index, uint32_t number)
{
	struct message message = {.bytes = bytes};
	struct nlmsghdr header = {
		.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = number};
	struct ifinfomsg link = {.ifi_index = index};
	put(&message, &header, sizeof(header));
	put(&message, &link, sizeof(link));
	return message;
}

static size_t message_end(struct message *message)
{
	uint32_t length = (uint32_t)message->length;
	memcpy(message->bytes + offsetof(struct nlmsghdr, nlmsg_len), &length, sizeof(length));
	return message->length;
}

size_t pp_vflink_ask(uint8_t bytes[PP_VFLINK_MAX], int index, uint32_t number)
{
	struct message message = message_begin(bytes, RTM_GETLINK, 0, index, number);
	uint32_t filter = RTEXT_FILTER_VF;
	attribute_put(&message, IFLA_EXT_MASK, &filter, sizeof(filter));
	return message_end(&message);
}

static void put_what(struct message *message, unsigned function, enum pp_vflink_what what,
	const struct pp_function_state *state)
{
	struct ifla_vf_mac mac = {.vf = function};
	struct ifla_vf_vlan vlan = {.vf = function, .vlan = state->vlan, .qos = state->qos};
	struct ifla_vf_spoofchk spoof = {.vf = function, .setting = state->spoof != 0};
	struct ifla_vf_trust trust = {.vf = function, .setting = state->trust != 0};
	memcpy(mac.mac, state->mac, sizeof(state->mac));
	switch (what) {
	case PP_VFLINK_MAC:
		attribute_put(message, IFLA_VF_MAC, &mac, sizeof(mac));
		break;
	case PP_VFLINK_VLAN:
		attribute_put(message, IFLA_VF_VLAN, &vlan, sizeof(vlan));
		break;
	case PP_VFLINK_SPOOF:
		attribute_put(message, IFLA_VF_SPOOFCHK, &spoof, sizeof(spoof));
		break;
	default:
		attribute_put(message, IFLA_VF_TRUST, &trust, sizeof(trust));
	}
}

size_t pp_vflink_set(uint8_t bytes[PP_VFLINK_MAX], int index, uint32_t number, unsigned function,
	enum pp_vflink_what what, const struct pp_function_state *state)
{
	struct message message = message_begin(bytes, RTM_SETLINK, NLM_F_ACK, index, number);
	size_t list = attribute_begin(&message, IFLA_VFINFO_LIST);
	size_t info = attribute_begin(&message, IFLA_VF_INFO);
	put_what(&message, function, what, state);
	attribute_end(&message, info);
	attribute_end(&message, list);
	return message_end(&message);
}

bool pp_vflink_differs(enum pp_vflink_what what, const struct pp_function_state *a,
	const struct pp_function_state *b)
{
	switch (what) {
	case PP_VFLINK_MAC:
		return memcmp(a->mac, b->mac, sizeof(a->mac)) != 0;
	case PP_VFLINK_VLAN:
		return a->vlan != b->vlan || a->qos != b->qos;
	case PP_VFLINK_SPOOF:
		return a->spoof != b->spoof;
	default:
		return a->trust != b->trust;
	}
}

const char *pp_vflink_word(enum pp_vflink_what what)
{
	static const char *const words[] = {"MAC", "VLAN", "spoof check", "trust"};
	return words[what];
}

/* ---- reading ---- */

struct attributes {
	const uint8_t *at, *end;
};

/* The next one, of the kind that its header says; false at the end, and where it is cut short. */
static bool attribute_next(
	struct attributes *attributes, uint16_t *ret_type, struct attributes *ret_value)
{
	struct nlattr header;
	size_t left = (size_t)(attributes->end - attributes->at);
	if (left < sizeof(header))
		return false;
	memcpy(&header, attributes->at, sizeof(header));
	if (header.nla_len < sizeof(header) || header.nla_len > left)
		return false;
	*ret_type = header.nla_type & NLA_TYPE_MASK;
	*ret_value =
		(struct attributes){attributes->at + NLA_HDRLEN, attributes->at + header.nla_len};
	size_t step = NLA_ALIGN(header.nla_len);
	attributes->at += step < left ? step : left;
	return true;
}

static bool attribute_find(
	struct attributes attributes, uint16_t wanted, struct attributes *ret_value)
{
	uint16_t type;
	while (attribute_next(&attributes, &type, ret_value))
		if (type == wanted)
			return true;
	return false;
}

static bool value_take(const struct attributes *value, void *data, size_t size)
{
	if ((size_t)(value->end - value->at) < size)
		return false;
	memcpy(data, value->at, size);
	return true;
}

/* True where it is about FUNCTION, and has its MAC at least. */
static bool info_parse(
	struct attributes info, unsigned function, struct pp_function_state *ret_state)
{
	struct pp_function_state state = {0};
	struct attributes value;
	struct ifla_vf_mac mac;
	struct ifla_vf_vlan vlan;
	struct ifla_vf_spoofchk spoof;
	struct ifla_vf_trust trust;
	if (!attribute_find(info, IFLA_VF_MAC, &value) || !value_take(&value, &mac, sizeof(mac)) ||
		mac.vf != function)
		return false;
	memcpy(state.mac, mac.mac, sizeof(state.mac));
	if (attribute_find(info, IFLA_VF_VLAN, &value) && value_take(&value, &vlan, sizeof(vlan))) {
		state.vlan = vlan.vlan;
		state.qos = vlan.qos;
	}
	/* a driver that does not know these says all ones */
	if (attribute_find(info, IFLA_VF_SPOOFCHK, &value) &&
		value_take(&value, &spoof, sizeof(spoof)))
		state.spoof = spoof.setting == 1;
	if (attribute_find(info, IFLA_VF_TRUST, &value) &&
		value_take(&value, &trust, sizeof(trust)))
		state.trust = trust.setting == 1;
	*ret_state = state;
	return true;
}

/* The header, and what stands behind it. */
static int message_open(const uint8_t *bytes, size_t length, struct nlmsghdr *ret_header,
	struct attributes *ret_body)
{
	if (length < sizeof(*ret_header))
		return -EBADMSG;
	memcpy(ret_header, bytes, sizeof(*ret_header));
	if (ret_header->nlmsg_len < sizeof(*ret_header) || ret_header->nlmsg_len > length)
		return -EBADMSG;
	*ret_body = (struct attributes){bytes + sizeof(*ret_header), bytes + ret_header->nlmsg_len};
	return 0;
}

static int error_of(const struct attributes *body)
{
	int32_t code;
	if (!value_take(body, &code, sizeof(code)) || code > 0 || code < -4095)
		return -EBADMSG;
	return code;
}

int pp_vflink_parse(
	const uint8_t *bytes, size_t length, unsigned function, struct pp_function_state *ret_state)
{
	struct nlmsghdr header;
	struct attributes body, list, info;
	uint16_t type;
	int r = message_open(bytes, length, &header, &body);
	if (r < 0)
		return r;
	if (header.nlmsg_type == NLMSG_ERROR) {
		r = error_of(&body);
		return r < 0 ? r : -EBADMSG;
	}
	if (header.nlmsg_type != RTM_NEWLINK ||
		(size_t)(body.end - body.at) < NLMSG_ALIGN(sizeof(struct ifinfomsg)))
		return -EBADMSG;
	body.at += NLMSG_ALIGN(sizeof(struct ifinfomsg));
	if (!attribute_find(body, IFLA_VFINFO_LIST, &list))
		return -ENOENT;
	while (attribute_next(&list, &type, &info))
		if (type == IFLA_VF_INFO && info_parse(info, function, ret_state))
			return 0;
	return -ENOENT;
}

int pp_vflink_acknowledged(const uint8_t *bytes, size_t length)
{
	struct nlmsghdr header;
	struct attributes body;
	int r = message_open(bytes, length, &header, &body);
	if (r < 0)
		return r;
	return header.nlmsg_type == NLMSG_ERROR ? error_of(&body) : -EBADMSG;
}
