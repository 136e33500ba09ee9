/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/config.h"
#include "base/cleanup.h"
#include <string.h>

enum {
	STATUS_LIST = 0x10, /* status: there is a capability list */
	CAP_PM = 0x01,
	CAP_MSI = 0x05,
	CAP_EXPRESS = 0x10,
	CAP_MSIX = 0x11,
	CAP_AF = 0x13,
	EXT_AER = 0x01,
	EXT_DSN = 0x03,
	EXT_ACS = 0x0d,
	EXT_ARI = 0x0e,
	EXT_SRIOV = 0x10,
	EXT_REBAR = 0x15,
	EXPRESS_RC_ENDPOINT = 9,
	EXPRESS_RC_COLLECTOR = 10,
};

struct walk {
	const struct pp_config_source *source;
	uint8_t header[PP_CONFIG_HEADER];
	struct pp_config *config;
};

ssize_t pp_config_bytes_read(void *data, unsigned offset, void *bytes, size_t size)
{
	const struct pp_config_bytes *memory = data;
	if (offset >= memory->length)
		return 0;
	if (size > memory->length - offset)
		size = memory->length - offset;
	memcpy(bytes, memory->bytes + offset, size);
	return (ssize_t)size;
}

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
	return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

/* All SIZE bytes or nothing. */
static bool fetch(const struct walk *walk, unsigned offset, uint8_t *bytes, size_t size)
{
	if (offset + size > PP_CONFIG_EXTENDED)
		return false;
	return walk->source->read(walk->source->data, offset, bytes, size) == (ssize_t)size;
}

static bool all_ones(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != 0xff)
			return false;
	return true;
}

static void parse_header(struct walk *walk)
{
	struct pp_config *config = walk->config;
	const uint8_t *header = walk->header;
	config->vendor = get16(header);
	config->product = get16(header + 2);
	config->revision = header[8];
	config->class_code = get32(header + 8) >> 8;
	config->multifunction = header[0x0e] & 0x80;
	unsigned type = header[0x0e] & 0x7f;
	config->header = type <= PP_HEADER_CARDBUS ? (enum pp_header)type : PP_HEADER_UNKNOWN;

	struct pp_capabilities *capabilities = &config->capabilities;
	capabilities->interrupt_pin = header[0x3d];
	if (config->header == PP_HEADER_BRIDGE || config->header == PP_HEADER_CARDBUS) {
		capabilities->secondary = header[0x19];
		capabilities->subordinate = header[0x1a];
	}
}

static bool parse_express(struct walk *walk, unsigned at)
{
	uint8_t bytes[0x14];
	struct pp_capabilities *capabilities = &walk->config->capabilities;
	capabilities->express = (uint16_t)at;
	if (!fetch(walk, at, bytes, 8))
		return false;
	capabilities->express_type = (uint8_t)(get16(bytes + 2) >> 4 & 0xf);
	capabilities->flr = get32(bytes + 4) >> 28 & 1;
	if (capabilities->express_type == EXPRESS_RC_ENDPOINT ||
		capabilities->express_type == EXPRESS_RC_COLLECTOR)
		return true;
	if (!fetch(walk, at, bytes, sizeof(bytes)))
		return false;
	uint32_t link = get32(bytes + 0x0c);
	uint16_t status = get16(bytes + 0x12);
	capabilities->link = true;
	capabilities->link_cap_speed = link & 0xf;
	capabilities->link_cap_width = link >> 4 & 0x3f;
	capabilities->link_port = link >> 24;
	capabilities->link_speed = status & 0xf;
	capabilities->link_width = status >> 4 & 0x3f;
	return true;
}

static bool parse_power(struct walk *walk, unsigned at)
{
	uint8_t bytes[2];
	walk->config->capabilities.pm = (uint16_t)at;
	if (!fetch(walk, at + 4, bytes, sizeof(bytes)))
		return false;
	walk->config->capabilities.pm_no_soft_reset = bytes[0] & 0x08;
	return true;
}

static bool parse_af(struct walk *walk, unsigned at)
{
	uint8_t bytes[1];
	if (!fetch(walk, at + 3, bytes, sizeof(bytes)))
		return false;
	/* both transactions pending and function level reset, as the kernel asks for */
	walk->config->capabilities.af_flr = (bytes[0] & 3) == 3;
	return true;
}

/* HEAD: id, next and the 16 bits behind them. Of several of one kind the first counts, as for the
 * kernel. */
static bool parse_capability(struct walk *walk, unsigned at, const uint8_t head[4])
{
	struct pp_capabilities *capabilities = &walk->config->capabilities;
	switch (head[0]) {
	case CAP_PM:
		return capabilities->pm || parse_power(walk, at);
	case CAP_MSI:
		if (!capabilities->msi)
			capabilities->msi = (uint16_t)at;
		return true;
	case CAP_MSIX:
		if (capabilities->msix)
			return true;
		capabilities->msix = (uint16_t)at;
		capabilities->msix_vectors = (get16(head + 2) & 0x7ffu) + 1;
		return true;
	case CAP_EXPRESS:
		return capabilities->express || parse_express(walk, at);
	case CAP_AF:
		return parse_af(walk, at);
	default:
		return true;
	}
}

static void walk_list(struct walk *walk)
{
	bool seen[PP_CONFIG_CONVENTIONAL / 4] = {false};
	unsigned start = walk->config->header == PP_HEADER_CARDBUS ? 0x14 : 0x34;
	unsigned at = walk->header[start] & 0xfcu;
	while (at >= PP_CONFIG_HEADER && !seen[at / 4]) {
		uint8_t head[4];
		seen[at / 4] = true;
		bool there = fetch(walk, at, head, sizeof(head));
		if (there)
			walk->config->capabilities.read = true;
		if (!there || (head[0] != 0xff && !parse_capability(walk, at, head))) {
			uint8_t first[1];
			walk->config->cut = true;
			walk->config->header_only = !fetch(walk, PP_CONFIG_HEADER, first, 1);
			return;
		}
		if (head[0] == 0xff)
			return;
		at = head[1] & 0xfcu;
	}
}

/* One to six pairs of registers, a BAR each: sizes from bit 4 on; which BAR, how many, the size
 * now. */
static bool parse_rebar(struct walk *walk, unsigned at)
{
	struct pp_rebar *rebars = walk->config->rebars;
	unsigned count = 1;
	for (unsigned i = 0; i < count; i++) {
		uint8_t bytes[8];
		if (!fetch(walk, at + 4 + 8 * i, bytes, sizeof(bytes)))
			return false;
		uint32_t supported = get32(bytes), control = get32(bytes + 4);
		unsigned bar = control & 7;
		if (i == 0)
			count = control >> 5 & 7;
		if (bar >= PP_COUNT(walk->config->rebars))
			return true;
		rebars[bar].sizes = supported >> 4 | (uint64_t)(control >> 16) << 28;
		rebars[bar].current = control >> 8 & 0x3f;
	}
	return true;
}

static bool parse_extended(struct walk *walk, unsigned id, uint16_t at)
{
	uint8_t bytes[8];
	struct pp_capabilities *capabilities = &walk->config->capabilities;
	const struct {
		unsigned id;
		uint16_t *offset;
	} known[] = {
		{EXT_AER, &capabilities->aer},
		{EXT_DSN, &capabilities->dsn},
		{EXT_ACS, &capabilities->acs},
		{EXT_ARI, &capabilities->ari},
		{EXT_SRIOV, &capabilities->sriov},
		{EXT_REBAR, &capabilities->rebar},
	};
	for (size_t i = 0; i < PP_COUNT(known); i++) {
		if (known[i].id != id)
			continue;
		if (*known[i].offset)
			return true;
		*known[i].offset = at;
	}
	switch (id) {
	case EXT_REBAR:
		return parse_rebar(walk, at);
	case EXT_DSN:
		if (!fetch(walk, at + 4u, bytes, 8))
			return false;
		capabilities->serial = get32(bytes) | (uint64_t)get32(bytes + 4) << 32;
		return true;
	case EXT_ACS:
		if (!fetch(walk, at + 4u, bytes, 4))
			return false;
		capabilities->acs_cap = get16(bytes);
		capabilities->acs_control = get16(bytes + 2);
		return true;
	default:
		return true;
	}
}

static void walk_extended(struct walk *walk)
{
	bool seen[PP_CONFIG_EXTENDED / 4] = {false};
	unsigned at = PP_CONFIG_CONVENTIONAL;
	while (at >= PP_CONFIG_CONVENTIONAL && !seen[at / 4]) {
		uint8_t bytes[4];
		seen[at / 4] = true;
		if (!fetch(walk, at, bytes, sizeof(bytes)))
			return;
		uint32_t head = get32(bytes);
		if (head == 0 || head == UINT32_MAX)
			return;
		if (!parse_extended(walk, head & 0xffff, (uint16_t)at))
			return;
		at = head >> 20 & 0xffc;
	}
}

void pp_config_parse(const struct pp_config_source *source, struct pp_config *ret_config)
{
	struct walk walk = {.source = source, .config = ret_config};
	*ret_config = (struct pp_config){.header = PP_HEADER_UNKNOWN};
	ssize_t length = source->read(source->data, 0, walk.header, sizeof(walk.header));
	ret_config->length = length > 0 ? (size_t)length : 0;
	if (ret_config->length < PP_CONFIG_HEADER)
		return;
	ret_config->dead = all_ones(walk.header, sizeof(walk.header));
	if (ret_config->dead)
		return;

	parse_header(&walk);
	if (!(walk.header[6] & STATUS_LIST)) {
		ret_config->capabilities.read = true;
		return;
	}
	walk_list(&walk);
	if (ret_config->capabilities.express && !ret_config->cut)
		walk_extended(&walk);
}
