// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The state file's bytes: a header, then the snapshot as a feed would send it, but for the texts of the grants:
 * these have no padding, and one that is the same as in the grant before is not repeated. Ten thousand grants are one
 * megabyte so, and not seven that have to be on the disk before anything is closed. Owns the header, the texts and
 * their checks; what a snapshot may say is the receiver's business. Must not read or write files.
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

/* ---- texts of a grant: a length in 16 bits, then the bytes without NUL */

#define TEXT_AS_BEFORE UINT16_MAX
#define GRANT_HEAD_BYTES offsetof(struct feed_grant, requestor)

/* The message with its texts in place, and how to find them. */
static const struct text_field {
	size_t at, size;
} text_fields[] = {
	{offsetof(struct feed_grant, requestor), GRANT_REQUESTOR_MAX},
	{offsetof(struct feed_grant, justification), GRANT_JUSTIFICATION_MAX},
	{offsetof(struct feed_grant, origin), GRANT_ORIGIN_MAX},
};

#define GRANT_RECORD_MAX (sizeof(struct feed_grant) + ARRAY_SIZE(text_fields) * sizeof(uint16_t))

static char *put_bytes(char *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static char *put_text(char *at, const struct text_field *field, const char *grant, const char *before)
{
	const char *text = grant + field->at;
	uint16_t len = (uint16_t)strlen(text), as_before = TEXT_AS_BEFORE;

	if (strcmp(text, before + field->at) == 0)
		return put_bytes(at, &as_before, sizeof(as_before));
	return put_bytes(put_bytes(at, &len, sizeof(len)), text, len);
}

static char *put_grant(char *at, const struct feed_grant *grant, const struct feed_grant *before)
{
	struct feed_header header = grant->header;
	char *start = at;

	at = put_bytes(at, grant, GRANT_HEAD_BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++)
		at = put_text(at, &text_fields[i], (const char *)grant, (const char *)before);
	header.size = (uint32_t)(at - start);
	put_bytes(start, &header, sizeof(header));
	return at;
}

/* `grant` holds the one before, and becomes this one. */
static int read_grant(const char *bytes, size_t len, struct feed_grant *grant, struct parse_error *err)
{
	size_t at = GRANT_HEAD_BYTES;

	if (len < at)
		return parse_fail(err, 0, "grant of a wrong size");
	memcpy(grant, bytes, at);
	grant->header.size = sizeof(*grant);
	for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++) {
		char *text = (char *)grant + text_fields[i].at;
		uint16_t n;

		if (len - at < sizeof(n))
			return parse_fail(err, 0, "grant of a wrong size");
		memcpy(&n, bytes + at, sizeof(n));
		at += sizeof(n);
		if (n == TEXT_AS_BEFORE)
			continue;
		if (n >= text_fields[i].size || n > len - at)
			return parse_fail(err, 0, "text longer than its place");
		memset(text, 0, text_fields[i].size);
		memcpy(text, bytes + at, n);
		at += n;
	}
	return at == len ? 0 : parse_fail(err, 0, "grant of a wrong size");
}

/* ---- encode */

static int add_messages(size_t *total, size_t n, size_t size)
{
	size_t bytes;

	if (mul_overflows(n, size, &bytes) || __builtin_add_overflow(*total, bytes, total))
		return -ENOMEM;
	return 0;
}

/* How large it can become. What is not written to is no memory yet, so there is no need to know better. */
static int measure(const struct snapshot *snapshot, size_t *ret)
{
	size_t total = sizeof(struct state_header);
	int r = add_messages(&total, snapshot->n_ports, sizeof(struct feed_port));

	if (r == 0)
		r = add_messages(&total, snapshot->grants.n, GRANT_RECORD_MAX);
	if (r == 0)
		r = add_messages(&total, 1,
				 sizeof(struct feed_hello) + sizeof(struct feed_begin) + sizeof(struct feed_end));
	*ret = total;
	return r;
}

static char *put_message(char *at, const union feed_any *message)
{
	return put_bytes(at, message, message->header.size);
}

/* What is refused and how the clock was is the feed's to say anew. */
static struct snapshot lasting(const struct snapshot *snapshot)
{
	struct snapshot part = *snapshot;

	part.refused = (struct refused_list){0};
	part.clock_known = false;
	part.keeps_grants = false;
	return part;
}

static char *put_snapshot(char *at, const struct snapshot *snapshot)
{
	const struct snapshot part = lasting(snapshot);
	struct feed_grant grants[2] = {0}; /* this one and the one before, by turns */
	union feed_any m;

	feed_encode_hello(&m.hello, STATE_FEED_NAME);
	at = put_message(at, &m);
	feed_encode_begin(&m.begin, &part);
	at = put_message(at, &m);
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		feed_encode_port(&m.port, &snapshot->ports[i]);
		at = put_message(at, &m);
	}
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		feed_encode_grant(&grants[i % 2], &snapshot->grants, &snapshot->grants.grants[i]);
		at = put_grant(at, &grants[i % 2], &grants[(i + 1) % 2]);
	}
	feed_encode_end(&m.end, &part);
	return put_message(at, &m);
}

int state_encode(const struct snapshot *snapshot, void **ret_bytes, size_t *ret_len)
{
	struct state_header header = {.magic = STATE_MAGIC, .version = STATE_FILE_VERSION};
	char *bytes;
	size_t room, len;
	int r = measure(snapshot, &room);

	if (r < 0)
		return r;
	bytes = malloc(room);
	if (!bytes)
		return -ENOMEM;
	len = (size_t)(put_snapshot(bytes + sizeof(header), snapshot) - bytes);
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

static int take_message(struct feed_receiver *receiver, const char *at, size_t size, struct feed_grant *grant,
			struct parse_error *err)
{
	struct feed_header header;
	int r;

	memcpy(&header, at, sizeof(header));
	if (header.type != FEED_GRANT)
		return feed_receive(receiver, at, size, err);
	r = read_grant(at, size, grant, err);
	if (r == 0)
		r = feed_receive(receiver, grant, sizeof(*grant), err);
	if (r < 0 && err)
		err->offset = 0; /* the receiver's is that in the whole message */
	return r;
}

/* Exactly one snapshot, to the last byte. */
static int read_messages(struct feed_receiver *receiver, const char *bytes, size_t len, struct parse_error *err)
{
	size_t at = sizeof(struct state_header), size;
	struct feed_grant grant = {0}; /* the last one */
	int got = FEED_GOT_NOTHING;

	for (; at < len && got != FEED_GOT_SNAPSHOT; at += size) {
		size = message_size(bytes + at, len - at);
		if (size == 0)
			return parse_fail(err, at, "message of a wrong size");
		got = take_message(receiver, bytes + at, size, &grant, err);
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
