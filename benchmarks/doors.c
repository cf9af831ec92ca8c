/* doors WHAT [COUNT]: the price of one way through the kernel, measured from inside by CLOCK_MONOTONIC.
 *
 *   null     a system call that does nothing (getppid)
 *   pipe     a byte to another process and back, by two pipes
 *   fork     fork, exit, wait
 *   fault    the first touch of a fresh anonymous page, page after page
 *   chunk    the first touch of a fresh page 64 KiB away from the last: a trap each, where faults map more than was asked for
 *   threads  the CPU to another thread of the process and back, by a futex
 *
 * Prints one line, "WHAT NANOSECONDS": the median over BATCHES batches of the time of one operation. Batches are short, so that
 * on a busy machine most of them are not interrupted; what reading the clock costs is taken off. Knows Linux's ABI and
 * nothing else; benchmarks/compare runs the same static binary on several kernels.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 100, PAGE = 4096, CHUNK = 64 * 1024 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void need(int holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(1);
}

/* The null call: never answered by the C library or a vDSO. */
static void null_calls(long count)
{
    for (long i = 0; i < count; i++)
        syscall(SYS_getppid);
}

static int to_child[2], to_parent[2];

static void start_echo(void)
{
    need(pipe(to_child) == 0 && pipe(to_parent) == 0, "pipe");
    pid_t child = fork();
    need(child >= 0, "fork");
    if (child > 0) {
        /* The child sees the end of file when this process ends. */
        close(to_child[0]);
        close(to_parent[1]);
        return;
    }
    close(to_child[1]);
    close(to_parent[0]);
    char byte;
    while (read(to_child[0], &byte, 1) == 1)
        need(write(to_parent[1], &byte, 1) == 1, "write");
    _exit(0);
}

static void ping_pongs(long count)
{
    char byte = 'x';
    for (long i = 0; i < count; i++)
        need(write(to_child[1], &byte, 1) == 1 && read(to_parent[0], &byte, 1) == 1, "ping-pong");
}

static void forks(long count)
{
    for (long i = 0; i < count; i++) {
        pid_t child = fork();
        need(child >= 0, "fork");
        if (child == 0)
            _exit(0);
        need(waitpid(child, NULL, 0) == child, "waitpid");
    }
}

/* Fresh memory for one batch, mapped and unmapped outside of the measured time. */
static volatile char *fresh;
static long stride;

static void map_fresh(long count)
{
    fresh = mmap(NULL, (size_t)(count * stride), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(fresh != MAP_FAILED, "mmap");
    /* One page at a time; a kernel without huge pages says EINVAL, which is as good. */
    madvise((void *)fresh, (size_t)(count * stride), MADV_NOHUGEPAGE);
}

static void unmap_fresh(long count)
{
    munmap((void *)fresh, (size_t)(count * stride));
}

static void touches(long count)
{
    for (long i = 0; i < count; i++)
        fresh[i * stride] = 1;
}

static _Atomic uint32_t turn;

static void wait_for_turn(uint32_t mine)
{
    uint32_t seen;
    while ((seen = atomic_load(&turn)) != mine)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void give_turn(uint32_t other)
{
    atomic_store(&turn, other);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *other_thread(void *unused)
{
    for (;;) {
        wait_for_turn(1);
        give_turn(0);
    }
    return unused;
}

static void start_thread(void)
{
    pthread_t thread;
    need(pthread_create(&thread, NULL, other_thread, NULL) == 0, "pthread_create");
}

static void hand_overs(long count)
{
    for (long i = 0; i < count; i++) {
        give_turn(1);
        wait_for_turn(0);
    }
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* What to measure; `prepare` runs once, `before` and `after` around each batch, none of them measured. */
static const struct door {
    const char *name;
    void (*prepare)(void);
    void (*before)(long);
    void (*operations)(long);
    void (*after)(long);
    long stride;
} doors[] = {
    {"null", NULL, NULL, null_calls, NULL, 0},
    {"pipe", start_echo, NULL, ping_pongs, NULL, 0},
    {"fork", NULL, NULL, forks, NULL, 0},
    {"fault", NULL, map_fresh, touches, unmap_fresh, PAGE},
    {"chunk", NULL, map_fresh, touches, unmap_fresh, CHUNK},
    {"threads", start_thread, NULL, hand_overs, NULL, 0},
};

static double median(double *values)
{
    qsort(values, BATCHES, sizeof *values, by_size);
    return (values[BATCHES / 2 - 1] + values[BATCHES / 2]) / 2;
}

int main(int argc, char **argv)
{
    const struct door *door = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof doors / sizeof *doors; i++)
        if (strcmp(argv[1], doors[i].name) == 0)
            door = &doors[i];
    long count = argc > 2 ? atol(argv[2]) : 10000;
    if (!door || count < BATCHES) {
        fprintf(stderr, "usage: doors null|pipe|fork|fault|chunk|threads [COUNT, at least %d]\n", BATCHES);
        return 2;
    }
    stride = door->stride;
    if (door->prepare)
        door->prepare();
    double clock[BATCHES], took[BATCHES];
    long batch = count / BATCHES;
    for (int i = 0; i < BATCHES; i++) {
        double start = now();
        clock[i] = now() - start;
    }
    for (int i = 0; i < BATCHES; i++) {
        if (door->before)
            door->before(batch);
        double start = now();
        door->operations(batch);
        took[i] = now() - start;
        if (door->after)
            door->after(batch);
    }
    printf("%s %.1f\n", door->name, (median(took) - median(clock)) / (double)batch);
    return 0;
}
