// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See conf_here.h. Judges by names, types and modes as they are now; access lists are not looked at.
 */
#include "conf_here.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <net/if.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "jitgate_abi.h"
#include "netif.h"
#include "number.h"

struct who {
	const char *name;
	uid_t uid;
	gid_t gid;
};

/* A number needs no name. */
static bool find_user(const char *name, struct who *ret)
{
	const struct passwd *entry;
	uint64_t uid;

	if (number_parse(name, strlen(name), UINT32_MAX - 1, &uid) == 0) {
		entry = getpwuid((uid_t)uid);
		*ret = (struct who){name, (uid_t)uid, entry ? entry->pw_gid : (gid_t)uid};
		return true;
	}
	entry = getpwnam(name);
	if (!entry)
		return false;
	*ret = (struct who){name, entry->pw_uid, entry->pw_gid};
	return true;
}

static bool mode_allows(const struct stat *st, const struct who *who, mode_t bit)
{
	if (st->st_uid == who->uid)
		return st->st_mode & (bit << 6);
	if (st->st_gid == who->gid)
		return st->st_mode & (bit << 3);
	return st->st_mode & bit;
}

static void warn_user(const char *key, const char *name, struct text *lines)
{
	struct who who;

	if (!find_user(name, &who))
		text_printf(lines,
			    "%s \"%s\": no such user here; make it (systemd-sysusers) or name another in the config\n",
			    key, name);
}

/* By the file's own mode alone: a draft lies where only its writer can go. */
static void warn_config_mode(const char *name, const char *path, struct text *lines)
{
	struct who who;
	struct stat st;

	if (!find_user(name, &who) || stat(path, &st) < 0 || mode_allows(&st, &who, S_IROTH))
		return;
	text_printf(lines, "%s: user \"%s\" cannot read it (mode %04o); chmod 644 %s\n", path, name, st.st_mode & 07777,
		    path);
}

/* The folders above have to let the user through, too. */
static int check_readable(const char *path, const struct who *who)
{
	char real[PATH_MAX];
	struct stat st;

	if (!realpath(path, real))
		return -errno;
	if (stat(real, &st) < 0)
		return -errno;
	if (!mode_allows(&st, who, S_IROTH))
		return -EACCES;
	for (char *slash = strrchr(real, '/'); slash && slash != real; slash = strrchr(real, '/')) {
		*slash = '\0';
		if (stat(real, &st) == 0 && !mode_allows(&st, who, S_IXOTH))
			return -EACCES;
	}
	return 0;
}

static void warn_ca_file(const struct conf_azure *azure, struct text *lines)
{
	struct who who;
	int r;

	if (!*azure->ca_file || !find_user(azure->user, &who))
		return;
	r = check_readable(azure->ca_file, &who);
	if (r == -EACCES)
		text_printf(lines, "azure.ca_file %s: user \"%s\" cannot read it; mind the modes of its folders, too\n",
			    azure->ca_file, azure->user);
	else if (r < 0)
		text_printf(lines, "azure.ca_file %s: %s\n", azure->ca_file, strerror(-r));
}

static void warn_interfaces(const struct conf *conf, struct text *lines)
{
	for (size_t i = 0; i < conf->n_interfaces; i++) {
		unsigned int ifindex = if_nametoindex(conf->interfaces[i]);
		struct netif netif;

		if (ifindex && netif_get(ifindex, &netif) == 0 && !netif.ethernet)
			text_printf(
				lines,
				"interfaces: \"%s\" is not an Ethernet interface; jitgated will not start with it\n",
				conf->interfaces[i]);
		if (!ifindex && errno == ENODEV)
			text_printf(lines,
				    "interfaces: \"%s\" does not exist here; jitgated waits for it, and as long as it "
				    "does not appear it is NOT PROTECTED and status fails\n",
				    conf->interfaces[i]);
	}
}

static void warn_pin_dir(const char *pin_dir, struct text *lines)
{
	const char *slash = strrchr(pin_dir, '/');
	_cleanup_free_ char *parent = strndup(pin_dir, slash > pin_dir ? (size_t)(slash - pin_dir) : 1);
	struct statfs fs;

	if (!parent) {
		lines->failed = 1;
		return;
	}
	if (statfs(parent, &fs) < 0) {
		if (errno != EACCES)
			text_printf(lines, "pin_dir %s: %s: %s\n", pin_dir, parent, strerror(errno));
		return;
	}
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		text_printf(lines,
			    "pin_dir %s: %s is not a BPF file system; mount it: mount -t bpf -o mode=0700 bpf %s\n",
			    pin_dir, parent, parent);
}

static void warn_allow(const struct conf *conf, struct text *lines)
{
	for (size_t i = 0; i < conf->n_allow; i++) {
		bool is_ipv4 = conf->allow[i].family == JITGATE_IPV4;

		if (conf->allow[i].prefix_len == 0)
			text_printf(lines, "allow: %s lets everybody in, no port is closed for %s\n",
				    is_ipv4 ? "0.0.0.0/0" : "::/0", is_ipv4 ? "IPv4" : "IPv6");
	}
}

/* Azure's "*" is a grant for both families. */
static void warn_guard(const struct guard *guard, struct text *lines)
{
	if (!guard->widest_ipv4 != !guard->widest_ipv6)
		text_printf(lines, "guard.%s is 0: a grant to \"*\" still opens a port to all of %s; set both\n",
			    guard->widest_ipv4 ? "widest_ipv6" : "widest_ipv4", guard->widest_ipv4 ? "IPv6" : "IPv4");
}

void conf_here_warn(const struct conf *conf, const char *path, struct text *lines)
{
	warn_allow(conf, lines);
	warn_interfaces(conf, lines);
	warn_guard(&conf->guard, lines);
	warn_user("user", conf->user, lines);
	warn_user("azure.user", conf->azure.user, lines);
	warn_config_mode(conf->user, path, lines);
	warn_config_mode(conf->azure.user, path, lines);
	warn_pin_dir(conf->pin_dir, lines);
	warn_ca_file(&conf->azure, lines);
}
