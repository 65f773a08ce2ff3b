// libibverbs and librdmacm as flat C functions for FluxonTransfer/RDMA/Verbs, the only importer. Unless said otherwise every function
// returns a value >= 0, or -errno. Nothing here blocks for longer than one call of the driver takes.
#ifndef FLUXON_CVERBS_H
#define FLUXON_CVERBS_H

#include <stddef.h>
#include <stdint.h>

// Handles of the libraries. C alone looks into them.
typedef struct cfluxon_rdma_devices cfluxon_rdma_devices;
typedef struct ibv_context cfluxon_rdma_context;
typedef struct ibv_pd cfluxon_rdma_domain;
typedef struct ibv_mr cfluxon_rdma_region;
typedef struct ibv_comp_channel cfluxon_rdma_completion_channel;
typedef struct ibv_cq cfluxon_rdma_completion_queue;
typedef struct ibv_qp cfluxon_rdma_queue_pair;
typedef struct rdma_event_channel cfluxon_rdma_event_channel;
typedef struct rdma_cm_id cfluxon_rdma_id;

enum { CFLUXON_RDMA_NAME_BYTES = 64 };

typedef enum {
    cfluxon_rdma_gid_infiniband = 0,
    cfluxon_rdma_gid_roce_v1 = 1,
    cfluxon_rdma_gid_roce_v2 = 2,
} cfluxon_rdma_gid_kind;

// One entry of a port's table of addresses.
typedef struct {
    uint8_t bytes[16];
    uint32_t index;
    uint32_t kind;
    uint32_t interface_index;
    uint32_t _padding;
} cfluxon_rdma_gid;
_Static_assert(sizeof(cfluxon_rdma_gid) == 32, "layout is shared with Swift");

// One port of a device, and what the device can do.
typedef struct {
    char name[CFLUXON_RDMA_NAME_BYTES];
    uint32_t is_active;
    uint32_t is_ethernet;
    uint32_t is_iwarp;
    uint32_t mtu_bytes;
    uint32_t rate_megabits;
    uint32_t largest_message;
    // Reads that a queue pair may have on their way at a time, as asker and as source.
    uint32_t reads_as_asker;
    uint32_t reads_as_source;
    uint32_t work_requests;
    uint32_t completions;
    // Whether memory can be read into and out of without being pinned.
    uint32_t pages_on_demand;
    int32_t numa_node;
    uint64_t largest_region;
} cfluxon_rdma_port;
_Static_assert(sizeof(cfluxon_rdma_port) == 120, "layout is shared with Swift");

// Whether the kernel knows any device; opens none.
int cfluxon_rdma_kernel_has_devices(void);

// Where a device is plugged in; -1: it does not say.
typedef struct {
    char name[CFLUXON_RDMA_NAME_BYTES];
    int32_t numa_node;
    uint32_t _padding;
} cfluxon_rdma_place;
_Static_assert(sizeof(cfluxon_rdma_place) == 72, "layout is shared with Swift");

// Writes at most `capacity` devices that the kernel knows; opens none. Returns how many.
int cfluxon_rdma_places(cfluxon_rdma_place *places, int capacity);

// Devices: all of the machine, as the connection manager has opened them. They stay open until closed.
int cfluxon_rdma_devices_open(cfluxon_rdma_devices **devices);
void cfluxon_rdma_devices_close(cfluxon_rdma_devices *devices);
int cfluxon_rdma_device_count(const cfluxon_rdma_devices *devices);
cfluxon_rdma_context *cfluxon_rdma_device(const cfluxon_rdma_devices *devices, int index);
int cfluxon_rdma_ports(cfluxon_rdma_context *context);
int cfluxon_rdma_describe(cfluxon_rdma_context *context, uint32_t port, cfluxon_rdma_port *description);
// Writes at most `capacity` entries that are in use; returns how many.
int cfluxon_rdma_gids(cfluxon_rdma_context *context, uint32_t port, cfluxon_rdma_gid *gids, int capacity);

// What happens to a device: the descriptor to watch; 1 when an event was taken, 0 when none waits.
int cfluxon_rdma_device_events(cfluxon_rdma_context *context);
int cfluxon_rdma_next_device_event(cfluxon_rdma_context *context, uint32_t *is_fatal);

// Memory.
int cfluxon_rdma_domain_create(cfluxon_rdma_context *context, cfluxon_rdma_domain **domain);
void cfluxon_rdma_domain_destroy(cfluxon_rdma_domain *domain);
// Raises what this process may lock to what it may raise it to; returns that many bytes.
uint64_t cfluxon_rdma_raise_locked_memory(void);
// `remote_read`: peers may read it. `on_demand`: without pinning its pages.
int cfluxon_rdma_register(
    cfluxon_rdma_domain *domain, void *bytes, uint64_t byte_count, int remote_read, int on_demand, cfluxon_rdma_region **region);
int cfluxon_rdma_deregister(cfluxon_rdma_region *region);
uint32_t cfluxon_rdma_local_key(const cfluxon_rdma_region *region);
uint32_t cfluxon_rdma_remote_key(const cfluxon_rdma_region *region);

// Completions. A channel reports that one of its queues has some; a queue is known by its tag.
int cfluxon_rdma_completion_channel_create(cfluxon_rdma_context *context, cfluxon_rdma_completion_channel **channel);
void cfluxon_rdma_completion_channel_destroy(cfluxon_rdma_completion_channel *channel);
int cfluxon_rdma_completion_channel_descriptor(const cfluxon_rdma_completion_channel *channel);
// 1 and the queue's tag when a report was taken, 0 when none waits.
int cfluxon_rdma_completion_channel_next(cfluxon_rdma_completion_channel *channel, uint64_t *tag);
int cfluxon_rdma_completion_queue_create(
    cfluxon_rdma_context *context, cfluxon_rdma_completion_channel *channel, int capacity, uint64_t tag,
    cfluxon_rdma_completion_queue **queue);
int cfluxon_rdma_completion_queue_destroy(cfluxon_rdma_completion_queue *queue);
// Asks for one report at the next completion.
int cfluxon_rdma_arm(cfluxon_rdma_completion_queue *queue);

typedef struct {
    uint64_t work;
    // 0: done. Else the library's number of what went wrong.
    uint32_t status;
    uint32_t byte_count;
} cfluxon_rdma_completion;
_Static_assert(sizeof(cfluxon_rdma_completion) == 16, "layout is shared with Swift");

int cfluxon_rdma_poll(cfluxon_rdma_completion_queue *queue, cfluxon_rdma_completion *completions, int capacity);
const char *cfluxon_rdma_status_text(uint32_t status);
// Whether the work was given up because its queue pair was closed, not for a fault of its own.
int cfluxon_rdma_is_flushed(uint32_t status);

// Connections (rdma_cm). `tag` tells whose an event is.
int cfluxon_rdma_event_channel_create(cfluxon_rdma_event_channel **channel);
void cfluxon_rdma_event_channel_destroy(cfluxon_rdma_event_channel *channel);
int cfluxon_rdma_event_channel_descriptor(const cfluxon_rdma_event_channel *channel);

typedef enum {
    cfluxon_rdma_event_other = 0,
    cfluxon_rdma_event_address_resolved,
    cfluxon_rdma_event_route_resolved,
    cfluxon_rdma_event_connect_request,
    cfluxon_rdma_event_established,
    cfluxon_rdma_event_disconnected,
    // `status` says why.
    cfluxon_rdma_event_failed,
    cfluxon_rdma_event_device_removed,
} cfluxon_rdma_event_kind;

typedef struct {
    // Of the id that the event is for; of the listener for a request to connect, whose own id is `request`.
    uint64_t tag;
    cfluxon_rdma_id *request;
    uint32_t kind;
    // Negative errno, or a positive number of the connection manager.
    int32_t status;
    // Reads that the asker wants to have on their way (requests to connect).
    uint32_t reads;
    uint32_t _padding;
} cfluxon_rdma_event;
_Static_assert(sizeof(cfluxon_rdma_event) == 32, "layout is shared with Swift");

// 1 when an event was taken, 0 when none waits.
int cfluxon_rdma_next_event(cfluxon_rdma_event_channel *channel, cfluxon_rdma_event *event);

int cfluxon_rdma_id_create(cfluxon_rdma_event_channel *channel, uint64_t tag, cfluxon_rdma_id **id);
void cfluxon_rdma_id_set_tag(cfluxon_rdma_id *id, uint64_t tag);
void cfluxon_rdma_id_destroy(cfluxon_rdma_id *id);
// Null until an address was resolved or bound.
cfluxon_rdma_context *cfluxon_rdma_id_context(const cfluxon_rdma_id *id);
// `address`: sockaddr. Returns the port that was taken.
int cfluxon_rdma_listen(cfluxon_rdma_id *id, const void *address, int backlog);
// `from` may be null.
int cfluxon_rdma_resolve_address(cfluxon_rdma_id *id, const void *from, const void *to, int timeout_milliseconds);
// `acknowledgement_exponent`: the asker repeats what was not acknowledged for 4.096 µs * 2^exponent.
int cfluxon_rdma_resolve_route(cfluxon_rdma_id *id, uint8_t acknowledgement_exponent, int timeout_milliseconds);

typedef struct {
    uint32_t sends;
    uint32_t receives;
    uint32_t inline_bytes;
    uint32_t _padding;
} cfluxon_rdma_queue_sizes;

// Makes the queue pair of `id`; `sizes` becomes what the device gave.
int cfluxon_rdma_queue_pair_create(
    cfluxon_rdma_id *id, cfluxon_rdma_domain *domain, cfluxon_rdma_completion_queue *queue, cfluxon_rdma_queue_sizes *sizes,
    cfluxon_rdma_queue_pair **queue_pair);
// Nothing of its work touches memory any more when this returns.
void cfluxon_rdma_queue_pair_destroy(cfluxon_rdma_id *id);
int cfluxon_rdma_connect(cfluxon_rdma_id *id, uint8_t reads, uint8_t retries);
int cfluxon_rdma_accept(cfluxon_rdma_id *id, uint8_t reads, uint8_t retries);
int cfluxon_rdma_reject(cfluxon_rdma_id *id);
// Moves the queue pair to error: what was posted comes back as completions.
int cfluxon_rdma_disconnect(cfluxon_rdma_id *id);
// The same without telling the peer, for tests of a source that falls silent.
int cfluxon_rdma_fail(cfluxon_rdma_queue_pair *queue_pair);

// Work.
typedef struct {
    uint64_t work;
    uint64_t local_address, remote_address;
    uint32_t byte_count, local_key, remote_key, _padding;
} cfluxon_rdma_read;
_Static_assert(sizeof(cfluxon_rdma_read) == 40, "layout is shared with Swift");

int cfluxon_rdma_post_read(cfluxon_rdma_queue_pair *queue_pair, const cfluxon_rdma_read *read);

// A message from one or two pieces of memory. One of `is_inline` is copied before the call returns and needs no keys.
typedef struct {
    uint64_t work;
    uint64_t head_address, body_address;
    uint32_t head_bytes, body_bytes;
    uint32_t head_key, body_key;
    uint32_t is_inline, is_signalled;
} cfluxon_rdma_message;
_Static_assert(sizeof(cfluxon_rdma_message) == 48, "layout is shared with Swift");

int cfluxon_rdma_post_send(cfluxon_rdma_queue_pair *queue_pair, const cfluxon_rdma_message *message);
int cfluxon_rdma_post_receive(cfluxon_rdma_queue_pair *queue_pair, uint64_t work, uint64_t address, uint32_t byte_count, uint32_t key);

#endif
