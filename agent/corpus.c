// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. All cases in a row, and the frame of each. See corpus.h.
 */
#include "corpus_parts.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>

#include "util.h"

/* Those by hand come first: what they show is the easiest to understand. */
static enum corpus_got (*const parts[])(size_t i, struct corpus_case *ret) = {
	corpus_table_get, corpus_cut_get,     corpus_next_door_get, corpus_protocol_get,
	corpus_stack_get, corpus_options_get, corpus_fragment_get,  corpus_order_get,
	corpus_chain_get, corpus_tags_get,    corpus_stack_cut_get,
};

static const char *const kind_names[] = {
	[CORPUS_NOT_IP] = "not IP",
	[CORPUS_MALFORMED] = "malformed",
	[CORPUS_TOO_DEEP] = "too deep",
	[CORPUS_LATER_FRAGMENT] = "later fragments",
	[CORPUS_OTHER_PROTO] = "other protocols",
	[CORPUS_SHORT_L4] = "short L4",
	[CORPUS_UNPROTECTED] = "unprotected",
	[CORPUS_GRANTED] = "granted",
	[CORPUS_EXPIRED] = "expired",
	[CORPUS_NO_GRANT] = "no grant",
	[CORPUS_NEXT_DOOR] = "the port next door",
	[CORPUS_PROTOCOL] = "every protocol with ports",
	[CORPUS_FRAMING] = "tags and IP headers",
	[CORPUS_FRAGMENT] = "fragment fields",
	[CORPUS_EXTENSION] = "extension headers",
	[CORPUS_CUT] = "truncation",
};
_Static_assert(ARRAY_SIZE(kind_names) == _CORPUS_KIND_MAX, "every kind has a name");

const char *corpus_kind_name(enum corpus_kind kind)
{
	return kind_names[kind];
}

bool corpus_next(struct corpus_at *at, struct corpus_case *ret)
{
	while (at->part < ARRAY_SIZE(parts)) {
		enum corpus_got got = parts[at->part](at->i++, ret);

		if (got == CORPUS_CASE)
			return true;
		if (got == CORPUS_END)
			*at = (struct corpus_at){.part = at->part + 1};
	}
	return false;
}

static bool is_of_tcp(const struct corpus_case *c)
{
	for (size_t i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (c->rule.frame[i].kind == LAYER_L4)
			return c->rule.frame[i].a == IPPROTO_TCP;
	}
	return false;
}

/* That each protocol is read alike is shown by the cases of CORPUS_PROTOCOL. */
bool corpus_is_brief(const struct corpus_case *c)
{
	if (c->kind == CORPUS_CUT)
		return false;
	return c->kind < CORPUS_FRAMING || is_of_tcp(c);
}

uint16_t case_port_of(uint32_t port, const struct case_port *ports)
{
	if (port == GATED)
		return ports->gated;
	if (port == OTHER)
		return ports->other;
	return port == SWAPPED ? ports->swapped : (uint16_t)port;
}

int corpus_build(const struct corpus_case *c, const struct case_port *ports, struct frame *ret_frame)
{
	struct layer layers[FRAME_LAYERS_MAX];
	int r;

	memcpy(layers, c->rule.frame, sizeof(layers));
	for (size_t i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (layers[i].kind == LAYER_IP)
			layers[i].kind = c->family == 4 ? LAYER_IPV4 : LAYER_IPV6;
		if (layers[i].kind == LAYER_L4) {
			layers[i].b = case_port_of(layers[i].b, ports);
			layers[i].c = case_port_of(layers[i].c, ports);
		}
	}
	r = frame_build(layers, FRAME_LAYERS_MAX, ret_frame);
	if (r == 0 && c->cut)
		frame_cut(ret_frame, c->cut);
	return r;
}

/* ---------------------------------------------------------------- for the parts */

size_t corpus_digit(size_t *i, size_t n)
{
	size_t digit = *i % n;

	*i /= n;
	return digit;
}

void corpus_add(struct corpus_case *c, const struct layer *layers, size_t n)
{
	size_t at = 0;

	while (at < FRAME_LAYERS_MAX && c->rule.frame[at].kind != LAYER_END)
		at++;
	for (size_t i = 0; i < n && at < FRAME_LAYERS_MAX && layers[i].kind != LAYER_END; i++)
		c->rule.frame[at++] = layers[i];
}

void corpus_add_l4(struct corpus_case *c, const struct proto_part *proto, uint32_t port)
{
	const struct layer l4 = L4(proto->proto, FRAME_SPORT, port);

	corpus_add(c, &l4, 1);
	c->rule.protect = proto->bit;
}

void corpus_set_name(struct corpus_case *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->name, sizeof(c->name), format, args);
	va_end(args);
}

void corpus_set_set(struct corpus_case *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->set, sizeof(c->set), format, args);
	va_end(args);
}

int corpus_family_of(const struct layer *layers)
{
	for (size_t i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (layers[i].kind == LAYER_IP)
			return 0;
		if (layers[i].kind == LAYER_IPV4)
			return 4;
		if (layers[i].kind == LAYER_IPV6)
			return 6;
	}
	return 4;
}
