/* Makes the same calls in every run: what the test tests/linux_strace.rs holds the text of `trapline export` to strace's with.
 * Whether a call succeeds matters less than that every run has the same; so results are not looked at. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void handler(int signal) { (void)signal; }
static void information(int signal, siginfo_t *info, void *context) { (void)signal; (void)info; (void)context; }

static void files(void) {
    struct stat status;
    struct statx more;
    struct statfs system;
    char buffer[4096];
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0640);
    write(fd, "hello\n\t\"\\\1\0019\0\377 and a text that is longer than what is shown", 58);
    lseek(fd, 0, SEEK_SET);
    read(fd, buffer, 5);
    pread(fd, buffer, 100, 10);
    pwrite(fd, "x", 1, 3);
    struct iovec vector[3] = {{buffer, 3}, {buffer + 10, 0}, {buffer + 20, 60}};
    preadv(fd, vector, 3, 0);
    struct iovec out[2] = {{"ab", 2}, {"cdefg", 5}};
    writev(fd, out, 2);
    lseek(fd, 0, SEEK_SET);
    readv(fd, vector, 3);
    fstat(fd, &status);
    stat("/dev/null", &status);
    lstat("missing", &status);
    statx(AT_FDCWD, "file", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &more);
    statfs("/proc", &system);
    ftruncate(fd, 10);
    fsync(fd);
    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    flock(fd, LOCK_EX | LOCK_NB);
    fcntl(fd, F_GETFD);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_GETFD);
    fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND);
    struct flock lock = {F_WRLCK, SEEK_SET, 1, 2, 0};
    fcntl(fd, F_SETLK, &lock);
    lock.l_type = F_WRLCK;
    fcntl(fd, F_GETLK, &lock);
    int other = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    dup2(fd, 20);
    dup3(fd, 21, O_CLOEXEC);
    close(other);
    close(20);
    close(21);
    close(77);
    fchmod(fd, 0600);
    chmod("file", 04755);
    access("file", R_OK | X_OK);
    faccessat(AT_FDCWD, "missing", F_OK, 0);
    rename("file", "other");
    link("other", "second");
    symlink("other", "symbolic");
    readlink("symbolic", buffer, sizeof buffer);
    mkdir("folder", 0755);
    int folder = open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    syscall(SYS_getdents64, folder, buffer, sizeof buffer);
    syscall(SYS_getdents64, folder, buffer, sizeof buffer);
    openat(folder, "absent", O_RDONLY);
    fchdir(folder);
    getcwd(buffer, sizeof buffer);
    chdir("..");
    close(folder);
    rmdir("folder");
    unlink("second");
    unlinkat(AT_FDCWD, "symbolic", 0);
    mkfifo("fifo", 0600);
    unlink("fifo");
    chown("other", -1, getgid());
    struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
    utimensat(AT_FDCWD, "other", times, 0);
    umask(027);
    umask(022);
    setxattr("other", "user.a", "value", 5, XATTR_CREATE);
    getxattr("other", "user.none", buffer, 100);
    close(fd);
    unlink("other");
    open("/a/very/long/path/that/goes/on/and/on/beyond/thirty-two/bytes", O_WRONLY | O_APPEND | O_SYNC);
    int null = open("/dev/null", O_RDWR);
    ioctl(null, TCGETS, buffer);
    ioctl(null, FIONREAD, buffer);
    ioctl(null, _IOWR('x', 5, int), buffer);
    int source = open("/proc/self/comm", O_RDONLY);
    off_t offset = 1;
    sendfile(null, source, &offset, 3);
    close(source);
    close(null);
    int memory = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fcntl(memory, F_ADD_SEALS, F_SEAL_GROW);
    close(memory);
    int notes = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(notes, ".", IN_CREATE | IN_DELETE);
    close(notes);
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    struct winsize window = {24, 80, 0, 0};
    ioctl(terminal, TIOCSWINSZ, &window);
    ioctl(terminal, TIOCGWINSZ, &window);
    tcgetattr(terminal, (struct termios *)buffer);
    close(terminal);
}

static void waiting(void) {
    int pipes[2];
    char buffer[64];
    pipe2(pipes, O_NONBLOCK);
    struct pollfd polled[2] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLOUT | POLLPRI, 0}};
    poll(polled, 2, 100);
    poll(polled, 1, 0);
    ppoll(polled, 2, NULL, NULL);
    struct timespec soon = {0, 1000};
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_SET(pipes[0], &readable);
    FD_ZERO(&writable);
    FD_SET(pipes[1], &writable);
    select(pipes[1] + 1, &readable, &writable, NULL, NULL);
    struct timeval little = {0, 0};
    FD_SET(pipes[0], &readable);
    select(pipes[1] + 1, &readable, NULL, NULL, &little);
    read(pipes[0], buffer, sizeof buffer);
    write(pipes[1], "data", 4);
    int group = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u64 = 5}};
    epoll_ctl(group, EPOLL_CTL_ADD, pipes[0], &event);
    struct epoll_event events[4];
    epoll_wait(group, events, 4, 0);
    epoll_wait(group, events, 4, 0);
    epoll_ctl(group, EPOLL_CTL_DEL, pipes[0], NULL);
    int counter = eventfd(1, EFD_NONBLOCK);
    read(counter, buffer, 8);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec setting = {{0, 0}, {100, 5}};
    timerfd_settime(timer, 0, &setting, NULL);
    close(timer);
    close(counter);
    close(group);
    close(pipes[0]);
    close(pipes[1]);
    struct timespec nap = {0, 1000000};
    nanosleep(&nap, NULL);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    syscall(SYS_futex, &nap, FUTEX_WAIT_PRIVATE, 77, NULL);
    syscall(SYS_futex, &nap, FUTEX_WAKE_PRIVATE, 1);
    syscall(SYS_futex, &nap, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 77, &nap, NULL, FUTEX_BITSET_MATCH_ANY);
    syscall(SYS_futex, &nap, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, &soon, 3);
}

static void sockets(void) {
    char buffer[64];
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    send(pair[0], "message", 7, MSG_NOSIGNAL);
    recv(pair[1], buffer, sizeof buffer, MSG_DONTWAIT);
    struct iovec vector[2] = {{"one", 3}, {"two", 3}};
    struct msghdr header = {NULL, 0, vector, 2, NULL, 0, 0};
    sendmsg(pair[0], &header, 0);
    struct iovec into = {buffer, sizeof buffer};
    struct msghdr in = {NULL, 0, &into, 1, NULL, 0, 0};
    recvmsg(pair[1], &in, 0);
    recvfrom(pair[1], buffer, 10, MSG_DONTWAIT | MSG_PEEK, NULL, NULL);
    shutdown(pair[0], SHUT_WR);
    close(pair[0]);
    close(pair[1]);
    int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    int one = 1, value = 0;
    socklen_t length = sizeof value;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length);
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    bind(fd, (struct sockaddr *)&address, sizeof address);
    listen(fd, 5);
    struct sockaddr_storage name;
    length = sizeof name;
    getpeername(fd, (struct sockaddr *)&name, &length);
    accept4(-1, (struct sockaddr *)&name, &length, SOCK_NONBLOCK);
    address.sin_port = htons(1);
    int client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    connect(client, (struct sockaddr *)&address, sizeof address);
    length = sizeof name;
    getpeername(client, (struct sockaddr *)&name, &length);
    sendto(client, "x", 1, 0, (struct sockaddr *)&address, sizeof address);
    close(client);
    close(fd);
    int six = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 wide = {.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    connect(six, (struct sockaddr *)&wide, sizeof wide);
    close(six);
    int local = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un path = {AF_UNIX, "/nowhere/socket"};
    connect(local, (struct sockaddr *)&path, sizeof path);
    struct sockaddr_un hidden = {AF_UNIX, "\0hidden"};
    bind(local, (struct sockaddr *)&hidden, 2 + 7);
    length = sizeof name;
    getsockname(local, (struct sockaddr *)&name, &length);
    close(local);
    close(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static void signals(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    struct sigaction with = {.sa_sigaction = information, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGUSR2, &with, &action);
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigfillset(&set);
    sigset_t old;
    sigprocmask(SIG_SETMASK, &set, &old);
    sigprocmask(SIG_SETMASK, &old, NULL);
    kill(getpid(), SIGUSR1);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
    kill(getpid(), 0);
    stack_t stack = {.ss_sp = NULL, .ss_flags = SS_DISABLE, .ss_size = 0};
    sigaltstack(&stack, NULL);
    struct itimerval timer = {{0, 0}, {10, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    timer.it_value.tv_sec = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
    alarm(0);
    struct timespec now = {0, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigtimedwait(&set, NULL, &now);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    close(fd);
}

static void processes(void) {
    int status;
    struct rusage usage;
    pid_t child = fork();
    if (child == 0) _exit(3);
    waitpid(child, &status, 0);
    child = vfork();
    if (child == 0) _exit(0);
    wait4(child, &status, 0, &usage);
    int gate[2];
    pipe(gate);
    child = fork();
    if (child == 0) {
        char byte;
        read(gate[0], &byte, 1);
        kill(getpid(), SIGKILL);
    }
    waitpid(child, &status, WNOHANG);
    write(gate[1], "x", 1);
    waitid(P_PID, child, NULL, WEXITED | WNOWAIT);
    waitpid(child, &status, WUNTRACED);
    waitpid(-1, &status, 0);
    getpid();
    getppid();
    getuid();
    geteuid();
    gid_t groups[64];
    uid_t a, b, c;
    getresuid(&a, &b, &c);
    getgroups(0, groups);
    setpgid(0, 0);
    getpgid(0);
    getsid(0);
    struct rlimit limit;
    syscall(SYS_getrlimit, RLIMIT_NOFILE, &limit);
    prlimit(0, RLIMIT_CORE, NULL, &limit);
    getrusage(RUSAGE_CHILDREN, &usage);
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    sched_getaffinity(0, sizeof cpus, &cpus);
    sched_yield();
    sched_getscheduler(0);
    struct sched_param priority = {0};
    sched_setscheduler(0, SCHED_OTHER, &priority);
    getpriority(PRIO_PROCESS, 0);
    prctl(PR_SET_NAME, "renamed");
    char name[16];
    prctl(PR_GET_NAME, name);
    prctl(PR_GET_DUMPABLE);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_CAPBSET_READ, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    char *arguments[] = {"/nowhere/program", "with \"words\"", NULL};
    char *environment[] = {"A=1", "B=2", NULL};
    execve(arguments[0], arguments, environment);
}

static void memory(void) {
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page, 4096, PROT_NONE);
    madvise(page, 4096, MADV_DONTNEED);
    page = mremap(page, 4096, 8192, MREMAP_MAYMOVE);
    msync(page, 4096, MS_SYNC);
    munmap(page, 8192);
    mlock((void *)4096, 1);
    brk(NULL);
}

static void machine(void) {
    struct utsname name;
    uname(&name);
    struct timespec time;
    syscall(SYS_clock_getres, CLOCK_MONOTONIC, &time);
    struct timeval day;
    syscall(SYS_gettimeofday, NULL, NULL);
    (void)day;
    unsigned char bytes[8];
    getrandom(bytes, 0, GRND_NONBLOCK);
    syscall(SYS_membarrier, 0, 0, 0);
    syscall(1000, 1, 2, 3);
    syscall(SYS_close_range, 100, 200, 0);
    personality(0xffffffff);
}

static void *body(void *unused) { return unused; }

int main(int count, char **arguments) {
    (void)arguments;
    files();
    waiting();
    sockets();
    signals();
    processes();
    memory();
    machine();
    if (count > 1) {
        pthread_t thread;
        pthread_create(&thread, NULL, body, NULL);
        pthread_join(thread, NULL);
    }
    return 0;
}
