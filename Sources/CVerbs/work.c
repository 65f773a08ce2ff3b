#include "internal.h"

int cfluxon_rdma_fail(cfluxon_rdma_queue_pair *queue_pair) {
    struct ibv_qp_attr attributes = {.qp_state = IBV_QPS_ERR};
    return checked(ibv_modify_qp(queue_pair, &attributes, IBV_QP_STATE));
}

int cfluxon_rdma_post_read(cfluxon_rdma_queue_pair *queue_pair, const cfluxon_rdma_read *read) {
    struct ibv_sge local = {.addr = read->local_address, .length = read->byte_count, .lkey = read->local_key};
    struct ibv_send_wr request = {
        .wr_id = read->work,
        .sg_list = &local,
        .num_sge = 1,
        .opcode = IBV_WR_RDMA_READ,
        .send_flags = IBV_SEND_SIGNALED,
        .wr.rdma = {.remote_addr = read->remote_address, .rkey = read->remote_key},
    };
    struct ibv_send_wr *refused;
    return checked(ibv_post_send(queue_pair, &request, &refused));
}

int cfluxon_rdma_post_send(cfluxon_rdma_queue_pair *queue_pair, const cfluxon_rdma_message *message) {
    struct ibv_sge parts[2] = {
        {.addr = message->head_address, .length = message->head_bytes, .lkey = message->head_key},
        {.addr = message->body_address, .length = message->body_bytes, .lkey = message->body_key},
    };
    struct ibv_send_wr request = {
        .wr_id = message->work,
        .sg_list = parts,
        .num_sge = message->body_bytes > 0 ? 2 : 1,
        .opcode = IBV_WR_SEND,
        .send_flags = (message->is_inline ? IBV_SEND_INLINE : 0u) | (message->is_signalled ? IBV_SEND_SIGNALED : 0u),
    };
    struct ibv_send_wr *refused;
    return checked(ibv_post_send(queue_pair, &request, &refused));
}

int cfluxon_rdma_post_receive(cfluxon_rdma_queue_pair *queue_pair, uint64_t work, uint64_t address, uint32_t byte_count, uint32_t key) {
    struct ibv_sge local = {.addr = address, .length = byte_count, .lkey = key};
    struct ibv_recv_wr request = {.wr_id = work, .sg_list = &local, .num_sge = 1};
    struct ibv_recv_wr *refused;
    return checked(ibv_post_recv(queue_pair, &request, &refused));
}
