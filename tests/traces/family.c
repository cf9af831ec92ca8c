// A family: two threads that share a heap, a child that faults and handles it, one that is killed, one that is spawned.
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *work(void *share) { pthread_mutex_lock(&mutex); *(int *)share += 1; usleep(300); pthread_mutex_unlock(&mutex); return 0; }
static void handler(int signal) { _exit(7); }
int main(int argc, char **argv) {
  if (argc > 1) return write(1, "spawned\n", 8) != 8;
  int *share = malloc(sizeof *share); *share = 0;
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], 0, work, share);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], 0);
  if (!fork()) { signal(SIGSEGV, handler); *(volatile int *)8 = 1; }
  pid_t loops = fork(); if (!loops) for (;;) ;
  wait(0); kill(loops, SIGTERM); wait(0);
  char *again[] = {"family", "again", 0}; pid_t child;
  posix_spawn(&child, "/bin/family", 0, 0, again, environ); waitpid(child, 0, 0);
  char line[16]; read(0, line, sizeof line); read(0, line, sizeof line);
  return *share;
}
