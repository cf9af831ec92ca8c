//! A replay served to gdb by its remote protocol (gdb manual, appendix E; the crate gdbstub speaks it).
//!
//! Key functions: [`serve`]. One client, on this host alone; when it goes, the machine goes.
//!
//! | file | what |
//! |---|---|
//! | `target.rs` | what gdb asks for |
//! | `registers.rs` | registers as gdb wants them |
//! | `monitor.rs` | gdb's command `monitor` |

mod monitor;
mod registers;
mod target;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use gdbstub::common::Signal;
use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{BaseStopReason, GdbStub, GdbStubError, MultiThreadStopReason};
use gdbstub::target::ext::base::reverse_exec::ReplayLogPosition;
use gdbstub::target::ext::breakpoints::WatchKind;

use super::debug::breakpoints::Trigger;
use super::debug::{Debugger, Failure, Outcome};
use super::{At, Recording, ReplayOptions, Replayed, Verified};
use crate::error::{During, TracerError};
use crate::record::{Pinned, Stop};
use target::{Go, Machine};

/// Length of the longest packet.
const PACKET_MAX: usize = 1 << 16;
/// How often someone who waits for gdb looks whether to go on waiting.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Hears of a replay that gdb is given.
pub trait Client {
    /// gdb may connect here. Called once, when the machine stands still.
    fn listens(&mut self, address: SocketAddr);
    /// Something that the user should know, in one line that is safe to print.
    fn note(&mut self, note: &str);
}

/// How it ended.
#[derive(Debug)]
pub enum Served {
    /// gdb went; what had been compared since the machine was last started was the same.
    Left(Verified),
    /// The replay ended by itself, or was stopped.
    Ended(Replayed),
    /// gdb, or whatever it was, said something that is no part of the protocol.
    Nonsense(String),
}

/// Waits for gdb at a port of this host (0: any), and does what it says until it goes. The machine stands behind the event at
/// first, or at its start.
///
/// # Errors
/// When the port cannot be had, there is no such event, or as for [`super::replay`]. Nothing is left of the machine in any case.
pub fn serve(
    recording: &Recording,
    options: &ReplayOptions,
    at: Option<At>,
    port: u16,
    stop: &Stop,
    client: &mut dyn Client,
) -> Result<Served, TracerError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        TracerError::Options(format!(
            "port {port} of 127.0.0.1 cannot be had ({error}); choose another, or 0 for any that is free"
        ))
    })?;
    let address = listener.local_addr().during("ask for the own port")?;
    let _pinned = Pinned::for_recorder(options.cpu, true)?;
    let served = Debugger::start(recording, options, stop, at)
        .and_then(|debugger| wait_and_talk(debugger, &listener, address, stop, client));
    match served {
        Ok(served) => Ok(served),
        Err(Failure::Over(replayed)) => Ok(Served::Ended(*replayed)),
        Err(Failure::Left(verified)) => Ok(Served::Left(verified)),
        Err(Failure::Error(error)) => Err(error),
    }
}

fn wait_and_talk(
    debugger: Debugger,
    listener: &TcpListener,
    address: SocketAddr,
    stop: &Stop,
    client: &mut dyn Client,
) -> Result<Served, Failure> {
    client.listens(address);
    let mut machine = Machine::new(debugger, client);
    let Some(stream) = accept(listener, stop)? else {
        return Ok(left(&mut machine));
    };
    let clone = stream.try_clone().during("share gdb's connection")?;
    machine.debugger.listen_to(clone);
    talk(&mut machine, stream, stop)
}

/// Waits for gdb; none: someone ended that.
fn accept(listener: &TcpListener, stop: &Stop) -> Result<Option<TcpStream>, TracerError> {
    const WHAT: &str = "wait for gdb";
    listener.set_nonblocking(true).during(WHAT)?;
    while stop.reason().is_none() {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).during(WHAT)?;
                stream.set_nodelay(true).during(WHAT)?;
                stream.set_read_timeout(Some(LOOK_EVERY)).during(WHAT)?;
                return Ok(Some(stream));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(LOOK_EVERY);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).during(WHAT),
        }
    }
    Ok(None)
}

/// The connection, with answers put together.
struct Wire {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection for Wire {
    type Error = io::Error;

    fn write(&mut self, byte: u8) -> io::Result<()> {
        self.answer.push(byte);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::write_all(&mut self.stream, &self.answer)?;
        self.answer.clear();
        Ok(())
    }
}

type Error = GdbStubError<Failure, io::Error>;

fn talk(machine: &mut Machine, stream: TcpStream, stop: &Stop) -> Result<Served, Failure> {
    let mut reader = stream.try_clone().during("share gdb's connection")?;
    let wire = Wire {
        stream,
        answer: Vec::new(),
    };
    let stub = GdbStub::builder(wire)
        .packet_buffer_size(PACKET_MAX)
        .build();
    let stub = stub.map_err(|error| TracerError::Options(error.to_string()))?;
    let mut state = match stub.run_state_machine(machine) {
        Ok(state) => state,
        Err(error) => return ended_by(machine, error),
    };
    loop {
        let next = match state {
            GdbStubStateMachine::Idle(idle) => match next_byte(&mut reader, stop) {
                Some(byte) => idle.incoming_data(machine, byte),
                None => return Ok(left(machine)),
            },
            GdbStubStateMachine::Running(running) => {
                let reason = go(machine)?;
                if is_interrupt(&reason) {
                    hear_interrupt(&mut reader);
                }
                running.report_stop(machine, reason)
            }
            // It stood still already.
            GdbStubStateMachine::CtrlCInterrupt(interrupted) => {
                let signal = Signal::SIGINT;
                let tid = machine.stopped();
                let reason = MultiThreadStopReason::SignalWithThread { tid, signal };
                interrupted.interrupt_handled(machine, Some(reason))
            }
            GdbStubStateMachine::Disconnected(_) => return Ok(left(machine)),
        };
        state = match next {
            Ok(state) => state,
            Err(error) => return ended_by(machine, error),
        };
    }
}

fn is_interrupt(reason: &MultiThreadStopReason<u64>) -> bool {
    matches!(
        reason,
        BaseStopReason::SignalWithThread {
            signal: Signal::SIGINT,
            ..
        }
    )
}

/// Takes the byte by which gdb interrupted the machine. That it was there is how the machine knew.
fn hear_interrupt(stream: &mut TcpStream) {
    const INTERRUPT: u8 = 3;
    let mut byte = [0];
    if matches!(stream.peek(&mut byte), Ok(1)) && byte[0] == INTERRUPT {
        // It is there.
        let _ = stream.read(&mut byte);
    }
}

fn left(machine: &mut Machine) -> Served {
    Served::Left(machine.debugger.verified())
}

fn ended_by(machine: &mut Machine, error: Error) -> Result<Served, Failure> {
    if error.is_connection_error() {
        return Ok(left(machine));
    }
    let text = if error.is_target_error() {
        String::new()
    } else {
        // Its own words without what they show of gdb's.
        format!("{:?}", DebugKind(&error))
    };
    match error.into_target_error() {
        Some(failure) => Err(failure),
        None => Ok(Served::Nonsense(text)),
    }
}

/// The name of an error of the protocol's.
struct DebugKind<'a>(&'a Error);

impl std::fmt::Debug for DebugKind<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{:?}", self.0);
        let name = text.trim_start_matches("GdbStubError { kind: ");
        let end = name.find(|c: char| !c.is_alphanumeric());
        out.write_str(&name[..end.unwrap_or(name.len())])
    }
}

/// What gdb says next; none: it went, or someone ended it.
fn next_byte(stream: &mut TcpStream, stop: &Stop) -> Option<u8> {
    let mut byte = [0];
    while stop.reason().is_none() {
        match stream.read(&mut byte) {
            Ok(0) => return None,
            Ok(_) => return Some(byte[0]),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => {}
                _ => return None,
            },
        }
    }
    None
}

/// Moves the machine as gdb wants it. Gives why it stands.
fn go(machine: &mut Machine) -> Result<MultiThreadStopReason<u64>, Failure> {
    let debugger = &mut machine.debugger;
    // What an event stops for: a step; nothing that gdb knows; its user.
    let mut signal = Signal::SIGTRAP;
    let outcome = match machine.go {
        Go::On => match machine.destination.take() {
            Some(event) => {
                signal = Signal::SIGZERO;
                debugger.go_to(At::Event(event))
            }
            None => {
                signal = Signal::SIGINT;
                debugger.go_on()
            }
        },
        Go::Step(thread) => debugger.step(thread),
        Go::Back => {
            signal = Signal::SIGINT;
            debugger.go_back()
        }
        Go::StepBack => debugger.step_back(),
    }?;
    machine.has_moved();
    let tid = machine.stopped();
    let trap = BaseStopReason::SignalWithThread {
        tid,
        signal: Signal::SIGTRAP,
    };
    let log_ends = |pos| BaseStopReason::ReplayLog {
        tid: Some(tid),
        pos,
    };
    Ok(match outcome {
        Outcome::Event => BaseStopReason::SignalWithThread { tid, signal },
        Outcome::Stepped => trap,
        Outcome::Begin => log_ends(ReplayLogPosition::Begin),
        Outcome::End => log_ends(ReplayLogPosition::End),
        Outcome::NoRoom => {
            machine.listener.note(
                "cannot go back from here: these breakpoints and those that led here are more than the CPU watches; \
                 delete some, or use reverse-stepi first",
            );
            trap
        }
        Outcome::Hit(hit) => {
            let kind = match hit.trigger {
                Trigger::Execute => return Ok(BaseStopReason::HwBreak(tid)),
                Trigger::Write => WatchKind::Write,
                Trigger::Read => WatchKind::Read,
                Trigger::Access => WatchKind::ReadWrite,
            };
            let addr = hit.address;
            BaseStopReason::Watch { tid, kind, addr }
        }
    })
}
