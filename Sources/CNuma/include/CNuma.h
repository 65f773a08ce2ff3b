// libnuma as flat C functions for FluxonSystem, the only importer. Every function returns a value >= 0, or -errno.
#ifndef FLUXON_CNUMA_H
#define FLUXON_CNUMA_H

// Nodes of this machine; 1 where the kernel knows of none.
int cfluxon_numa_nodes(void);
// Lets the calling thread run on the processors of `node` alone.
int cfluxon_numa_run_on(int node);
// New pages that the calling thread touches come from `node` as long as it has any; -1: from wherever the thread runs.
int cfluxon_numa_prefer(int node);

#endif
