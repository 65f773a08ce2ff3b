#include <errno.h>
#include <numa.h>

#include "CNuma.h"

int cfluxon_numa_nodes(void) { return numa_available() < 0 ? 1 : numa_max_node() + 1; }

static int is_node(int node) { return numa_available() >= 0 && node >= 0 && node <= numa_max_node(); }

int cfluxon_numa_run_on(int node) {
    if (!is_node(node)) return -ENODEV;
    return numa_run_on_node(node) < 0 ? -errno : 0;
}

int cfluxon_numa_prefer(int node) {
    if (node < 0) {
        if (numa_available() >= 0) numa_set_localalloc();
        return 0;
    }
    if (!is_node(node)) return -ENODEV;
    numa_set_preferred(node);
    return 0;
}
