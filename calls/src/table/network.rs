//! Calls on sockets. See the module above for how a row reads.

use super::prelude::*;

rows! { NETWORK
    "socket"            [Choice(&FAMILY), SocketType, By(&SOCKET_PROTOCOL)] -> Number,  [Network];
    "socketpair"        [Choice(&FAMILY), SocketType, By(&SOCKET_PROTOCOL), Out(IntPair)] -> Number, [Network];
    "bind"              [Fd, In(Socket(Argument(2))), Int]                             -> Number,  [Network];
    "connect"           [Fd, In(Socket(Argument(2))), Int]                             -> Number,  [Network];
    "listen"            [Fd, Int]                                                      -> Number,  [Network];
    "accept"            [Fd, Out(Socket(Pointer(2))), InOut(SocketLength)]             -> Number,  [Network];
    "accept4"           [Fd, Out(Socket(Pointer(2))), InOut(SocketLength), Flags(&SOCKET_FLAGS)] -> Number, [Network];
    "getsockname"       [Fd, Out(Socket(Pointer(2))), InOut(SocketLength)]             -> Number,  [Network];
    "getpeername"       [Fd, Out(Socket(Pointer(2))), InOut(SocketLength)]             -> Number,  [Network];
    "sendto"            [Fd, In(Data(Argument(2))), Size, Flags(&MSG), In(Socket(Argument(5))), Uint] -> Number, [Network];
    "recvfrom"          [Fd, Out(Data(Result)), Size, Flags(&MSG), Out(Socket(Pointer(5))), InOut(SocketLength)] -> Number, [Network];
    "sendmsg"           [Fd, In(Message(Span::All)), Flags(&MSG)]                      -> Number,  [Network];
    "recvmsg"           [Fd, InOut(Message(Span::Result)), Flags(&MSG)]                -> Number,  [Network];
    "sendmmsg"          [Fd, Address, Uint, Flags(&MSG)]                               -> Number,  [Network];
    "recvmmsg"          [Fd, Address, Uint, Flags(&MSG), In(Timespec)]                 -> Number,  [Network];
    "shutdown"          [Fd, Choice(&SHUTDOWN)]                                        -> Number,  [Network];
    "setsockopt"        [Fd, Choice(&SOL), By(&SOCKET_OPTION), In(Data(Argument(4))), Int] -> Number, [Network];
    "getsockopt"        [Fd, Choice(&SOL), By(&SOCKET_OPTION), Out(Data(Pointer(4))), InOut(SocketLength)] -> Number, [Network];
    "getpmsg"           [Int, Address, Address, Address, Address]                      -> Number,  [Network];
    "putpmsg"           [Int, Address, Address, Int, Hex]                              -> Number,  [Network];
}
