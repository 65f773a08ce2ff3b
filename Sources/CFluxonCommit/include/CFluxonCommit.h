#ifndef CFLUXON_COMMIT_H
#define CFLUXON_COMMIT_H

// The commit that this build is of, as whoever built it said (FLUXON_COMMIT); "unknown" where nobody did. Of this file's own target,
// so that another commit compiles one file again and no Swift.
const char *cfluxon_commit(void);

#endif
