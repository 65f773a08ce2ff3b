// The kernel as flat C functions for FluxonSystem, the only importer. Every function returns a value >= 0, or -errno.
#ifndef FLUXON_CLINUX_H
#define FLUXON_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "CLinuxSupervision.h"

// A socket address as the kernel takes it.
typedef struct {
    uint64_t bytes[16];
    uint32_t length;
    uint32_t _padding;
} cfluxon_address;
_Static_assert(sizeof(cfluxon_address) == 136, "holds a sockaddr_storage");

// One readiness report of epoll.
typedef struct {
    uint64_t tag;
    uint32_t events;
    uint32_t _padding;
} cfluxon_event;

typedef struct {
    int32_t process_id;
    uint32_t user_id;
    uint32_t group_id;
} cfluxon_credentials;

enum {
    cfluxon_event_readable = 1,
    cfluxon_event_writable = 2,
    cfluxon_event_closed = 4,
    cfluxon_event_failed = 8,
    cfluxon_event_edge = 16,
};

// Clock, in nanoseconds of CLOCK_BOOTTIME.
uint64_t cfluxon_boot_time(void);

// Event loop.
int cfluxon_epoll_create(void);
int cfluxon_epoll_add(int epoll, int fd, uint32_t events, uint64_t tag);
int cfluxon_epoll_modify(int epoll, int fd, uint32_t events, uint64_t tag);
int cfluxon_epoll_remove(int epoll, int fd);
// Waits for at most `timeout_milliseconds` (-1: without end). Returns the number of events written; an interruption counts as none.
int cfluxon_epoll_wait(int epoll, cfluxon_event *events, int capacity, int timeout_milliseconds);
// The same for a time that milliseconds are too coarse for; where the kernel does not offer it, at once with 0.
int cfluxon_epoll_wait_nanoseconds(int epoll, cfluxon_event *events, int capacity, int64_t nanoseconds);
int cfluxon_eventfd_create(void);
int cfluxon_eventfd_signal(int fd);
int cfluxon_timerfd_create(void);
// Fires once at `deadline` nanoseconds of CLOCK_BOOTTIME; 0 disarms.
int cfluxon_timerfd_set(int fd, uint64_t deadline);

// Descriptors.
int cfluxon_close(int fd);
int cfluxon_duplicate(int fd);
int cfluxon_set_nonblocking(int fd);
ssize_t cfluxon_read(int fd, void *buffer, size_t count);
ssize_t cfluxon_write(int fd, const void *bytes, size_t count);
int cfluxon_pipe(int ends[2]);

// Addresses. `cfluxon_resolve` returns the number of addresses or a negative EAI_ code, for which `cfluxon_resolve_message` has words.
int cfluxon_address_unix(const char *path, cfluxon_address *address);
int cfluxon_resolve(const char *host, uint16_t port, int numeric_only, cfluxon_address *addresses, int capacity);
const char *cfluxon_resolve_message(int code);
// Writes the host (or path) as text and returns the port; a Unix address has port -1.
int cfluxon_address_text(const cfluxon_address *address, char *text, size_t capacity);

// Sockets: stream, non-blocking, close-on-exec.
int cfluxon_socket_pair(int ends[2]);
// Sets `in_progress` to 1 when the connection is still being made.
int cfluxon_connect(const cfluxon_address *address, int *in_progress);
int cfluxon_listen(const cfluxon_address *address, int backlog);
int cfluxon_accept(int fd);
int cfluxon_socket_error(int fd);
int cfluxon_local_address(int fd, cfluxon_address *address);
int cfluxon_peer_address(int fd, cfluxon_address *address);
int cfluxon_set_no_delay(int fd);
int cfluxon_set_buffers(int fd, int send_bytes, int receive_bytes);
// The socket is reported readable once this many bytes wait in it, or as many as its buffer takes, or its end.
int cfluxon_set_receive_low_water(int fd, int bytes);
// Unacknowledged bytes may wait this long before the kernel gives the connection up.
int cfluxon_set_user_timeout(int fd, unsigned milliseconds);
int cfluxon_shutdown_write(int fd);
ssize_t cfluxon_receive(int fd, void *buffer, size_t count);
// Looks at bytes without taking them.
ssize_t cfluxon_peek(int fd, void *buffer, size_t count);
// Never raises SIGPIPE.
ssize_t cfluxon_send(int fd, const void *bytes, size_t count);
typedef struct {
    const void *base;
    size_t count;
} cfluxon_slice;
// Gathers `count` slices into one send; never raises SIGPIPE.
ssize_t cfluxon_send_slices(int fd, const cfluxon_slice *slices, int count);
// Scatters one receive over `count` slices, which it writes to.
ssize_t cfluxon_receive_slices(int fd, const cfluxon_slice *slices, int count);

// Passing descriptors over a Unix socket. At most 16 at a time.
ssize_t cfluxon_send_descriptors(int fd, const void *bytes, size_t count, const int *descriptors, int descriptor_count);
ssize_t cfluxon_receive_descriptors(int fd, void *buffer, size_t count, int *descriptors, int capacity, int *received);
int cfluxon_peer_credentials(int fd, cfluxon_credentials *credentials);
int cfluxon_peer_process(int fd);

// Processes.
int cfluxon_process_open(int process_id);
int cfluxon_process_signal(int process_descriptor, int signal);
int cfluxon_process_id_of(int process_descriptor);

// Names the calling thread; at most 15 bytes.
void cfluxon_name_thread(const char *name);

// Memory and files.
int cfluxon_memory_file(const char *name);
int cfluxon_open(const char *path, int flags, unsigned mode);
int cfluxon_resize(int fd, uint64_t byte_count);
// Takes the pages of the range now, so that a full file system is an error here.
int cfluxon_reserve(int fd, uint64_t offset, uint64_t byte_count);
int cfluxon_punch_hole(int fd, uint64_t offset, uint64_t byte_count);
int64_t cfluxon_file_size(int fd);
int cfluxon_lock(int fd, int exclusive);
int cfluxon_unlock(int fd);
int cfluxon_unlink(const char *path);
int cfluxon_rename(const char *from, const char *to);
int cfluxon_make_directory(const char *path, unsigned mode);
int cfluxon_change_mode(int fd, unsigned mode);
int cfluxon_sync(int fd);
// Free and total bytes of the file system that holds `path`.
int cfluxon_file_system(const char *path, uint64_t *free_bytes, uint64_t *total_bytes);
int cfluxon_map(int fd, uint64_t offset, size_t byte_count, int writable, int populate, void **base);
int cfluxon_unmap(void *base, size_t byte_count);
int cfluxon_advise(void *base, size_t byte_count, int advice);
enum { cfluxon_advise_dont_fork = 10, cfluxon_advise_wipe_on_fork = 18, cfluxon_advise_populate_read = 22, cfluxon_advise_populate_write = 23, cfluxon_advise_huge_page = 14 };
int cfluxon_map_anonymous(size_t byte_count, void **base);
int cfluxon_membarrier_register(void);
int cfluxon_membarrier(void);

#include "CLinuxMemory.h"
#include "CLinuxNames.h"

#endif
