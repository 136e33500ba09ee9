/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From facts to a tree, to places, to SVG: what repeats is one node, and nothing stands on another.
 */
#include "../host/machine.h"
#include "cli/topology/draw.h"

#define ROOT "pci0000:40"
#define PORT ROOT "/0000:40:01.0"
#define CARD "0000:41:00.0"
enum { VIRTUAL = 254, FIRST_GROUP = 10 };

struct scene {
	struct machine machine;
	struct pp_arena *arena;
	struct topology_facts facts;
	struct topology_function *functions;
	struct topology_tree tree;
	struct topology_picture picture;
};

static void put_function(struct pp_buffer *text, const char *parent, const char *name,
	const char *driver, const char *class, const char *id, int group)
{
	pp_buffer_printf(
		text, "/sys/bus/pci/devices/%s -> ../../../devices/%s/%s\n", name, parent, name);
	pp_buffer_printf(text,
		"/sys/devices/%s/%s/uevent = %s%s%sPCI_CLASS=%s\\nPCI_ID=%s\\n"
		"PCI_SUBSYS_ID=0000:0000\\nMODALIAS=pci:x\n",
		parent, name, driver ? "DRIVER=" : "", driver ? driver : "", driver ? "\\n" : "",
		class, id);
	pp_buffer_printf(text,
		"/sys/devices/%s/%s/iommu_group -> ../../../kernel/iommu_groups/%d\n", parent, name,
		group);
	pp_buffer_printf(
		text, "/sys/kernel/iommu_groups/%d/devices/%s -> ../x/%s\n", group, name, name);
}

/* Of a virtual function: the last of 254 are on the next bus number. */
static const char *virtual_name(unsigned i)
{
	static char name[PP_ADDRESS_SIZE];
	unsigned n = i + 8;
	snprintf(name, sizeof(name), "0000:%02x:%02x.%u", 0x41 + n / 256, n / 8 % 32, n % 8);
	return name;
}

/* A port, below it a card with COUNT virtual functions. */
static void put_card(struct pp_buffer *text, unsigned count)
{
	put_function(text, ROOT, "0000:40:01.0", "pcieport", "60400", "8086:2030", 1);
	put_function(text, PORT, CARD, "ice", "20000", "8086:1592", 2);
	pp_buffer_printf(text,
		"/sys/devices/" PORT "/" CARD "/sriov_totalvfs = 256\n"
		"/sys/devices/" PORT "/" CARD "/sriov_numvfs = %u\n",
		count);
	for (unsigned i = 0; i < count; i++) {
		const char *name = virtual_name(i);
		put_function(text, PORT, name, "iavf", "20000", "8086:1889", FIRST_GROUP + (int)i);
		pp_buffer_printf(
			text, "/sys/devices/" PORT "/" CARD "/virtfn%u -> ../%s\n", i, name);
	}
}

static void open_scene(struct scene *scene, struct pp_buffer *text)
{
	*scene = (struct scene){.arena = pp_arena_new()};
	machine_open_n(&scene->machine, pp_buffer_text(text), text->length,
		PP_READ_GROUPS | PP_READ_CONFIG);
	const struct pp_host *host = scene->machine.host;
	scene->functions = pp_arena_array(scene->arena, host->n_devices, sizeof(*scene->functions));
	assert_non_null(scene->functions);
	for (size_t i = 0; i < host->n_devices; i++) {
		const struct pp_device *device = &host->devices[i];
		scene->functions[i] = (struct topology_function){.device = device,
			.address = device->name + strlen("0000:"),
			.name = "a <card> & \"more\"",
			.kind = "Ethernet controller",
			.verdict = device->header == PP_HEADER_ENDPOINT ? TOPOLOGY_GOES
									: TOPOLOGY_NONE};
	}
	scene->facts = (struct topology_facts){
		.host = host, .functions = scene->functions, .title = "a host", .summary = "ready"};
}

static void draw(struct scene *scene)
{
	assert_int_equal(topology_tree_make(&scene->facts, scene->arena, &scene->tree), 0);
	assert_int_equal(
		topology_layout(&scene->facts, &scene->tree, scene->arena, &scene->picture), 0);
	assert_false(scene->picture.failed);
}

static void close_scene(struct scene *scene)
{
	pp_arena_free(scene->arena);
	machine_close(&scene->machine);
}

static size_t function_of(const struct scene *scene, const char *name)
{
	const struct pp_device *device = machine_device(&scene->machine, name);
	return (size_t)(device - scene->machine.host->devices);
}

/* ---- the tree ---- */

static struct topology_node *card_of(const struct scene *scene)
{
	assert_int_equal(scene->tree.n_buses, 1);
	struct topology_node *bus = scene->tree.buses[0];
	assert_int_equal(bus->kind, TOPOLOGY_BUS);
	assert_int_equal(bus->n_children, 1);
	struct topology_node *port = bus->children[0];
	assert_int_equal(port->kind, TOPOLOGY_PORT);
	assert_int_equal(port->n_children, 1);
	return port->children[0];
}

static void test_virtual_functions_are_one_node(void **state)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct scene scene;
	put_card(&text, VIRTUAL);
	open_scene(&scene, &text);
	draw(&scene);
	struct topology_node *card = card_of(&scene);
	assert_int_equal(card->n_functions, 1);
	assert_int_equal(card->n_children, 1);
	struct topology_node *virtual = card->children[0];
	assert_int_equal(virtual->n_functions, VIRTUAL);
	assert_int_equal(virtual->n_groups, VIRTUAL);
	assert_int_equal(topology_node_count(scene.tree.buses[0]), VIRTUAL + 2);
	assert_string_equal(topology_addresses(&scene.facts, scene.arena, virtual),
		"41:01.0 \xe2\x80\xa6 42:00.5");
	assert_string_equal(topology_groups(&scene.facts, scene.arena, virtual),
		"groups 10\xe2\x80\x93"
		"263");
	close_scene(&scene);
}

/* One that a guest holds, or that the host uses, is drawn beside those that are free. */
static void test_one_that_differs_stands_alone(void **state)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct scene scene;
	put_card(&text, 12);
	open_scene(&scene, &text);
	size_t held = function_of(&scene, "0000:41:01.3");
	scene.functions[held].holder = "g";
	scene.functions[held].verdict = TOPOLOGY_OUT;
	draw(&scene);
	struct topology_node *card = card_of(&scene);
	size_t alone = 0, total = 0;
	for (size_t i = 0; i < card->n_children; i++) {
		total += card->children[i]->n_functions;
		alone += card->children[i]->n_functions == 1 &&
			 card->children[i]->functions[0] == held;
	}
	assert_int_equal(alone, 1);
	assert_int_equal(total, 12);
	assert_in_range(card->n_children, 2, 3);
	close_scene(&scene);
}

static void test_few_are_not_collapsed(void **state)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct scene scene;
	put_card(&text, 2);
	open_scene(&scene, &text);
	draw(&scene);
	assert_int_equal(card_of(&scene)->n_children, 2);
	close_scene(&scene);
}

/* ---- places ---- */

static bool around(const struct topology_picture *picture, int outer, int inner)
{
	for (int i = picture->boxes[inner].inside; i >= 0; i = picture->boxes[i].inside)
		if (i == outer)
			return true;
	return false;
}

static bool crosses(const struct topology_box *a, const struct topology_box *b)
{
	return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
	       b->y < a->y + a->height;
}

static bool contains(const struct topology_box *a, const struct topology_box *b)
{
	return b->x >= a->x && b->y >= a->y && b->x + b->width <= a->x + a->width &&
	       b->y + b->height <= a->y + a->height;
}

static void check_box(const struct topology_picture *picture, int number)
{
	const struct topology_box *box = &picture->boxes[number];
	struct topology_box paper = {.width = picture->width, .height = picture->height};
	assert_true(contains(&paper, box));
	if (box->inside >= 0)
		assert_true(contains(&picture->boxes[box->inside], box));
	for (int i = number + 1; i < (int)picture->n_boxes; i++)
		if (!around(picture, number, i) && !around(picture, i, number))
			assert_false(crosses(box, &picture->boxes[i]));
	for (size_t i = 0; i < box->n_texts; i++) {
		const struct topology_text *text = &picture->texts[box->first_text + i];
		assert_in_range(text->y, box->y, box->y + box->height);
		assert_true(box->shape == SHAPE_LINK || text->from_end || text->x >= box->x);
	}
}

static void check_places(const struct topology_picture *picture)
{
	assert_true(picture->n_boxes > 0);
	for (int i = 0; i < (int)picture->n_boxes; i++)
		check_box(picture, i);
	for (size_t i = 0; i < picture->n_lines; i++) {
		assert_in_range(picture->lines[i].from, 0, picture->n_boxes - 1);
		assert_in_range(picture->lines[i].to, 0, picture->n_boxes - 1);
	}
}

static void test_nothing_overlaps(void **state)
{
	static const unsigned counts[] = {0, 1, 2, 3, 7, 40, VIRTUAL};
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct scene scene;
		put_card(&text, counts[i]);
		open_scene(&scene, &text);
		draw(&scene);
		check_places(&scene.picture);
		close_scene(&scene);
	}
}

/* Each virtual function with a guest of its own: 40 guests beside 40 cards. */
static void test_guests_stand_beside(void **state)
{
	enum { GUESTS = 40 };
	static struct topology_guest guests[GUESTS];
	static size_t numbers[GUESTS];
	static bool held[GUESTS];
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct scene scene;
	put_card(&text, GUESTS);
	open_scene(&scene, &text);
	for (unsigned i = 0; i < GUESTS; i++) {
		const char *name = virtual_name(i);
		numbers[i] = function_of(&scene, name);
		held[i] = i % 2 == 0;
		guests[i] =
			(struct topology_guest){.name = pp_arena_printf(scene.arena, "guest-%u", i),
				.state = "running",
				.runs = true,
				.functions = &numbers[i],
				.n_functions = 1,
				.held = &held[i],
				.n_together = 1};
		scene.functions[numbers[i]].holder = held[i] ? guests[i].name : NULL;
		scene.functions[numbers[i]].verdict = held[i] ? TOPOLOGY_OUT : TOPOLOGY_GOES;
	}
	scene.facts.guests = guests;
	scene.facts.n_guests = GUESTS;
	draw(&scene);
	check_places(&scene.picture);
	size_t drawn = 0, lines = 0;
	for (size_t i = 0; i < scene.picture.n_boxes; i++)
		drawn += scene.picture.boxes[i].shape == SHAPE_GUEST;
	for (size_t i = 0; i < scene.picture.n_lines; i++)
		lines += scene.picture.lines[i].guest;
	assert_int_equal(drawn, GUESTS);
	assert_int_equal(lines, GUESTS);
	close_scene(&scene);
}

static void test_a_host_without_devices(void **state)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct scene scene;
	pp_buffer_puts(&text, "/sys/bus/pci/devices/\n");
	open_scene(&scene, &text);
	draw(&scene);
	assert_int_equal(scene.tree.n_buses, 0);
	assert_in_range(scene.picture.width, 1, 5000);
	check_places(&scene.picture);
	close_scene(&scene);
}

/* ---- drawn ---- */

static void test_names_are_text(void **state)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer svg = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer html = PP_BUFFER_INIT;
	struct scene scene;
	put_card(&text, 3);
	open_scene(&scene, &text);
	draw(&scene);
	topology_draw_svg(&scene.picture, &svg);
	topology_draw_html(&scene.picture, &html);
	assert_non_null(strstr(pp_buffer_text(&svg), "a &lt;card&gt; &amp; "));
	assert_null(strstr(pp_buffer_text(&svg), "<card>"));
	assert_null(strstr(pp_buffer_text(&svg), "<script"));
	assert_null(strstr(pp_buffer_text(&html), "<card>"));
	assert_null(strstr(pp_buffer_text(&html), "src="));
	close_scene(&scene);
}

/* ---- metrics ---- */

static const char **wrapped(
	struct pp_arena *arena, const char *text, int width, size_t most, size_t *ret_count)
{
	const char **lines =
		topology_text_wrap(arena, text, TOPOLOGY_PLAIN, 10, width, width, most, ret_count);
	assert_non_null(lines);
	for (size_t i = 0; i < *ret_count; i++)
		assert_true(strlen(lines[i]) <= 4 || topology_text_width(lines[i], strlen(lines[i]),
							     TOPOLOGY_PLAIN, 10) <= width);
	return lines;
}

static void test_lines_are_wrapped(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	size_t count;
	const char **lines = wrapped(arena, "one two three", 40, 5, &count);
	assert_int_equal(count, 3);
	assert_memory_equal(lines[0], "one", 3);
	assert_string_equal(lines[2], "three");
	lines = wrapped(arena, "one two three", 40, 2, &count);
	assert_int_equal(count, 2);
	assert_non_null(strstr(lines[1], "\xe2\x80\xa6"));
	wrapped(arena, "", 40, 5, &count);
	assert_int_equal(count, 0);
	wrapped(arena, "   \n\t ", 40, 5, &count);
	assert_int_equal(count, 0);
	lines = wrapped(arena, "unbreakableunbreakable", 40, 9, &count);
	assert_true(count > 2);
	/* A character is never cut, and one too wide for the line is a line. */
	lines = wrapped(arena, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 12, 9, &count);
	assert_int_equal(count, 3);
	assert_string_equal(lines[1], "\xe6\x9c\xac");
	lines = wrapped(arena, "\xe6\x97\xa5\xe6\x9c\xac", 1, 9, &count);
	assert_int_equal(count, 2);
	wrapped(arena, "\x80\x80\xff\xfe broken", 30, 9, &count);
	pp_arena_free(arena);
}

static void test_widths(void **state)
{
	assert_int_equal(topology_text_width("", 0, TOPOLOGY_BOLD, 14), 0);
	int narrow = topology_text_width("iiii", 4, TOPOLOGY_PLAIN, 12);
	int wide = topology_text_width("MMMM", 4, TOPOLOGY_PLAIN, 12);
	assert_true(narrow < wide);
	assert_true(wide <= topology_text_width("MMMM", 4, TOPOLOGY_BOLD, 12));
	assert_int_equal(topology_text_width("iiii", 4, TOPOLOGY_MONO, 12),
		topology_text_width("MMMM", 4, TOPOLOGY_MONO, 12));
	assert_true(topology_text_width("MMMM", 4, TOPOLOGY_PLAIN, 24) >= 2 * wide - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_virtual_functions_are_one_node),
		cmocka_unit_test(test_one_that_differs_stands_alone),
		cmocka_unit_test(test_few_are_not_collapsed),
		cmocka_unit_test(test_nothing_overlaps),
		cmocka_unit_test(test_guests_stand_beside),
		cmocka_unit_test(test_a_host_without_devices),
		cmocka_unit_test(test_names_are_text),
		cmocka_unit_test(test_lines_are_wrapped),
		cmocka_unit_test(test_widths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
