// Names in folders: whose they are, and who may use them. Every function returns a value >= 0, or -errno.
#ifndef FLUXON_CLINUX_NAMES_H
#define FLUXON_CLINUX_NAMES_H

#include <stdint.h>

typedef struct {
    uint64_t device;
    uint64_t inode;
    uint32_t is_socket;
    uint32_t _padding;
} cfluxon_identity;

// A flag of cfluxon_open: only to name what lies there.
enum { cfluxon_open_name_only = 010000000 };

// Which file an open descriptor is, and which one lies at a path (a link itself, not what it leads to).
int cfluxon_identity_of(int fd, cfluxon_identity *identity);
int cfluxon_identity_at(const char *path, cfluxon_identity *identity);
// Sets the permissions of what lies at `path`, whatever the umask.
int cfluxon_change_mode_at(const char *path, unsigned mode);
// Whether the file system at `path` keeps its files in memory alone: 1 or 0.
int cfluxon_is_memory_file_system(const char *path);
// Whether a pidfd's process is dead: 1 or 0. -EINVAL for a descriptor that names no process.
int cfluxon_process_has_ended(int process_descriptor);
// A number that no other process of this boot has, whatever PID namespace it is in; 0 where the kernel has none (before 6.9).
int cfluxon_process_number(int process_descriptor, uint64_t *number);
// The limit on this process's address space in bytes (`ulimit -v`); UINT64_MAX for none.
uint64_t cfluxon_address_space_limit(void);

#endif
