// Queue pairs and completion queues: what is measured runs through here, so that it is short.
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "CVerbsStandIn.h"
#include "internal.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT ((void)0)
#endif

enum { place_mask = stand_in_queue_places - 1 };

struct stand_in_channel {
    struct ibv_comp_channel base;
    // Queues to be reported, oldest first.
    struct stand_in_queue *first;
};

struct stand_in_queue {
    struct ibv_cq base;
    struct stand_in_queue *next_reported;
    int is_armed, is_reported;
    uint32_t added, taken;
    struct ibv_wc completions[stand_in_queue_places];
};

struct stand_in_pair {
    struct ibv_qp base;
    struct stand_in_pair *peer;
    uint32_t posted, used;
    struct { uint64_t work; struct ibv_sge place; } receives[stand_in_queue_places];
    // Length of the last message sent, and of the last that was answered, with its answer.
    uint32_t sent_bytes, asked_bytes, answer_bytes;
    char answer[stand_in_message_bytes];
};

static uint64_t sends, reads;
static int answers_alone;
static int is_measuring;

EXPORTED uint64_t cfluxon_stand_in_sends(void) { return sends; }
EXPORTED uint64_t cfluxon_stand_in_reads(void) { return reads; }
EXPORTED void cfluxon_stand_in_answer_alone(int alone) { answers_alone = alone; }

EXPORTED void cfluxon_stand_in_measure(int measures) {
    if (measures != is_measuring) CALLGRIND_TOGGLE_COLLECT;
    is_measuring = measures;
}

int stand_in_signal_create(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void stand_in_signal_raise(int descriptor) {
    if (eventfd_write(descriptor, 1)) stand_in_refuse("an eventfd cannot be written");
}

void stand_in_signal_clear(int descriptor) {
    eventfd_t value;
    if (eventfd_read(descriptor, &value) && errno != EAGAIN) stand_in_refuse("an eventfd cannot be read");
}

// --- Completions -------------------------------------------------------------------------------------------------------------------
static void stand_in_report(struct stand_in_queue *queue) {
    struct stand_in_channel *channel = (struct stand_in_channel *)queue->base.channel;
    queue->is_armed = 0;
    queue->is_reported = 1;
    queue->next_reported = NULL;
    struct stand_in_queue **end = &channel->first;
    while (*end) end = &(*end)->next_reported;
    *end = queue;
    stand_in_signal_raise(channel->base.fd);
}

static void stand_in_complete(struct ibv_cq *base, struct ibv_qp *pair, uint64_t work, enum ibv_wc_status status, uint32_t byte_count) {
    struct stand_in_queue *queue = (struct stand_in_queue *)base;
    if (queue->added - queue->taken == stand_in_queue_places) stand_in_refuse("a completion queue overflows");
    struct ibv_wc *completion = &queue->completions[queue->added++ & place_mask];
    completion->wr_id = work;
    completion->status = status;
    completion->byte_len = byte_count;
    completion->qp_num = pair->qp_num;
    if (queue->is_armed) stand_in_report(queue);
}

static int stand_in_poll(struct ibv_cq *base, int capacity, struct ibv_wc *found) {
    struct stand_in_queue *queue = (struct stand_in_queue *)base;
    int count = 0;
    while (count < capacity && queue->taken != queue->added) found[count++] = queue->completions[queue->taken++ & place_mask];
    return count;
}

static int stand_in_arm(struct ibv_cq *base, int solicited_only) {
    (void)solicited_only;
    ((struct stand_in_queue *)base)->is_armed = 1;
    return 0;
}

EXPORTED struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context) {
    struct stand_in_channel *channel = stand_in_allocate(sizeof *channel);
    channel->base.context = context;
    channel->base.fd = stand_in_signal_create();
    return &channel->base;
}

EXPORTED int ibv_destroy_comp_channel(struct ibv_comp_channel *base) {
    close(base->fd);
    free(base);
    return 0;
}

EXPORTED int ibv_get_cq_event(struct ibv_comp_channel *base, struct ibv_cq **queue, void **context) {
    struct stand_in_channel *channel = (struct stand_in_channel *)base;
    struct stand_in_queue *found = channel->first;
    if (!found) {
        stand_in_signal_clear(base->fd);
        errno = EAGAIN;
        return -1;
    }
    channel->first = found->next_reported;
    found->is_reported = 0;
    *queue = &found->base;
    *context = found->base.cq_context;
    return 0;
}

EXPORTED void ibv_ack_cq_events(struct ibv_cq *queue, unsigned int count) { (void)queue, (void)count; }

EXPORTED struct ibv_cq *ibv_create_cq(
    struct ibv_context *context, int capacity, void *cq_context, struct ibv_comp_channel *channel, int vector) {
    (void)vector;
    struct stand_in_queue *queue = stand_in_allocate(sizeof *queue);
    queue->base.context = context;
    queue->base.channel = channel;
    queue->base.cq_context = cq_context;
    queue->base.cqe = capacity;
    return &queue->base;
}

EXPORTED int ibv_destroy_cq(struct ibv_cq *base) {
    struct stand_in_queue *queue = (struct stand_in_queue *)base;
    struct stand_in_queue **place = &((struct stand_in_channel *)base->channel)->first;
    while (queue->is_reported && *place && *place != queue) place = &(*place)->next_reported;
    if (queue->is_reported) *place = queue->next_reported;
    free(queue);
    return 0;
}

// --- Work --------------------------------------------------------------------------------------------------------------------------
static uint32_t stand_in_deliver(struct stand_in_pair *pair, const struct ibv_sge *parts, int count) {
    if (pair->used == pair->posted) stand_in_refuse("a message came for which its receiver has posted no buffer");
    uint32_t slot = pair->used++ & place_mask;
    char *place = (char *)(uintptr_t)pair->receives[slot].place.addr;
    uint32_t length = 0;
    for (int index = 0; index < count; index++) {
        if (length + parts[index].length > pair->receives[slot].place.length) stand_in_refuse("a message is longer than its buffer");
        memcpy(place + length, (const void *)(uintptr_t)parts[index].addr, parts[index].length);
        length += parts[index].length;
    }
    stand_in_complete(pair->base.recv_cq, &pair->base, pair->receives[slot].work, IBV_WC_SUCCESS, length);
    return length;
}

static void stand_in_remember(struct stand_in_pair *asker, const struct ibv_sge *answer, int count) {
    // One that carries the value's bytes is none that is asked for again.
    if (count != 1 || answer->length > stand_in_message_bytes) return;
    memcpy(asker->answer, (const void *)(uintptr_t)answer->addr, answer->length);
    asker->answer_bytes = answer->length;
    asker->asked_bytes = asker->sent_bytes;
}

static void stand_in_send(struct stand_in_pair *pair, const struct ibv_sge *parts, int count) {
    sends++;
    pair->sent_bytes = 0;
    for (int index = 0; index < count; index++) pair->sent_bytes += parts[index].length;
    if (!answers_alone) {
        stand_in_deliver(pair->peer, parts, count);
        return stand_in_remember(pair->peer, parts, count);
    }
    if (pair->sent_bytes != pair->asked_bytes) return;
    struct ibv_sge answer = {.addr = (uintptr_t)pair->answer, .length = pair->answer_bytes};
    stand_in_deliver(pair, &answer, 1);
}

static int stand_in_post_send(struct ibv_qp *base, struct ibv_send_wr *request, struct ibv_send_wr **refused) {
    struct stand_in_pair *pair = (struct stand_in_pair *)base;
    if (base->state == IBV_QPS_ERR || !pair->peer) {
        *refused = request;
        return EINVAL;
    }
    // Nothing is copied: what the memory of this machine costs is measured elsewhere.
    if (request->opcode == IBV_WR_RDMA_READ) reads++;
    if (request->send_flags & IBV_SEND_SIGNALED)
        stand_in_complete(base->send_cq, base, request->wr_id, IBV_WC_SUCCESS, request->sg_list->length);
    if (request->opcode == IBV_WR_SEND) stand_in_send(pair, request->sg_list, request->num_sge);
    return 0;
}

static int stand_in_post_receive(struct ibv_qp *base, struct ibv_recv_wr *request, struct ibv_recv_wr **refused) {
    struct stand_in_pair *pair = (struct stand_in_pair *)base;
    if (base->state == IBV_QPS_ERR || pair->posted - pair->used == stand_in_queue_places) {
        *refused = request;
        return ENOMEM;
    }
    uint32_t slot = pair->posted++ & place_mask;
    pair->receives[slot].work = request->wr_id;
    pair->receives[slot].place = *request->sg_list;
    return 0;
}

// --- Queue pairs -------------------------------------------------------------------------------------------------------------------
struct stand_in_pair *stand_in_pair_create(struct ibv_pd *domain, const struct ibv_qp_init_attr *attributes) {
    static uint32_t next_number = 1;
    struct stand_in_pair *pair = stand_in_allocate(sizeof *pair);
    pair->base.context = domain->context;
    pair->base.pd = domain;
    pair->base.send_cq = attributes->send_cq;
    pair->base.recv_cq = attributes->recv_cq;
    pair->base.qp_num = next_number++;
    pair->base.state = IBV_QPS_RTS;
    return pair;
}

void stand_in_pair_join(struct stand_in_pair *first, struct stand_in_pair *second) {
    first->peer = second;
    second->peer = first;
}

void stand_in_pair_fail(struct stand_in_pair *pair) {
    pair->base.state = IBV_QPS_ERR;
    while (pair->used != pair->posted)
        stand_in_complete(pair->base.recv_cq, &pair->base, pair->receives[pair->used++ & place_mask].work, IBV_WC_WR_FLUSH_ERR, 0);
}

void stand_in_pair_destroy(struct stand_in_pair *pair) {
    if (pair->peer) pair->peer->peer = NULL;
    free(pair);
}

struct ibv_qp *stand_in_pair_base(struct stand_in_pair *pair) { return &pair->base; }
struct stand_in_pair *stand_in_pair_of(struct ibv_qp *base) { return (struct stand_in_pair *)base; }

EXPORTED int ibv_modify_qp(struct ibv_qp *base, struct ibv_qp_attr *attributes, int mask) {
    if ((mask & IBV_QP_STATE) && attributes->qp_state == IBV_QPS_ERR) stand_in_pair_fail(stand_in_pair_of(base));
    return 0;
}

EXPORTED const char *ibv_wc_status_str(enum ibv_wc_status status) {
    return status == IBV_WC_WR_FLUSH_ERR ? "Work Request Flushed Error" : "a status that the stand-in does not give";
}

const struct ibv_context_ops stand_in_operations = {
    .poll_cq = stand_in_poll,
    .req_notify_cq = stand_in_arm,
    .post_send = stand_in_post_send,
    .post_recv = stand_in_post_receive,
};
