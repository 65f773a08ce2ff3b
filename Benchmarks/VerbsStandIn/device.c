// The device, its memory and where it is found.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

enum { stand_in_openings = 8 };

#undef ibv_query_port
#undef ibv_reg_mr

static struct ibv_device description = {
    .node_type = IBV_NODE_CA,
    .transport_type = IBV_TRANSPORT_IB,
    .name = "standin0",
};

// The kernel's list of RDMA devices is empty where this is for: any folder that is not tells the program that there is one.
EXPORTED DIR *opendir(const char *path) {
    DIR *(*next)(const char *) = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
    return next(strcmp(path, "/sys/class/infiniband") ? path : "/sys/class/net");
}

static struct {
    struct ibv_context contexts[stand_in_openings];
    uint32_t count;
} opened;

// The first has 127.0.0.1, and so on.
static uint32_t stand_in_address(const struct ibv_context *context) { return INADDR_LOOPBACK + (uint32_t)(context - opened.contexts); }

struct ibv_context *stand_in_context_at(const struct sockaddr *address) {
    uint32_t index = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) - INADDR_LOOPBACK;
    if (address->sa_family != AF_INET || index >= opened.count) stand_in_refuse("an address is none of its devices'");
    return &opened.contexts[index];
}

// Every opening gets a context of its own: two owners of one loop watch the events of one each.
EXPORTED struct ibv_context **rdma_get_devices(int *count) {
    if (opened.count == stand_in_openings) stand_in_refuse("it was opened too often");
    struct ibv_context *context = &opened.contexts[opened.count++];
    *context = (struct ibv_context){.device = &description, .ops = stand_in_operations, .async_fd = stand_in_signal_create()};
    struct ibv_context **list = stand_in_allocate(2 * sizeof *list);
    list[0] = context;
    if (count) *count = 1;
    return list;
}

EXPORTED void rdma_free_devices(struct ibv_context **list) {
    close(list[0]->async_fd);
    free(list);
}

EXPORTED const char *ibv_get_device_name(struct ibv_device *device) { return device->name; }

// What mlx5 says of a ConnectX-6, where it matters.
EXPORTED int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attributes) {
    (void)context;
    *attributes = (struct ibv_device_attr){
        .max_mr_size = UINT64_MAX,
        .max_qp_wr = stand_in_queue_places,
        .max_cqe = stand_in_queue_places,
        .max_qp_rd_atom = 16,
        .max_qp_init_rd_atom = 16,
        .phys_port_cnt = 1,
    };
    return 0;
}

EXPORTED int ibv_query_port(struct ibv_context *context, uint8_t port, struct _compat_ibv_port_attr *compatible) {
    (void)context, (void)port;
    struct ibv_port_attr *attributes = (struct ibv_port_attr *)compatible;
    attributes->state = IBV_PORT_ACTIVE;
    attributes->active_mtu = IBV_MTU_4096;
    attributes->gid_tbl_len = 1;
    attributes->max_msg_sz = 1u << 30;
    attributes->active_width = 2;
    attributes->active_speed = 32;
    attributes->link_layer = IBV_LINK_LAYER_ETHERNET;
    return 0;
}

EXPORTED int _ibv_query_gid_ex(
    struct ibv_context *context, uint32_t port, uint32_t index, struct ibv_gid_entry *entry, uint32_t flags, size_t entry_bytes) {
    (void)flags, (void)entry_bytes;
    *entry = (struct ibv_gid_entry){.gid_index = index, .port_num = port, .gid_type = IBV_GID_TYPE_ROCE_V2, .ndev_ifindex = 1};
    // ::ffff:127.0.0.x
    uint32_t address = htonl(stand_in_address(context));
    memset(entry->gid.raw + 10, 0xff, 2);
    memcpy(entry->gid.raw + 12, &address, sizeof address);
    return 0;
}

EXPORTED int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event) {
    (void)context, (void)event;
    errno = EAGAIN;
    return -1;
}

EXPORTED void ibv_ack_async_event(struct ibv_async_event *event) { (void)event; }

EXPORTED struct ibv_pd *ibv_alloc_pd(struct ibv_context *context) {
    struct ibv_pd *domain = stand_in_allocate(sizeof *domain);
    domain->context = context;
    return domain;
}

EXPORTED int ibv_dealloc_pd(struct ibv_pd *domain) {
    free(domain);
    return 0;
}

EXPORTED struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *domain, void *bytes, size_t byte_count, uint64_t address, unsigned int access) {
    (void)address, (void)access;
    static uint32_t next_key = 1;
    struct ibv_mr *region = stand_in_allocate(sizeof *region);
    *region = (struct ibv_mr){.context = domain->context, .pd = domain, .addr = bytes, .length = byte_count};
    region->lkey = region->rkey = next_key++;
    return region;
}

EXPORTED struct ibv_mr *ibv_reg_mr(struct ibv_pd *domain, void *bytes, size_t byte_count, int access) {
    return ibv_reg_mr_iova2(domain, bytes, byte_count, (uintptr_t)bytes, (unsigned int)access);
}

EXPORTED int ibv_dereg_mr(struct ibv_mr *region) {
    free(region);
    return 0;
}
