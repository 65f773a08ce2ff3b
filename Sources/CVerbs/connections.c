#include <string.h>

#include "internal.h"

int cfluxon_rdma_event_channel_create(cfluxon_rdma_event_channel **channel) {
    errno = 0;
    *channel = rdma_create_event_channel();
    if (!*channel) return negative_errno();
    int failure = make_nonblocking((*channel)->fd);
    if (failure) rdma_destroy_event_channel(*channel);
    return failure;
}

void cfluxon_rdma_event_channel_destroy(cfluxon_rdma_event_channel *channel) { rdma_destroy_event_channel(channel); }

int cfluxon_rdma_event_channel_descriptor(const cfluxon_rdma_event_channel *channel) { return channel->fd; }

static uint32_t kind(enum rdma_cm_event_type type) {
    switch (type) {
    case RDMA_CM_EVENT_ADDR_RESOLVED: return cfluxon_rdma_event_address_resolved;
    case RDMA_CM_EVENT_ROUTE_RESOLVED: return cfluxon_rdma_event_route_resolved;
    case RDMA_CM_EVENT_CONNECT_REQUEST: return cfluxon_rdma_event_connect_request;
    case RDMA_CM_EVENT_ESTABLISHED: return cfluxon_rdma_event_established;
    case RDMA_CM_EVENT_DISCONNECTED: return cfluxon_rdma_event_disconnected;
    case RDMA_CM_EVENT_DEVICE_REMOVAL: return cfluxon_rdma_event_device_removed;
    case RDMA_CM_EVENT_ADDR_ERROR:
    case RDMA_CM_EVENT_ROUTE_ERROR:
    case RDMA_CM_EVENT_CONNECT_ERROR:
    case RDMA_CM_EVENT_UNREACHABLE:
    case RDMA_CM_EVENT_REJECTED: return cfluxon_rdma_event_failed;
    default: return cfluxon_rdma_event_other;
    }
}

int cfluxon_rdma_next_event(cfluxon_rdma_event_channel *channel, cfluxon_rdma_event *event) {
    struct rdma_cm_event *taken;
    if (rdma_get_cm_event(channel, &taken)) return errno == EAGAIN || errno == EINTR ? 0 : negative_errno();
    memset(event, 0, sizeof *event);
    event->kind = kind(taken->event);
    event->status = taken->status;
    if (taken->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
        event->tag = (uint64_t)(uintptr_t)taken->listen_id->context;
        event->request = taken->id;
        event->reads = taken->param.conn.responder_resources;
    } else {
        event->tag = (uint64_t)(uintptr_t)taken->id->context;
    }
    rdma_ack_cm_event(taken);
    return 1;
}

int cfluxon_rdma_id_create(cfluxon_rdma_event_channel *channel, uint64_t tag, cfluxon_rdma_id **id) {
    return checked(rdma_create_id(channel, id, (void *)(uintptr_t)tag, RDMA_PS_TCP));
}

void cfluxon_rdma_id_set_tag(cfluxon_rdma_id *id, uint64_t tag) { id->context = (void *)(uintptr_t)tag; }

void cfluxon_rdma_id_destroy(cfluxon_rdma_id *id) { rdma_destroy_id(id); }

cfluxon_rdma_context *cfluxon_rdma_id_context(const cfluxon_rdma_id *id) { return id->verbs; }

int cfluxon_rdma_listen(cfluxon_rdma_id *id, const void *address, int backlog) {
    int failure = checked(rdma_bind_addr(id, (struct sockaddr *)address));
    if (!failure) failure = checked(rdma_listen(id, backlog));
    return failure ? failure : ntohs(rdma_get_src_port(id));
}

int cfluxon_rdma_resolve_address(cfluxon_rdma_id *id, const void *from, const void *to, int timeout_milliseconds) {
    return checked(rdma_resolve_addr(id, (struct sockaddr *)from, (struct sockaddr *)to, timeout_milliseconds));
}

int cfluxon_rdma_resolve_route(cfluxon_rdma_id *id, uint8_t acknowledgement_exponent, int timeout_milliseconds) {
    // A kernel that cannot be told has its own time: slower to notice a dead peer, nothing worse.
    rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &acknowledgement_exponent, sizeof acknowledgement_exponent);
    return checked(rdma_resolve_route(id, timeout_milliseconds));
}

int cfluxon_rdma_queue_pair_create(
    cfluxon_rdma_id *id, cfluxon_rdma_domain *domain, cfluxon_rdma_completion_queue *queue, cfluxon_rdma_queue_sizes *sizes,
    cfluxon_rdma_queue_pair **queue_pair) {
    struct ibv_qp_init_attr attributes = {
        .send_cq = queue,
        .recv_cq = queue,
        .cap = {
            .max_send_wr = sizes->sends,
            .max_recv_wr = sizes->receives,
            .max_send_sge = 2,
            .max_recv_sge = 1,
            .max_inline_data = sizes->inline_bytes,
        },
        .qp_type = IBV_QPT_RC,
    };
    int failure = checked(rdma_create_qp(id, domain, &attributes));
    if (failure == -EINVAL && sizes->inline_bytes > 0) {
        // A device that copies nothing inline, or less.
        attributes.cap.max_inline_data = 0;
        failure = checked(rdma_create_qp(id, domain, &attributes));
    }
    if (failure) return failure;
    sizes->inline_bytes = attributes.cap.max_inline_data;
    *queue_pair = id->qp;
    return 0;
}

void cfluxon_rdma_queue_pair_destroy(cfluxon_rdma_id *id) { rdma_destroy_qp(id); }

// A receiver that has no buffer ready is asked again for as long as it takes: whoever waits has a clock of its own.
enum { without_end = 7 };

static struct rdma_conn_param parameters(uint8_t reads, uint8_t retries) {
    return (struct rdma_conn_param){
        .responder_resources = reads,
        .initiator_depth = reads,
        .flow_control = 1,
        .retry_count = retries,
        .rnr_retry_count = without_end,
    };
}

int cfluxon_rdma_connect(cfluxon_rdma_id *id, uint8_t reads, uint8_t retries) {
    struct rdma_conn_param wanted = parameters(reads, retries);
    return checked(rdma_connect(id, &wanted));
}

int cfluxon_rdma_accept(cfluxon_rdma_id *id, uint8_t reads, uint8_t retries) {
    struct rdma_conn_param wanted = parameters(reads, retries);
    return checked(rdma_accept(id, &wanted));
}

int cfluxon_rdma_reject(cfluxon_rdma_id *id) { return checked(rdma_reject(id, NULL, 0)); }

int cfluxon_rdma_disconnect(cfluxon_rdma_id *id) { return checked(rdma_disconnect(id)); }
