//! Calls on memory, and what processes share by it. See the module above for how a row reads.

use super::prelude::*;

rows! { MEMORY
    "brk"               [Address]                                                      -> Returns::Address, [Memory];
    "mmap"              [Address, Size, Flags(&PROT), Flags(&MAP), Fd, Hex]            -> Returns::Address, [Desc, Memory];
    "munmap"            [Address, Size]                                                -> Number,  [Memory];
    "mprotect"          [Address, Size, Flags(&PROT)]                                  -> Number,  [Memory];
    "pkey_mprotect"     [Address, Size, Flags(&PROT), Int]                             -> Number,  [Memory];
    "pkey_alloc"        [Hex, Hex]                                                     -> Number,  [];
    "pkey_free"         [Int]                                                          -> Number,  [];
    "mremap"            [Address, Size, Size, Flags(&MREMAP), NewPlace]                 -> Returns::Address, [Memory];
    "madvise"           [Address, Size, Choice(&MADVISE)]                              -> Number,  [Memory];
    "msync"             [Address, Size, Flags(&MSYNC)]                                 -> Number,  [Memory];
    "mincore"           [Address, Size, Address]                                       -> Number,  [Memory];
    "mlock"             [Address, Size]                                                -> Number,  [Memory];
    "mlock2"            [Address, Size, Hex]                                           -> Number,  [Memory];
    "munlock"           [Address, Size]                                                -> Number,  [Memory];
    "mlockall"          [Flags(&MLOCKALL)]                                             -> Number,  [Memory];
    "munlockall"        []                                                             -> Number,  [Memory];
    "mseal"             [Address, Size, Hex]                                           -> Number,  [Memory];
    "map_shadow_stack"  [Address, Size, Hex]                                           -> Returns::Address, [Memory];
    "remap_file_pages"  [Address, Size, Flags(&PROT), Size, Flags(&MAP)]               -> Number,  [Memory];
    "mbind"             [Address, Size, Hex, Address, Size, Hex]                       -> Number,  [Memory];
    "set_mempolicy"     [Hex, Address, Size]                                           -> Number,  [Memory];
    "get_mempolicy"     [Address, Address, Size, Address, Hex]                         -> Number,  [Memory];
    "set_mempolicy_home_node" [Address, Size, Size, Hex]                               -> Number,  [Memory];
    "migrate_pages"     [Int, Size, Address, Address]                                  -> Number,  [Memory];
    "move_pages"        [Int, Size, Address, Address, Address, Hex]                    -> Number,  [Memory];

    "shmget"            [Hex, Size, Hex]                                               -> Number,  [Ipc];
    "shmat"             [Int, Address, Hex]                                            -> Returns::Address, [Ipc, Memory];
    "shmctl"            [Int, Int, Address]                                            -> Number,  [Ipc];
    "shmdt"             [Address]                                                      -> Number,  [Ipc, Memory];
    "semget"            [Hex, Int, Hex]                                                -> Number,  [Ipc];
    "semop"             [Int, Address, Uint]                                           -> Number,  [Ipc];
    "semctl"            [Int, Int, Int, Address]                                       -> Number,  [Ipc];
    "semtimedop"        [Int, Address, Uint, In(Timespec)]                             -> Number,  [Ipc];
    "msgget"            [Hex, Hex]                                                     -> Number,  [Ipc];
    "msgsnd"            [Int, Address, Size, Hex]                                      -> Number,  [Ipc];
    "msgrcv"            [Int, Address, Size, Long, Hex]                                -> Number,  [Ipc];
    "msgctl"            [Int, Int, Address]                                            -> Number,  [Ipc];
    "mq_open"           [Text, Open, OpenMode(1), Address]                             -> Number,  [Desc];
    "mq_unlink"         [Text]                                                         -> Number,  [];
    "mq_timedsend"      [Fd, In(Data(Argument(2))), Size, Uint, In(Timespec)]          -> Number,  [Desc];
    "mq_timedreceive"   [Fd, Out(Data(Result)), Size, Out(Layout::Int), In(Timespec)]  -> Number,  [Desc];
    "mq_notify"         [Fd, Address]                                                  -> Number,  [Desc];
    "mq_getsetattr"     [Fd, Address, Address]                                         -> Number,  [Desc];
}
