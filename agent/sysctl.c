// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See sysctl.h. Needs root, so it is done once, before root is given up.
 */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "text.h"
#include "util.h"

#define RANGE_PATH "/proc/sys/net/ipv4/ip_local_port_range"
#define RESERVED_PATH "/proc/sys/net/ipv4/ip_local_reserved_ports"

/* The list of reserved ports can name thousands of them. */
#define RESERVED_BYTES_MAX (512 * 1024)

static int read_range(unsigned int *ret_low, unsigned int *ret_high)
{
	_cleanup_fclose_ FILE *file = fopen(RANGE_PATH, "re");

	if (!file)
		return -errno;
	return fscanf(file, "%5u %5u", ret_low, ret_high) == 2 ? 0 : -EIO;
}

/* What is reserved, without its newline. */
static int read_reserved(struct text *out)
{
	_cleanup_close_ int fd = open(RESERVED_PATH, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && out->len < RESERVED_BYTES_MAX)
		text_append(out, chunk, (size_t)n);
	if (n < 0)
		return -errno;
	if (n > 0)
		return -EFBIG;
	while (out->len && out->data[out->len - 1] == '\n')
		out->len--;
	return out->failed ? -ENOMEM : 0;
}

/* The kernel takes the whole list in one write, and does not mind a port that is named twice. */
static int write_reserved(const struct text *list)
{
	_cleanup_close_ int fd = open(RESERVED_PATH, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, list->data, list->len);
	if (n < 0)
		return -errno;
	return (size_t)n == list->len ? 0 : -EIO;
}

int sysctl_reserve_ports(const uint16_t *ports, size_t n, size_t *ret_reserved)
{
	_cleanup_text_ struct text list = {0};
	unsigned int low, high;
	size_t reserved = 0;
	int r = read_range(&low, &high);

	if (r == 0)
		r = read_reserved(&list);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (ports[i] < low || ports[i] > high)
			continue;
		text_printf(&list, "%s%u", list.len ? "," : "", ports[i]);
		reserved++;
	}
	if (list.failed)
		return -ENOMEM;
	r = reserved ? write_reserved(&list) : 0;
	if (r == 0)
		*ret_reserved = reserved;
	return r;
}
