/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Maps that are arrays of plain bytes, as memory that is shared with the packet program: their sizes, and the
 * calls.
 */
#ifndef MAP_MEMORY_H
#define MAP_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "jitgate_abi.h"

#define PROTECTED_BYTES (65536 * sizeof(uint16_t))
#define SOURCES_BYTES (2 * (size_t)JITGATE_SOURCES_BYTES)
#define SESSIONS_BYTES (JITGATE_SESSION_CLASSES * sizeof(struct gate_session))

/* `prot` as for mmap. NULL with errno set. */
static inline void *map_shared(int fd, size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* NULL: nothing to do. */
static inline void unmap_shared(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}

#endif
