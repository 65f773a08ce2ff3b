#include <sys/resource.h>

#include "internal.h"

uint64_t cfluxon_rdma_raise_locked_memory(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit)) return 0;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (limit.rlim_cur < limit.rlim_max && !setrlimit(RLIMIT_MEMLOCK, &raised)) limit = raised;
    return limit.rlim_cur;
}

int cfluxon_rdma_domain_create(cfluxon_rdma_context *context, cfluxon_rdma_domain **domain) {
    errno = 0;
    *domain = ibv_alloc_pd(context);
    return *domain ? 0 : negative_errno();
}

void cfluxon_rdma_domain_destroy(cfluxon_rdma_domain *domain) { ibv_dealloc_pd(domain); }

int cfluxon_rdma_register(
    cfluxon_rdma_domain *domain, void *bytes, uint64_t byte_count, int remote_read, int on_demand, cfluxon_rdma_region **region) {
    // Data is read after its completion was polled, so that the order of its parts among themselves does not matter.
    int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_RELAXED_ORDERING;
    if (remote_read) access |= IBV_ACCESS_REMOTE_READ;
    if (on_demand) access |= IBV_ACCESS_ON_DEMAND;
    errno = 0;
    *region = ibv_reg_mr(domain, bytes, byte_count, access);
    return *region ? 0 : negative_errno();
}

int cfluxon_rdma_deregister(cfluxon_rdma_region *region) { return checked(ibv_dereg_mr(region)); }

uint32_t cfluxon_rdma_local_key(const cfluxon_rdma_region *region) { return region->lkey; }

uint32_t cfluxon_rdma_remote_key(const cfluxon_rdma_region *region) { return region->rkey; }
