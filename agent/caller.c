// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See caller.h.
 */
#include "caller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "number.h"
#include "util.h"

#define STAT_BYTES_MAX 4096
#define ENVIRON_BYTES_MAX (4 * 1024 * 1024)
#define PATH_MAX_HERE 4096
#define SSH_NAME "SSH_CONNECTION="

/* The parent, 0 for none. The command's name in the line may hold anything, so what counts is behind the last ')'. */
static pid_t parent_of(const char *proc, pid_t pid)
{
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX_HERE];
	const char *at;
	size_t len = 0;
	uint64_t parent;

	snprintf(path, sizeof(path), "%s/%ld/stat", proc, (long)pid);
	if (files_read(path, STAT_BYTES_MAX, 0, &line, &len) < 0)
		return 0;
	at = strrchr(line, ')');
	/* ") S 123 …" */
	if (!at || strlen(at) < 4 ||
	    number_parse(at + 4, number_digits(at + 4, strlen(at + 4)), INT32_MAX, &parent) < 0)
		return 0;
	return (pid_t)parent;
}

static int add_inode(struct caller *caller, uint64_t inode)
{
	uint64_t *grown = reallocarray(caller->inodes, caller->n_inodes + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	grown[caller->n_inodes++] = inode;
	caller->inodes = grown;
	return 0;
}

/* "socket:[123]" */
static bool parse_socket(const char *link, uint64_t *ret_inode)
{
	static const char prefix[] = "socket:[";
	size_t len = strlen(link), start = sizeof(prefix) - 1;

	return strncmp(link, prefix, start) == 0 && link[len - 1] == ']' &&
	       number_parse(link + start, len - start - 1, UINT64_MAX, ret_inode) == 0;
}

static int add_sockets(const char *proc, pid_t pid, struct caller *caller)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX_HERE];
	const struct dirent *entry;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%ld/fd", proc, (long)pid);
	dir = opendir(path);
	while (r == 0 && dir && (entry = readdir(dir))) {
		char link[64];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		uint64_t inode;

		if (n <= 0)
			continue;
		link[n] = '\0';
		if (parse_socket(link, &inode))
			r = add_inode(caller, inode);
	}
	return r;
}

static int add_ssh(struct caller *caller, const char *text)
{
	struct connection_ssh *grown;

	if (strlen(text) >= sizeof(grown->text))
		return 0;
	grown = reallocarray(caller->ssh, caller->n_ssh + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	snprintf(grown[caller->n_ssh++].text, sizeof(grown->text), "%s", text);
	caller->ssh = grown;
	return 0;
}

static int add_environment(const char *proc, pid_t pid, struct caller *caller)
{
	_cleanup_free_ char *bytes = NULL;
	char path[PATH_MAX_HERE];
	size_t len = 0;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%ld/environ", proc, (long)pid);
	if (files_read(path, ENVIRON_BYTES_MAX, 0, &bytes, &len) < 0)
		return 0;
	for (size_t at = 0; r == 0 && at < len; at += strlen(bytes + at) + 1) {
		if (strncmp(bytes + at, SSH_NAME, strlen(SSH_NAME)) == 0)
			r = add_ssh(caller, bytes + at + strlen(SSH_NAME));
	}
	return r;
}

int caller_find(const char *proc, pid_t pid, struct caller *ret)
{
	CLEANUP(caller_free) struct caller caller = {0};

	/* Not process 1: it holds sockets for everybody, and is above all. */
	for (int i = 0; i < CALLER_ANCESTORS_MAX && pid > 1; i++, pid = parent_of(proc, pid)) {
		int r = add_sockets(proc, pid, &caller);

		if (r == 0)
			r = add_environment(proc, pid, &caller);
		if (r < 0)
			return r;
	}
	*ret = caller;
	caller = (struct caller){0};
	return 0;
}

void caller_free(struct caller *caller)
{
	free(caller->inodes);
	free(caller->ssh);
	*caller = (struct caller){0};
}
