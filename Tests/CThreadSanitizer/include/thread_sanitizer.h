// Nothing to call: see mutex.c.
#ifndef FLUXON_THREAD_SANITIZER_H
#define FLUXON_THREAD_SANITIZER_H
#endif
