/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cleanup.h"
#include "base/utf8.h"
#include "cli/topology/draw.h"
#include <string.h>

/* Colours are written out twice rather than as variables, which not every viewer of SVG knows. */
static const char style[] =
	"text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,"
	"'Liberation Sans','DejaVu Sans',sans-serif;font-size:12px;fill:#1f2933}\n"
	".title{font-size:20px;font-weight:600}.name{font-size:14px;font-weight:600}\n"
	".address{font-family:ui-monospace,'SF Mono',Menlo,Consolas,'Liberation Mono',"
	"'DejaVu Sans Mono',monospace;fill:#52606d}.end{text-anchor:end}\n"
	".meta{fill:#5b6875}.use{fill:#3e4c59}.verdict{font-weight:600}\n"
	".label{font-size:11px;font-weight:600;fill:#5b6875}\n"
	".page{fill:#f4f6f8}.numa>rect{fill:#e9edf2;stroke:#c5ced8}\n"
	".bus>rect{fill:#fbfcfd;stroke:#d3dae2}.bus .name,.numa .name{fill:#52606d}\n"
	".group>rect{fill:#8250df;fill-opacity:.07;stroke:#8250df;stroke-dasharray:5 4}\n"
	".group .label{fill:#6e40c9}\n"
	".device>rect,.legend>rect{fill:#fff;stroke:#c8d1db}\n"
	".chipset>rect{fill:#f2f4f7;stroke:#dce2e9}.chipset .name{fill:#5b6875;font-weight:500}\n"
	".port>rect{fill:#e6ebf1;stroke:#bcc7d3}\n"
	".guest>rect{fill:#e3f0ff;stroke:#0969da}.guest.off>rect{fill:#f4f6f8;stroke-dasharray:5 "
	"4}\n"
	".bar,.device>.bar,.guest>.bar,.legend>.bar{fill:#9aa5b1;stroke:none}\n"
	".goes>.bar{fill:#1a7f37}.goes .verdict{fill:#1a7f37}\n"
	".whole>.bar{fill:#8250df}.whole .verdict{fill:#6e40c9}\n"
	".stays>.bar{fill:#bc4c00}.stays .verdict{fill:#a04100}\n"
	".out>.bar,.guest>.bar{fill:#0969da}.out .verdict{fill:#0757b3}\n"
	".line{fill:none;stroke:#b0bcc9}.hold{fill:none;stroke:#0969da;stroke-opacity:.75}\n"
	".hold.off{stroke-dasharray:5 5;stroke-opacity:.5}\n"
	"@media (prefers-color-scheme:dark){\n"
	"text{fill:#e6edf3}.address,.meta,.label,.bus .name,.numa .name,.chipset "
	".name{fill:#9fb0c0}\n"
	".use{fill:#c3ced9}.page{fill:#0e131a}.numa>rect{fill:#121922;stroke:#2d3845}\n"
	".bus>rect{fill:#161e28;stroke:#2d3845}\n"
	".group>rect{fill:#a371f7;fill-opacity:.1;stroke:#a371f7}.group .label{fill:#c8a8ff}\n"
	".device>rect,.legend>rect{fill:#1f2935;stroke:#3d4b5b}.chipset>rect{fill:#19212b;stroke:#"
	"2b3642}\n"
	".port>rect{fill:#273341;stroke:#435365}\n"
	".guest>rect{fill:#11305a;stroke:#4493f8}.guest.off>rect{fill:#161e28}\n"
	".goes>.bar{fill:#3fb950}.goes .verdict{fill:#56d364}\n"
	".whole>.bar{fill:#a371f7}.whole .verdict{fill:#c8a8ff}\n"
	".stays>.bar{fill:#e3893b}.stays .verdict{fill:#f0a25c}\n"
	".out>.bar,.guest>.bar{fill:#4493f8}.out .verdict{fill:#79b8ff}\n"
	".line{stroke:#465668}.hold{stroke:#4493f8}}\n";

static const char *shape_class(enum topology_shape shape)
{
	static const char *const words[] = {[SHAPE_HEAD] = "head",
		[SHAPE_LEGEND] = "legend",
		[SHAPE_NUMA] = "numa",
		[SHAPE_BUS] = "bus",
		[SHAPE_GROUP] = "group",
		[SHAPE_PORT] = "port",
		[SHAPE_DEVICE] = "device",
		[SHAPE_CHIPSET] = "chipset",
		[SHAPE_LINK] = "link",
		[SHAPE_GUEST] = "guest"};
	return words[shape];
}

static const char *verdict_class(enum topology_verdict verdict)
{
	static const char *const words[] = {[TOPOLOGY_NONE] = "",
		[TOPOLOGY_GOES] = " goes",
		[TOPOLOGY_GROUP] = " whole",
		[TOPOLOGY_STAYS] = " stays",
		[TOPOLOGY_OUT] = " out"};
	return words[verdict];
}

static const char *style_class(enum topology_style text)
{
	static const char *const words[] = {[STYLE_NAME] = "name",
		[STYLE_ADDRESS] = "address",
		[STYLE_META] = "meta",
		[STYLE_USE] = "use",
		[STYLE_VERDICT] = "verdict",
		[STYLE_LABEL] = "label",
		[STYLE_TITLE] = "title"};
	return words[text];
}

/* XML has no place for bytes that are no UTF-8. */
static void put_text(struct pp_buffer *svg, const char *text)
{
	PP_FREE char *clean = pp_utf8_clean(text, strlen(text));
	if (clean)
		pp_buffer_put_xml(svg, clean);
	else
		svg->failed = -ENOMEM;
}

static void put_rect(
	struct pp_buffer *svg, const char *class, int x, int y, int width, int height, int round)
{
	pp_buffer_printf(svg, "<rect%s x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\"/>",
		class, x, y, width, height, round);
}

/* Lines of one style are one text, that a search finds across their ends. */
static void put_texts(struct pp_buffer *svg, const struct topology_text *texts, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t end = i + 1;
		while (end < n && texts[end].style == texts[i].style && !texts[end].from_end &&
			!texts[i].from_end)
			end++;
		pp_buffer_printf(svg, "<text class=\"%s%s\">", style_class(texts[i].style),
			texts[i].from_end ? " end" : "");
		for (size_t j = i; j < end; j++) {
			pp_buffer_printf(svg, "%s<tspan x=\"%d\" y=\"%d\">", j > i ? " " : "",
				texts[j].x, texts[j].y);
			put_text(svg, texts[j].text);
			pp_buffer_puts(svg, "</tspan>");
		}
		pp_buffer_puts(svg, "</text>");
		i = end;
	}
}

static void put_frame(struct pp_buffer *svg, const struct topology_box *box)
{
	bool panel = box->shape == SHAPE_NUMA || box->shape == SHAPE_BUS;
	bool bar = box->shape == SHAPE_DEVICE || box->shape == SHAPE_GUEST ||
		   box->shape == SHAPE_LEGEND;
	if (box->shape == SHAPE_HEAD || box->shape == SHAPE_LINK)
		return;
	if (box->many)
		put_rect(
			svg, " class=\"pile\"", box->x + 4, box->y + 4, box->width, box->height, 7);
	put_rect(svg, "", box->x, box->y, box->width, box->height, panel ? 12 : 7);
	if (bar)
		put_rect(svg, " class=\"bar\"", box->x + 6, box->y + 7, 4, box->height - 14, 2);
}

static void put_box(
	struct pp_buffer *svg, const struct topology_picture *picture, size_t number, bool page)
{
	const struct topology_box *box = &picture->boxes[number];
	pp_buffer_printf(svg, "<g id=\"b%zu\" class=\"box %s%s%s\"", number,
		shape_class(box->shape), verdict_class(box->verdict),
		box->shape == SHAPE_GUEST && !box->runs ? " off" : "");
	if (box->inside >= 0)
		pp_buffer_printf(svg, " data-in=\"b%d\"", box->inside);
	if (box->above >= 0)
		pp_buffer_printf(svg, " data-up=\"b%d\"", box->above);
	if (page && box->title)
		pp_buffer_puts(svg, " tabindex=\"0\"");
	pp_buffer_putc(svg, '>');
	if (box->title) {
		pp_buffer_puts(svg, "<title>");
		put_text(svg, box->title);
		pp_buffer_puts(svg, "</title>");
	}
	put_frame(svg, box);
	if (box->n_texts > 0)
		put_texts(svg, &picture->texts[box->first_text], box->n_texts);
	pp_buffer_puts(svg, "</g>\n");
}

static void put_line(struct pp_buffer *svg, const struct topology_line *line)
{
	pp_buffer_printf(svg,
		"<path class=\"%s%s\" data-a=\"b%d\" data-b=\"b%d\" stroke-width=\"%d\" d=\"",
		line->guest ? "hold" : "line", line->guest && !line->held ? " off" : "", line->from,
		line->to, line->thickness);
	if (line->guest)
		pp_buffer_printf(svg, "M%d %dC%d %d %d %d %d %d", line->x1, line->y1,
			line->x1 + (line->x2 - line->x1) / 2, line->y1,
			line->x2 - (line->x2 - line->x1) / 2, line->y2, line->x2, line->y2);
	else
		pp_buffer_printf(
			svg, "M%d %dH%dV%dH%d", line->x1, line->y1, line->bend, line->y2, line->x2);
	pp_buffer_puts(svg, "\"/>\n");
}

static bool is_panel(const struct topology_box *box)
{
	return box->shape == SHAPE_NUMA || box->shape == SHAPE_BUS || box->shape == SHAPE_GROUP;
}

void topology_draw(const struct topology_picture *picture, bool page, struct pp_buffer *svg)
{
	pp_buffer_printf(svg,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 "
		"0 "
		"%d %d\" role=\"img\"><title>",
		picture->width, picture->height, picture->width, picture->height);
	put_text(svg, picture->title);
	pp_buffer_printf(svg, "</title>\n<style>\n%s</style>\n", style);
	pp_buffer_puts(svg, "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n");
	/* Panels, lines upon them, and all else upon those. A panel comes after what it stands in
	 * but for those of groups. */
	for (size_t i = 0; i < picture->n_boxes; i++)
		if (is_panel(&picture->boxes[i]))
			put_box(svg, picture, i, page);
	for (size_t i = 0; i < picture->n_lines; i++)
		put_line(svg, &picture->lines[i]);
	for (size_t i = 0; i < picture->n_boxes; i++)
		if (!is_panel(&picture->boxes[i]))
			put_box(svg, picture, i, page);
	pp_buffer_puts(svg, "</svg>\n");
}

void topology_draw_svg(const struct topology_picture *picture, struct pp_buffer *svg)
{
	pp_buffer_puts(svg, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	topology_draw(picture, false, svg);
}
