//! The line that is being written, and what it begins and ends with.
//!
//! Key type: [`Line`]. A call's line that is not finished when another thread has something to say is cut, as strace does it.

use std::io::{self, Write};

use trapline_trace_format::event::{Nanos, ThreadId};

use super::{Durations, Options, Pids, Timestamps};

/// The column of the equals sign.
const RESULT_COLUMN: usize = 40;
const NANOS_PER_SECOND: Nanos = 1_000_000_000;

/// The current line.
pub(super) struct Line<'a, W> {
    options: &'a Options,
    out: W,
    /// Whose call has its beginning on the current line, which is not finished.
    open: Option<ThreadId>,
    column: usize,
    before: Option<Nanos>,
}

impl<'a, W: Write> Line<'a, W> {
    pub(super) fn new(options: &'a Options, out: W) -> Self {
        Self {
            options,
            out,
            open: None,
            column: 0,
            before: None,
        }
    }

    /// A line of its own.
    pub(super) fn whole(&mut self, thread: ThreadId, time: Nanos, text: &str) -> io::Result<()> {
        self.start(thread, time)?;
        writeln!(self.out, "{text}")
    }

    /// The beginning of a call's line.
    pub(super) fn begin(&mut self, thread: ThreadId, time: Nanos, text: &str) -> io::Result<()> {
        self.start(thread, time)?;
        self.open = Some(thread);
        self.put(text)
    }

    /// The rest of a call's line, on a new one where it was cut.
    pub(super) fn end(
        &mut self,
        thread: ThreadId,
        time: Nanos,
        name: &str,
        rest: &str,
        outcome: &str,
        duration: Option<Nanos>,
    ) -> io::Result<()> {
        if self.open != Some(thread) {
            self.start(thread, time)?;
            self.put(&format!("<... {name} resumed>"))?;
        }
        self.open = None;
        self.put(rest)?;
        self.put(" ")?;
        let space = RESULT_COLUMN.saturating_sub(self.column);
        write!(self.out, "{:space$}= {outcome}", "")?;
        if let (Durations::Shown, Some(duration)) = (self.options.durations, duration) {
            let micros = duration.max(0) / 1000;
            write!(
                self.out,
                " <{}.{:06}>",
                micros / 1_000_000,
                micros % 1_000_000
            )?;
        }
        writeln!(self.out)
    }

    /// The end of the text.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.cut()?;
        self.out.flush()
    }

    fn start(&mut self, thread: ThreadId, time: Nanos) -> io::Result<()> {
        self.cut()?;
        self.column = 0;
        if self.options.pids == Pids::Shown {
            self.put(&format!("{:<5} ", thread.0))?;
        }
        let before = self.before.replace(time).unwrap_or(time);
        match self.options.timestamps {
            Timestamps::None => Ok(()),
            Timestamps::Start => {
                let sign = if time < 0 { "-" } else { "" };
                let (seconds, nanos) = split(time.saturating_abs());
                self.put(&format!("{sign}{seconds}.{nanos:09} "))
            }
            Timestamps::Relative => {
                let (seconds, nanos) = split(time.saturating_sub(before).max(0));
                self.put(&format!("{seconds:>6}.{:06} ", nanos / 1000))
            }
            Timestamps::Unix { started_s } => {
                let started = Nanos::try_from(started_s).unwrap_or(0);
                let seconds = started.saturating_add(time.div_euclid(NANOS_PER_SECOND));
                let micros = time.rem_euclid(NANOS_PER_SECOND) / 1000;
                self.put(&format!("{seconds}.{micros:06} "))
            }
        }
    }

    fn cut(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some(_) => writeln!(self.out, " <unfinished ...>"),
            None => Ok(()),
        }
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        self.column += text.len();
        self.out.write_all(text.as_bytes())
    }
}

fn split(time: Nanos) -> (Nanos, Nanos) {
    (time / NANOS_PER_SECOND, time % NANOS_PER_SECOND)
}
