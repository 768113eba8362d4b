// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See feed_client.h. Decides and logs; sending and receiving is feed_link's.
 */
#include "feed_client.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "conf.h"
#include "feed_link.h"
#include "log.h"
#include "util.h"

#define CONNECT_RETRY_MS 1000   /* nobody listens: asking costs nothing */
#define CONNECT_WAIT_MIN_MS 500 /* the link broke: longer and longer while none lasts */
#define CONNECT_WAIT_MAX_MS 60000
#define CONNECT_STABLE_S 10 /* a link that lived so long was a good one */

int feed_client_init(struct feed_client *c, const char *run_dir, const char *name, int stop_fd)
{
	char *path;

	if (asprintf(&path, "%s/" CONF_FEED_SOCKET, run_dir) < 0)
		return -ENOMEM;
	*c = (struct feed_client){
		.name = name, .path = path, .stop_fd = stop_fd, .fd = -1, .connect_wait_ms = CONNECT_WAIT_MIN_MS};
	return 0;
}

void feed_client_free(struct feed_client *c)
{
	close_fd(&c->fd);
	free(c->path);
	*c = (struct feed_client){.fd = -1};
}

static struct boot_time lasts_at(const struct feed_client *c)
{
	return (struct boot_time){.ns = c->connected_at.ns + CONNECT_STABLE_S * (uint64_t)NS_PER_S};
}

/* Longer and longer. Said once, since the other side is there, and will go on doing what it does. */
static void wait_longer(struct feed_client *c, struct boot_time now, const char *why)
{
	c->connect_at.ns = now.ns + c->connect_wait_ms * (uint64_t)NS_PER_MS;
	c->connect_wait_ms =
		2 * c->connect_wait_ms < CONNECT_WAIT_MAX_MS ? 2 * c->connect_wait_ms : CONNECT_WAIT_MAX_MS;
	if (!c->closed_said)
		log_warning("%s; trying again, and then less and less often", why);
	c->closed_said = true;
}

static void drop(struct feed_client *c, const char *why)
{
	struct boot_time now = clock_now().boot;

	close(c->fd);
	c->fd = -1;
	if (now.ns < lasts_at(c).ns) {
		wait_longer(c, now, why);
		return;
	}
	c->connect_wait_ms = CONNECT_WAIT_MIN_MS;
	c->connect_at.ns = now.ns + c->connect_wait_ms * (uint64_t)NS_PER_MS;
	log_warning("%s; connecting again", why);
}

static const char other_version[] =
	"jitgated speaks another version of the feed protocol; after an upgrade restart both";

/* jitgated is there and hangs up. */
static const char *closed_why(const struct feed_client *c, struct boot_time now)
{
	if (feed_link_is_foreign(c->fd))
		return other_version;
	return now.ns < lasts_at(c).ns ? "jitgated closed the connection; is another feed connected? see its log"
				       : "jitgated closed the connection";
}

static void settle_send(struct feed_client *c, int r)
{
	if (r == -ETIMEDOUT)
		drop(c, "jitgated takes no messages");
	else if (r && r != -ECANCELED)
		drop(c, closed_why(c, clock_now().boot));
}

void feed_client_send_trouble(struct feed_client *c, struct wall_time at, const char *text)
{
	if (c->fd >= 0)
		settle_send(c, feed_link_send_trouble(c->fd, at, text, c->stop_fd));
}

void feed_client_send_snapshot(struct feed_client *c, const struct snapshot *snapshot)
{
	if (c->fd >= 0)
		settle_send(c, feed_link_send_snapshot(c->fd, snapshot, c->stop_fd));
}

static void connect_failed(struct feed_client *c, struct boot_time now, int r)
{
	if (r == -EPIPE || r == -ECONNRESET) { /* it hung up before it could be greeted */
		c->connected_at = now;
		wait_longer(c, now, closed_why(c, now));
		return;
	}
	c->connect_at.ns = now.ns + CONNECT_RETRY_MS * (uint64_t)NS_PER_MS;
	if (!c->away_said)
		log_warning("cannot reach jitgated at %s: %s; asking Azure all the same, connecting when it is there",
			    c->path, strerror(-r));
	c->away_said = true;
}

bool feed_client_connect(struct feed_client *c, struct boot_time now)
{
	int fd;

	if (c->fd >= 0 && c->closed_said && now.ns >= lasts_at(c).ns) {
		c->closed_said = false;
		log_info("connected to jitgated at %s", c->path);
	}
	if (c->fd >= 0 || now.ns < c->connect_at.ns)
		return false;
	fd = feed_link_open(c->path, c->name);
	if (fd < 0) {
		connect_failed(c, now, fd);
		return false;
	}
	c->fd = fd;
	c->connected_at = now;
	c->away_said = false;
	if (!c->closed_said) /* else it has to show first that it lasts */
		log_info("connected to jitgated at %s", c->path);
	return true;
}

struct boot_time feed_client_next(const struct feed_client *c)
{
	if (c->fd < 0)
		return c->connect_at;
	return c->closed_said ? lasts_at(c) : (struct boot_time){.ns = UINT64_MAX};
}

bool feed_client_read(struct feed_client *c, struct knock *ret)
{
	int r = c->fd < 0 ? 0 : feed_link_read(c->fd, ret);

	if (r == -EPROTO)
		drop(c, "jitgated sends what is no message for a feed");
	else if (r == -EPROTONOSUPPORT)
		drop(c, other_version);
	else if (r < 0)
		drop(c, closed_why(c, clock_now().boot));
	return r > 0;
}
