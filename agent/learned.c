// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See learned.h.
 */
#include "learned.h"

#include <errno.h>
#include <stdlib.h>

#include "jitgate_abi.h"
#include "util.h"

static int compare_ports(const void *a, const void *b)
{
	const struct learned_port *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return (x->proto_bit > y->proto_bit) - (x->proto_bit < y->proto_bit);
}

bool learned_has(const struct learned *learned, const struct learned_port *port)
{
	return learned->n && bsearch(port, learned->ports, learned->n, sizeof(*port), compare_ports);
}

static bool is_named(const struct port_rule *rules, size_t n, const struct learned_port *port)
{
	for (size_t i = 0; i < n; i++) {
		if (rules[i].port == port->port && rules[i].protos & port->proto_bit)
			return true;
	}
	return false;
}

static bool may_release(const struct learned_port *port, struct boot_time now)
{
	return port->missing >= LEARNED_RELEASE_ANSWERS && now.ns - port->missing_since.ns >= LEARNED_RELEASE_AFTER_NS;
}

static void count_miss(struct learned_port *port, struct boot_time now)
{
	if (port->missing < UINT8_MAX)
		port->missing++;
	if (port->missing == 1)
		port->missing_since = now;
}

/* Old ports that stay, with their count of misses brought up to date. */
static size_t keep_old(const struct learned *old, const struct port_rule *rules, size_t n_rules,
		       const struct learned_when *when, struct learned_port *out)
{
	size_t n = 0;

	for (size_t i = 0; i < old->n; i++) {
		struct learned_port port = old->ports[i];

		if (is_named(rules, n_rules, &port))
			port.missing = 0;
		else if (!when->again)
			count_miss(&port, when->now);
		if (when->again || !may_release(&port, when->now))
			out[n++] = port;
	}
	return n;
}

static size_t add_new(const struct learned *old, const struct port_rule *rules, size_t n_rules,
		      struct learned_port *out)
{
	size_t n = 0;

	for (size_t i = 0; i < n_rules; i++) {
		FOR_EACH_PROTO_BIT (bit) {
			struct learned_port port = {.port = rules[i].port, .proto_bit = bit};

			if (!(rules[i].protos & bit))
				continue;
			if (learned_has(old, &port))
				continue;
			out[n++] = port;
		}
	}
	return n;
}

int learned_update(struct learned *learned, const struct port_rule *rules, size_t n_rules, struct learned_when when,
		   size_t max)
{
	_cleanup_free_ struct learned_port *ports = NULL;
	size_t n;

	/* Five protocols a rule. */
	ports = calloc(learned->n + n_rules * 5 + 1, sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	n = keep_old(learned, rules, n_rules, &when, ports);
	n += add_new(learned, rules, n_rules, ports + n);
	if (n > max)
		return -ENOSPC;
	qsort(ports, n, sizeof(*ports), compare_ports);
	free(learned->ports);
	learned->ports = TAKE_PTR(ports);
	learned->n = n;
	return 0;
}

void learned_free(struct learned *learned)
{
	free(learned->ports);
	*learned = (struct learned){0};
}
