// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The state file's bytes: a header, then the snapshot as a feed would send it. Owns the header and its checks;
 * what a snapshot may say is the receiver's business. Must not read or write files.
 *
 * Host byte order: the file never leaves its machine. On one of the other order the version does not match.
 */
#include "state.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "feed_msg.h"

#define STATE_MAGIC "jitgate" /* 8 bytes with its NUL */
#define STATE_FEED_NAME "state"

struct state_header {
	char magic[8];
	uint32_t version; /* STATE_FILE_VERSION; stays at this place in every version */
	uint32_t crc;     /* CRC-32 of what follows the header */
	uint64_t length;  /* of the same, bytes */
};

_Static_assert(sizeof(struct state_header) == 24, "state_header is a file format");
_Static_assert(sizeof(STATE_MAGIC) == 8, "the magic fills its field");

/* ---- encode */

static int add_messages(size_t *total, size_t n, enum feed_type type)
{
	size_t bytes;

	if (mul_overflows(n, feed_size(type), &bytes) || __builtin_add_overflow(*total, bytes, total))
		return -ENOMEM;
	return 0;
}

static int measure(const struct snapshot *snapshot, size_t *ret)
{
	size_t total = sizeof(struct state_header);
	int r = add_messages(&total, snapshot->n_ports, FEED_PORT);

	if (r == 0)
		r = add_messages(&total, snapshot->grants.n, FEED_GRANT);
	for (int type = FEED_HELLO; r == 0 && type < _FEED_TYPE_MAX; type++)
		if (type == FEED_HELLO || type == FEED_BEGIN || type == FEED_END)
			r = add_messages(&total, 1, type);
	*ret = total;
	return r;
}

static char *put_message(char *at, const union feed_any *message)
{
	memcpy(at, message, message->header.size);
	return at + message->header.size;
}

static char *put_snapshot(char *at, const struct snapshot *snapshot)
{
	union feed_any m;

	feed_encode_hello(&m.hello, STATE_FEED_NAME);
	at = put_message(at, &m);
	feed_encode_begin(&m.begin, snapshot);
	at = put_message(at, &m);
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		feed_encode_port(&m.port, &snapshot->ports[i]);
		at = put_message(at, &m);
	}
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		feed_encode_grant(&m.grant, &snapshot->grants, &snapshot->grants.grants[i]);
		at = put_message(at, &m);
	}
	feed_encode_end(&m.end, snapshot);
	return put_message(at, &m);
}

int state_encode(const struct snapshot *snapshot, void **ret_bytes, size_t *ret_len)
{
	struct state_header header = {.magic = STATE_MAGIC, .version = STATE_FILE_VERSION};
	char *bytes;
	size_t len;
	int r = measure(snapshot, &len);

	if (r < 0)
		return r;
	bytes = malloc(len);
	if (!bytes)
		return -ENOMEM;
	put_snapshot(bytes + sizeof(header), snapshot);
	header.length = len - sizeof(header);
	header.crc = (uint32_t)crc32_z(0, (const unsigned char *)bytes + sizeof(header), header.length);
	memcpy(bytes, &header, sizeof(header));
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}

/* ---- decode */

static int check_header(const char *bytes, size_t len, struct parse_error *err)
{
	struct state_header header;

	if (len < sizeof(header))
		return parse_fail(err, len, "truncated");
	memcpy(&header, bytes, sizeof(header));
	if (memcmp(header.magic, STATE_MAGIC, sizeof(header.magic)) != 0)
		return parse_fail(err, 0, "not a state file of jitgate");
	if (header.version != STATE_FILE_VERSION) {
		parse_fail(err, offsetof(struct state_header, version), "written by another version");
		return -EPROTO;
	}
	if (header.length > len - sizeof(header))
		return parse_fail(err, len, "truncated");
	if (header.length < len - sizeof(header))
		return parse_fail(err, sizeof(header) + (size_t)header.length, "bytes behind its end");
	if (header.crc != crc32_z(0, (const unsigned char *)bytes + sizeof(header), len - sizeof(header)))
		return parse_fail(err, offsetof(struct state_header, crc), "checksum does not match");
	return 0;
}

/* The size that the message at `at` gives itself; 0 when it is impossible. */
static size_t message_size(const char *at, size_t room)
{
	struct feed_header header;

	if (room < sizeof(header))
		return 0;
	memcpy(&header, at, sizeof(header));
	return header.size >= sizeof(header) && header.size <= room ? header.size : 0;
}

/* Exactly one snapshot, to the last byte. */
static int read_messages(struct feed_receiver *receiver, const char *bytes, size_t len, struct parse_error *err)
{
	size_t at = sizeof(struct state_header), size;
	int got = FEED_GOT_NOTHING;

	for (; at < len && got != FEED_GOT_SNAPSHOT; at += size) {
		size = message_size(bytes + at, len - at);
		if (size == 0)
			return parse_fail(err, at, "message of a wrong size");
		got = feed_receive(receiver, bytes + at, size, err);
		if (got < 0) {
			if (err)
				err->offset += at;
			return got;
		}
	}
	if (got != FEED_GOT_SNAPSHOT)
		return parse_fail(err, at, "no whole snapshot in it");
	return at == len ? 0 : parse_fail(err, at, "bytes behind the snapshot");
}

int state_decode(const void *bytes, size_t len, size_t max_ports, size_t max_grants, struct snapshot *ret,
		 struct parse_error *err)
{
	CLEANUP(feed_receiver_free)
	struct feed_receiver receiver = {.max_ports = max_ports, .max_grants = max_grants};
	int r = check_header(bytes, len, err);

	if (r == 0)
		r = read_messages(&receiver, bytes, len, err);
	if (r < 0)
		return r;
	*ret = receiver.complete;
	receiver.complete = (struct snapshot){0};
	return 0;
}
