/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "cli/guests.h"
#include "cli/table.h"
#include "cli/verb.h"

PP_DEFINE_CLEANUP(struct pp_guest_pci *, pp_guest_pci_free)

enum { PLACE, WHAT, ALIAS, GOES, HOST };
static const struct cli_column columns[] = {
	{"PLACE", "bus, slot and function in the guest", CLI_TEXT, false, 0, PLACE},
	{"WHAT", "what is there", CLI_TEXT, false, 0, WHAT},
	{"ALIAS", "QEMU's name for it", CLI_TEXT, false, 0, ALIAS},
	{"GOES", "fixed: never; cold: not while the guest runs; hot: at any time", CLI_TEXT, false,
		0, GOES},
	{"HOST", "which device of the host it is", CLI_TEXT, false, 0, HOST},
};

static const char *const hold_words[] = {
	[PP_HOLD_MACHINE] = "fixed", [PP_HOLD_COLD] = "cold", [PP_HOLD_HOT] = "hot"};

/* ---- for people ---- */

static int put_row(struct cli_table *table, int parent, const char *const cells[PP_COUNT(columns)])
{
	int row = cli_table_row(table, parent);

	for (size_t i = 0; row >= 0 && i < PP_COUNT(columns); i++)
		if (cli_table_set(table, row, i, cells[i]) < 0)
			return -ENOMEM;
	return row;
}

static const char *place_text(const struct pp_guest_function *function, struct pp_buffer *buffer)
{
	pp_buffer_reset(buffer);
	pp_buffer_printf(buffer, "%02x:%02x.%x", function->bus, function->slot, function->function);
	return pp_buffer_text(buffer);
}

static int put_bus(
	struct cli_table *table, const struct pp_guest_pci *pci, unsigned bus, int parent);

static int put_function(struct cli_table *table, const struct pp_guest_pci *pci,
	const struct pp_guest_function *function, int parent)
{
	PP_BUFFER struct pp_buffer place = PP_BUFFER_INIT;
	char host[PP_ADDRESS_SIZE];
	const char *cells[PP_COUNT(columns)] = {place_text(function, &place), function->what,
		function->alias, hold_words[function->hold],
		function->is_host ? pp_address_text(&function->host, host) : NULL};
	int row = put_row(table, parent, cells);

	if (row < 0 || function->behind <= 0)
		return row;
	return put_bus(table, pci, function->behind, row);
}

/* "02 to 1e", "00 03" */
static void put_slots(struct pp_buffer *buffer, const struct pp_guest_bus *bus)
{
	for (unsigned slot = bus->min_slot; slot <= bus->max_slot; slot++) {
		unsigned last = slot;

		if (!(bus->free_slots >> slot & 1))
			continue;
		while (last < bus->max_slot && bus->free_slots >> (last + 1) & 1)
			last++;
		pp_buffer_printf(
			buffer, "%s%02x:%02x", buffer->length ? " " : "", bus->index, slot);
		if (last > slot)
			pp_buffer_printf(buffer, "-%02x", last);
		slot = last;
	}
}

static int put_free(struct cli_table *table, const struct pp_guest_bus *bus, int parent)
{
	PP_BUFFER struct pp_buffer slots = PP_BUFFER_INIT;
	const char *cells[PP_COUNT(columns)] = {
		NULL, bus->hot ? "free, also while it runs" : "free", NULL, NULL, NULL};

	put_slots(&slots, bus);
	if (!slots.length)
		return 0;
	cells[0] = pp_buffer_text(&slots);
	return put_row(table, parent, cells);
}

static int put_bus(
	struct cli_table *table, const struct pp_guest_pci *pci, unsigned bus, int parent)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < pci->n_functions; i++)
		if (pci->functions[i].bus == bus)
			r = put_function(table, pci, &pci->functions[i], parent);
	return r < 0 ? r : put_free(table, &pci->buses[bus], parent);
}

static int print_tree(struct cli *cli, const struct pp_guest_pci *pci)
{
	PP_CLEANUP(cli_table_freep) struct cli_table *table = NULL;
	const char *cells[PP_COUNT(columns)] = {
		pci->buses[0].alias, pci->buses[0].model, NULL, "fixed", NULL};
	struct pp_error error = {0};

	if (cli_table_new(columns, PP_COUNT(columns), "PLACE,WHAT,ALIAS,GOES,HOST", NULL, &table,
		    &error) < 0)
		return cli_fail(cli, &error);
	int root = put_row(table, -1, cells);
	if (root < 0 || put_bus(table, pci, 0, root) < 0 ||
		cli_table_print(table, stdout, true, 0) < 0)
		return cli_oom(cli);
	return PP_STATUS_OK;
}

static void print_room(struct cli *cli, const char *when, const struct pp_guest_room *room)
{
	cli_print(cli, "%-22s %u device%s, %u function%s\n", when, room->devices,
		room->devices == 1 ? "" : "s", room->functions, room->functions == 1 ? "" : "s");
	cli_print(cli, "%22s one more: %s\n", "", room->obstacle);
}

/* ---- for programs ---- */

static struct pp_json *function_json(const struct pp_guest_function *function)
{
	PP_BUFFER struct pp_buffer place = PP_BUFFER_INIT;
	struct pp_json *object = pp_json_object();
	char host[PP_ADDRESS_SIZE];

	pp_json_set_string(object, "place", place_text(function, &place));
	pp_json_set_int(object, "bus", function->bus);
	pp_json_set_int(object, "slot", function->slot);
	pp_json_set_int(object, "function", function->function);
	pp_json_set_string(object, "what", function->what);
	pp_json_set_string(object, "alias", function->alias);
	pp_json_set_string(object, "goes", hold_words[function->hold]);
	pp_json_set_string(
		object, "host", function->is_host ? pp_address_text(&function->host, host) : NULL);
	pp_json_set(
		object, "bus_behind", function->behind >= 0 ? pp_json_int(function->behind) : NULL);
	pp_json_set(object, "line", function->line ? pp_json_int(function->line) : NULL);
	return object;
}

static struct pp_json *bus_json(const struct pp_guest_bus *bus)
{
	struct pp_json *object = pp_json_object(), *slots = pp_json_array();

	for (unsigned slot = bus->min_slot; slot <= bus->max_slot; slot++)
		if (bus->free_slots >> slot & 1)
			pp_json_add(slots, pp_json_int(slot));
	pp_json_set_int(object, "bus", bus->index);
	pp_json_set_string(object, "alias", bus->alias);
	pp_json_set_string(object, "model", bus->model);
	pp_json_set_bool(object, "hot", bus->hot);
	pp_json_set(object, "free_slots", slots);
	return object;
}

static struct pp_json *room_json(const struct pp_guest_room *room)
{
	struct pp_json *object = pp_json_object();

	pp_json_set_int(object, "devices", room->devices);
	pp_json_set_int(object, "functions", room->functions);
	pp_json_set_string(object, "obstacle", room->obstacle);
	return object;
}

static void fill_result(struct cli *cli, const struct pp_guest_pci *pci)
{
	struct pp_json *buses = pp_json_array(), *functions = pp_json_array();

	for (size_t i = 0; i < pci->n_buses; i++)
		pp_json_add(buses, bus_json(&pci->buses[i]));
	for (size_t i = 0; i < pci->n_functions; i++)
		pp_json_add(functions, function_json(&pci->functions[i]));
	cli_set(cli, "buses", buses);
	cli_set(cli, "functions", functions);
	cli_set(cli, "cold", room_json(&pci->cold));
	cli_set(cli, "hot", room_json(&pci->hot));
	if (!pci->express)
		return;
	cli_set(cli, "cold_conventional", room_json(&pci->cold_conventional));
	cli_set(cli, "hot_conventional", room_json(&pci->hot_conventional));
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_pci_freep) struct pp_guest_pci *pci = NULL;
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	PP_FREE char *xml = NULL;
	struct pp_error error = {0};
	size_t length = 0;
	bool file = cli_is_file(words[0]);

	int status = file ? cli_open(cli) : cli_guest(cli, words[0], &list);
	if (!status && file)
		status = cli_read_xml(cli, words[0], &xml, &length);
	if (status)
		return status;
	if (pp_guest_pci(cli->context, words[0], xml, length, &pci, &error) < 0)
		return cli_fail(cli, &error);
	fill_result(cli, pci);
	if (cli->json)
		return PP_STATUS_OK;
	status = print_tree(cli, pci);
	if (status)
		return status;
	cli_print(cli, "\n");
	print_room(cli, "Can be added, cold:", &pci->cold);
	print_room(cli, "Can be added, hot:", &pci->hot);
	if (!pci->express)
		return PP_STATUS_OK;
	print_room(cli, "Conventional, cold:", &pci->cold_conventional);
	print_room(cli, "Conventional, hot:", &pci->hot_conventional);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_dompcilist = {
	.name = "dompcilist",
	.group = CLI_GUESTS,
	.summary = "a guest's PCI buses and slots, and how many devices can still be added",
	.example = "  $ pcipass dompcilist win11\n"
		   "  $ pcipass dompcilist ./win11.xml\n",
	.usage = "DOMAIN | FILE",
	.details =
		"GOES: fixed belongs to the machine, cold goes while the guest is off, hot also "
		"while it runs\n"
		"(by QEMU's monitor: pcipass itself changes definitions alone).\n"
		"The numbers are exact: so many devices of one function each are taken, with "
		"buses added where\n"
		"they are needed (cold), or into the slots that the running guest has (hot); the "
		"next one is\n"
		"refused before QEMU starts, for the reason that is given. Functions: with up to "
		"eight in each\n"
		"of these slots, and those that are free beside the guest's own devices.\n",
	.min_words = 1,
	.max_words = 1,
	.words = "a guest (name, uuid or id) or a file",
	.word_option = "domain",
	.run = run,
};
