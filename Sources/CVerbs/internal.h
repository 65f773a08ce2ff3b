#ifndef FLUXON_CVERBS_INTERNAL_H
#define FLUXON_CVERBS_INTERNAL_H

#include <errno.h>
#include <fcntl.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include "CVerbs.h"

// The libraries say -1 with errno, or an errno itself; a call that set none failed all the same.
static inline int negative_errno(void) { return errno > 0 ? -errno : -EIO; }
static inline int checked(int result) { return result < 0 ? negative_errno() : result > 0 ? -result : 0; }

static inline int make_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

#endif
