// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The config: what it means, and that whatever is wrong in it is named with its line and leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "conf.h"
#include "conf_scan.h"
#include "conf_value.h"
#include "jitgate_abi.h"

#define EXAMPLE "packaging/jitgate.conf"
#define MANUAL "packaging/man/jitgate.conf.5"

static struct conf parse_ok(const char *text)
{
	struct conf conf = {0};
	struct conf_error err = {0};

	if (conf_parse(text, strlen(text), "FILE", &conf, &err) < 0)
		fail_msg("refused: %s", err.message);
	return conf;
}

/* The copy has exactly `len` bytes, so that a sanitizer sees a read beyond them. */
static int parse_bytes(const char *text, size_t len, struct conf *ret, struct conf_error *err)
{
	_cleanup_free_ char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return conf_parse(copy, len, "FILE", ret, err);
}

/* Refused on this line, with a message that begins with the place and says `word`; ret is untouched. */
static void expect_refused(const char *text, int line, const char *word)
{
	struct conf conf, before;
	struct conf_error err = {0};
	char place[32];

	memset(&conf, 0x5a, sizeof(conf));
	before = conf;
	if (parse_bytes(text, strlen(text), &conf, &err) != -EINVAL)
		fail_msg("accepted: %s", text);
	assert_memory_equal(&conf, &before, sizeof(conf));
	snprintf(place, sizeof(place), line ? "FILE:%d: " : "FILE: ", line);
	if (err.line != line || strncmp(err.message, place, strlen(place)) != 0 || !strstr(err.message, word))
		fail_msg("%s\n  wanted %s ... %s\n  got    %s", text, place, word, err.message);
	if (strchr(err.message, '\n') || strlen(err.message) > sizeof(err.message) - 1)
		fail_msg("not one line: %s", err.message);
}

/* ---- what it means */

static void expect_defaults(const struct conf *conf)
{
	assert_true(conf->interfaces_auto);
	assert_int_equal(conf->n_interfaces, 0);
	assert_int_equal(conf->mode, JITGATE_ENFORCE);
	assert_int_equal(conf->xdp_mode, CONF_XDP_AUTO);
	assert_int_equal(conf->end_sockets, CONF_END_AUTO);
	assert_int_equal(conf->conflict, CONF_CONFLICT_FAIL);
	assert_int_equal(conf->n_protect, 0);
	assert_int_equal(conf->n_allow, 2);
	assert_int_equal(conf->guard.longest_s, 86400);
	assert_int_equal(conf->guard.widest_ipv4, 0);
	assert_int_equal(conf->guard.widest_ipv6, 0);
	assert_int_equal(conf->guard.n_sources, 0);
	assert_int_equal(conf->max_grants, JITGATE_GRANTS_DEFAULT);
	assert_string_equal(conf->azure.cloud, "auto");
	assert_string_equal(conf->azure.identity, "");
	assert_string_equal(conf->azure.audience, "");
	assert_int_equal(conf->azure.n_policies, 0);
	assert_int_equal(conf->azure.n_translate, 0);
	assert_int_equal(conf->azure.clock_tolerance_s, 300);
	assert_int_equal(conf->azure.poll_idle_s, 600);
	assert_int_equal(conf->azure.poll_live_s, 60);
	assert_string_equal(conf->azure.arm_endpoint, "");
	assert_string_equal(conf->azure.imds_endpoint, "");
	assert_string_equal(conf->azure.ca_file, "");
	assert_string_equal(conf->azure.proxy, "");
	assert_string_equal(conf->azure.user, "jitgate-azure");
	assert_string_equal(conf->user, "jitgate");
	assert_string_equal(conf->pin_dir, "/sys/fs/bpf/jitgate");
	assert_string_equal(conf->run_dir, "/run/jitgate");
	assert_string_equal(conf->state_dir, "/var/lib/jitgate");
}

static void empty_text_gives_the_defaults(void **state)
{
	static const char *const texts[] = {"", "\n", "# only a comment", "#\n", " \t\r\n", "guard { }\nazure { }\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_conf_ struct conf conf = parse_ok(texts[i]);

		expect_defaults(&conf);
	}
}

/* Tests run from the top of the tree. */
static char *read_text(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = calloc(1, 65536);

	if (!f)
		fail_msg("cannot open %s; run from the top of the tree", path);
	assert_non_null(text);
	assert_in_range(fread(text, 1, 65535, f), 1, 65534);
	return text;
}

static void example_config_has_every_key_with_its_default(void **state)
{
	_cleanup_free_ char *text = read_text(EXAMPLE);
	_cleanup_conf_ struct conf conf = parse_ok(text);
	_cleanup_conf_scan_ struct conf_scan scan = {0};

	(void)state;
	expect_defaults(&conf);
	assert_int_equal(conf_scan(text, strlen(text), EXAMPLE, &scan, NULL), 0);
	for (int i = 0; i < _CONF_KEY_MAX; i++)
		if (!scan.key_line[i] && conf_keys[i].section != CONF_PORT)
			fail_msg("%s is not in %s", conf_keys[i].full_name, EXAMPLE);
	/* A section for one port would outdo the policy of all: it is there as a comment. */
	assert_non_null(strstr(text, "\n# port \"3389/tcp\" { session = \"drain=30m\" }\n"));
}

/* "Default: 24h." or, with a macro for its looks, "Default:\n.Ql auto ."; an empty one in words. */
static void expect_default_in_manual(const struct conf_key_info *key, const char *description)
{
	const char *next = strstr(description + 1, "\n.It Ic "), *at = strstr(description, "\nDefault:");
	char name[64];
	const char *value = name;

	if (!at || (next && at > next))
		fail_msg("%s has no default in %s", key->full_name, MANUAL);
	at += strlen("\nDefault:");
	if (strncmp(at, "\n.", 2) == 0)
		at = strchr(at + 2, ' ');
	at += strspn(at, " {\"");
	snprintf(name, sizeof(name), "%s", key->fallback + strspn(key->fallback, "{"));
	name[strcspn(name, "}")] = '\0';
	if (!*name)
		value = "empty";
	if (strncmp(at, value, strlen(value)) != 0 || !strchr("., \"\n", at[strlen(value)]))
		fail_msg("the default of %s is \"%s\", and %s says \"%.20s\"", key->full_name, value, MANUAL, at);
}

static void manual_describes_every_key_in_its_section_with_its_default(void **state)
{
	_cleanup_free_ char *manual = read_text(MANUAL);
	char heading[64];

	(void)state;
	for (int i = 0; i < _CONF_KEY_MAX; i++) {
		const char *section = conf_section_names[conf_keys[i].section], *from, *to, *at;

		if (!conf_keys[i].name[0])
			continue; /* a section's title */
		snprintf(heading, sizeof(heading), section[0] ? "\n.Ss Section %s\n" : "\n.Sh SETTINGS\n%s", section);
		from = strstr(manual, heading);
		assert_non_null(from);
		to = strstr(from + 1, "\n.S");
		snprintf(heading, sizeof(heading), "\n.It Ic %s\n", conf_keys[i].name);
		at = strstr(from, heading);
		if (!at || (to && at > to))
			fail_msg("%s is not in its section of %s", conf_keys[i].full_name, MANUAL);
		if (i != CONF_KEY_PORT_SESSION) /* which goes by another key */
			expect_default_in_manual(&conf_keys[i], at);
	}
}

static void every_key_is_taken_over(void **state)
{
	_cleanup_conf_ struct conf conf = parse_ok(
		"interfaces = {\"eth0\", bond0.100}\nmode = \"audit\"\nxdp_mode = generic conflict = tc\n"
		"protect = {\"22/tcp\", '3389/any', 8080}\nallow = {\"10.0.1.77/26\", \"2001:db8::/32\"}\n"
		"session = \"cut\" end_sockets = off max_grants = 131072\nuser = \"1001\"\n"
		"pin_dir = \"/p\"\nrun_dir = \"/r\"\nstate_dir = \"/s\"\n"
		"guard { longest = \"90m\" widest_ipv4 = 24 widest_ipv6 = 128 sources = {\"192.0.2.0/24\"} }\n"
		"azure { cloud = \"usgov\" identity = \"client_id=0f\" poll_idle = 1d poll_live = 5s\n"
		"  audience = \"https://management.core.usgovcloudapi.net/\" policies = {\"/subscriptions/s\"}\n"
		"  arm_endpoint = \"https://127.0.0.1:8443\" imds_endpoint = \"http://[::1]:8080\"\n"
		"  ca_file = \"/etc/ca.pem\" proxy = \"http://proxy.example:3128\" user = \"feed.user-1\" }\n");

	(void)state;
	assert_false(conf.interfaces_auto);
	assert_int_equal(conf.n_interfaces, 2);
	assert_string_equal(conf.interfaces[1], "bond0.100");
	assert_int_equal(conf.mode, JITGATE_AUDIT);
	assert_int_equal(conf.xdp_mode, CONF_XDP_GENERIC);
	assert_int_equal(conf.conflict, CONF_CONFLICT_TC);
	assert_int_equal(conf.n_protect, 3);
	assert_int_equal(conf.protect[1].port, 3389);
	assert_int_equal(conf.protect[1].protos, PROTO_BITS_ALL);
	assert_int_equal(conf.protect[2].protos, PROTO_BIT_TCP);
	assert_int_equal(conf.n_allow, 4);
	assert_int_equal(conf.allow[0].addr[3], 64); /* host bits are cleared */
	assert_int_equal(conf.end_sockets, CONF_END_OFF);
	assert_int_equal(conf.max_grants, 131072);
	assert_int_equal(conf.guard.longest_s, 5400);
	assert_int_equal(conf.guard.widest_ipv4, 24);
	assert_int_equal(conf.guard.widest_ipv6, 128);
	assert_int_equal(conf.guard.n_sources, 1);
	assert_string_equal(conf.azure.cloud, "usgov");
	assert_string_equal(conf.azure.identity, "client_id=0f");
	assert_string_equal(conf.azure.audience, "https://management.core.usgovcloudapi.net/");
	assert_int_equal(conf.azure.n_policies, 1);
	assert_string_equal(conf.azure.policies[0], "/subscriptions/s");
	assert_int_equal(conf.azure.poll_idle_s, 86400);
	assert_int_equal(conf.azure.poll_live_s, 5);
	assert_string_equal(conf.azure.arm_endpoint, "https://127.0.0.1:8443");
	assert_string_equal(conf.azure.imds_endpoint, "http://[::1]:8080");
	assert_string_equal(conf.azure.ca_file, "/etc/ca.pem");
	assert_string_equal(conf.azure.proxy, "http://proxy.example:3128");
	assert_string_equal(conf.azure.user, "feed.user-1");
	assert_string_equal(conf.user, "1001");
	assert_string_equal(conf.state_dir, "/s");
}

static bool allows(const struct conf *conf, const uint8_t addr[4])
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n_allow; i++)
		n += conf->allow[i].family == JITGATE_IPV4 && conf->allow[i].prefix_len == 32 &&
		     memcmp(conf->allow[i].addr, addr, 4) == 0;
	assert_in_range(n, 0, 1);
	return n == 1;
}

static void platform_addresses_are_always_allowed_and_once(void **state)
{
	static const char *const texts[] = {"", "allow = {}", "allow = {\"168.63.129.16\", \"169.254.169.254/32\"}",
					    "allow = {\"10.0.0.0/8\", \"10.1.2.3/8\", \"169.254.169.254\"}"};
	static const size_t n_allow[] = {2, 2, 2, 3};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_conf_ struct conf conf = parse_ok(texts[i]);

		assert_true(allows(&conf, (uint8_t[]){168, 63, 129, 16}));
		assert_true(allows(&conf, (uint8_t[]){169, 254, 169, 254}));
		assert_int_equal(conf.n_allow, n_allow[i]);
	}
}

static void protocols_of_one_port_are_merged(void **state)
{
	_cleanup_conf_ struct conf conf = parse_ok("protect = {\"22/tcp\", \"53/udp\", \"22/udp\", \"22/tcp\"}");

	(void)state;
	assert_int_equal(conf.n_protect, 2);
	assert_int_equal(conf.protect[0].port, 22);
	assert_int_equal(conf.protect[0].protos, PROTO_BIT_TCP | PROTO_BIT_UDP);
}

static void quotes_commas_comments_and_line_ends_are_free(void **state)
{
	_cleanup_conf_ struct conf conf = parse_ok("protect={22/tcp,'23/tcp' , \"24/tcp\",}#x\r\n"
						   "guard{longest=1h#\r\n}run_dir='/a#b' # \"${HOME} \\ \xff\n");

	(void)state;
	assert_int_equal(conf.n_protect, 3);
	assert_int_equal(conf.guard.longest_s, 3600);
	assert_string_equal(conf.run_dir, "/a#b");
}

/* ---- what is refused */

static void unknown_key_is_named_with_line_and_hint(void **state)
{
	(void)state;
	expect_refused("\n\nprotct = {\"22/tcp\"}", 3, "protct: unknown key; did you mean \"protect\"?");
	expect_refused("gaurd { longest = \"1h\" }", 1, "did you mean \"guard\"?");
	expect_refused("azure {\n pol_idle = \"1m\"\n}", 2, "azure.pol_idle: unknown key; did you mean \"poll_idle\"?");
	expect_refused("longest = \"1h\"", 1,
		       "longest: unknown key; it belongs in section guard, guard { longest = ... }");
	expect_refused("guard {\nallow = {} }", 2, "it belongs outside section guard");
	expect_refused("guard { poll_idle = 1m }", 1, "it belongs in section azure");
	expect_refused("frobnicate = 1", 1, "jitgate.conf(5)");
	expect_refused("guard|longest = 1h", 1, "'|'"); /* libconfuse's own way into a section */
	expect_refused("include(\"/etc/passwd\")", 1, "include: unknown key");
	expect_refused("MODE = audit", 1, "MODE: unknown key");
}

static void second_mention_of_a_key_is_refused(void **state)
{
	char text[256];

	(void)state;
	for (int i = 0; i < _CONF_KEY_MAX; i++) {
		const struct conf_key_info *key = &conf_keys[i];
		const char *section = conf_section_names[key->section], *value = key->is_list ? "{}" : "x";

		if (key->section == CONF_PORT)
			continue; /* its section has a title; see a_port_section_is_read_to_the_letter */
		if (key->section == CONF_TOP)
			snprintf(text, sizeof(text), "%s = %s\n\n%s = %s\n", key->name, value, key->name, value);
		else
			snprintf(text, sizeof(text), "%s { %s = %s\n\n%s = %s }\n", section, key->name, value,
				 key->name, value);
		expect_refused(text, 3, "key given twice, first on line 1");
	}
	expect_refused("guard { }\nguard { longest = 1h }", 2, "guard: section given twice, first on line 1");
	expect_refused("azure { }\nmode = audit\nazure { }", 3, "azure: section given twice");
	expect_refused("allow = {}\nallow += {\"10.0.0.0/8\"}", 2, "key given twice");
	expect_refused("allow += {\"10.0.0.0/8\"}", 1, "allow: += is not supported");
}

static void broken_grammar_is_refused_where_it_breaks(void **state)
{
	(void)state;
	expect_refused("mode \"audit\"", 1, "mode: unexpected \"audit\"; expected =");
	expect_refused("mode =\n", 1, "mode: no value behind =");
	expect_refused("\nmode =\nprotect = {\"22/tcp\"}", 2, "mode: no value behind =");
	expect_refused("protect = # none\nguard { }", 1, "protect: no value behind =");
	expect_refused("guard {\nlongest =\n}", 2, "guard.longest: no value behind =");
	expect_refused("mode = =", 1, "mode: unexpected \"=\"; expected a value");
	expect_refused("mode = {\"audit\"}", 1, "mode: takes one value");
	expect_refused("mode = \"audit\n\"", 1, "closing \"");
	expect_refused("mode = 'audit", 1, "closing '");
	expect_refused("protect = {\"22/tcp\"\n \"23/tcp\"}", 2, "protect: unexpected \"23/tcp\"; expected , or }");
	expect_refused("protect = {,}", 1, "protect: unexpected \",\"");
	expect_refused("protect = {\"22/tcp\",,\"23/tcp\"}", 1, "protect: unexpected \",\"");
	expect_refused("protect = {\"22/tcp\"\n", 2, "protect: the text ends here");
	expect_refused("guard {\n", 2, "guard: the text ends here");
	expect_refused("guard = 3", 1, "guard: unexpected \"=\"; expected {");
	expect_refused("mode = audit }", 1, "unexpected \"}\"");
	expect_refused("\"mode\" = audit", 1, "expected a key");
	expect_refused("allow = {10.0.0.0/*}", 1, "/*");
	expect_refused("/* c */", 1, "/*");
	expect_refused("azure { proxy = http://x }", 1, "//");
	expect_refused("mode = audit\rmode = audit", 1, "0x0d");
	expect_refused("mode = *", 1, "'*'");
}

static void habits_of_other_formats_and_editors_get_advice(void **state)
{
	(void)state;
	expect_refused("mode = \"audit\";", 1, "no ';' ends a line here, and comments begin with #");
	expect_refused("mode = audit;", 1, "no ';' ends a line");
	expect_refused("\n; comment", 2, "comments begin with #");
	expect_refused("mode: audit", 1, "mode: unexpected ':'; write mode = VALUE");
	expect_refused("mode:audit", 1, "mode: unexpected ':'; write mode = VALUE");
	expect_refused("guard:\n  longest: 1h", 1, "guard: unexpected ':'; write guard {");
	expect_refused("guard {\nlongest: 1h }", 2, "longest: unexpected ':'; write longest = VALUE");
	expect_refused("frobnicate: 1", 1, "frobnicate: unknown key");
	expect_refused("\xef\xbb\xbfmode = audit", 1, "save the file without byte order mark");
	expect_refused("\xff\xfem", 1, "without byte order mark");
	expect_refused("\nmode = \xe2\x80\x9c"
		       "audit\xe2\x80\x9d",
		       2, "mode: typographic quotes; use plain quotes");
	expect_refused("protect = {\"22/tcp\", \"23/tcp\xe2\x80\x9d}", 1, "protect: typographic quotes");
	expect_refused("guard { longest = \xab"
		       "1h\xbb }",
		       1, "guard.longest: unexpected byte 0xab");
	expect_refused("user = \xe2\x80", 1, "user: unexpected byte 0xe2");
	expect_refused("mode\xc2\xa0= audit", 1, "mode: no-break space");
}

static void environment_cannot_change_a_value(void **state)
{
	(void)state;
	assert_int_equal(setenv("JITGATE_TEST", "/elsewhere", 1), 0);
	expect_refused("run_dir = \"${JITGATE_TEST}\"", 1, "environment variables are not expanded");
	expect_refused("run_dir = '${JITGATE_TEST}'", 1, "environment variables are not expanded");
	expect_refused("run_dir = ${JITGATE_TEST}", 1, "environment variables are not expanded");
	expect_refused("run_dir = /run${JITGATE_TEST}", 1, "environment variables are not expanded");
	expect_refused("${JITGATE_TEST} = 1", 1, "environment variables are not expanded");
	expect_refused("run_dir = \"\\x24{JITGATE_TEST}\"", 1, "backslash");

	_cleanup_conf_ struct conf conf = parse_ok("# ${JITGATE_TEST}\nrun_dir = \"/a$JITGATE_TEST\"");

	assert_string_equal(conf.run_dir, "/a$JITGATE_TEST");
	unsetenv("JITGATE_TEST");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	struct conf conf = {0};
	struct conf_error err = {0};
	_cleanup_free_ char *big = malloc(CONF_BYTES_MAX + 1);

	(void)state;
	assert_int_equal(parse_bytes("mode = \"enforce\"\n\0mode", 21, &conf, &err), -EINVAL);
	assert_int_equal(err.line, 2);
	assert_non_null(strstr(err.message, "NUL"));
	expect_refused("mode = \"enf\xc3\xb6rce\"", 1, "0xc3");
	expect_refused("mode = \"a\tb\"", 1, "0x09");

	/* Bytes behind the length are not read: there is no NUL, and the rest of the word would change it. */
	assert_int_equal(parse_bytes("mode = audit", 11, &conf, &err), -EINVAL);
	assert_non_null(strstr(err.message, "\"audi\""));

	assert_non_null(big);
	memset(big, '\n', CONF_BYTES_MAX + 1);
	assert_int_equal(conf_parse(big, CONF_BYTES_MAX + 1, "FILE", &conf, &err), -EINVAL);
	assert_non_null(strstr(err.message, "1048576"));
	assert_int_equal(conf_parse(big, CONF_BYTES_MAX, "FILE", &conf, &err), 0);
	conf_free(&conf);
}

static void numbers_are_decimal_and_in_range(void **state)
{
	(void)state;
	expect_refused("guard { widest_ipv4 = 33 }", 1, "guard.widest_ipv4: \"33\" must be a prefix length, 0 to 32");
	expect_refused("guard { widest_ipv6 = 129 }", 1, "0 to 128");
	expect_refused("guard { widest_ipv4 = -1 }", 1, "0 to 32");
	expect_refused("guard { widest_ipv4 = 0x10 }", 1, "0 to 32");
	expect_refused("guard { widest_ipv4 = 4294967296 }", 1, "0 to 32");
	expect_refused("guard { widest_ipv4 = 18446744073709551616 }", 1, "0 to 32");
	expect_refused("guard { widest_ipv4 = \"\" }", 1, "0 to 32");
	expect_refused("max_grants = 15", 1, "16 to 131072");
	expect_refused("max_grants = 131073", 1, "16 to 131072");
	expect_refused("max_grants = 16k", 1, "16 to 131072");

	_cleanup_conf_ struct conf conf = parse_ok("guard { widest_ipv4 = 010 }"); /* no octal */

	assert_int_equal(conf.guard.widest_ipv4, 10);
}

static void durations_need_a_unit_and_a_range(void **state)
{
	(void)state;
	expect_refused("guard { longest = 24 }", 1, "guard.longest: \"24\" is not a duration");
	expect_refused("guard { longest = \"1h 30m\" }", 1, "is not a duration");
	expect_refused("guard { longest = 1w }", 1, "is not a duration");
	expect_refused("guard { longest = 1.5h }", 1, "is not a duration");
	expect_refused("guard { longest = 59s }", 1, "1m to 7d");
	expect_refused("guard { longest = 604801s }", 1, "1m to 7d");
	expect_refused("guard { longest = 49711d }", 1, "is not a duration"); /* overflows 32 bits */
	expect_refused("azure { poll_idle = 9s }", 1, "10s to 1d");
	expect_refused("azure { poll_idle = 25h }", 1, "10s to 1d");
	expect_refused("azure { poll_live = 4s }", 1, "5s to 1h");
	expect_refused("azure { poll_live = 61m }", 1, "5s to 1h");
}

static void duration_is_a_number_and_a_unit(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint32_t seconds;
	} cases[] = {{"90s", 0, 90},
		     {"10m", 0, 600},
		     {"24h", 0, 86400},
		     {"1d", 0, 86400},
		     {"0s", 0, 0},
		     {"4294967295s", 0, UINT32_MAX},
		     {"4294967296s", -EINVAL, 7},
		     {"71582789m", -EINVAL, 7},
		     {"", -EINVAL, 7},
		     {"s", -EINVAL, 7},
		     {"1", -EINVAL, 7},
		     {" 1s", -EINVAL, 7},
		     {"1s ", -EINVAL, 7},
		     {"+1s", -EINVAL, 7},
		     {"1S", -EINVAL, 7},
		     {"1sm", -EINVAL, 7},
		     {"99999999999999999999s", -EINVAL, 7}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t s = 7;

		assert_int_equal(duration_parse(cases[i].text, strlen(cases[i].text), &s), cases[i].result);
		assert_int_equal(s, cases[i].seconds);
	}
}

static void words_are_those_of_the_manual(void **state)
{
	(void)state;
	expect_refused("mode = \"off\"", 1, "mode: \"off\" must be enforce or audit");
	expect_refused("mode = Enforce", 1, "must be enforce or audit");
	expect_refused("conflict = xdp", 1, "must be fail or tc");
	expect_refused("xdp_mode = offload", 1, "must be auto, native or generic");
	expect_refused("azure { cloud = germany }", 1, "must be auto, public, usgov or china");
	expect_refused("session = \"cutt\"", 1, "session: \"cutt\" must be cut, keep, or drain=");
	expect_refused("end_sockets = \"yes\"", 1, "must be auto, on or off");
}

static uint64_t policy(const struct conf *conf, uint16_t port, int proto_index)
{
	return session_of_port(&conf->session, port).drain_ns[proto_index];
}

static void a_port_has_its_own_session_policy_or_that_of_all(void **state)
{
	_cleanup_conf_ struct conf conf = parse_ok("port \"22/tcp\" { session = \"keep\" }\nsession = \"drain=90s\"\n"
						   "port \"3389/any\" {\nsession = cut\n}\n"
						   "port '5985/udp' { session = \"drain=7d\" }\n");

	(void)state;
	assert_int_equal(policy(&conf, 22, PROTO_INDEX_TCP), SESSION_KEEP);
	assert_int_equal(policy(&conf, 22, PROTO_INDEX_UDP), 90 * NS_PER_S);
	assert_int_equal(policy(&conf, 443, PROTO_INDEX_TCP), 90 * NS_PER_S);
	assert_int_equal(policy(&conf, 443, PROTO_INDEX_UDPLITE), 90 * NS_PER_S);
	assert_int_equal(policy(&conf, 5985, PROTO_INDEX_UDP), 7 * 86400 * NS_PER_S);
	assert_int_equal(policy(&conf, 5985, PROTO_INDEX_TCP), 90 * NS_PER_S);
	for (int i = 0; i < _PROTO_INDEX_MAX; i++)
		assert_int_equal(policy(&conf, 3389, i), SESSION_CUT);
	/* Their first bytes do not tell what begins from what goes on. */
	assert_int_equal(policy(&conf, 443, PROTO_INDEX_SCTP), SESSION_CUT);
	assert_int_equal(policy(&conf, 443, PROTO_INDEX_DCCP), SESSION_CUT);
}

static void a_session_policy_is_one_of_three_forms(void **state)
{
	(void)state;
	expect_refused("session = \"drain\"", 1, "must be cut, keep, or drain=");
	expect_refused("session = \"drain=\"", 1, "must be cut, keep, or drain=");
	expect_refused("session = \"drain=0s\"", 1, "must be cut, keep, or drain=");
	expect_refused("session = \"drain=8d\"", 1, "must be cut, keep, or drain=");
	expect_refused("session = \"drain=30\"", 1, "must be cut, keep, or drain=");
	expect_refused("session = \"keep \"", 1, "must be cut, keep, or drain=");
	expect_refused("\nport \"22/tcp\" {\n session = on }", 3, "port.session: \"on\" must be cut, keep");
}

static void a_port_section_is_read_to_the_letter(void **state)
{
	(void)state;
	expect_refused("port \"22/tcp\" { session = keep }\nport \"22/tcp\" { session = cut }", 2,
		       "port: \"22/tcp\" has a section already, on line 1");
	expect_refused("port \"22/any\" { session = keep }\nport \"22/tcp\" { session = cut }", 2,
		       "port: \"22/tcp\" has a section already, on line 1");
	expect_refused("port \"22/tcp\" { session = keep\nsession = cut }", 2, "port.session: key given twice");
	expect_refused("port \"22/tcp\" { }", 1, "the section says nothing");
	expect_refused("port \"22/tcp\" { sesion = keep }", 1, "did you mean \"session\"");
	expect_refused("port \"22/tcp\" { mode = audit }", 1, "belongs outside section port");
	expect_refused("port { session = keep }", 1, "expected a port and protocol");
	expect_refused("port = 22", 1, "expected a port and protocol");
	expect_refused("port \"22/tcp\" session = keep", 1, "expected { behind the section's title");
	expect_refused("port \"ssh\" { session = keep }", 1, "port: \"ssh\" is no port");
	expect_refused("port \"20-21/tcp\" { session = keep }", 1, "each port has its own section");
	expect_refused("port \"22/sctp\" { session = keep }", 1, "those of SCTP and DCCP are always cut");
	expect_refused("section port \"22/tcp\" { session = keep }", 1, "write the section's name alone");
	expect_refused("port \"22/tcp\" { session = keep", 1, "the text ends here");
}

static void no_more_policies_differ_than_fit(void **state)
{
	char text[4096] = "";
	size_t len = 0;

	(void)state;
	for (unsigned int i = 1; i <= SESSION_KINDS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "port \"%u/tcp\" { session = \"drain=%us\" }\n",
					i, i);
	snprintf(text + len, sizeof(text) - len, "port \"99/tcp\" { session = \"drain=3s\" }\n");
	{
		_cleanup_conf_ struct conf conf = parse_ok(text);

		assert_int_equal(conf.session.n, SESSION_KINDS_MAX + 1);
	}
	snprintf(text + len, sizeof(text) - len, "port \"99/tcp\" { session = keep }\n");
	expect_refused(text, SESSION_KINDS_MAX + 1, "one policy too many");
}

static void interfaces_are_auto_or_valid_names(void **state)
{
	char text[2048] = "interfaces = {";

	(void)state;
	expect_refused("interfaces = {}", 1, "1 to 64 names");
	expect_refused("interfaces = {\"eth0\",\n\"auto\"}", 2, "stands alone");
	expect_refused("interfaces = {\"eth0\",\n\"eth1\",\n\"eth0\"}", 3, "listed twice");
	expect_refused("interfaces = {\"\"}", 1, "no interface name");
	expect_refused("interfaces = {\".\"}", 1, "no interface name");
	expect_refused("interfaces = {\"..\"}", 1, "no interface name");
	expect_refused("interfaces = {\"a/b\"}", 1, "no interface name");
	expect_refused("interfaces = {\"a b\"}", 1, "no interface name");
	expect_refused("interfaces = {\"eth0:1\"}", 1, "no interface name");
	expect_refused("interfaces = {\"0123456789abcdef\"}", 1, "no interface name");
	for (int i = 0; i < 65; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "e%d,", i);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "}");
	expect_refused(text, 1, "1 to 64 names");
	memmove(text + 14, text + 17, strlen(text + 17) + 1); /* without e0 */

	_cleanup_conf_ struct conf conf = parse_ok(text);

	assert_int_equal(conf.n_interfaces, 64);
}

static void ports_and_networks_are_checked_item_by_item(void **state)
{
	(void)state;
	expect_refused("protect = {\"22/tcp\",\n\"0/tcp\"}", 2, "protect: \"0/tcp\" is no port");
	expect_refused("protect = {\"65536\"}", 1, "is no port");
	expect_refused("protect = {\"22/icmp\"}", 1, "is no port");
	expect_refused("protect = {\"20-25/tcp\"}", 1,
		       "protect: \"20-25/tcp\" is no port; no ranges here, list each port");
	expect_refused("protect = {20:25}", 1, "no ranges");
	expect_refused("protect = {\"22/tcp \"}", 1, "is no port");
	expect_refused("allow = {\n\"10.0.0.0/8\",\n\"10.0.0.256\"}", 3, "allow: \"10.0.0.256\"");
	expect_refused("allow = {\"bastion.example\"}", 1, "allow: \"bastion.example\"");
	expect_refused("guard { sources = {\"*\"} }", 1, "guard.sources: \"*\"");
}

static char *make_list(const char *head, const char *format, int first, int last, const char *tail)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fputs(head, f);
	for (int i = first; i <= last; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		fprintf(f, format, i >> 8, i & 255);
#pragma GCC diagnostic pop
	}
	fputs(tail, f);
	fclose(f);
	return text;
}

static void lists_have_a_limit(void **state)
{
	_cleanup_free_ char *fits = make_list("allow = {", "10.0.%d.%d,", 1, 1024, "}");
	_cleanup_free_ char *more = make_list("allow = {", "10.0.%d.%d,", 1, 1025, "}");
	_cleanup_free_ char *ports =
		make_list("max_grants = 131072\nprotect = {", "%d%03d/tcp,", 256, 256 * 4 + 255, "}");
	_cleanup_free_ char *pairs = make_list("protect = {", "%d%03d/any,", 256, 256 + 204, "}");
	_cleanup_conf_ struct conf a = parse_ok(fits), b = parse_ok(ports);

	(void)state;
	assert_int_equal(a.n_allow, 1026);
	assert_int_equal(b.n_protect, 1024);
	expect_refused(more, 1, "more than 1024 networks");
	expect_refused(pairs, 1, "at most 1024 pairs"); /* 205 x 5 */
}

static void allow_times_protect_must_fit_max_grants(void **state)
{
	(void)state;
	expect_refused("protect = {1,2,3,4,5,6,7,8,9}\nmax_grants = 16", 2, "takes 18");
	expect_refused("protect = {1/any,\n2/any,3/any,4/any}\nallow = {10.0.0.1}\nmax_grants = 59", 4, "takes 60");

	_cleanup_conf_ struct conf conf = parse_ok("protect = {1,2,3,4,5,6,7,8}\nmax_grants = 16");

	assert_int_equal(conf.n_protect, 8);
}

static void paths_are_absolute_and_plain(void **state)
{
	static const char *const keys[] = {"pin_dir", "run_dir", "state_dir"};
	static const char *const bad[] = {"", "run", "./run", "/", "//", "/run/..", "/../run", "/a/../b", "~/run"};
	char text[1200];

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			snprintf(text, sizeof(text), "%s = \"%s\"", keys[k], bad[i]);
			expect_refused(text, 1, "is no path to use");
		}
		snprintf(text, sizeof(text), "%s = \"/a/..b/.c/d../\"", keys[k]);
		_cleanup_conf_ struct conf conf = parse_ok(text);
	}
	expect_refused("azure { ca_file = \"ca.pem\" }", 1, "azure.ca_file: \"ca.pem\" is no path to use");
	snprintf(text, sizeof(text), "state_dir = \"/%01024d\"", 0);
	expect_refused(text, 1, "at most 1024 bytes");
}

static void run_dir_must_leave_room_for_the_socket_name(void **state)
{
	struct sockaddr_un address;
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "run_dir = \"/%094d\"", 0); /* 95 bytes */
	expect_refused(text, 1, "run_dir: 95 bytes are too long");
	expect_refused(text, 1, "use at most 94");
	snprintf(text, sizeof(text), "run_dir = \"/%093d\"", 0);
	_cleanup_conf_ struct conf conf = parse_ok(text);

	assert_true(strlen(conf.run_dir) + sizeof("/control.sock") <= sizeof(address.sun_path));
}

static void endpoints_are_https_but_for_loopback(void **state)
{
	static const char *const good[] = {"https://management.azure.com",
					   "https://management.azure.com:8443",
					   "https://[2001:db8::1]:443",
					   "http://127.0.0.1:1",
					   "http://127.9.9.9",
					   "http://[::1]:65535",
					   "http://localhost",
					   "http://LocalHost:80"};
	static const char *const plain[] = {"http://management.azure.com",
					    "http://127.0.0.1.example",
					    "http://localhost.example",
					    "http://128.0.0.1",
					    "http://[::2]",
					    "http://0.0.0.0"};
	static const char *const bad[] = {"management.azure.com",
					  "ftp://x",
					  "https://",
					  "https:///x",
					  "https://x/",
					  "https://x/p",
					  "https://x?q",
					  "https://x#f",
					  "https://u@x",
					  "https://u:p@x",
					  "https://x:",
					  "https://x:0",
					  "https://x:65536",
					  "https://x:4 4",
					  "https://x y",
					  "https://[::1",
					  "https://[127.0.0.1]",
					  "https://[::1]x",
					  "https://[::/0]",
					  "https://-x",
					  "HTTPS://x",
					  "https://x:443/",
					  "http://127.0.0.1@x",
					  "http://127.0.0.1/8"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		snprintf(text, sizeof(text), "azure { arm_endpoint = \"%s\" }", good[i]);
		_cleanup_conf_ struct conf conf = parse_ok(text);

		assert_string_equal(conf.azure.arm_endpoint, good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		snprintf(text, sizeof(text), "azure { arm_endpoint = \"%s\" }", plain[i]);
		expect_refused(text, 1, "must be https");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "azure { arm_endpoint = \"%s\" }", bad[i]);
		expect_refused(text, 1, "must be http:// or https:// and HOST[:PORT]");
	}
	expect_refused("azure { imds_endpoint = \"https://169.254.169.254\" }", 1, "must be http;");
	expect_refused("azure { imds_endpoint = \"http://169.254.169.254/metadata\" }", 1,
		       "HOST[:PORT], with nothing behind it");
	expect_refused("azure { proxy = \"socks5://x\" }", 1,
		       "azure.proxy: \"socks5://x\" must be http:// or https://");
}

static void identity_is_empty_or_of_a_known_kind(void **state)
{
	static const char *const bad[] = {
		"me",          "client_id",     "client_id=",   "object_id=", "resource_id=", "resource_id=x",
		"Client_id=x", "client_id=a b", "msi_res_id=/x"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "azure { identity = \"%s\" }", bad[i]);
		expect_refused(text, 1, "azure.identity: ");
	}
	_cleanup_conf_ struct conf conf = parse_ok("azure { identity = \"resource_id=/subscriptions/0/x\" }");

	assert_string_equal(conf.azure.identity, "resource_id=/subscriptions/0/x");
}

static void an_audience_is_empty_or_https(void **state)
{
	static const char *const bad[] = {"management.azure.com",
					  "http://management.azure.com/",
					  "https://",
					  "https:///x",
					  "https://a b",
					  "https://a?b",
					  "https://a#b"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "azure { audience = \"%s\" }", bad[i]);
		expect_refused(text, 1, "azure.audience: ");
	}
}

#define POLICY_ID "/subscriptions/s/resourceGroups/g/providers/Microsoft.Security/locations/l/jitNetworkAccessPolicies/"

static void policies_are_ids_of_three_kinds(void **state)
{
	_cleanup_conf_ struct conf conf =
		parse_ok("azure { policies = {\"/subscriptions/s\", \"/Subscriptions/s/resourcegroups/G-1.a(b)\",\n"
			 "  \"" POLICY_ID "default\"} }");

	(void)state;
	assert_int_equal(conf.azure.n_policies, 3);
	assert_string_equal(conf.azure.policies[2], POLICY_ID "default");
	expect_refused("azure {\n policies = {\"/subscriptions/s\",\n \"my-group\"} }", 3,
		       "azure.policies: \"my-group\" is no id of a JIT policy, a resource group or a subscription");
	expect_refused("azure { policies = {\"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/"
		       "virtualMachines/v\"} }",
		       1, "is no id of");
	expect_refused("azure { policies = {\"\"} }", 1, "azure.policies: \"\" is no id of");
	expect_refused("azure { policies = {\"/subscriptions/s\",\n\"/SUBSCRIPTIONS/S\"} }", 2, "listed twice");
}

static void translate_takes_networks_of_firewalls(void **state)
{
	_cleanup_conf_ struct conf conf =
		parse_ok("azure { translate = {\"10.0.9.7/26\", \"fd00:9::/64\", \"10.0.9.0/26\"} }");
	char text[1024] = "azure { translate = {";

	(void)state;
	assert_int_equal(conf.azure.n_translate, 2); /* host bits are cleared, and so two are the same */
	assert_int_equal(conf.azure.translate[0].addr[3], 0);
	assert_int_equal(conf.azure.translate[1].prefix_len, 64);
	expect_refused("azure {\n\n translate = {\"10.0.9.0/26\",\n\"firewall\"} }", 4,
		       "azure.translate: \"firewall\": ");
	expect_refused("azure { translate = {\"10.0.9.0/26\", \"0.0.0.0/0\"} }", 1, "length 0 is everybody");
	expect_refused("azure { translate = {\"::/0\"} }", 1, "length 0 is everybody");
	for (int i = 1; i <= 17; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s\"10.0.%d.0/26\"", i > 1 ? ", " : "", i);
		if (i == 16) {
			_cleanup_free_ char *full = NULL;

			assert_true(asprintf(&full, "%s} }", text) > 0);
			_cleanup_conf_ struct conf most = parse_ok(full);
			assert_int_equal(most.azure.n_translate, 16);
		}
	}
	strcat(text, "} }");
	expect_refused(text, 1, "azure.translate: more than 16");
}

static void clock_tolerance_is_a_duration_or_off(void **state)
{
	static const struct {
		const char *text;
		uint32_t s;
	} good[] = {{"1m", 60}, {"60s", 60}, {"1d", 86400}, {"off", 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char text[64];

		snprintf(text, sizeof(text), "azure { clock_tolerance = \"%s\" }", good[i].text);
		_cleanup_conf_ struct conf conf = parse_ok(text);
		assert_int_equal(conf.azure.clock_tolerance_s, good[i].s);
	}
	expect_refused("azure { clock_tolerance = 59s }", 1, "1m to 1d, or off");
	expect_refused("azure { clock_tolerance = 0s }", 1, "1m to 1d, or off");
	expect_refused("azure { clock_tolerance = 25h }", 1, "1m to 1d, or off");
	expect_refused("azure { clock_tolerance = 0 }", 1, "is not a duration");
	expect_refused("azure { clock_tolerance = OFF }", 1, "is not a duration");
	expect_refused("azure { clock_tolerance = \"\" }", 1, "is not a duration");
}

static void at_most_sixteen_policies(void **state)
{
	char text[1024] = "azure { policies = {";

	(void)state;
	for (int i = 0; i < 17; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "\"/subscriptions/s%d\", ", i);
		if (i == 15) {
			char sixteen[1024];

			snprintf(sixteen, sizeof(sixteen), "%s} }", text);
			_cleanup_conf_ struct conf conf = parse_ok(sixteen);

			assert_int_equal(conf.azure.n_policies, 16);
		}
	}
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "} }");
	expect_refused(text, 1, "azure.policies: more than 16");
}

static void users_are_ordinary_and_two(void **state)
{
	(void)state;
	expect_refused("user = \"root\"", 1, "superuser");
	expect_refused("user = 0", 1, "superuser");
	expect_refused("user = 000", 1, "superuser");
	expect_refused("azure {\nuser = \"root\" }", 2, "azure.user: \"root\" is the superuser");
	expect_refused("user = \"\"", 1, "no user name");
	expect_refused("user = \"-x\"", 1, "no user name");
	expect_refused("user = \"a:b\"", 1, "no user name");
	expect_refused("user = \"a b\"", 1, "no user name");
	expect_refused("user = \"12a\"", 1, "no user name");
	expect_refused("user = 012", 1, "no user name");
	expect_refused("user = 4294967295", 1, "no user name");
	expect_refused("user = 4294967296", 1, "no user name");
	expect_refused("user = \"a23456789012345678901234567890123\"", 1, "no user name");
	expect_refused("user = \"x\"\nazure { user = \"x\" }", 2, "must differ");
	expect_refused("user = \"jitgate-azure\"", 1, "must differ");
	expect_refused("\nazure { user = \"jitgate\" }", 2, "must differ");
}

static void long_names_and_values_leave_the_message_readable(void **state)
{
	char name[400], text[3000];
	struct conf conf = {0};
	struct conf_error err = {0};

	(void)state;
	snprintf(name, sizeof(name), "/%0300d/jitgate.conf", 0);
	snprintf(text, sizeof(text), "user = \"%02500d\"", 1);
	assert_int_equal(conf_parse(text, strlen(text), name, &conf, &err), -EINVAL);
	assert_non_null(strstr(err.message, "/jitgate.conf:1: user: \"000"));
	assert_non_null(strstr(err.message, "\"... is no user name"));
	assert_int_equal(conf_parse(text, strlen(text), name, &conf, NULL), -EINVAL);
	snprintf(text, sizeof(text), "%02500d = 1", 1);
	assert_int_equal(conf_parse(text, strlen(text), "FILE", &conf, &err), -EINVAL);
	assert_non_null(strstr(err.message, "unknown key"));
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Whatever the bytes: taken as a whole, or refused with a message and nothing behind. The sanitizers look on. */
static void mutated_example_never_breaks_the_parser(void **state)
{
	static const char alphabet[] = "{}=+,#\"'\\$\n\r\t /*a0";
	_cleanup_free_ char *text = read_text(EXAMPLE);
	size_t len = strlen(text);
	uint64_t seed = 20261122;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 4000; i++) {
		struct conf conf = {0};
		struct conf_error err = {0};
		_cleanup_free_ char *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, text, len);
		for (uint64_t n = next_random(&seed) % 4 + 1; n > 0; n--)
			copy[next_random(&seed) % len] = next_random(&seed) % 4
								 ? alphabet[next_random(&seed) % sizeof(alphabet)]
								 : (char)next_random(&seed);
		if (conf_parse(copy, next_random(&seed) % 8 ? len : next_random(&seed) % len, "FILE", &conf, &err) ==
		    0) {
			assert_true(allows(&conf, (uint8_t[]){168, 63, 129, 16}));
			conf_free(&conf);
		} else {
			assert_null(strstr(err.message, "cannot be parsed")); /* conf_scan has seen it first */
			assert_null(strstr(err.message, "for certain"));
			assert_true(strncmp(err.message, "FILE:", 5) == 0);
			assert_null(conf.user);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_text_gives_the_defaults),
		cmocka_unit_test(example_config_has_every_key_with_its_default),
		cmocka_unit_test(manual_describes_every_key_in_its_section_with_its_default),
		cmocka_unit_test(every_key_is_taken_over),
		cmocka_unit_test(platform_addresses_are_always_allowed_and_once),
		cmocka_unit_test(protocols_of_one_port_are_merged),
		cmocka_unit_test(quotes_commas_comments_and_line_ends_are_free),
		cmocka_unit_test(unknown_key_is_named_with_line_and_hint),
		cmocka_unit_test(second_mention_of_a_key_is_refused),
		cmocka_unit_test(broken_grammar_is_refused_where_it_breaks),
		cmocka_unit_test(habits_of_other_formats_and_editors_get_advice),
		cmocka_unit_test(environment_cannot_change_a_value),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(numbers_are_decimal_and_in_range),
		cmocka_unit_test(durations_need_a_unit_and_a_range),
		cmocka_unit_test(duration_is_a_number_and_a_unit),
		cmocka_unit_test(words_are_those_of_the_manual),
		cmocka_unit_test(a_port_has_its_own_session_policy_or_that_of_all),
		cmocka_unit_test(a_session_policy_is_one_of_three_forms),
		cmocka_unit_test(a_port_section_is_read_to_the_letter),
		cmocka_unit_test(no_more_policies_differ_than_fit),
		cmocka_unit_test(interfaces_are_auto_or_valid_names),
		cmocka_unit_test(ports_and_networks_are_checked_item_by_item),
		cmocka_unit_test(lists_have_a_limit),
		cmocka_unit_test(allow_times_protect_must_fit_max_grants),
		cmocka_unit_test(paths_are_absolute_and_plain),
		cmocka_unit_test(run_dir_must_leave_room_for_the_socket_name),
		cmocka_unit_test(endpoints_are_https_but_for_loopback),
		cmocka_unit_test(identity_is_empty_or_of_a_known_kind),
		cmocka_unit_test(an_audience_is_empty_or_https),
		cmocka_unit_test(policies_are_ids_of_three_kinds),
		cmocka_unit_test(at_most_sixteen_policies),
		cmocka_unit_test(translate_takes_networks_of_firewalls),
		cmocka_unit_test(clock_tolerance_is_a_duration_or_off),
		cmocka_unit_test(users_are_ordinary_and_two),
		cmocka_unit_test(long_names_and_values_leave_the_message_readable),
		cmocka_unit_test(mutated_example_never_breaks_the_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
