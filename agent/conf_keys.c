// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The list of config keys with their defaults, and how a name that is none of them is put right. Must not know
 * what a value means.
 */
#include "conf_keys.h"

#include <stdint.h>
#include <string.h>

const char *const conf_section_names[_CONF_SECTION_MAX] = {
	[CONF_TOP] = "",
	[CONF_GUARD] = "guard",
	[CONF_AZURE] = "azure",
	[CONF_PORT] = "port",
};

const struct conf_key_info conf_keys[_CONF_KEY_MAX] = {
	[CONF_KEY_INTERFACES] = {CONF_TOP, "interfaces", "interfaces", true, "{auto}"},
	[CONF_KEY_MODE] = {CONF_TOP, "mode", "mode", false, "enforce"},
	[CONF_KEY_XDP_MODE] = {CONF_TOP, "xdp_mode", "xdp_mode", false, "auto"},
	[CONF_KEY_CONFLICT] = {CONF_TOP, "conflict", "conflict", false, "fail"},
	[CONF_KEY_PROTECT] = {CONF_TOP, "protect", "protect", true, "{}"},
	[CONF_KEY_ALLOW] = {CONF_TOP, "allow", "allow", true, "{}"},
	[CONF_KEY_SESSION] = {CONF_TOP, "session", "session", false, "cut"},
	[CONF_KEY_END_SOCKETS] = {CONF_TOP, "end_sockets", "end_sockets", false, "auto"},
	[CONF_KEY_MAX_GRANTS] = {CONF_TOP, "max_grants", "max_grants", false, "16384"},
	[CONF_KEY_USER] = {CONF_TOP, "user", "user", false, "jitgate"},
	[CONF_KEY_PIN_DIR] = {CONF_TOP, "pin_dir", "pin_dir", false, "/sys/fs/bpf/jitgate"},
	[CONF_KEY_RUN_DIR] = {CONF_TOP, "run_dir", "run_dir", false, "/run/jitgate"},
	[CONF_KEY_STATE_DIR] = {CONF_TOP, "state_dir", "state_dir", false, "/var/lib/jitgate"},
	[CONF_KEY_LONGEST] = {CONF_GUARD, "longest", "guard.longest", false, "24h"},
	[CONF_KEY_WIDEST_IPV4] = {CONF_GUARD, "widest_ipv4", "guard.widest_ipv4", false, "0"},
	[CONF_KEY_WIDEST_IPV6] = {CONF_GUARD, "widest_ipv6", "guard.widest_ipv6", false, "0"},
	[CONF_KEY_SOURCES] = {CONF_GUARD, "sources", "guard.sources", true, "{}"},
	[CONF_KEY_CLOUD] = {CONF_AZURE, "cloud", "azure.cloud", false, "auto"},
	[CONF_KEY_IDENTITY] = {CONF_AZURE, "identity", "azure.identity", false, ""},
	[CONF_KEY_AUDIENCE] = {CONF_AZURE, "audience", "azure.audience", false, ""},
	[CONF_KEY_POLICIES] = {CONF_AZURE, "policies", "azure.policies", true, "{}"},
	[CONF_KEY_POLL_IDLE] = {CONF_AZURE, "poll_idle", "azure.poll_idle", false, "10m"},
	[CONF_KEY_POLL_LIVE] = {CONF_AZURE, "poll_live", "azure.poll_live", false, "60s"},
	[CONF_KEY_ARM_ENDPOINT] = {CONF_AZURE, "arm_endpoint", "azure.arm_endpoint", false, ""},
	[CONF_KEY_IMDS_ENDPOINT] = {CONF_AZURE, "imds_endpoint", "azure.imds_endpoint", false, ""},
	[CONF_KEY_CA_FILE] = {CONF_AZURE, "ca_file", "azure.ca_file", false, ""},
	[CONF_KEY_PROXY] = {CONF_AZURE, "proxy", "azure.proxy", false, ""},
	[CONF_KEY_TRANSLATE] = {CONF_AZURE, "translate", "azure.translate", true, "{}"},
	[CONF_KEY_CLOCK_TOLERANCE] = {CONF_AZURE, "clock_tolerance", "azure.clock_tolerance", false, "5m"},
	[CONF_KEY_AZURE_USER] = {CONF_AZURE, "user", "azure.user", false, "jitgate-azure"},
	[CONF_KEY_PORT_TITLE] = {CONF_PORT, "", "port", false, ""},
	[CONF_KEY_PORT_SESSION] = {CONF_PORT, "session", "port.session", false, "cut"},
};

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(word, text, len) == 0;
}

int conf_key_find(enum conf_section section, const char *text, size_t len)
{
	for (int i = 0; i < _CONF_KEY_MAX; i++)
		if (conf_keys[i].section == section && is_word(text, len, conf_keys[i].name))
			return i;
	return -1;
}

int conf_section_find(const char *text, size_t len)
{
	for (int i = CONF_TOP + 1; i < _CONF_SECTION_MAX; i++)
		if (is_word(text, len, conf_section_names[i]))
			return i;
	return -1;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters to change, add or leave out; words longer than 30 are far from everything. */
static unsigned int edit_distance(const char *text, size_t len, const char *word)
{
	unsigned int row[32];
	size_t word_len = strlen(word);

	if (len > 30 || word_len > 30)
		return 30;
	for (unsigned int j = 0; j <= word_len; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= len; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= word_len; j++) {
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (text[i - 1] != word[j - 1]));
			diagonal = above;
		}
	}
	return row[word_len];
}

const char *conf_key_closest(enum conf_section section, const char *text, size_t len)
{
	const char *best = NULL;
	unsigned int best_distance = len > 3 ? 3 : 2;

	for (int i = 0; i < _CONF_KEY_MAX; i++) {
		unsigned int d = edit_distance(text, len, conf_keys[i].name);

		if (conf_keys[i].section == section && *conf_keys[i].name && d < best_distance) {
			best_distance = d;
			best = conf_keys[i].name;
		}
	}
	for (int i = CONF_TOP + 1; section == CONF_TOP && i < _CONF_SECTION_MAX; i++) {
		unsigned int d = edit_distance(text, len, conf_section_names[i]);

		if (d < best_distance) {
			best_distance = d;
			best = conf_section_names[i];
		}
	}
	return best;
}

int conf_key_elsewhere(enum conf_section section, const char *text, size_t len)
{
	for (int i = 0; i < _CONF_SECTION_MAX; i++)
		if (i != (int)section && conf_key_find(i, text, len) >= 0)
			return i;
	return -1;
}
