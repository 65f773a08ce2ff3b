#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <netdb.h>
#include <pthread.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

_Static_assert(sizeof(struct sockaddr_storage) <= sizeof(((cfluxon_address *)0)->bytes), "address fits");
_Static_assert(sizeof(cfluxon_slice) == sizeof(struct iovec), "a slice is an iovec");
_Static_assert(offsetof(cfluxon_slice, count) == offsetof(struct iovec, iov_len), "a slice is an iovec");
_Static_assert(cfluxon_advise_dont_fork == MADV_DONTFORK && cfluxon_advise_wipe_on_fork == MADV_WIPEONFORK, "advice numbers");
_Static_assert(cfluxon_advise_huge_page == MADV_HUGEPAGE, "advice numbers");

#define RESULT(call) ({ __typeof__(call) result_ = (call); result_ < 0 ? -errno : result_; })

uint64_t cfluxon_boot_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t to_epoll(uint32_t events) {
    uint32_t result = EPOLLRDHUP;
    if (events & cfluxon_event_readable) result |= EPOLLIN;
    if (events & cfluxon_event_writable) result |= EPOLLOUT;
    if (events & cfluxon_event_edge) result |= EPOLLET;
    return result;
}

static uint32_t from_epoll(uint32_t events) {
    uint32_t result = 0;
    if (events & EPOLLIN) result |= cfluxon_event_readable;
    if (events & EPOLLOUT) result |= cfluxon_event_writable;
    if (events & (EPOLLHUP | EPOLLRDHUP)) result |= cfluxon_event_closed;
    if (events & EPOLLERR) result |= cfluxon_event_failed;
    return result;
}

int cfluxon_epoll_create(void) { return RESULT(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t tag) {
    struct epoll_event event = {.events = to_epoll(events), .data.u64 = tag};
    return RESULT(epoll_ctl(epoll, operation, fd, &event));
}

int cfluxon_epoll_add(int epoll, int fd, uint32_t events, uint64_t tag) { return control(epoll, EPOLL_CTL_ADD, fd, events, tag); }
int cfluxon_epoll_modify(int epoll, int fd, uint32_t events, uint64_t tag) { return control(epoll, EPOLL_CTL_MOD, fd, events, tag); }
int cfluxon_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

#define EPOLL_BATCH 256

static int batch(int capacity) { return capacity < EPOLL_BATCH ? capacity : EPOLL_BATCH; }

static void take_events(cfluxon_event *events, const struct epoll_event *found, int count) {
    for (int i = 0; i < count; i++) {
        events[i].tag = found[i].data.u64;
        events[i].events = from_epoll(found[i].events);
    }
}

int cfluxon_epoll_wait(int epoll, cfluxon_event *events, int capacity, int timeout_milliseconds) {
    struct epoll_event found[EPOLL_BATCH];
    int count = epoll_wait(epoll, found, batch(capacity), timeout_milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    take_events(events, found, count);
    return count;
}

int cfluxon_epoll_wait_nanoseconds(int epoll, cfluxon_event *events, int capacity, int64_t nanoseconds) {
    struct epoll_event found[EPOLL_BATCH];
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int count = epoll_pwait2(epoll, found, batch(capacity), &timeout, NULL);
    if (count < 0) return 0;
    take_events(events, found, count);
    return count;
}

int cfluxon_eventfd_create(void) { return RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int cfluxon_eventfd_signal(int fd) {
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one);
    return written < 0 && errno != EAGAIN ? -errno : 0;
}

int cfluxon_timerfd_create(void) { return RESULT(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)); }

int cfluxon_timerfd_set(int fd, uint64_t deadline) {
    struct itimerspec when = {0};
    when.it_value.tv_sec = (time_t)(deadline / 1000000000u);
    when.it_value.tv_nsec = (long)(deadline % 1000000000u);
    return RESULT(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}

int cfluxon_close(int fd) { return RESULT(close(fd)); }
int cfluxon_duplicate(int fd) { return RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

int cfluxon_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    return RESULT(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

ssize_t cfluxon_read(int fd, void *buffer, size_t count) {
    ssize_t result;
    do result = read(fd, buffer, count);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cfluxon_write(int fd, const void *bytes, size_t count) {
    ssize_t result;
    do result = write(fd, bytes, count);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

int cfluxon_pipe(int ends[2]) { return RESULT(pipe2(ends, O_CLOEXEC | O_NONBLOCK)); }

int cfluxon_address_unix(const char *path, cfluxon_address *address) {
    struct sockaddr_un *target = (struct sockaddr_un *)address->bytes;
    size_t length = strlen(path);
    if (length == 0) return -EINVAL;
    if (length >= sizeof target->sun_path) return -ENAMETOOLONG;
    memset(address, 0, sizeof *address);
    target->sun_family = AF_UNIX;
    memcpy(target->sun_path, path, length + 1);
    address->length = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

int cfluxon_resolve(const char *host, uint16_t port, int numeric_only, cfluxon_address *addresses, int capacity) {
    struct addrinfo hints = {0}, *found = NULL;
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (numeric_only ? AI_NUMERICHOST : 0);
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int code = getaddrinfo(host, service, &hints, &found);
    if (code != 0) return code < 0 ? code : -code;
    int count = 0;
    for (struct addrinfo *each = found; each != NULL && count < capacity; each = each->ai_next) {
        if (each->ai_addrlen > sizeof addresses[count].bytes) continue;
        memset(&addresses[count], 0, sizeof addresses[count]);
        memcpy(addresses[count].bytes, each->ai_addr, each->ai_addrlen);
        addresses[count].length = each->ai_addrlen;
        count++;
    }
    freeaddrinfo(found);
    return count;
}

const char *cfluxon_resolve_message(int code) { return gai_strerror(code); }

int cfluxon_address_text(const cfluxon_address *address, char *text, size_t capacity) {
    const struct sockaddr_storage *storage = (const struct sockaddr_storage *)address->bytes;
    if (capacity == 0) return -EINVAL;
    text[0] = 0;
    switch (storage->ss_family) {
    case AF_UNIX: {
        const struct sockaddr_un *local = (const struct sockaddr_un *)storage;
        size_t start = offsetof(struct sockaddr_un, sun_path);
        size_t length = address->length > start ? strnlen(local->sun_path, address->length - start) : 0;
        if (length >= capacity) length = capacity - 1;
        memcpy(text, local->sun_path, length);
        text[length] = 0;
        return -1;
    }
    case AF_INET: {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
        if (!inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)capacity)) return -EINVAL;
        return ntohs(v4->sin_port);
    }
    case AF_INET6: {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
        if (!inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)capacity)) return -EINVAL;
        return ntohs(v6->sin6_port);
    }
    default: return -1;
    }
}

int cfluxon_socket_pair(int ends[2]) { return RESULT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends)); }

static int stream_socket(const cfluxon_address *address) {
    const struct sockaddr *target = (const struct sockaddr *)address->bytes;
    return RESULT(socket(target->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int cfluxon_connect(const cfluxon_address *address, int *in_progress) {
    *in_progress = 0;
    int fd = stream_socket(address);
    if (fd < 0) return fd;
    int result = connect(fd, (const struct sockaddr *)address->bytes, address->length);
    if (result < 0 && (errno == EINPROGRESS || errno == EINTR)) {
        *in_progress = 1;
        return fd;
    }
    if (result < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int cfluxon_listen(const cfluxon_address *address, int backlog) {
    int fd = stream_socket(address);
    if (fd < 0) return fd;
    int one = 1;
    // A socket's file gets the mode of the socket less the umask: never more than this, from its first moment on.
    if (((const struct sockaddr *)address->bytes)->sa_family == AF_UNIX) fchmod(fd, 0660);
    else setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)address->bytes, address->length) < 0 || listen(fd, backlog) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int cfluxon_accept(int fd) {
    int result;
    do result = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (result < 0 && (errno == EINTR || errno == ECONNABORTED));
    return result < 0 ? -errno : result;
}

int cfluxon_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
    return -error;
}

int cfluxon_local_address(int fd, cfluxon_address *address) {
    socklen_t length = sizeof address->bytes;
    memset(address, 0, sizeof *address);
    if (getsockname(fd, (struct sockaddr *)address->bytes, &length) < 0) return -errno;
    address->length = length;
    return 0;
}

int cfluxon_peer_address(int fd, cfluxon_address *address) {
    socklen_t length = sizeof address->bytes;
    memset(address, 0, sizeof *address);
    if (getpeername(fd, (struct sockaddr *)address->bytes, &length) < 0) return -errno;
    address->length = length;
    return 0;
}

int cfluxon_set_no_delay(int fd) {
    int one = 1;
    return RESULT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
}

int cfluxon_set_buffers(int fd, int send_bytes, int receive_bytes) {
    if (send_bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes) < 0) return -errno;
    if (receive_bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes) < 0) return -errno;
    return 0;
}

int cfluxon_set_receive_low_water(int fd, int bytes) {
    return RESULT(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes));
}

int cfluxon_set_user_timeout(int fd, unsigned milliseconds) {
    return RESULT(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds));
}

int cfluxon_shutdown_write(int fd) { return RESULT(shutdown(fd, SHUT_WR)); }

static ssize_t receive(int fd, void *buffer, size_t count, int flags) {
    ssize_t result;
    do result = recv(fd, buffer, count, flags);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cfluxon_receive(int fd, void *buffer, size_t count) { return receive(fd, buffer, count, 0); }
ssize_t cfluxon_peek(int fd, void *buffer, size_t count) { return receive(fd, buffer, count, MSG_PEEK); }

ssize_t cfluxon_send(int fd, const void *bytes, size_t count) {
    ssize_t result;
    do result = send(fd, bytes, count, MSG_NOSIGNAL);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cfluxon_send_slices(int fd, const cfluxon_slice *slices, int count) {
    struct msghdr message = {.msg_iov = (struct iovec *)slices, .msg_iovlen = (size_t)count};
    ssize_t result;
    do result = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cfluxon_receive_slices(int fd, const cfluxon_slice *slices, int count) {
    ssize_t result;
    do result = readv(fd, (const struct iovec *)slices, count);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

enum { max_descriptors = 16 };
typedef union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(max_descriptors * sizeof(int))];
} control_buffer;

ssize_t cfluxon_send_descriptors(int fd, const void *bytes, size_t count, const int *descriptors, int descriptor_count) {
    if (descriptor_count < 0 || descriptor_count > max_descriptors || count == 0) return -EINVAL;
    control_buffer control = {0};
    struct iovec slice = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &slice, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        size_t size = (size_t)descriptor_count * sizeof(int);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    ssize_t result;
    do result = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cfluxon_receive_descriptors(int fd, void *buffer, size_t count, int *descriptors, int capacity, int *received) {
    *received = 0;
    control_buffer control;
    struct iovec slice = {.iov_base = buffer, .iov_len = count};
    struct msghdr message = {.msg_iov = &slice, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t result;
    do result = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (result < 0 && errno == EINTR);
    if (result < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t found = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < found; i++) {
            int each;
            memcpy(&each, CMSG_DATA(header) + i * sizeof(int), sizeof each);
            // What was not asked for must not stay open.
            if (*received < capacity) descriptors[(*received)++] = each;
            else close(each);
        }
    }
    if (message.msg_flags & MSG_CTRUNC) {
        for (int i = 0; i < *received; i++) close(descriptors[i]);
        *received = 0;
        return -EMSGSIZE;
    }
    return result;
}

int cfluxon_peer_credentials(int fd, cfluxon_credentials *credentials) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    credentials->process_id = peer.pid;
    credentials->user_id = peer.uid;
    credentials->group_id = peer.gid;
    return 0;
}

int cfluxon_peer_process(int fd) {
    int process = -1;
    socklen_t length = sizeof process;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &process, &length) < 0) return -errno;
    return process;
}

int cfluxon_process_open(int process_id) { return RESULT((int)syscall(SYS_pidfd_open, process_id, 0)); }
int cfluxon_process_signal(int process_descriptor, int signal) {
    return RESULT((int)syscall(SYS_pidfd_send_signal, process_descriptor, signal, NULL, 0));
}

int cfluxon_process_id_of(int process_descriptor) {
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", process_descriptor);
    FILE *file = fopen(path, "re");
    if (!file) return -errno;
    int process_id = -ESRCH;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "Pid:", 4) == 0) process_id = atoi(line + 4);
    }
    fclose(file);
    return process_id > 0 ? process_id : -ESRCH;
}

int cfluxon_memory_file(const char *name) { return RESULT(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)); }
int cfluxon_open(const char *path, int flags, unsigned mode) { return RESULT(open(path, flags | O_CLOEXEC, mode)); }
int cfluxon_resize(int fd, uint64_t byte_count) { return RESULT(ftruncate(fd, (off_t)byte_count)); }

int cfluxon_reserve(int fd, uint64_t offset, uint64_t byte_count) {
    int result;
    do result = fallocate(fd, 0, (off_t)offset, (off_t)byte_count);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int cfluxon_punch_hole(int fd, uint64_t offset, uint64_t byte_count) {
    return RESULT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)byte_count));
}

int64_t cfluxon_file_size(int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    return status.st_size;
}

int cfluxon_lock(int fd, int exclusive) { return RESULT(flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB)); }
int cfluxon_unlock(int fd) { return RESULT(flock(fd, LOCK_UN)); }
int cfluxon_unlink(const char *path) { return RESULT(unlink(path)); }
int cfluxon_rename(const char *from, const char *to) { return RESULT(rename(from, to)); }
int cfluxon_make_directory(const char *path, unsigned mode) { return RESULT(mkdir(path, mode)); }
int cfluxon_change_mode(int fd, unsigned mode) { return RESULT(fchmod(fd, mode)); }
int cfluxon_sync(int fd) { return RESULT(fsync(fd)); }

int cfluxon_file_system(const char *path, uint64_t *free_bytes, uint64_t *total_bytes) {
    struct statvfs status;
    if (statvfs(path, &status) < 0) return -errno;
    *free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    *total_bytes = (uint64_t)status.f_blocks * status.f_frsize;
    return 0;
}

int cfluxon_map(int fd, uint64_t offset, size_t byte_count, int writable, int populate, void **base) {
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    int flags = MAP_SHARED | (populate ? MAP_POPULATE : 0);
    void *result = mmap(NULL, byte_count, protection, flags, fd, (off_t)offset);
    if (result == MAP_FAILED) return -errno;
    *base = result;
    return 0;
}

int cfluxon_map_anonymous(size_t byte_count, void **base) {
    void *result = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED) return -errno;
    *base = result;
    return 0;
}

int cfluxon_unmap(void *base, size_t byte_count) { return RESULT(munmap(base, byte_count)); }
int cfluxon_advise(void *base, size_t byte_count, int advice) { return RESULT(madvise(base, byte_count, advice)); }

int cfluxon_membarrier_register(void) {
    return RESULT((int)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
}
int cfluxon_membarrier(void) { return RESULT((int)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0)); }

void cfluxon_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
