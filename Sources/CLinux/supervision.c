#define _GNU_SOURCE
#include "CLinuxSupervision.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// Between fork and exec of a program with threads only async-signal-safe calls are allowed; this function makes no others.
static void become(const char *path, char *const arguments[], char *const environment[], int output, int failure, pid_t parent) {
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) goto failed;
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) goto failed;
    if (getppid() != parent) _exit(127);  // the parent died before the line above
    execve(path, arguments, environment);
failed:;
    int reason = errno;
    ssize_t ignored = write(failure, &reason, sizeof reason);
    (void)ignored;
    _exit(127);
}

static int spawn_here(const char *path, char *const arguments[], char *const environment[], int output, int *process_descriptor) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) become(path, arguments, environment, output, ends[1], parent);
    int error = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return -error;
    }
    int reason = 0;
    ssize_t got;
    do got = read(ends[0], &reason, sizeof reason); while (got < 0 && errno == EINTR);
    close(ends[0]);
    if (got == sizeof reason) {
        waitpid(child, NULL, 0);
        return -reason;
    }
    // The child is not reaped yet, so its number cannot have passed on.
    *process_descriptor = (int)syscall(SYS_pidfd_open, child, 0);
    if (*process_descriptor < 0) {
        error = errno;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return -error;
    }
    return child;
}

// The kernel ends a child when the *thread* that started it ends, and a Swift thread may end at any time. So one thread, which lives
// as long as the process, starts all children. `spawner_lock` guards everything below it.
static pthread_mutex_t spawner_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t spawner_changed = PTHREAD_COND_INITIALIZER;
static int spawner_running;
static struct request {
    const char *path;
    char *const *arguments;
    char *const *environment;
    int output;
    int *process_descriptor;
    int result;
    int done;
} *spawner_request;

static void *spawner(void *unused) {
    (void)unused;
    pthread_mutex_lock(&spawner_lock);
    for (;;) {
        while (!spawner_request) pthread_cond_wait(&spawner_changed, &spawner_lock);
        struct request *request = spawner_request;
        request->result = spawn_here(request->path, request->arguments, request->environment, request->output, request->process_descriptor);
        request->done = 1;
        spawner_request = NULL;
        pthread_cond_broadcast(&spawner_changed);
    }
}

int cfluxon_spawn(const char *path, char *const arguments[], char *const environment[], int output, int *process_descriptor) {
    struct request request = {path, arguments, environment, output, process_descriptor, 0, 0};
    pthread_mutex_lock(&spawner_lock);
    if (!spawner_running) {
        // All signals stay with the process's other threads.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_t thread;
        int result = pthread_create(&thread, NULL, spawner, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (result != 0) {
            pthread_mutex_unlock(&spawner_lock);
            return -result;
        }
        pthread_detach(thread);
        spawner_running = 1;
    }
    while (spawner_request) pthread_cond_wait(&spawner_changed, &spawner_lock);
    spawner_request = &request;
    pthread_cond_broadcast(&spawner_changed);
    while (!request.done) pthread_cond_wait(&spawner_changed, &spawner_lock);
    pthread_mutex_unlock(&spawner_lock);
    return request.result;
}

int cfluxon_reap(int process_id, cfluxon_ending *ending) {
    int status = 0;
    pid_t result = waitpid(process_id, &status, WNOHANG);
    if (result < 0) return -errno;
    if (result == 0) return 0;
    ending->signaled = WIFSIGNALED(status) ? 1 : 0;
    ending->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    return 1;
}

int cfluxon_signals_open(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int index = 0; index < count; index++) sigaddset(&set, signals[index]);
    int result = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (result != 0) return -result;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int cfluxon_signals_next(int fd) {
    struct signalfd_siginfo information;
    ssize_t got = read(fd, &information, sizeof information);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    return got == sizeof information ? (int)information.ssi_signo : 0;
}

int cfluxon_wait_readable(const int *descriptors, uint8_t *readable, int count, int timeout_milliseconds) {
    struct pollfd *polls = calloc((size_t)count + 1, sizeof *polls);
    if (!polls) return -ENOMEM;
    for (int index = 0; index < count; index++) polls[index] = (struct pollfd){.fd = descriptors[index], .events = POLLIN};
    int result = poll(polls, (nfds_t)count, timeout_milliseconds);
    int error = errno;
    for (int index = 0; index < count; index++) readable[index] = result > 0 && polls[index].revents != 0;
    free(polls);
    if (result < 0) return error == EINTR ? 0 : -error;
    return result;
}

static int notify_address(const char *path, struct sockaddr_un *address, socklen_t *length) {
    size_t count = strlen(path);
    if (count < 2 || count >= sizeof address->sun_path || (path[0] != '/' && path[0] != '@')) return -EINVAL;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, count);
    if (path[0] == '@') address->sun_path[0] = 0;
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count);
    return 0;
}

int cfluxon_notify(const char *path, const char *text) {
    struct sockaddr_un address;
    socklen_t length;
    int result = notify_address(path, &address, &length);
    if (result < 0) return result;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    // Never waits: the socket of a manager that does not read takes only so many (net.unix.max_dgram_qlen).
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, length);
    result = sent < 0 ? -errno : 0;
    close(fd);
    return result;
}

int cfluxon_notify_listen(const char *path) {
    struct sockaddr_un address;
    socklen_t length;
    int result = notify_address(path, &address, &length);
    if (result < 0) return result;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    // Whoever may write there may say that a child is ready: its own user alone.
    fchmod(fd, 0600);
    if (bind(fd, (struct sockaddr *)&address, length) != 0) {
        result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

ssize_t cfluxon_notify_receive(int fd, void *buffer, size_t count) {
    ssize_t got = recv(fd, buffer, count, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    return got;
}

int cfluxon_free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int result = 0;
    if (bind(fd, (struct sockaddr *)&address, length) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0) result = -errno;
    close(fd);
    return result < 0 ? result : ntohs(address.sin_port);
}

int cfluxon_is_terminal(int fd) { return isatty(fd); }
