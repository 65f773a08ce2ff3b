// Memory files and mappings as the pool needs them beyond CLinux.h. Every function returns 0 or -errno.
#ifndef FLUXON_CLINUX_MEMORY_H
#define FLUXON_CLINUX_MEMORY_H

#include <stddef.h>
#include <stdint.h>

// Fixes the size of a memory file for ever: no process that maps it can be killed by another one that truncates it.
int cfluxon_seal_size(int fd);

// Maps a whole file, shared, at an address that is a multiple of 2 MiB, so that huge pages of the file can be mapped as such.
int cfluxon_map_aligned(int fd, size_t byte_count, int writable, void **base);

// Asks for 2 MiB pages under a mapped range whose pages have memory. Best effort.
int cfluxon_collapse(void *address, size_t byte_count);

// Reserves addresses without memory, from a multiple of 2 MiB on.
int cfluxon_reserve_addresses(size_t byte_count, void **base);

// Maps a range of a file, shared and writable, over reserved addresses.
int cfluxon_map_at(int fd, uint64_t offset, size_t byte_count, void *address);

// Takes the pages away again; the addresses stay reserved.
int cfluxon_unmap_at(void *address, size_t byte_count);

#endif
