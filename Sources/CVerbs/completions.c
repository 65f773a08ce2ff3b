#include "internal.h"

int cfluxon_rdma_completion_channel_create(cfluxon_rdma_context *context, cfluxon_rdma_completion_channel **channel) {
    errno = 0;
    *channel = ibv_create_comp_channel(context);
    if (!*channel) return negative_errno();
    int failure = make_nonblocking((*channel)->fd);
    if (failure) ibv_destroy_comp_channel(*channel);
    return failure;
}

void cfluxon_rdma_completion_channel_destroy(cfluxon_rdma_completion_channel *channel) { ibv_destroy_comp_channel(channel); }

int cfluxon_rdma_completion_channel_descriptor(const cfluxon_rdma_completion_channel *channel) { return channel->fd; }

int cfluxon_rdma_completion_channel_next(cfluxon_rdma_completion_channel *channel, uint64_t *tag) {
    struct ibv_cq *queue;
    void *context;
    if (ibv_get_cq_event(channel, &queue, &context)) return errno == EAGAIN || errno == EINTR ? 0 : negative_errno();
    ibv_ack_cq_events(queue, 1);
    *tag = (uint64_t)(uintptr_t)context;
    return 1;
}

int cfluxon_rdma_completion_queue_create(
    cfluxon_rdma_context *context, cfluxon_rdma_completion_channel *channel, int capacity, uint64_t tag,
    cfluxon_rdma_completion_queue **queue) {
    errno = 0;
    *queue = ibv_create_cq(context, capacity, (void *)(uintptr_t)tag, channel, 0);
    return *queue ? 0 : negative_errno();
}

int cfluxon_rdma_completion_queue_destroy(cfluxon_rdma_completion_queue *queue) { return checked(ibv_destroy_cq(queue)); }

int cfluxon_rdma_arm(cfluxon_rdma_completion_queue *queue) { return checked(ibv_req_notify_cq(queue, 0)); }

enum { polled_at_once = 16 };

int cfluxon_rdma_poll(cfluxon_rdma_completion_queue *queue, cfluxon_rdma_completion *completions, int capacity) {
    struct ibv_wc found[polled_at_once];
    int count = ibv_poll_cq(queue, capacity < polled_at_once ? capacity : polled_at_once, found);
    if (count < 0) return -EIO;
    for (int index = 0; index < count; index++) {
        completions[index].work = found[index].wr_id;
        completions[index].status = found[index].status;
        // Undefined after a failure.
        completions[index].byte_count = found[index].status == IBV_WC_SUCCESS ? found[index].byte_len : 0;
    }
    return count;
}

const char *cfluxon_rdma_status_text(uint32_t status) { return ibv_wc_status_str((enum ibv_wc_status)status); }

int cfluxon_rdma_is_flushed(uint32_t status) { return status == IBV_WC_WR_FLUSH_ERR; }
