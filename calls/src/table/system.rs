//! Calls on time and on the machine as a whole. See the module above for how a row reads.

use super::prelude::*;

rows! { SYSTEM
    "nanosleep"         [In(Timespec), OutAlways(Timespec)]                            -> Number,  [];
    "clock_nanosleep"   [Choice(&CLOCKS), Flags(&TIMER), In(Timespec), OutAlways(Timespec)] -> Number, [];
    "clock_gettime"     [Choice(&CLOCKS), Out(Timespec)]                               -> Number,  [Clock];
    "clock_settime"     [Choice(&CLOCKS), In(Timespec)]                                -> Number,  [Clock];
    "clock_getres"      [Choice(&CLOCKS), Out(Timespec)]                               -> Number,  [Clock];
    "clock_adjtime"     [Choice(&CLOCKS), Address]                                     -> Number,  [Clock];
    "adjtimex"          [Address]                                                      -> Number,  [Clock];
    "gettimeofday"      [Out(Timeval), Out(Timezone)]                                  -> Number,  [Clock];
    "settimeofday"      [In(Timeval), In(Timezone)]                                    -> Number,  [Clock];
    "time"              [Out(Layout::Long)]                                            -> Number,  [Clock];
    "times"             [Out(Tms)]                                                     -> Number,  [];
    "alarm"             [Uint]                                                         -> Number,  [];
    "getitimer"         [Choice(&ITIMER), Out(Itimerval)]                              -> Number,  [];
    "setitimer"         [Choice(&ITIMER), In(Itimerval), Out(Itimerval)]               -> Number,  [];
    "timer_create"      [Choice(&CLOCKS), Address, Out(Layout::Int)]                   -> Number,  [];
    "timer_settime"     [Int, Flags(&TIMER), In(Itimerspec), Out(Itimerspec)]          -> Number,  [];
    "timer_gettime"     [Int, Out(Itimerspec)]                                         -> Number,  [];
    "timer_getoverrun"  [Int]                                                          -> Number,  [];
    "timer_delete"      [Int]                                                          -> Number,  [];
    "timerfd_create"    [Choice(&CLOCKS), Flags(&TIMERFD)]                             -> Number,  [Desc];
    "timerfd_settime"   [Fd, Flags(&TIMERFD_SET), In(Itimerspec), Out(Itimerspec)]     -> Number,  [Desc];
    "timerfd_gettime"   [Fd, Out(Itimerspec)]                                          -> Number,  [Desc];

    "uname"             [Out(Utsname)]                                                 -> Number,  [];
    "sysinfo"           [Out(Sysinfo)]                                                 -> Number,  [];
    "getrandom"         [Out(Random(Result)), Size, Flags(&GETRANDOM)]                 -> Number,  [];
    "sethostname"       [In(Data(Argument(1))), Size]                                  -> Number,  [];
    "setdomainname"     [In(Data(Argument(1))), Size]                                  -> Number,  [];
    "syslog"            [Int, Address, Int]                                            -> Number,  [];
    "reboot"            [Hex, Hex, Hex, Address]                                       -> Number,  [];
    "iopl"              [Int]                                                          -> Number,  [];
    "ioperm"            [Hex, Hex, Int]                                                -> Number,  [];
    "vhangup"           []                                                             -> Number,  [];
    "modify_ldt"        [Int, Address, Size]                                           -> Number,  [];
    "set_thread_area"   [Address]                                                      -> Number,  [];
    "get_thread_area"   [Address]                                                      -> Number,  [];
    "init_module"       [Address, Size, Text]                                          -> Number,  [];
    "finit_module"      [Fd, Text, Hex]                                                -> Number,  [Desc];
    "delete_module"     [Text, Hex]                                                    -> Number,  [];
    "create_module"     [Text, Size]                                                   -> Number,  [];
    "query_module"      [Text, Int, Address, Size, Address]                            -> Number,  [];
    "get_kernel_syms"   [Address]                                                      -> Number,  [];
    "kexec_load"        [Address, Size, Address, Hex]                                  -> Number,  [];
    "kexec_file_load"   [Fd, Fd, Size, Text, Hex]                                      -> Number,  [Desc];
    "add_key"           [Text, Text, Address, Size, Int]                               -> Number,  [];
    "request_key"       [Text, Text, Text, Int]                                        -> Number,  [];
    "keyctl"            [Int, Hex, Hex, Hex, Hex]                                      -> Number,  [];
    "perf_event_open"   [Address, Int, Int, Fd, Hex]                                   -> Number,  [Desc];
    "bpf"               [Int, Address, Uint]                                           -> Number,  [Desc];
    "lsm_get_self_attr" [Uint, Address, Address, Hex]                                  -> Number,  [];
    "lsm_set_self_attr" [Uint, Address, Uint, Hex]                                     -> Number,  [];
    "lsm_list_modules"  [Address, Address, Hex]                                        -> Number,  [];
    "nfsservctl"        [Int, Address, Address]                                        -> Number,  [];
    "_sysctl"           [Address]                                                      -> Number,  [];
    "afs_syscall"       [Hex, Hex, Hex, Hex, Hex]                                      -> Number,  [];
    "tuxcall"           [Hex, Hex, Hex]                                                -> Number,  [];
    "security"          [Hex, Hex, Hex]                                                -> Number,  [];
    "vserver"           [Hex, Hex, Hex, Hex, Hex]                                      -> Number,  [];
    "epoll_ctl_old"     [Hex, Hex, Hex, Hex]                                           -> Number,  [];
    "epoll_wait_old"    [Hex, Hex, Hex, Hex]                                           -> Number,  [];
    "uprobe"            []                                                             -> Number,  [];
    "uretprobe"         []                                                             -> Number,  [];
}
