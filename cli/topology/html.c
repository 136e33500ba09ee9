/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cleanup.h"
#include "cli/topology/draw.h"

static const char head[] =
	"<style>\n"
	"body{margin:0;background:#f4f6f8;color:#1f2933;font:14px system-ui,-apple-system,'Segoe "
	"UI',"
	"Roboto,Arial,'Liberation Sans','DejaVu Sans',sans-serif}\n"
	"header{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:8px 18px;"
	"align-items:center;padding:10px 24px;background:#ffffffee;border-bottom:1px solid "
	"#d3dae2}\n"
	"input[type=search]{font:inherit;padding:5px 10px;width:22em;max-width:60vw;border:1px "
	"solid "
	"#b0bcc9;border-radius:6px;background:#fff;color:inherit}\n"
	"label{white-space:nowrap}output{color:#5b6875}svg{display:block;margin:0 auto}\n"
	"#more{position:fixed;right:16px;bottom:16px;z-index:1;max-width:min(560px,90vw);max-"
	"height:45vh;"
	"overflow:auto;white-space:pre-wrap;padding:12px 16px;border-radius:8px;background:#fff;"
	"border:1px solid #b0bcc9;box-shadow:0 4px 18px #0003;font-size:13px;margin:0}\n"
	"#more[hidden]{display:none}\n"
	".dim{opacity:.18}.box:focus{outline:none}.lit>rect:first-of-type,.box:focus>rect:first-of-"
	"type"
	"{stroke-width:2.5}path.lit{stroke:#0969da;stroke-opacity:1}\n"
	"@media (prefers-color-scheme:dark){body{background:#0e131a;color:#e6edf3}\n"
	"header{background:#161e28ee;border-color:#2d3845}input[type=search]{background:#0e131a;"
	"border-color:#435365}output{color:#9fb0c0}#more{background:#1f2935;border-color:#435365}"
	"path.lit{stroke:#4493f8}}\n"
	"</style>\n";

static const char script[] =
	"<script>\n"
	"'use strict';\n"
	"const "
	"all=[...document.querySelectorAll('g.box')],lines=[...document.querySelectorAll('path')];"
	"\n"
	"const more=document.getElementById('more'),find=document.getElementById('find');\n"
	"const count=document.getElementById('count'),of=id=>document.getElementById(id);\n"
	"const said=new Map(all.map(box=>{const title=box.querySelector('title');\n"
	" const text=title?title.textContent:'';if(title)title.remove();return [box,text];}));\n"
	"const cards=all.filter(box=>said.get(box));\n"
	"// What a box hangs on, and what encloses it.\n"
	"function road(box,set){for(const name of ['up','in']){const id=box.dataset[name];\n"
	" if(id&&!set.has(of(id))){set.add(of(id));road(of(id),set);}}return set;}\n"
	"function show(box){const set=road(box,new Set([box]));\n"
	" for(const line of lines)if(line.classList.contains('hold')&&\n"
	"  "
	"(line.dataset.a===box.id||line.dataset.b===box.id)){set.add(of(line.dataset.a));set.add("
	"of(line.dataset.b));}\n"
	" for(const other of all)other.classList.toggle('lit',set.has(other));\n"
	" for(const line of "
	"lines)line.classList.toggle('lit',set.has(of(line.dataset.a))&&set.has(of(line.dataset.b))"
	");\n"
	" more.textContent=said.get(box);more.hidden=false;}\n"
	"function hide(){for(const one of "
	"[...all,...lines])one.classList.remove('lit');more.hidden=true;}\n"
	"for(const box of "
	"cards){box.addEventListener('mouseenter',()=>show(box));box.addEventListener('mouseleave',"
	"hide);\n"
	" box.addEventListener('focus',()=>show(box));box.addEventListener('blur',hide);}\n"
	"function filter(){const words=find.value.toLowerCase().split(/\\s+/).filter(Boolean);\n"
	" const kinds=[...document.querySelectorAll('header "
	"input[type=checkbox]')].filter(one=>one.checked).map(one=>one.value);\n"
	" const none=!words.length&&!kinds.length,keep=new Set();let hits=0;\n"
	" for(const box of cards){const text=(box.textContent+' '+said.get(box)).toLowerCase();\n"
	"  "
	"if(!none&&words.every(word=>text.includes(word))&&(!kinds.length||kinds.some(kind=>box."
	"classList.contains(kind))))\n"
	"   {hits++;keep.add(box);road(box,keep);}}\n"
	" for(const box of "
	"all)box.classList.toggle('dim',!none&&!keep.has(box)&&!box.matches('.head,.legend'));\n"
	" for(const line of "
	"lines)line.classList.toggle('dim',!none&&!(keep.has(of(line.dataset.a))&&keep.has(of(line."
	"dataset.b))));\n"
	" count.textContent=none?'':hits+(hits===1?' box':' boxes');}\n"
	"find.addEventListener('input',filter);\n"
	"for(const one of document.querySelectorAll('header "
	"input[type=checkbox]'))one.addEventListener('change',filter);\n"
	"</script>\n";

void topology_draw_html(const struct topology_picture *picture, struct pp_buffer *html)
{
	pp_buffer_puts(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
			     "<meta name=\"viewport\" content=\"width=device-width\">\n"
			     "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	pp_buffer_put_xml(html, picture->title);
	pp_buffer_puts(html, "</title>\n");
	pp_buffer_puts(html, head);
	pp_buffer_puts(html,
		"<header><input id=\"find\" type=\"search\" placeholder=\"a name, an address, a "
		"driver, "
		"group 12 ...\" aria-label=\"Filter\">\n"
		"<label><input type=\"checkbox\" value=\"goes\"> can go</label>\n"
		"<label><input type=\"checkbox\" value=\"whole\"> with its group</label>\n"
		"<label><input type=\"checkbox\" value=\"stays\"> stays</label>\n"
		"<label><input type=\"checkbox\" value=\"out\"> with a guest</label>\n"
		"<output id=\"count\"></output></header>\n<pre id=\"more\" hidden></pre>\n");
	topology_draw(picture, true, html);
	pp_buffer_puts(html, script);
	pp_buffer_puts(html, "</html>\n");
}
