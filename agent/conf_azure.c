// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. What each key of the section azure takes. Reads no file.
 */
#include "conf_azure.h"

#include <errno.h>
#include <string.h>

#include "azure_id.h"
#include "conf_value.h"

#define HOUR_S 3600
#define DAY_S 86400

enum url_policy { URL_TLS_UNLESS_LOOPBACK, URL_PLAIN, URL_EITHER };

static int read_url(const struct conf_reader *r, enum conf_key key, enum url_policy policy, char **ret)
{
	const char *value = conf_read_value(r, key);
	struct conf_url url;

	if (value[0] && conf_url_parse(value, &url) < 0)
		return conf_read_refuse(r, key, 0,
					"must be http:// or https:// and HOST[:PORT], with nothing behind it");
	if (value[0] && policy == URL_TLS_UNLESS_LOOPBACK && !url.tls && !conf_url_is_loopback(&url))
		return conf_read_refuse(r, key, 0, "must be https; plain http is for a loopback address only");
	if (value[0] && policy == URL_PLAIN && url.tls)
		return conf_read_refuse(r, key, 0, "must be http; the instance metadata service has no TLS");
	return conf_read_copy(r, key, ret);
}

static int read_identity(const struct conf_reader *r, char **ret)
{
	if (!conf_is_identity(conf_read_value(r, CONF_KEY_IDENTITY)))
		return conf_read_refuse(
			r, CONF_KEY_IDENTITY, 0,
			"must be empty, or client_id=ID, object_id=ID or resource_id=/subscriptions/...");
	return conf_read_copy(r, CONF_KEY_IDENTITY, ret);
}

static int read_ca_file(const struct conf_reader *r, char **ret)
{
	if (conf_read_value(r, CONF_KEY_CA_FILE)[0])
		return conf_read_path(r, CONF_KEY_CA_FILE, ret);
	return conf_read_copy(r, CONF_KEY_CA_FILE, ret);
}

static int read_audience(const struct conf_reader *r, char **ret)
{
	if (!conf_is_audience(conf_read_value(r, CONF_KEY_AUDIENCE)))
		return conf_read_refuse(r, CONF_KEY_AUDIENCE, 0,
					"must be https:// and a name, like https://management.azure.com/");
	return conf_read_copy(r, CONF_KEY_AUDIENCE, ret);
}

/* The same place under two spellings is one too many, and a sign that one of them is wrong. */
static int check_policy(const struct conf_reader *r, size_t nth)
{
	const char *id = conf_read_nth(r, CONF_KEY_POLICIES, nth);
	struct azure_scope scope = {0};
	int e = azure_scope_parse(id, &scope, NULL);

	azure_scope_free(&scope);
	if (e == -ENOMEM)
		return conf_read_no_memory(r);
	if (e < 0)
		return conf_read_refuse(r, CONF_KEY_POLICIES, nth,
					"is no id of a JIT policy, a resource group or a subscription; "
					"/subscriptions/ID, with /resourceGroups/NAME, or the whole id");
	for (size_t i = 0; i < nth; i++)
		if (azure_id_equal(id, conf_read_nth(r, CONF_KEY_POLICIES, i)))
			return conf_read_refuse(r, CONF_KEY_POLICIES, nth, "is listed twice; drop one");
	return 0;
}

static int read_policies(const struct conf_reader *r, struct conf_azure *azure)
{
	size_t n = conf_read_count(r, CONF_KEY_POLICIES);

	if (n > CONF_POLICIES_MAX)
		return conf_read_refuse_key(r, CONF_KEY_POLICIES,
					    "more than 16; name a resource group instead of its policies");
	if (n == 0)
		return 0;
	azure->policies = calloc(n, sizeof(*azure->policies));
	if (!azure->policies)
		return conf_read_no_memory(r);
	for (size_t i = 0; i < n; i++) {
		int e = check_policy(r, i);

		if (e == 0)
			e = conf_read_copy_nth(r, CONF_KEY_POLICIES, i, &azure->policies[i]);
		if (e < 0)
			return e;
		azure->n_policies++;
	}
	return 0;
}

/* "off" is a word of its own: a 0 would read as the strictest of all. */
static int read_clock_tolerance(const struct conf_reader *r, uint32_t *ret_s)
{
	if (strcmp(conf_read_value(r, CONF_KEY_CLOCK_TOLERANCE), "off") == 0) {
		*ret_s = 0;
		return 0;
	}
	return conf_read_duration(r, CONF_KEY_CLOCK_TOLERANCE,
				  (struct conf_duration_range){60, DAY_S, "is out of range; 1m to 1d, or off"}, ret_s);
}

static int read_translate(const struct conf_reader *r, struct conf_azure *azure)
{
	static const struct conf_networks_limit limit = {
		.max = CONF_TRANSLATE_MAX, .text = "more than 16 networks; join neighbours to wider prefixes"};
	int e = conf_read_networks(r, CONF_KEY_TRANSLATE, limit, &azure->translate, &azure->n_translate);

	for (size_t i = 0; e == 0 && i < azure->n_translate; i++) {
		if (azure->translate[i].prefix_len == 0)
			e = conf_read_refuse_key(r, CONF_KEY_TRANSLATE,
						 "a network of length 0 is everybody; name the firewall's or Bastion's "
						 "subnet");
	}
	return e;
}

int conf_azure_read(const struct conf_reader *r, struct conf_azure *azure)
{
	static const char *const clouds[] = {"auto", "public", "usgov", "china"};
	int e = conf_read_word(r, CONF_KEY_CLOUD, clouds, ARRAY_SIZE(clouds), "must be auto, public, usgov or china");

	if (e >= 0)
		e = conf_read_copy(r, CONF_KEY_CLOUD, &azure->cloud);
	if (e == 0)
		e = read_identity(r, &azure->identity);
	if (e == 0)
		e = read_audience(r, &azure->audience);
	if (e == 0)
		e = read_policies(r, azure);
	if (e == 0)
		e = conf_read_duration(r, CONF_KEY_POLL_IDLE,
				       (struct conf_duration_range){10, DAY_S, "is out of range; 10s to 1d"},
				       &azure->poll_idle_s);
	if (e == 0)
		e = conf_read_duration(r, CONF_KEY_POLL_LIVE,
				       (struct conf_duration_range){5, HOUR_S, "is out of range; 5s to 1h"},
				       &azure->poll_live_s);
	if (e == 0)
		e = read_url(r, CONF_KEY_ARM_ENDPOINT, URL_TLS_UNLESS_LOOPBACK, &azure->arm_endpoint);
	if (e == 0)
		e = read_url(r, CONF_KEY_IMDS_ENDPOINT, URL_PLAIN, &azure->imds_endpoint);
	if (e == 0)
		e = read_url(r, CONF_KEY_PROXY, URL_EITHER, &azure->proxy);
	if (e == 0)
		e = read_ca_file(r, &azure->ca_file);
	if (e == 0)
		e = read_clock_tolerance(r, &azure->clock_tolerance_s);
	if (e == 0)
		e = read_translate(r, azure);
	return e;
}

void conf_azure_free(struct conf_azure *azure)
{
	free(azure->cloud);
	free(azure->identity);
	free(azure->audience);
	for (size_t i = 0; i < azure->n_policies; i++)
		free(azure->policies[i]);
	free(azure->policies);
	free(azure->translate);
	free(azure->arm_endpoint);
	free(azure->imds_endpoint);
	free(azure->ca_file);
	free(azure->proxy);
	free(azure->user);
}
