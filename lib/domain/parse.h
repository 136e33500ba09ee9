/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsing: from checked elements to struct pp_domain. Inside lib/domain only. The first fault is
 * kept and everything after it returns defaults, so that a caller looks once, at the end. */
#ifndef DOMAIN_PARSE_H
#define DOMAIN_PARSE_H

#include "lib/domain/domain.h"
#include "lib/domain/element.h"

struct pp_parsing {
	struct pp_arena *arena;
	const char *file;
	struct pp_error *error;
	struct pp_domain *domain;
	int failed; /* 0 or the first fault's -errno */
	bool live;  /* what pp_domain_text_live wrote: aliases are as they were given */
};

/* Says "FILE:LINE: ..." once. */
int pp_parsing_fail(struct pp_parsing *parsing, int line, const char *format, ...) PP_PRINTF(3, 4);
int pp_parsing_oom(struct pp_parsing *parsing);

/* Attributes; FALLBACK where they are not there. Decimal or 0x. */
uint64_t pp_parsing_number(struct pp_parsing *parsing, const struct pp_element *element,
	const char *name, uint64_t max, uint64_t fallback);
int pp_parsing_int(
	struct pp_parsing *parsing, const struct pp_element *element, const char *name, int max);
const char *pp_parsing_copy(struct pp_parsing *parsing, const char *text); /* NULL stays NULL */
const char *pp_parsing_text(
	struct pp_parsing *parsing, const struct pp_element *element); /* NULL: none */
const char *pp_parsing_attribute(
	struct pp_parsing *parsing, const struct pp_element *element, const char *name);
/* An absolute path of a file, in an attribute (or the text where NAME is NULL). */
const char *pp_parsing_path(
	struct pp_parsing *parsing, const struct pp_element *element, const char *name);
/* on, yes: PP_ON; off, no: PP_OFF. */
enum pp_tristate pp_parsing_switch(const struct pp_element *element, const char *name);
bool pp_parsing_is(const struct pp_element *element, const char *name, const char *value);
/* Which of a NULL-terminated list of words it is; FALLBACK where it is not there. */
int pp_parsing_word(
	const struct pp_element *element, const char *name, const char *const *words, int fallback);
/* An amount of memory in an element's text or an attribute, with a unit (KiB where none is given).
 */
uint64_t pp_parsing_bytes(struct pp_parsing *parsing, const struct pp_element *element,
	const char *attribute, const char *default_unit);
/* domain, bus, slot, function of the host's or the guest's PCI. */
void pp_parsing_pci(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_address *ret_address);

/* parse_device.c */
void pp_parsing_devices(struct pp_parsing *parsing, const struct pp_element *devices);
/* parse_machine.c: os, features, cpu, clock */
void pp_parsing_os(struct pp_parsing *parsing, const struct pp_element *os);
void pp_parsing_firmware(
	struct pp_parsing *parsing, const struct pp_element *os); /* parse_firmware.c */
void pp_parsing_features(struct pp_parsing *parsing, const struct pp_element *features);
void pp_parsing_cpu(struct pp_parsing *parsing, const struct pp_element *cpu);
void pp_parsing_clock(struct pp_parsing *parsing, const struct pp_element *clock);
/* parse_numa.c: cells and the host's nodes, what memory is made of, where threads run */
void pp_parsing_numa(struct pp_parsing *parsing, const struct pp_element *root);
void pp_parsing_backing(struct pp_parsing *parsing, const struct pp_element *backing);
void pp_parsing_pins(struct pp_parsing *parsing, const struct pp_element *root);
/* A set of CPUs or nodes in an attribute. */
void pp_parsing_set(struct pp_parsing *parsing, const struct pp_element *element, const char *name,
	struct pp_set *ret_set);
/* validate.c: what holds between the parts */
int pp_domain_validate(const struct pp_domain *domain, const char *file, struct pp_error *error);

#endif
