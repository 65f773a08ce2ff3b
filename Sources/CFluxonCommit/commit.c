#include "CFluxonCommit.h"

const char *cfluxon_commit(void) { return FLUXON_COMMIT; }
