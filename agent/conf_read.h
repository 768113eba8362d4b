/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Words, numbers, durations and paths out of the config's text, and refusals that name line and key. The only
 * file that knows libconfuse; what a key means is conf.c's.
 */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "conf.h"
#include "conf_refuse.h"
#include "conf_scan.h"

#define CONF_READ_SHOWN 64 /* bytes of a value in a message */

struct cfg_t;

struct conf_reader {
	struct cfg_t *root;
	struct conf_scan scan;
	const char *name; /* of the config, for messages */
	struct conf_error *err;
};

/* Take the text apart. 0 with *ret filled, else -EINVAL or -ENOMEM with err filled and *ret untouched. */
int conf_read_open(const char *text, size_t len, const char *name, struct conf_error *err, struct conf_reader *ret);
void conf_read_close(struct conf_reader *r);
#define _cleanup_conf_reader_ CLEANUP(conf_read_close)

/* The key's value, or the nth of a list or of the sections that it is in, or "". Borrowed. */
const char *conf_read_value(const struct conf_reader *r, enum conf_key key);
const char *conf_read_nth(const struct conf_reader *r, enum conf_key key, size_t nth);
size_t conf_read_count(const struct conf_reader *r, enum conf_key key);

/* Fill the error: `LINE: key: "VALUE" why`, `LINE: key: why`. Return -EINVAL, the last one -ENOMEM. */
int conf_read_refuse(const struct conf_reader *r, enum conf_key key, size_t nth, const char *why);
int conf_read_refuse_key(const struct conf_reader *r, enum conf_key key, const char *why);
int conf_read_no_memory(const struct conf_reader *r);

struct conf_duration_range {
	uint32_t min_s, max_s;
	const char *text; /* said when it is out of range */
};

/* One value, in its range. 0, or the error filled and *ret untouched; copies are the caller's. */
int conf_read_copy(const struct conf_reader *r, enum conf_key key, char **ret);
int conf_read_copy_nth(const struct conf_reader *r, enum conf_key key, size_t nth, char **ret);
int conf_read_path(const struct conf_reader *r, enum conf_key key, char **ret);
int conf_read_duration(const struct conf_reader *r, enum conf_key key, struct conf_duration_range range, uint32_t *ret);
int conf_read_number(const struct conf_reader *r, enum conf_key key, uint32_t min, uint32_t max, const char *why,
		     uint32_t *ret);

struct conf_networks_limit {
	size_t max;
	size_t spare;     /* so many more slots are allocated than the text asks for */
	const char *text; /* said when there are more */
};

/* A list of networks, each once; *ret is NULL when there is none and nothing to spare. */
int conf_read_networks(const struct conf_reader *r, enum conf_key key, struct conf_networks_limit limit,
		       struct cidr **ret, size_t *ret_n);
/* False: it is there already. There must be room. */
bool conf_network_add(struct cidr *networks, size_t *n, const struct cidr *network);

/* A session policy: the nth value of the key. */
int conf_read_session(const struct conf_reader *r, enum conf_key key, size_t nth, uint64_t *ret_drain_ns);

/* Which of the words; -EINVAL with the error filled when it is none. */
int conf_read_word(const struct conf_reader *r, enum conf_key key, const char *const words[], size_t n_words,
		   const char *why);

#endif
