//! `replay --gdb` as a test drives it: by the remote protocol itself, packet by packet, and by the real gdb.
//!
//! Key types: [`Served`], a replay that waits for gdb, and [`Remote`], a connection to one.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use trapline_trace_format::event::{Cause, Event, EventKind};

use super::{Scratch, descendants, is_alive, text, trapline, wait_until};

/// General registers as the protocol orders them.
pub(crate) const REGISTERS: [&str; 17] = [
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15", "rip",
];

/// A replay that serves its machine.
pub(crate) struct Served {
    /// None: its end was waited for.
    child: Option<Child>,
    /// Where.
    pub(crate) port: u16,
    /// The line that says so.
    pub(crate) line: String,
}

impl Served {
    /// Starts `replay --gdb 0` with these options, and waits until it listens.
    pub(crate) fn start(trace: &Path, options: &[&str]) -> Self {
        Self::of(
            trapline()
                .args(["replay", "--gdb", "0"])
                .args(options)
                .arg(trace),
        )
    }

    /// Starts a command that serves, and waits until it listens.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("replay runs");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let port = line.rsplit_once("127.0.0.1:").map(|(_, rest)| rest);
        let digits = port.map(|rest| rest.trim_end_matches(|c: char| !c.is_ascii_digit()));
        let port = digits.and_then(|digits| digits.parse().ok());
        let Some(port) = port else {
            let output = child.wait_with_output().expect("it ends");
            panic!("it does not listen: {line}{}", text(&output));
        };
        let child = Some(child);
        Self { child, port, line }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub(crate) fn connect(&self) -> Remote {
        Remote::new(self.port)
    }

    /// Waits for its end; sees that no process of it is left.
    pub(crate) fn ended(mut self) -> Output {
        let below = descendants(self.id());
        let child = self.child.take().expect("it runs");
        let output = child.wait_with_output().expect("it ends");
        wait_until("the end of all of it", || {
            !below.iter().any(|id| is_alive(*id))
        });
        output
    }

    /// Lets the real gdb carry out these commands; what it printed.
    pub(crate) fn gdb(&self, commands: &[&str]) -> String {
        let mut gdb = Command::new("gdb");
        gdb.args(["-batch", "-nx", "-ex", "set pagination off", "-ex"])
            .arg(format!("target remote 127.0.0.1:{}", self.port));
        for command in commands {
            gdb.args(["-ex", command]);
        }
        let output = gdb.stdin(Stdio::null()).output().expect("gdb runs");
        text(&output)
    }
}

impl Drop for Served {
    /// A test that fails leaves nothing behind either.
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether there is a gdb.
pub(crate) fn has_gdb() -> bool {
    Command::new("gdb")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// A connection that speaks the protocol.
pub(crate) struct Remote(TcpStream);

impl Remote {
    fn new(port: u16) -> Self {
        let mut remote = Self::silent(port);
        remote.ask("qSupported:multiprocess+;swbreak+;hwbreak+");
        remote.ask("QStartNoAckMode");
        remote
    }

    /// A connection on which nothing was said yet.
    pub(crate) fn silent(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        let timeout = Some(Duration::from_secs(60));
        stream.set_read_timeout(timeout).expect("a socket");
        Self(stream)
    }

    /// Sends these bytes as they are. The other side may be gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    pub(crate) fn say(&mut self, packet: &str) {
        let sum = packet.bytes().fold(0, u8::wrapping_add);
        self.send(format!("${packet}#{sum:02x}").as_bytes());
    }

    /// The answer to a packet.
    pub(crate) fn ask(&mut self, packet: &str) -> String {
        self.say(packet);
        self.hear()
            .unwrap_or_else(|| panic!("no answer to {packet}"))
    }

    /// The next packet; none: the other side went.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut packet: Option<Vec<u8>> = None;
        loop {
            match (self.byte()?, &mut packet) {
                (b'$', _) => packet = Some(Vec::new()),
                (b'#', Some(bytes)) => {
                    let (_, _) = (self.byte()?, self.byte()?);
                    return Some(String::from_utf8_lossy(bytes).into_owned());
                }
                // Run-length encoding: the last byte, so many times more.
                (b'*', Some(bytes)) => {
                    let last = bytes.last().copied()?;
                    let times = usize::from(self.byte()?.checked_sub(29)?);
                    bytes.extend(std::iter::repeat_n(last, times));
                }
                (byte, Some(bytes)) => bytes.push(byte),
                (_, None) => {}
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(1) => Some(byte[0]),
            Ok(_) => None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Goes on until something stops the machine: the stop's packet, and the thread that it is about.
    pub(crate) fn go(&mut self, how: &str) -> (String, u32) {
        let answer = self.ask(how);
        let thread = answer.split("thread:").nth(1);
        let digits = thread.and_then(|rest| rest.split('.').nth(1)?.split(';').next());
        let thread = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        (answer, thread.unwrap_or(0))
    }

    /// All registers of a thread, by name, with `fs_base`.
    pub(crate) fn registers(&mut self, thread: u32) -> BTreeMap<String, u64> {
        assert_eq!(self.ask(&format!("Hgp1.{thread:x}")), "OK");
        let all = self.ask("g");
        let number = |at: usize| {
            let digits = all.get(at..at + 16).unwrap_or_default();
            let bytes = u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{digits}"));
            bytes.swap_bytes()
        };
        let names = REGISTERS.iter().map(|name| (*name).to_owned());
        let mut registers: BTreeMap<String, u64> = names
            .enumerate()
            .map(|(index, name)| (name, number(16 * index)))
            .collect();
        registers.insert("flags".to_owned(), number(16 * 17) & 0xffff_ffff);
        registers.insert("fs_base".to_owned(), number(all.len() - 32));
        registers
    }

    /// Bytes of memory in hexadecimal.
    pub(crate) fn memory(&mut self, start: u64, length: usize) -> String {
        self.ask(&format!("m{start:x},{length:x}"))
    }

    /// The text of a `monitor` command's answer.
    pub(crate) fn monitor(&mut self, command: &str) -> String {
        let hex: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.say(&format!("qRcmd,{hex}"));
        let mut text = String::new();
        loop {
            let answer = self.hear().expect("an answer");
            let Some(digits) = answer.strip_prefix('O').filter(|rest| *rest != "K") else {
                return text;
            };
            let bytes = (0..digits.len() / 2).map(|at| {
                u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal")
            });
            text.push_str(&String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()));
        }
    }
}

/// Numbers of the events of which this is true.
pub(crate) fn numbers(events: &[Event], is: impl Fn(&Event) -> bool) -> Vec<usize> {
    let numbered = (1..).zip(events);
    let wanted = numbered.filter(|(_, event)| is(event));
    wanted.map(|(number, _)| number).collect()
}

/// The address behind the instruction of a system call.
pub(crate) fn call(event: &Event) -> Option<u64> {
    match &event.kind {
        EventKind::Trap(trap) if trap.cause == Cause::Syscall => Some(trap.instruction),
        _ => None,
    }
}

pub(crate) fn hello(scratch: &Scratch) -> PathBuf {
    let options = ["--tracer", "ptrace", "--", "hello", "world"];
    scratch.record("hello.trap", &options)
}

/// Two programs in two nested loops, which lose the CPU in the middle of them, again and again.
pub(crate) fn nested(scratch: &Scratch, rounds: u32) -> PathBuf {
    let job = format!("tight nested {rounds}");
    let options = [
        "--tracer",
        "none",
        "--quantum",
        "100us",
        "--tick",
        "50us",
        "--job",
        &job,
        "--job",
        &job,
    ];
    scratch.record("nested.trap", &options)
}
