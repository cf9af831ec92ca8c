//! gdb's command `monitor`: what there is in a replay that gdb has no words for. Neighbours: `target.rs` hands the words in,
//! `../debug` has the machine.
//!
//! gdb does not know that a `monitor` command could move the machine, and would show what it had read before. So these
//! only say where the next `continue` goes.

use std::fmt::Write;

use trapline_trace_format::event::ExitStatus;
use trapline_trace_format::maps::Mapping;

use super::target::Machine;
use crate::replay::debug::Failure;
use crate::replay::divergence::describe;
use crate::replay::{At, ProcessRow};

/// Events shown before and behind the place.
const AROUND: u64 = 5;

const HELP: &str = "\
monitor where           the event that the machine stands behind
monitor events [N]      the recorded events around this one, or around event N
monitor next            the next `continue` goes to the next event
monitor event N         the next `continue` goes to event N, forward or back
monitor maps            what is mapped in the address space of the thread that has the CPU
monitor processes       all processes so far

stepi goes one instruction forward, reverse-stepi one event back; continue goes to the next breakpoint or the last
event, reverse-continue to the breakpoint before or to the beginning.
";

/// Carries out a command. Gives what gdb is to print.
pub(super) fn answer(machine: &mut Machine, line: &str) -> Result<String, Failure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    Ok(match words[..] {
        [] | ["help"] => HELP.to_owned(),
        ["where"] => place(machine),
        ["events"] => events(machine, None)?,
        ["events", number] => match number.parse() {
            Ok(number) => events(machine, Some(number))?,
            Err(_) => no_number(number),
        },
        ["next"] => match machine.debugger.next_number() {
            Some(next) => head_for(machine, next),
            None => "there is no event behind this one\n".to_owned(),
        },
        ["event", number] => match number.parse() {
            Ok(number) => match machine.debugger.find(At::Event(number)) {
                Ok(event) => head_for(machine, event),
                Err(error) => format!("{error}\n"),
            },
            Err(_) => no_number(number),
        },
        ["maps"] => {
            let running = machine.debugger.running();
            maps(&machine.debugger.map(running))
        }
        ["processes"] => processes(&machine.debugger.processes()),
        _ => format!(
            "there is no command '{}'; monitor help lists them\n",
            clean(line)
        ),
    })
}

/// Text of a program's choice, without what a terminal would act upon.
pub(super) fn clean(text: &str) -> String {
    let shown = |character: char| match character {
        '\'' | '"' => character.to_string(),
        other => other.escape_debug().to_string(),
    };
    text.chars().map(shown).collect()
}

fn no_number(text: &str) -> String {
    format!("'{}' is no number of an event\n", clean(text))
}

fn head_for(machine: &mut Machine, event: u64) -> String {
    machine.destination = Some(event);
    format!("continue goes to event {event}\n")
}

/// Where the machine stands, in a line.
pub(super) fn place(machine: &mut Machine) -> String {
    let at = if machine.debugger.is_at_event() {
        "behind"
    } else {
        "in user mode behind"
    };
    let number = machine.debugger.event();
    let what = machine
        .debugger
        .last_event()
        .map_or_else(String::new, |event| format!(": {}", describe(&event)));
    format!("{at} event {number}{}\n", clean(&what))
}

fn events(machine: &mut Machine, around: Option<u64>) -> Result<String, Failure> {
    let here = machine.debugger.event();
    let around = around.unwrap_or(here);
    let first = around.saturating_sub(AROUND);
    let recorded = machine
        .debugger
        .recorded(first, around.saturating_add(AROUND))?;
    let mut text = String::new();
    for (number, event) in recorded {
        let mark = if number == here { "->" } else { "  " };
        let _ = writeln!(text, "{mark} {number}: {}", clean(&describe(&event)));
    }
    if text.is_empty() {
        text = format!("there is no event near {around}\n");
    }
    Ok(text)
}

fn maps(map: &[Mapping]) -> String {
    let mut text = String::new();
    for mapping in map {
        let _ = writeln!(
            text,
            "{:#x}-{:#x} {} {}",
            mapping.start,
            mapping.end,
            mapping.rights.word(),
            mapping.backing.word()
        );
    }
    if text.is_empty() {
        text.push_str("nothing is mapped: no program has the CPU\n");
    }
    text
}

fn processes(rows: &[ProcessRow]) -> String {
    let mut text = String::new();
    for row in rows {
        let ended = match row.ended {
            None => String::new(),
            Some(ExitStatus::Code(code)) => format!(", ended with {code}"),
            Some(ExitStatus::Killed { signal, .. }) => format!(", killed by signal {signal}"),
        };
        let threads: Vec<String> = row.threads.keys().map(|id| id.0.to_string()).collect();
        let threads = if threads.is_empty() {
            String::new()
        } else {
            format!(", threads {}", threads.join(" "))
        };
        let _ = writeln!(
            text,
            "process {} of {}: {}{threads}{ended}",
            row.process.0,
            row.parent.0,
            clean(&row.name)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_speak_to_the_terminal() {
        assert_eq!(clean("it's \"fine\""), "it's \"fine\"");
        assert_eq!(clean("\u{1b}[31m"), "\\u{1b}[31m");
        assert_eq!(clean("a\nb\\"), "a\\nb\\\\");
    }
}
