/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/vfio/nvme.h"
#include "base/file.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

enum {
	REG_CC = 0x14,
	REG_CSTS = 0x1c,
	REG_AQA = 0x24,
	REG_ASQ = 0x28,
	REG_ACQ = 0x30,
	REG_DOORBELL = 0x1000,
	CC_ENABLE =
		1 | 6 << 16 | 4 << 20, /* NVM commands, 4 KiB pages, entries of 64 and 16 bytes */
	CSTS_READY = 1,
	CSTS_FATAL = 2,
	ENTRIES = 4,
	PAGE = 4096,
	IDENTIFY = 6,
	COMMAND_ID = 0x7070,
};

static uint32_t reg_read(const struct pp_nvme *nvme, unsigned at)
{
	return *(volatile uint32_t *)(nvme->registers + at);
}

static void reg_write(struct pp_nvme *nvme, unsigned at, uint32_t value)
{
	__sync_synchronize();
	*(volatile uint32_t *)(nvme->registers + at) = value;
}

/* The controller tells of its readiness by this register alone. */
static int wait_ready(struct pp_nvme *nvme, uint32_t wanted)
{
	long long end = pp_clock_ms() + nvme->deadline_ms;

	for (;;) {
		uint32_t status = reg_read(nvme, REG_CSTS);
		if (status == UINT32_MAX)
			return -ENODEV;
		if ((status & CSTS_READY) == wanted)
			return 0;
		if (status & CSTS_FATAL)
			return -EIO;
		if (pp_clock_ms() > end)
			return -ETIMEDOUT;
		poll(NULL, 0, 1);
	}
}

int pp_nvme_disable(struct pp_nvme *nvme)
{
	uint32_t control = reg_read(nvme, REG_CC);

	if (control == UINT32_MAX)
		return -ENODEV;
	reg_write(nvme, REG_CC, control & ~1u);
	return wait_ready(nvme, 0);
}

int pp_nvme_enable(struct pp_nvme *nvme)
{
	if (nvme->size < REG_DOORBELL + 8)
		return -EOPNOTSUPP; /* the doorbells are not in what could be mapped */
	int r = pp_nvme_disable(nvme);
	if (r < 0)
		return r;
	memset(nvme->memory + nvme->offset, 0, 3 * PAGE);
	reg_write(nvme, REG_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	reg_write(nvme, REG_ASQ, nvme->offset);
	reg_write(nvme, REG_ASQ + 4, 0);
	reg_write(nvme, REG_ACQ, nvme->offset + PAGE);
	reg_write(nvme, REG_ACQ + 4, 0);
	reg_write(nvme, REG_CC, CC_ENABLE);
	return wait_ready(nvme, CSTS_READY);
}

int pp_nvme_submit_identify(struct pp_nvme *nvme)
{
	uint32_t command[16] = {0};

	command[0] = IDENTIFY | (uint32_t)COMMAND_ID << 16;
	command[6] = nvme->offset + 2 * PAGE; /* where the answer goes */
	command[10] = 1;                      /* the controller itself */
	memcpy(nvme->memory + nvme->offset, command, sizeof(command));
	reg_write(nvme, REG_DOORBELL, 1);
	return 0;
}

/* Fixed-width text, padded with blanks. */
static void take_text(char *text, const uint8_t *bytes, size_t size)
{
	memcpy(text, bytes, size);
	text[size] = 0;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e)
			text[i] = text[i] ? '?' : ' ';
	while (size && text[size - 1] == ' ')
		text[--size] = 0;
}

int pp_nvme_identity(struct pp_nvme *nvme, struct pp_nvme_identity *ret_identity)
{
	const uint8_t *answer = nvme->memory + nvme->offset + 2 * PAGE;
	uint32_t completion[4];

	__sync_synchronize();
	memcpy(completion, nvme->memory + nvme->offset + PAGE, sizeof(completion));
	if (!(completion[3] & 1u << 16)) /* phase: nothing has been written */
		return -EAGAIN;
	if ((completion[3] & 0xffff) != COMMAND_ID || completion[3] >> 17)
		return -EIO;
	ret_identity->vendor = (uint16_t)(answer[0] | answer[1] << 8);
	take_text(ret_identity->serial, answer + 4, 20);
	take_text(ret_identity->model, answer + 24, 40);
	return 0;
}
