#ifndef CVERBS_STAND_IN_INTERNAL_H
#define CVERBS_STAND_IN_INTERNAL_H

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORTED __attribute__((visibility("default")))

// Most work of one queue, a power of two, and most bytes of a message that is answered again.
enum { stand_in_queue_places = 1024, stand_in_message_bytes = 1024 };

extern const struct ibv_context_ops stand_in_operations;
// Whose address that is: each time that the device is opened it has another.
struct ibv_context *stand_in_context_at(const struct sockaddr *address);

struct stand_in_pair *stand_in_pair_create(struct ibv_pd *domain, const struct ibv_qp_init_attr *attributes);
void stand_in_pair_destroy(struct stand_in_pair *pair);
void stand_in_pair_join(struct stand_in_pair *first, struct stand_in_pair *second);
// What was posted comes back, given up.
void stand_in_pair_fail(struct stand_in_pair *pair);
struct ibv_qp *stand_in_pair_base(struct stand_in_pair *pair);
struct stand_in_pair *stand_in_pair_of(struct ibv_qp *base);

// A descriptor that is readable while something waits, as the libraries' channels have.
int stand_in_signal_create(void);
void stand_in_signal_raise(int descriptor);
void stand_in_signal_clear(int descriptor);

static inline void *stand_in_allocate(size_t byte_count) {
    void *made = calloc(1, byte_count);
    if (!made) abort();
    return made;
}

// The program did what no device would bear: a measurement of it means nothing.
static inline _Noreturn void stand_in_refuse(const char *why) {
    fprintf(stderr, "the stand-in for RDMA verbs: %s\n", why);
    abort();
}

#endif
