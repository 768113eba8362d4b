// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The guardian against a kernel that is played: interfaces with what runs on them, and a clock. Ours is program 7.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "guardian.h"
#include "util.h"

#define OURS 7
#define NETIFS_MAX 8

/* The kernel, and what was asked of it. */
static struct netif netifs[NETIFS_MAX];
static size_t n_netifs;
static struct boot_time now;
static int attach_error;
static bool list_fails, off, routes_asked;
static enum probe_result probe_says;
static int let_go_error, lro_error;
static unsigned int attaches, let_go_of, let_gos, probes, probes_at_tc;
static struct attachment attach_says;
static struct vf_sample vf_is;
static char said[32][512];
static size_t n_said;

static struct conf conf;
static char *names[NETIFS_MAX];
static struct guardian g;

static struct clock_pair play_now(void *ctx)
{
	(void)ctx;
	return (struct clock_pair){.wall.ns = (int64_t)now.ns + 1000, .boot = now};
}

static void play_say(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	assert_true(n_said < ARRAY_SIZE(said));
	snprintf(said[n_said++], sizeof(said[0]), "%s", line);
}

static int play_list(void *ctx, bool with_routes, struct netif **ret, size_t *ret_n)
{
	struct netif *copy = calloc(NETIFS_MAX, sizeof(*copy));

	(void)ctx;
	assert_non_null(copy);
	routes_asked = with_routes;
	if (list_fails) {
		free(copy);
		return -ENOBUFS;
	}
	memcpy(copy, netifs, sizeof(netifs));
	for (size_t i = 0; i < n_netifs; i++)
		copy[i].default_route &= with_routes;
	*ret = copy;
	*ret_n = n_netifs;
	return 0;
}

static struct netif *find(uint32_t ifindex)
{
	for (size_t i = 0; i < n_netifs; i++) {
		if (netifs[i].ifindex == ifindex)
			return &netifs[i];
	}
	return NULL;
}

static int play_attach(void *ctx, const struct netif *netif, struct attachment *ret, struct failure *failure)
{
	struct netif *there = find(netif->ifindex);

	(void)ctx;
	attaches++;
	if (attach_error)
		return failure_set(failure, attach_error, "refused");
	assert_non_null(there);
	if (there->xdp_program && there->xdp_program != OURS)
		return failure_set(failure, -EBUSY, "occupied");
	there->xdp_program = OURS;
	there->xdp_mode = NETIF_XDP_NATIVE;
	*ret = attach_says;
	return 0;
}

static int play_let_go(void *ctx, uint32_t ifindex, int *ret_lro)
{
	struct netif *there = find(ifindex);

	(void)ctx;
	let_go_of = ifindex;
	let_gos++;
	*ret_lro = let_go_error ? 0 : lro_error;
	if (there && !let_go_error)
		there->xdp_program = 0;
	return let_go_error;
}

static bool play_verify(void *ctx, uint32_t ifindex, struct netif *ret_now, char why[REPORT_WHY_MAX])
{
	const struct netif *there = find(ifindex);

	(void)ctx;
	why[0] = '\0';
	if (!there)
		snprintf(why, REPORT_WHY_MAX, "the interface is gone");
	else if (!there->xdp_program)
		snprintf(why, REPORT_WHY_MAX, "no XDP program is on it");
	else if (there->xdp_program != OURS)
		snprintf(why, REPORT_WHY_MAX, "another XDP program (id %u) is on it", there->xdp_program);
	if (there)
		*ret_now = *there;
	return !why[0];
}

static enum probe_result play_probe(void *ctx, bool tc, char why[REPORT_WHY_MAX])
{
	(void)ctx;
	probes++;
	probes_at_tc += tc;
	if (probe_says == PROBE_BAD)
		snprintf(why, REPORT_WHY_MAX, "a packet that was dropped is not counted");
	if (probe_says == PROBE_IMPOSSIBLE)
		snprintf(why, REPORT_WHY_MAX, "not permitted");
	return probe_says;
}

static bool play_is_off(void *ctx)
{
	(void)ctx;
	return off;
}

static bool play_vf(void *ctx, const struct netif *vf, struct vf_sample *ret)
{
	(void)ctx;
	*ret = vf_is;
	ret->rx_packets = vf->rx_packets;
	return true;
}

static const struct guardian_ops played = {
	.now = play_now,
	.say = play_say,
	.list = play_list,
	.attach = play_attach,
	.let_go = play_let_go,
	.verify = play_verify,
	.probe = play_probe,
	.is_off = play_is_off,
	.sample_vf = play_vf,
};

/* ---------------------------------------------------------------- play */

static struct netif *appears(uint32_t ifindex, const char *name)
{
	struct netif *netif = &netifs[n_netifs++];

	*netif = (struct netif){
		.ifindex = ifindex, .ethernet = true, .mtu = 1500, .mac = {2, 0, 0, 0, 0, (uint8_t)ifindex}};
	snprintf(netif->name, sizeof(netif->name), "%s", name);
	return netif;
}

static void vanishes(uint32_t ifindex)
{
	struct netif *netif = find(ifindex);

	assert_non_null(netif);
	memmove(netif, netif + 1, (size_t)(netifs + --n_netifs - netif) * sizeof(*netif));
}

static void means(const char *one, const char *two)
{
	names[0] = (char *)one;
	names[1] = (char *)two;
	conf.interfaces = names;
	conf.n_interfaces = !one ? 0 : !two ? 1 : 2;
	conf.interfaces_auto = !one;
}

static void pass(uint64_t ms)
{
	now.ns += ms * NS_PER_MS;
}

static struct guarded_if *guarded(const char *name)
{
	for (size_t i = 0; i < g.n; i++) {
		if (strcmp(g.v[i].name, name) == 0)
			return &g.v[i];
	}
	return NULL;
}

static bool verified(const char *name)
{
	return guarded(name) && guarded(name)->verified;
}

/* How many lines that were said have this in them. */
static size_t heard(const char *words)
{
	size_t n = 0;

	for (size_t i = 0; i < n_said; i++)
		n += strstr(said[i], words) != NULL;
	return n;
}

/* As jitgated's start does it. */
static int starts(void)
{
	struct failure failure;
	int r = guardian_choose(&g, &failure);

	for (size_t i = 0; r == 0 && i < g.n; i++) {
		struct attachment attached;

		if (g.v[i].now.ifindex && play_attach(NULL, &g.v[i].now, &attached, &failure) == 0)
			guardian_adopt(&g, &g.v[i], &attached);
	}
	attaches = probes = probes_at_tc = 0;
	return r;
}

static int clean(void **state)
{
	(void)state;
	n_netifs = n_said = 0;
	memset(netifs, 0, sizeof(netifs));
	now.ns = 100 * NS_PER_S;
	attach_error = 0;
	list_fails = off = routes_asked = false;
	probe_says = PROBE_GOOD;
	let_go_error = lro_error = 0;
	attaches = let_go_of = let_gos = probes = probes_at_tc = 0;
	attach_says = (struct attachment){0};
	vf_is = (struct vf_sample){0};
	conf = (struct conf){0};
	means(NULL, NULL);
	guardian_init(&g, &conf, &played, NULL);
	return 0;
}

static int tidy(void **state)
{
	(void)state;
	guardian_free(&g);
	return 0;
}

/* ---------------------------------------------------------------- which ones */

static void auto_means_physical_ones_and_those_with_a_default_route(void **state)
{
	(void)state;
	appears(1, "lo")->ethernet = false;
	appears(2, "eth0")->physical = true;
	appears(3, "veth1");
	appears(4, "br0")->default_route = true;
	appears(5, "port")->physical = true;
	find(5)->has_master = true;
	assert_int_equal(starts(), 0);
	assert_int_equal(g.n, 2);
	assert_true(verified("eth0") && verified("br0"));
}

static void auto_never_means_the_vf_of_a_netvsc_not_even_before_it_has_its_master(void **state)
{
	(void)state;
	appears(2, "eth0")->physical = true;
	find(2)->netvsc = true;
	assert_int_equal(starts(), 0);
	appears(3, "eth1")->physical = true;
	memcpy(find(3)->mac, find(2)->mac, 6);
	guardian_look(&g, false);
	assert_null(guarded("eth1"));
	assert_int_equal(find(3)->xdp_program, 0);
	/* Another netvsc, with an address of its own, is an uplink. */
	appears(4, "eth2")->physical = true;
	find(4)->netvsc = true;
	guardian_look(&g, false);
	assert_true(verified("eth2"));
}

static void a_vf_that_was_taken_for_an_uplink_is_let_go_when_its_parent_appears(void **state)
{
	(void)state;
	appears(3, "eth1")->physical = true;
	assert_int_equal(starts(), 0);
	assert_true(verified("eth1"));
	appears(4, "eth0")->physical = true;
	find(4)->netvsc = true;
	memcpy(find(4)->mac, find(3)->mac, 6);
	guardian_look(&g, false);
	assert_null(guarded("eth1"));
	assert_int_equal(heard("eth1: belongs to another interface"), 1);
	assert_int_equal(find(3)->xdp_program, 0);
	assert_true(verified("eth0"));
}

static void a_vf_that_is_let_go_in_vain_is_not_said_to_be_let_go(void **state)
{
	(void)state;
	appears(3, "eth1")->physical = true;
	assert_int_equal(starts(), 0);
	appears(4, "eth0")->physical = true;
	find(4)->netvsc = true;
	memcpy(find(4)->mac, find(3)->mac, 6);
	let_go_error = -EPERM;
	guardian_look(&g, false);
	assert_null(guarded("eth1"));
	assert_int_equal(heard("eth1: is no longer guarded, but STILL ENFORCED"), 1);
	assert_int_equal(heard("belongs to another interface"), 0);
}

static void a_name_that_does_not_exist_is_said_and_waited_for(void **state)
{
	(void)state;
	means("eth0", "eth9");
	appears(2, "eth0");
	assert_int_equal(starts(), 0);
	assert_true(verified("eth0"));
	assert_non_null(guarded("eth9"));
	assert_false(verified("eth9"));
	assert_int_equal(heard("eth9: NOT PROTECTED: there is no such interface"), 1);
	assert_true(guardian_misses(&g));
	guardian_look(&g, false);
	guardian_look(&g, false);
	assert_int_equal(heard("eth9"), 1);
	appears(9, "eth9");
	guardian_look(&g, false);
	assert_true(verified("eth9"));
	assert_false(guardian_misses(&g));
	assert_int_equal(g.n, 2);
	assert_int_equal(heard("eth9: appeared, attached in native mode, program id 7"), 1);
	assert_int_equal(guarded("eth9")->lost, 0);
}

static void a_named_interface_without_ethernet_is_refused_at_the_start_and_told_later(void **state)
{
	(void)state;
	means("tun0", NULL);
	appears(2, "tun0")->ethernet = false;
	assert_int_equal(starts(), -EOPNOTSUPP);
	tidy(state);
	clean(state);
	means("tun0", NULL);
	assert_int_equal(starts(), 0);
	appears(2, "tun0")->ethernet = false;
	guardian_look(&g, false);
	guardian_look(&g, false);
	assert_int_equal(attaches, 0);
	assert_int_equal(heard("tun0: NOT PROTECTED: it is not an Ethernet interface"), 1);
}

static void without_any_uplink_it_says_so_and_waits(void **state)
{
	(void)state;
	assert_int_equal(starts(), 0);
	assert_int_equal(heard("NOTHING IS FILTERED"), 1);
	assert_true(guardian_misses(&g));
	appears(2, "eth0")->physical = true;
	guardian_look(&g, false);
	assert_true(verified("eth0"));
}

static void a_default_route_makes_an_uplink_which_stays_one_without_it(void **state)
{
	(void)state;
	appears(2, "vlan5");
	assert_int_equal(starts(), 0);
	assert_int_equal(g.n, 0);
	find(2)->default_route = true;
	guardian_look(&g, false);
	assert_false(routes_asked);
	assert_int_equal(g.n, 0);
	guardian_look(&g, true);
	assert_true(verified("vlan5"));
	find(2)->default_route = false;
	guardian_look(&g, true);
	assert_true(verified("vlan5"));
	means("vlan5", NULL);
	guardian_look(&g, true);
	assert_false(routes_asked); /* whoever names interfaces does not pay for routes */
}

static void an_interface_that_vanishes_is_let_go_and_its_name_waited_for(void **state)
{
	(void)state;
	means("eth0", NULL);
	appears(2, "eth0");
	assert_int_equal(starts(), 0);
	vanishes(2);
	guardian_look(&g, false);
	assert_int_equal(let_go_of, 2);
	assert_false(verified("eth0"));
	assert_int_equal(heard("eth0: the interface is gone"), 1);
	appears(3, "eth0");
	guardian_look(&g, false);
	assert_true(verified("eth0"));
	assert_int_equal(g.n, 1);
	/* Nothing was lost: there was nothing to guard meanwhile. */
	assert_int_equal(guarded("eth0")->lost, 0);
}

static void an_uplink_that_vanishes_is_forgotten(void **state)
{
	(void)state;
	appears(2, "eth0")->physical = true;
	assert_int_equal(starts(), 0);
	vanishes(2);
	guardian_look(&g, false);
	assert_int_equal(let_go_of, 2);
	assert_int_equal(g.n, 0);
}

static void another_name_keeps_the_guard(void **state)
{
	(void)state;
	means("eth0", NULL);
	appears(2, "eth0");
	assert_int_equal(starts(), 0);
	snprintf(find(2)->name, sizeof(find(2)->name), "%s", "wan0");
	guardian_look(&g, false);
	assert_true(verified("wan0"));
	assert_int_equal(let_go_of, 0);
	assert_int_equal(attaches, 1); /* which moves the pin */
	assert_non_null(guarded("eth0"));
	assert_false(verified("eth0"));
	snprintf(find(2)->name, sizeof(find(2)->name), "%s", "eth0");
	guardian_look(&g, false);
	assert_int_equal(g.n, 1);
	assert_true(verified("eth0"));
}

static void names_that_are_exchanged_stay_with_their_interfaces(void **state)
{
	(void)state;
	means("eth0", "eth1");
	appears(2, "eth0");
	appears(3, "eth1");
	assert_int_equal(starts(), 0);
	snprintf(find(2)->name, sizeof(find(2)->name), "%s", "eth1");
	snprintf(find(3)->name, sizeof(find(3)->name), "%s", "eth0");
	guardian_look(&g, false);
	assert_int_equal(g.n, 2);
	assert_int_equal(guarded("eth0")->now.ifindex, 3);
	assert_int_equal(guarded("eth1")->now.ifindex, 2);
	assert_true(verified("eth0") && verified("eth1"));
}

static void another_config_lets_go_what_it_does_not_mean(void **state)
{
	(void)state;
	means("eth0", "eth1");
	appears(2, "eth0");
	appears(3, "eth1");
	appears(4, "eth2");
	assert_int_equal(starts(), 0);
	means("eth1", "eth2");
	guardian_reload(&g);
	assert_int_equal(let_go_of, 2);
	assert_null(guarded("eth0"));
	assert_true(verified("eth1") && verified("eth2"));
	assert_int_equal(heard("eth0: is no longer in `interfaces` and was detached: its ports are open"), 1);
}

static void a_default_route_that_is_away_lets_nothing_go_at_a_reload(void **state)
{
	(void)state;
	means(NULL, NULL);
	appears(2, "eth0")->physical = true;
	appears(3, "br0")->default_route = true;
	appears(4, "port")->physical = true;
	assert_int_equal(starts(), 0);
	assert_int_equal(g.n, 3);
	find(3)->default_route = false;
	find(4)->has_master = true;
	guardian_reload(&g);
	assert_int_equal(let_go_of, 0);
	assert_true(verified("br0") && verified("port"));
}

static void auto_instead_of_names_lets_go_what_is_no_uplink(void **state)
{
	(void)state;
	means("eth0", "br0");
	appears(2, "eth0")->physical = true;
	appears(3, "br0");
	assert_int_equal(starts(), 0);
	means(NULL, NULL);
	guardian_reload(&g);
	assert_int_equal(let_go_of, 3);
	assert_null(guarded("br0"));
	assert_true(verified("eth0"));
}

static void a_reload_without_a_list_is_made_up_for_at_the_next_look(void **state)
{
	(void)state;
	means("eth0", "eth1");
	appears(2, "eth0");
	appears(3, "eth1");
	assert_int_equal(starts(), 0);
	means("eth1", NULL);
	list_fails = true;
	guardian_reload(&g);
	guardian_look(&g, false);
	assert_non_null(guarded("eth0"));
	assert_int_equal(heard("cannot list the network interfaces"), 1);
	list_fails = false;
	guardian_look(&g, false);
	assert_int_equal(let_go_of, 2);
	assert_null(guarded("eth0"));
	assert_true(verified("eth1"));
	assert_int_equal(heard("eth0: is no longer in `interfaces` and was detached: its ports are open"), 1);
}

/* That look asks for the routes, though it was not told to, and once: later ones let nothing go. */
static void such_a_reload_to_auto_lets_no_uplink_go(void **state)
{
	(void)state;
	means("eth0", "eth1");
	appears(2, "eth0")->default_route = true;
	appears(3, "eth1");
	assert_int_equal(starts(), 0);
	means(NULL, NULL);
	list_fails = true;
	guardian_reload(&g);
	list_fails = false;
	guardian_look(&g, false);
	assert_true(routes_asked);
	assert_int_equal(let_go_of, 3);
	assert_null(guarded("eth1"));
	assert_true(verified("eth0"));
	find(2)->default_route = false;
	find(3)->default_route = true;
	guardian_look(&g, true);
	assert_true(verified("eth0") && verified("eth1"));
}

static void a_typing_error_lets_nothing_go(void **state)
{
	(void)state;
	means("eth0", NULL);
	appears(2, "eth0");
	assert_int_equal(starts(), 0);
	means("eht0", NULL);
	guardian_reload(&g);
	assert_int_equal(let_go_of, 0);
	assert_true(verified("eth0"));
	assert_int_equal(heard("eht0: NOT PROTECTED"), 1);
	means("eth0", NULL);
	guardian_reload(&g);
	assert_int_equal(g.n, 1);
	assert_true(verified("eth0"));
	/* Nor does {"auto"} where there is no uplink. */
	means(NULL, NULL);
	guardian_reload(&g);
	assert_true(verified("eth0"));
}

/* ---------------------------------------------------------------- taken off, set right */

static void start_one(void)
{
	means("eth0", NULL);
	appears(2, "eth0");
	assert_int_equal(starts(), 0);
	assert_true(verified("eth0"));
	n_said = 0;
	pass(1000);
}

static void what_is_taken_off_is_set_right_at_the_next_check_said_and_counted(void **state)
{
	(void)state;
	start_one();
	find(2)->xdp_program = 0;
	guardian_check(&g);
	assert_int_equal(find(2)->xdp_program, OURS);
	assert_true(verified("eth0"));
	assert_int_equal(probes, 1);
	assert_int_equal(guarded("eth0")->lost, 1);
	assert_int_equal(guarded("eth0")->reattached, 1);
	assert_int_equal(heard("eth0: was NOT VERIFIED: no XDP program is on it; set right"), 1);
	assert_int_equal(guarded("eth0")->verified_at.ns, (int64_t)now.ns + 1000);
}

static void all_is_well_is_checked_without_a_word_or_an_attachment(void **state)
{
	(void)state;
	start_one();
	for (int i = 0; i < 100; i++) {
		pass(450);
		guardian_check(&g);
	}
	assert_int_equal(n_said, 0);
	assert_int_equal(attaches, 0);
	assert_int_equal(guarded("eth0")->verified_at.ns, (int64_t)now.ns + 1000);
}

static void another_program_is_said_once_left_alone_and_followed_at_once(void **state)
{
	(void)state;
	start_one();
	find(2)->xdp_program = 55;
	for (int i = 0; i < 20; i++) {
		pass(450);
		guardian_check(&g);
	}
	assert_int_equal(find(2)->xdp_program, 55);
	assert_false(verified("eth0"));
	assert_string_equal(guarded("eth0")->why, "another XDP program (id 55) is on it");
	assert_int_equal(heard("NOT PROTECTED: another XDP program (id 55) is on it; occupied"), 1);
	assert_int_equal(n_said, 1);
	find(2)->xdp_program = 56;
	pass(450);
	guardian_check(&g);
	assert_int_equal(heard("(id 56)"), 1);
	find(2)->xdp_program = 0;
	pass(450);
	guardian_check(&g);
	assert_true(verified("eth0"));
	assert_int_equal(guarded("eth0")->lost, 1);
}

static void a_fight_does_not_spin_and_does_not_fill_the_log(void **state)
{
	(void)state;
	start_one();
	for (int i = 0; i < 10000; i++) { /* ten seconds, each ms a check */
		find(2)->xdp_program = 0;
		pass(1);
		guardian_check(&g);
	}
	assert_in_range(attaches, 10, 10 * 1000 / 250 + 1);
	assert_int_equal(heard("was NOT VERIFIED"), GUARDIAN_LINES);
	assert_int_equal(heard("something keeps taking"), 1);
	assert_int_equal(guarded("eth0")->reattached, attaches);
	/* A minute later it is news again. */
	pass(61000);
	n_said = 0;
	find(2)->xdp_program = 0;
	guardian_check(&g);
	assert_int_equal(heard("was NOT VERIFIED"), 1);
}

static void an_attachment_that_fails_is_tried_more_and_more_rarely(void **state)
{
	unsigned int in_first_minute;

	(void)state;
	start_one();
	find(2)->xdp_program = 0;
	attach_error = -ENOMEM;
	for (int i = 0; i < 60; i++) {
		pass(1000);
		guardian_check(&g);
	}
	in_first_minute = attaches;
	assert_in_range(in_first_minute, 5, 10);
	for (int i = 0; i < 300; i++) {
		pass(1000);
		guardian_check(&g);
	}
	assert_in_range(attaches - in_first_minute, 9, 11); /* each half minute, for ever */
	assert_false(verified("eth0"));
	assert_int_equal(guarded("eth0")->lost, 1);
	assert_int_equal(heard("NOT PROTECTED: it cannot be attached: Cannot allocate memory"), 1);
	attach_error = 0;
	pass(30000);
	guardian_check(&g);
	assert_true(verified("eth0"));
}

static void a_probe_that_fails_is_not_verified(void **state)
{
	(void)state;
	start_one();
	probe_says = PROBE_BAD;
	find(2)->xdp_program = 0;
	guardian_check(&g);
	assert_false(verified("eth0"));
	assert_string_equal(guarded("eth0")->why, "a packet that was dropped is not counted");
	probe_says = PROBE_GOOD;
	pass(1000);
	guardian_check(&g);
	assert_true(verified("eth0"));
}

static void the_filter_is_tried_at_each_look_once_for_all_interfaces_of_a_hook(void **state)
{
	(void)state;
	means("eth0", "eth1");
	appears(2, "eth0");
	appears(3, "eth1");
	assert_int_equal(starts(), 0);
	for (int i = 0; i < 5; i++) {
		pass(450);
		guardian_check(&g);
	}
	assert_int_equal(probes, 0); /* it is not as cheap as all that */
	pass(450);
	guardian_look(&g, false);
	assert_int_equal(probes, 1);
	assert_int_equal(guardian_probe_of(&g, guarded("eth0"))->good_at.ns, (int64_t)now.ns + 1000);
	find(3)->xdp_mode = NETIF_XDP_TC;
	guardian_look(&g, false);
	assert_int_equal(probes, 3);
	assert_int_equal(probes_at_tc, 1);
	list_fails = true; /* also when the kernel does not say what there is */
	guardian_look(&g, false);
	assert_int_equal(probes, 5);
}

static void a_filter_that_goes_wrong_by_itself_is_noticed_at_the_next_look(void **state)
{
	(void)state;
	start_one();
	probe_says = PROBE_BAD;
	pass(450);
	guardian_check(&g);
	assert_true(verified("eth0"));
	pass(10000);
	guardian_look(&g, false);
	assert_false(verified("eth0"));
	assert_int_equal(attaches, 1); /* which puts slot and pins right */
	assert_int_equal(guarded("eth0")->lost, 1);
	assert_int_equal(heard("eth0: NOT PROTECTED: a packet that was dropped is not counted"), 1);
	pass(450);
	guardian_check(&g);
	assert_false(verified("eth0"));
	probe_says = PROBE_GOOD;
	pass(10000);
	guardian_look(&g, false);
	assert_true(verified("eth0"));
}

/* Not as good: it is told that nothing was tried, and when it was last. */
static void what_cannot_be_tried_is_said_once_and_verified_by_the_ids_alone(void **state)
{
	struct wall_time last;

	(void)state;
	start_one();
	last = guardian_probe_of(&g, guarded("eth0"))->good_at;
	assert_int_not_equal(last.ns, 0);
	probe_says = PROBE_IMPOSSIBLE;
	for (int i = 0; i < 5; i++) {
		pass(10000);
		guardian_look(&g, false);
	}
	assert_int_equal(probes, 5);
	assert_true(verified("eth0"));
	assert_int_equal(guardian_probe_of(&g, guarded("eth0"))->result, PROBE_IMPOSSIBLE);
	assert_string_equal(guardian_probe_of(&g, guarded("eth0"))->why, "not permitted");
	assert_int_equal(guardian_probe_of(&g, guarded("eth0"))->good_at.ns, last.ns);
	assert_int_equal(heard("the filter cannot be tried with a packet here (not permitted)"), 1);
	assert_int_equal(n_said, 1);
}

static void taken_off_on_purpose_stays_off(void **state)
{
	(void)state;
	start_one();
	find(2)->xdp_program = 0;
	off = true;
	for (int i = 0; i < 10; i++) {
		pass(1000);
		guardian_look(&g, true);
	}
	appears(3, "eth1");
	means("eth0", "eth1");
	guardian_reload(&g);
	off = false; /* it is not taken back but by a restart */
	guardian_look(&g, true);
	assert_int_equal(attaches, 0);
	assert_int_equal(find(2)->xdp_program, 0);
	assert_int_equal(let_go_of, 2);
	assert_false(verified("eth0"));
	assert_string_equal(guarded("eth0")->why, "enforcement was taken off by jitgated --detach; restart jitgated");
	assert_int_equal(heard("NOTHING IS FILTERED: enforcement was taken off"), 1);
}

static void a_kernel_that_does_not_list_is_said_once_and_checked_all_the_same(void **state)
{
	(void)state;
	start_one();
	list_fails = true;
	find(2)->xdp_program = 0;
	guardian_look(&g, false);
	pass(1000);
	guardian_look(&g, false);
	assert_int_equal(heard("cannot list the network interfaces"), 1);
	assert_true(verified("eth0"));
}

/* ---------------------------------------------------------------- let go, in vain */

/* eth0 is guarded, and then only eth1. */
static void leave_eth0(void)
{
	means("eth0", "eth1");
	appears(2, "eth0");
	appears(3, "eth1");
	assert_int_equal(starts(), 0);
	n_said = 0;
	means("eth1", NULL);
	guardian_reload(&g);
	assert_null(guarded("eth0"));
}

static void what_cannot_be_taken_off_is_not_said_to_be_off_and_tried_again(void **state)
{
	(void)state;
	let_go_error = -EPERM;
	leave_eth0();
	assert_int_equal(find(2)->xdp_program, OURS);
	assert_int_equal(heard("its ports are open"), 0);
	assert_int_equal(heard("eth0: is no longer guarded, but STILL ENFORCED"), 1);
	assert_int_equal(heard("Operation not permitted; restart jitgated"), 1);
	assert_int_equal(g.n_left, 1);
	assert_string_equal(g.left[0].name, "eth0");
	assert_int_equal(g.left[0].enforced, -EPERM);
	pass(10000);
	guardian_look(&g, false);
	assert_int_equal(g.n_left, 1);
	assert_int_equal(n_said, 1);
	let_go_error = 0;
	pass(10000);
	guardian_look(&g, false);
	assert_int_equal(g.n_left, 0);
	assert_int_equal(find(2)->xdp_program, 0);
	assert_int_equal(heard("eth0: was detached now: its ports are open"), 1);
	let_gos = 0;
	guardian_look(&g, false);
	assert_int_equal(let_gos, 0);
}

static void what_is_left_ends_with_the_interface_or_when_it_is_guarded_again(void **state)
{
	(void)state;
	let_go_error = -EPERM;
	leave_eth0();
	assert_int_equal(g.n_left, 1);
	means("eth0", "eth1");
	guardian_reload(&g);
	assert_true(verified("eth0"));
	assert_int_equal(g.n_left, 0);
	means("eth1", NULL);
	guardian_reload(&g);
	assert_int_equal(g.n_left, 1);
	vanishes(2);
	guardian_look(&g, false);
	assert_int_equal(g.n_left, 0);
}

static void an_offload_that_stays_off_is_said_with_the_command_to_run(void **state)
{
	(void)state;
	lro_error = -EPERM;
	leave_eth0();
	assert_int_equal(find(2)->xdp_program, 0);
	assert_int_equal(heard("eth0: is no longer in `interfaces` and was detached: its ports are open"), 1);
	assert_int_equal(heard("stays off: Operation not permitted; ethtool -K eth0 lro on, or restart jitgated"), 1);
	assert_int_equal(g.n_left, 1);
	assert_int_equal(g.left[0].enforced, 0);
	assert_int_equal(g.left[0].lro, -EPERM);
	lro_error = 0;
	pass(10000);
	guardian_look(&g, false);
	assert_int_equal(g.n_left, 0);
	assert_int_equal(n_said, 2);
}

/* ---------------------------------------------------------------- words, VF */

static void a_refusal_of_native_mode_is_told_with_the_way_to_get_it(void **state)
{
	(void)state;
	means("eth0", NULL);
	assert_int_equal(starts(), 0);
	appears(2, "eth0")->mtu = 9000;
	attach_says.refused = ERANGE;
	guardian_look(&g, false);
	assert_int_equal(heard("the MTU here is 9000"), 1);
	vanishes(2);
	guardian_look(&g, false);
	appears(3, "eth0");
	attach_says = (struct attachment){.refused = EOPNOTSUPP, .lro = true};
	guardian_look(&g, false);
	assert_int_equal(heard("because large receive offload is on; for native mode: jitgated --detach, then restart"),
			 1);
	vanishes(3);
	guardian_look(&g, false);
	appears(4, "eth0");
	attach_says = (struct attachment){.refused = EOPNOTSUPP};
	guardian_look(&g, false);
	assert_int_equal(heard("eth0: the driver refused native mode (Operation not supported)"), 2);
	assert_int_equal(heard("MTU"), 1);
	assert_int_equal(heard("stays off"), 0);
	vanishes(4);
	guardian_look(&g, false);
	appears(5, "eth0");
	attach_says = (struct attachment){.refused = EOPNOTSUPP, .lro_left = EIO};
	guardian_look(&g, false);
	assert_int_equal(
		heard("was switched off for native mode in vain, stays off: Input/output error; ethtool -K eth0"), 1);
}

static void start_netvsc_with_vf(void)
{
	appears(2, "eth0")->physical = true;
	find(2)->netvsc = true;
	appears(3, "eth1")->physical = true;
	memcpy(find(3)->mac, find(2)->mac, 6);
	assert_int_equal(starts(), 0);
	guardian_look(&g, false);
	assert_true(verified("eth0"));
	n_said = 0;
}

static void a_vf_that_goes_past_the_filter_is_not_verified(void **state)
{
	(void)state;
	start_netvsc_with_vf();
	for (int i = 0; i < 5; i++) {
		pass(10000);
		find(3)->rx_packets += 1000;
		guardian_look(&g, false);
	}
	assert_false(verified("eth0"));
	assert_string_equal(guarded("eth0")->why, "VF eth1 of eth0 takes packets and its XDP counters do not move");
	assert_int_equal(heard("VF eth1 of eth0 takes packets"), 1);
	assert_int_equal(attaches, 0); /* which would not help */
	assert_int_equal(guarded("eth0")->lost, 0);
	pass(10000);
	vf_is.xdp_drops = 1;
	guardian_look(&g, false);
	pass(450);
	guardian_check(&g);
	assert_true(verified("eth0"));
}

static void few_packets_past_the_filter_add_up(void **state)
{
	(void)state;
	start_netvsc_with_vf();
	for (int i = 0; i < 10 && verified("eth0"); i++) {
		pass(10000);
		find(3)->rx_packets += VF_PACKETS_MIN / 4;
		guardian_look(&g, false);
	}
	assert_false(verified("eth0"));
}

static void a_vf_whose_packets_the_filter_counts_is_fine_and_so_is_one_that_rests(void **state)
{
	(void)state;
	start_netvsc_with_vf();
	for (int i = 0; i < 10; i++) {
		pass(10000);
		if (i < 5) {
			find(3)->rx_packets += 1000;
			vf_is.counted += 1000;
		}
		guardian_look(&g, false);
		assert_true(verified("eth0"));
	}
	assert_int_equal(n_said, 0);
}

static void another_vf_is_judged_anew(void **state)
{
	(void)state;
	start_netvsc_with_vf();
	find(3)->rx_packets += 1000;
	guardian_look(&g, false);
	assert_false(verified("eth0"));
	find(3)->ifindex = 9; /* host servicing took it and gave another one */
	guardian_look(&g, false);
	pass(450);
	guardian_check(&g);
	assert_true(verified("eth0"));
}

/* Packets that came in are fewer where the filter counts them: the kernel has put them together. */
static void a_vf_is_judged_by_counts_in_native_mode_only(void **state)
{
	static const enum netif_xdp others[] = {NETIF_XDP_GENERIC, NETIF_XDP_TC};

	(void)state;
	start_netvsc_with_vf();
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		find(2)->xdp_mode = others[i];
		for (int round = 0; round < 5; round++) {
			pass(10000);
			find(3)->rx_packets += 1000;
			vf_is.counted += 100;
			guardian_look(&g, false);
			assert_true(verified("eth0"));
		}
	}
	assert_int_equal(n_said, 0);
	find(2)->xdp_mode = NETIF_XDP_NATIVE;
	for (int round = 0; round < 2; round++) {
		assert_true(verified("eth0")); /* what came in before the mode changed does not count */
		pass(10000);
		find(3)->rx_packets += 1000;
		vf_is.counted += 100;
		guardian_look(&g, false);
	}
	assert_false(verified("eth0"));
	find(2)->xdp_mode = NETIF_XDP_GENERIC;
	guardian_check(&g);
	assert_true(verified("eth0"));
	assert_int_equal(heard("VF eth1 of eth0 takes packets"), 1);
}

#define PLAY(function) cmocka_unit_test_setup_teardown(function, clean, tidy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAY(auto_means_physical_ones_and_those_with_a_default_route),
		PLAY(auto_never_means_the_vf_of_a_netvsc_not_even_before_it_has_its_master),
		PLAY(a_vf_that_was_taken_for_an_uplink_is_let_go_when_its_parent_appears),
		PLAY(a_vf_that_is_let_go_in_vain_is_not_said_to_be_let_go),
		PLAY(a_name_that_does_not_exist_is_said_and_waited_for),
		PLAY(a_named_interface_without_ethernet_is_refused_at_the_start_and_told_later),
		PLAY(without_any_uplink_it_says_so_and_waits),
		PLAY(a_default_route_makes_an_uplink_which_stays_one_without_it),
		PLAY(an_interface_that_vanishes_is_let_go_and_its_name_waited_for),
		PLAY(an_uplink_that_vanishes_is_forgotten),
		PLAY(another_name_keeps_the_guard),
		PLAY(names_that_are_exchanged_stay_with_their_interfaces),
		PLAY(another_config_lets_go_what_it_does_not_mean),
		PLAY(a_default_route_that_is_away_lets_nothing_go_at_a_reload),
		PLAY(auto_instead_of_names_lets_go_what_is_no_uplink),
		PLAY(a_reload_without_a_list_is_made_up_for_at_the_next_look),
		PLAY(such_a_reload_to_auto_lets_no_uplink_go),
		PLAY(a_typing_error_lets_nothing_go),
		PLAY(what_is_taken_off_is_set_right_at_the_next_check_said_and_counted),
		PLAY(all_is_well_is_checked_without_a_word_or_an_attachment),
		PLAY(another_program_is_said_once_left_alone_and_followed_at_once),
		PLAY(a_fight_does_not_spin_and_does_not_fill_the_log),
		PLAY(an_attachment_that_fails_is_tried_more_and_more_rarely),
		PLAY(a_probe_that_fails_is_not_verified),
		PLAY(the_filter_is_tried_at_each_look_once_for_all_interfaces_of_a_hook),
		PLAY(a_filter_that_goes_wrong_by_itself_is_noticed_at_the_next_look),
		PLAY(what_cannot_be_tried_is_said_once_and_verified_by_the_ids_alone),
		PLAY(what_cannot_be_taken_off_is_not_said_to_be_off_and_tried_again),
		PLAY(what_is_left_ends_with_the_interface_or_when_it_is_guarded_again),
		PLAY(an_offload_that_stays_off_is_said_with_the_command_to_run),
		PLAY(taken_off_on_purpose_stays_off),
		PLAY(a_kernel_that_does_not_list_is_said_once_and_checked_all_the_same),
		PLAY(a_refusal_of_native_mode_is_told_with_the_way_to_get_it),
		PLAY(a_vf_that_goes_past_the_filter_is_not_verified),
		PLAY(few_packets_past_the_filter_add_up),
		PLAY(a_vf_whose_packets_the_filter_counts_is_fine_and_so_is_one_that_rests),
		PLAY(another_vf_is_judged_anew),
		PLAY(a_vf_is_judged_by_counts_in_native_mode_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
