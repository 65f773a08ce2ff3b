// A stand-in for libibverbs and librdmacm, to be preloaded into a program that uses them: one device whose work completes at once, so that
// what is left of the time is the program's own. Both ends of a connection live in the same process and on the same thread.
#ifndef CVERBS_STAND_IN_H
#define CVERBS_STAND_IN_H

#include <stdint.h>

// How many messages, and how many reads, were posted.
uint64_t cfluxon_stand_in_sends(void);
uint64_t cfluxon_stand_in_reads(void);

// From now on (1) whoever sends a message as long as the last one that was answered gets that answer at once and again, and the source
// hears nothing: what is measured is the asker alone. 0: both take part again.
void cfluxon_stand_in_answer_alone(int alone);

// Tells callgrind to count (1) or to stop (0); nothing where it does not run.
void cfluxon_stand_in_measure(int measures);

#endif
