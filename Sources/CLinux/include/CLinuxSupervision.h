// Starting, watching and announcing processes. Every function returns a value >= 0, or -errno.
#ifndef FLUXON_CLINUX_SUPERVISION_H
#define FLUXON_CLINUX_SUPERVISION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Starts `path` in a process group of its own, with nothing on standard input and `output` as standard output and error.
// It is killed when the calling process ends. Returns its process id; `process_descriptor` names it for good.
int cfluxon_spawn(const char *path, char *const arguments[], char *const environment[], int output, int *process_descriptor);

typedef struct {
    int32_t code;    // exit status, or the signal's number
    int32_t signaled;
} cfluxon_ending;

// Reaps a child that has ended: 1 and `ending`, or 0 while it runs.
int cfluxon_reap(int process_id, cfluxon_ending *ending);

// Blocks `signals` for the calling thread and those it starts, and returns a descriptor that reads one number per signal.
int cfluxon_signals_open(const int *signals, int count);
// The next signal's number, or 0 when none waits.
int cfluxon_signals_next(int fd);

// Waits until one of `count` descriptors is readable, at most `timeout_milliseconds` (-1: without end). `readable[i]` becomes 0 or 1.
int cfluxon_wait_readable(const int *descriptors, uint8_t *readable, int count, int timeout_milliseconds);

// sd_notify(3): one datagram to `path` ('@' in front: the abstract namespace); a socket to receive such, and the next datagram.
int cfluxon_notify(const char *path, const char *text);
int cfluxon_notify_listen(const char *path);
ssize_t cfluxon_notify_receive(int fd, void *buffer, size_t count);

// A TCP port of 127.0.0.1 that was free a moment ago.
int cfluxon_free_port(void);

// 1 when `fd` is a terminal.
int cfluxon_is_terminal(int fd);

#endif
