// Makes COUNT system calls that do nothing, shared out among THREADS (default 1).
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *call(void *count) {
    for (long left = (long)count; left > 0; left--) syscall(SYS_getppid);
    return NULL;
}

int main(int count, char **arguments) {
    long calls = count > 1 ? atol(arguments[1]) : 100000, threads = count > 2 ? atol(arguments[2]) : 1;
    pthread_t thread[64];
    if (threads > 64) return 2;
    for (long number = 1; number < threads; number++)
        if (pthread_create(&thread[number], NULL, call, (void *)(calls / threads)) != 0) return 1;
    call((void *)(calls - (threads - 1) * (calls / threads)));
    for (long number = 1; number < threads; number++) pthread_join(thread[number], NULL);
}
