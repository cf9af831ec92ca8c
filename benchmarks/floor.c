// The least that tracing by ptrace costs: stops a program's threads and children at every system call and only lets them go on.
// Usage: floor [-c CPU] PROGRAM ARGS...   With -c, tracer and program share that CPU.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(125);
}

int main(int count, char **arguments) {
    char **program = arguments + 1;
    int status, result = 0;
    if (count > 3 && strcmp(program[0], "-c") == 0) {
        cpu_set_t cpu;
        CPU_ZERO(&cpu);
        CPU_SET(atoi(program[1]), &cpu);
        if (sched_setaffinity(0, sizeof cpu, &cpu) == -1) fail("sched_setaffinity");
        program += 2;
    }
    if (!program[0]) {
        fprintf(stderr, "usage: floor [-c CPU] PROGRAM ARGS...\n");
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        execvp(program[0], program);
        fail(program[0]);
    }
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                   PTRACE_O_EXITKILL;
    if (waitpid(child, &status, WUNTRACED) != child) fail("waitpid");
    if (ptrace(PTRACE_SEIZE, child, 0, options) == -1) fail("PTRACE_SEIZE");
    kill(child, SIGCONT);
    for (;;) {
        pid_t task = waitpid(-1, &status, __WALL);
        if (task == -1) return result;
        if (!WIFSTOPPED(status)) {
            if (task == child) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int event = status >> 16, signal = WSTOPSIG(status);
        if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
            ptrace(PTRACE_LISTEN, task, 0, 0);
        else
            ptrace(PTRACE_SYSCALL, task, 0, event == 0 && signal != (SIGTRAP | 0x80) ? signal : 0);
    }
}
