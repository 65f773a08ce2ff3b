// The connection manager: whoever connects finds the one who listens on that port.
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

enum { stand_in_first_port = 18515 };

struct stand_in_event {
    struct rdma_cm_event base;
    struct stand_in_event *next;
};

struct stand_in_event_channel {
    struct rdma_event_channel base;
    struct stand_in_event *first;
};

struct stand_in_id {
    struct rdma_cm_id base;
    struct stand_in_id *peer;
    struct stand_in_id *next_listening;
};

static struct stand_in_id *listening;

static struct sockaddr_in *stand_in_source(struct rdma_cm_id *id) { return &id->route.addr.src_sin; }

// --- Events ------------------------------------------------------------------------------------------------------------------------
EXPORTED struct rdma_event_channel *rdma_create_event_channel(void) {
    struct stand_in_event_channel *channel = stand_in_allocate(sizeof *channel);
    channel->base.fd = stand_in_signal_create();
    return &channel->base;
}

EXPORTED void rdma_destroy_event_channel(struct rdma_event_channel *base) {
    struct stand_in_event_channel *channel = (struct stand_in_event_channel *)base;
    while (channel->first) {
        struct stand_in_event *event = channel->first;
        channel->first = event->next;
        free(event);
    }
    close(base->fd);
    free(channel);
}

static struct rdma_cm_event *stand_in_happen(struct rdma_cm_id *id, enum rdma_cm_event_type type) {
    struct stand_in_event_channel *channel = (struct stand_in_event_channel *)id->channel;
    struct stand_in_event *event = stand_in_allocate(sizeof *event);
    event->base.id = id;
    event->base.event = type;
    struct stand_in_event **end = &channel->first;
    while (*end) end = &(*end)->next;
    *end = event;
    stand_in_signal_raise(channel->base.fd);
    return &event->base;
}

EXPORTED int rdma_get_cm_event(struct rdma_event_channel *base, struct rdma_cm_event **taken) {
    struct stand_in_event_channel *channel = (struct stand_in_event_channel *)base;
    struct stand_in_event *event = channel->first;
    if (!event) {
        stand_in_signal_clear(base->fd);
        errno = EAGAIN;
        return -1;
    }
    channel->first = event->next;
    *taken = &event->base;
    return 0;
}

EXPORTED int rdma_ack_cm_event(struct rdma_cm_event *event) {
    free(event);
    return 0;
}

static void stand_in_forget_events(struct rdma_cm_id *id) {
    struct stand_in_event **place = &((struct stand_in_event_channel *)id->channel)->first;
    while (*place) {
        struct stand_in_event *event = *place;
        if (event->base.id != id && event->base.listen_id != id) {
            place = &event->next;
            continue;
        }
        *place = event->next;
        free(event);
    }
}

// --- Connections -------------------------------------------------------------------------------------------------------------------
EXPORTED int rdma_create_id(struct rdma_event_channel *channel, struct rdma_cm_id **id, void *context, enum rdma_port_space space) {
    struct stand_in_id *made = stand_in_allocate(sizeof *made);
    made->base.channel = channel;
    made->base.context = context;
    made->base.ps = space;
    *id = &made->base;
    return 0;
}

EXPORTED int rdma_destroy_id(struct rdma_cm_id *base) {
    struct stand_in_id *id = (struct stand_in_id *)base;
    struct stand_in_id **place = &listening;
    while (*place && *place != id) place = &(*place)->next_listening;
    if (*place) *place = id->next_listening;
    if (id->peer) {
        id->peer->peer = NULL;
        stand_in_happen(&id->peer->base, RDMA_CM_EVENT_DISCONNECTED);
    }
    stand_in_forget_events(base);
    free(id);
    return 0;
}

EXPORTED int rdma_set_option(struct rdma_cm_id *id, int level, int name, void *value, size_t byte_count) {
    (void)id, (void)level, (void)name, (void)value, (void)byte_count;
    return 0;
}

EXPORTED int rdma_bind_addr(struct rdma_cm_id *id, struct sockaddr *address) {
    id->verbs = stand_in_context_at(address);
    memcpy(stand_in_source(id), address, sizeof(struct sockaddr_in));
    return 0;
}

EXPORTED int rdma_listen(struct rdma_cm_id *base, int backlog) {
    (void)backlog;
    static uint16_t next_port = stand_in_first_port;
    struct stand_in_id *id = (struct stand_in_id *)base;
    if (!stand_in_source(base)->sin_port) stand_in_source(base)->sin_port = htons(next_port++);
    id->next_listening = listening;
    listening = id;
    return 0;
}

EXPORTED __be16 rdma_get_src_port(struct rdma_cm_id *id) { return stand_in_source(id)->sin_port; }

EXPORTED int rdma_resolve_addr(struct rdma_cm_id *id, struct sockaddr *from, struct sockaddr *to, int milliseconds) {
    (void)milliseconds;
    id->verbs = stand_in_context_at(from);
    memcpy(&id->route.addr.dst_sin, to, sizeof(struct sockaddr_in));
    stand_in_happen(id, RDMA_CM_EVENT_ADDR_RESOLVED);
    return 0;
}

EXPORTED int rdma_resolve_route(struct rdma_cm_id *id, int milliseconds) {
    (void)milliseconds;
    stand_in_happen(id, RDMA_CM_EVENT_ROUTE_RESOLVED);
    return 0;
}

EXPORTED int rdma_create_qp(struct rdma_cm_id *id, struct ibv_pd *domain, struct ibv_qp_init_attr *attributes) {
    id->qp = stand_in_pair_base(stand_in_pair_create(domain, attributes));
    return 0;
}

EXPORTED void rdma_destroy_qp(struct rdma_cm_id *id) {
    stand_in_pair_destroy(stand_in_pair_of(id->qp));
    id->qp = NULL;
}

EXPORTED int rdma_connect(struct rdma_cm_id *base, struct rdma_conn_param *parameters) {
    struct stand_in_id *id = (struct stand_in_id *)base, *listener = listening;
    while (listener && stand_in_source(&listener->base)->sin_port != base->route.addr.dst_sin.sin_port) listener = listener->next_listening;
    if (!listener) {
        stand_in_happen(base, RDMA_CM_EVENT_REJECTED)->status = ECONNREFUSED;
        return 0;
    }
    struct rdma_cm_id *request;
    rdma_create_id(listener->base.channel, &request, NULL, base->ps);
    request->verbs = listener->base.verbs;
    id->peer = (struct stand_in_id *)request;
    id->peer->peer = id;
    struct rdma_cm_event *event = stand_in_happen(request, RDMA_CM_EVENT_CONNECT_REQUEST);
    event->listen_id = &listener->base;
    event->param.conn = *parameters;
    return 0;
}

EXPORTED int rdma_accept(struct rdma_cm_id *base, struct rdma_conn_param *parameters) {
    (void)parameters;
    struct stand_in_id *id = (struct stand_in_id *)base;
    stand_in_pair_join(stand_in_pair_of(base->qp), stand_in_pair_of(id->peer->base.qp));
    stand_in_happen(base, RDMA_CM_EVENT_ESTABLISHED);
    stand_in_happen(&id->peer->base, RDMA_CM_EVENT_ESTABLISHED);
    return 0;
}

EXPORTED int rdma_reject(struct rdma_cm_id *base, const void *data, uint8_t byte_count) {
    (void)data, (void)byte_count;
    stand_in_happen(&((struct stand_in_id *)base)->peer->base, RDMA_CM_EVENT_REJECTED);
    return 0;
}

EXPORTED int rdma_disconnect(struct rdma_cm_id *base) {
    struct stand_in_id *id = (struct stand_in_id *)base;
    if (base->qp) stand_in_pair_fail(stand_in_pair_of(base->qp));
    stand_in_happen(base, RDMA_CM_EVENT_DISCONNECTED);
    if (!id->peer) return 0;
    if (id->peer->base.qp) stand_in_pair_fail(stand_in_pair_of(id->peer->base.qp));
    stand_in_happen(&id->peer->base, RDMA_CM_EVENT_DISCONNECTED);
    return 0;
}
