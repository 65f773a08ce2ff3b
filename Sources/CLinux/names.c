#define _GNU_SOURCE
#include "CLinuxNames.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

_Static_assert(cfluxon_open_name_only == O_PATH, "a flag of open");

enum { tmpfs = 0x01021994, ramfs = 0x858458f6, hugetlbfs = 0x958458f6, pidfs = 0x50494446 };

static int identity(int result, const struct stat *status, cfluxon_identity *identity) {
    if (result < 0) return -errno;
    identity->device = (uint64_t)status->st_dev;
    identity->inode = (uint64_t)status->st_ino;
    identity->is_socket = S_ISSOCK(status->st_mode) ? 1 : 0;
    return 0;
}

int cfluxon_identity_of(int fd, cfluxon_identity *result) {
    struct stat status;
    return identity(fstat(fd, &status), &status, result);
}

int cfluxon_identity_at(const char *path, cfluxon_identity *result) {
    struct stat status;
    return identity(lstat(path, &status), &status, result);
}

int cfluxon_change_mode_at(const char *path, unsigned mode) { return chmod(path, mode) < 0 ? -errno : 0; }

int cfluxon_is_memory_file_system(const char *path) {
    struct statfs status;
    if (statfs(path, &status) < 0) return -errno;
    unsigned kind = (unsigned)status.f_type;
    return kind == (unsigned)tmpfs || kind == (unsigned)ramfs || kind == (unsigned)hugetlbfs;
}

int cfluxon_process_has_ended(int process_descriptor) {
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", process_descriptor);
    FILE *file = fopen(path, "re");
    if (!file) return -errno;
    int names_process = 0;
    while (fgets(line, sizeof line, file)) names_process |= strncmp(line, "Pid:", 4) == 0;
    fclose(file);
    if (!names_process) return -EINVAL;
    struct pollfd look = {.fd = process_descriptor, .events = POLLIN};
    int result = poll(&look, 1, 0);
    return result < 0 ? -errno : result > 0;
}

int cfluxon_process_number(int process_descriptor, uint64_t *number) {
    struct statfs system;
    struct stat status;
    *number = 0;
    if (fstatfs(process_descriptor, &system) < 0 || fstat(process_descriptor, &status) < 0) return -errno;
    if ((unsigned)system.f_type == (unsigned)pidfs) *number = (uint64_t)status.st_ino;
    return 0;
}

uint64_t cfluxon_address_space_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    return limit.rlim_cur;
}
