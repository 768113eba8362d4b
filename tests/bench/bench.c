// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The bench's tool: main, the table of subcommands, and what they share. It sends and measures; what is compared with
 * what, and how often, is the scripts'.
 */
#include "bench/bench.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "bench/traffic.h"
#include "grant.h"
#include "number.h"

static int bench_sources(int argc, char **argv);

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	int n_args;
	const char *args;
	const char *what;
} commands[] = {
	{"flood", bench_flood, 5, "IFNAME v4|v6 PORT/PROTO SOURCES MILLISECONDS",
	 "send frames; 0 sources: random ones"},
	{"bare", bench_bare, 2, "IFNAME drop|pass", "attach an XDP program that does nothing else"},
	{"run", bench_run, 8, "PIN|empty v4|v6 PORT/PROTO granted|near|far N REPEAT BUDGET-PIN|- BUDGET",
	 "nanoseconds of a program"},
	{"feed", bench_feed, 4, "SOCKET v4|v6 PORT/PROTO N", "a feed that grants sources 0 to N-1"},
	{"sink", bench_sink, 2, "PORT/PROTO PORT/PROTO", "take in datagrams, and drop them at once"},
	{"sources", bench_sources, 2, "v4|v6 N", "addresses of sources 0 to N-1"},
};

void bench_die(const char *format, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

uint64_t bench_number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t number;

	if (number_parse(text, strlen(text), max, &number) || number < min)
		bench_die("not a number from %ju to %ju: %s", (uintmax_t)min, (uintmax_t)max, text);
	return number;
}

unsigned int bench_family(const char *text)
{
	if (strcmp(text, "v4") == 0)
		return 4;
	if (strcmp(text, "v6") == 0)
		return 6;
	bench_die("neither v4 nor v6: %s", text);
}

void bench_port(const char *text, struct port_rule *ret)
{
	struct parse_error error = {0};

	if (port_rule_parse(text, strlen(text), ret, &error) || protos_count(ret->protos) != 1)
		bench_die("not PORT/PROTO: %s", text);
}

uint64_t bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void bench_source(unsigned int family, uint32_t i, struct cidr *ret)
{
	uint64_t low = traffic_source6_host(i);
	const uint32_t words[] = {htonl(traffic_source6_net(i)), 0, htonl((uint32_t)(low >> 32)), htonl((uint32_t)low)};
	const uint32_t word4 = htonl(traffic_source4(i));

	*ret = (struct cidr){.family = (uint8_t)family, .prefix_len = family == 4 ? 32 : 128};
	if (family == 4)
		memcpy(ret->addr, &word4, sizeof(word4));
	else
		memcpy(ret->addr, words, sizeof(words));
}

void bench_frame(const struct cidr *source, const struct port_rule *to, struct frame *ret)
{
	char text[CIDR_TEXT_MAX];
	const struct layer layers[] = {
		{LAYER_FROM, 0, 0, 0, text},
		{source->family == 4 ? LAYER_IPV4 : LAYER_IPV6, 0, 0, 0, NULL},
		{LAYER_L4, proto_number(to->protos), to->port, FRAME_SPORT, NULL},
	};

	cidr_format(source, text);
	if (frame_build(layers, ARRAY_SIZE(layers), ret))
		bench_die("no such frame");
	if (to->protos == PROTO_BIT_UDP)
		memset(ret->data + ret->l4_at + 6, 0, 2);
}

static int bench_sources(int argc, char **argv)
{
	unsigned int family = bench_family(argv[1]);
	uint64_t n = bench_number(argv[2], 0, JITGATE_GRANTS_MAX);

	(void)argc;
	for (uint32_t i = 0; i < n; i++) {
		char text[CIDR_TEXT_MAX];
		struct cidr cidr;

		bench_source(family, i, &cidr);
		cidr_format(&cidr, text);
		puts(text);
	}
	return 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 == commands[i].n_args)
			return commands[i].run(argc - 1, argv + 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, "bench %s %s: %s\n", commands[i].name, commands[i].args, commands[i].what);
	return 2;
}
