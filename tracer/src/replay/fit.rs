//! Whether this host's CPU is like the one that a trace was recorded on, as far as its programs could tell. Key type: [`Fit`].
//! Neighbours: `processor.rs` asks the CPU, `recording.rs` refuses.
//!
//! Which answers a program used is not known, and C libraries look at all of them to choose their code. So what is missing
//! here is a reason not to start, and anything else that differs is a reason to say so.

use trapline_trace_format::meta::Processor;

/// How the CPUs compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Programs cannot tell them apart.
    Same,
    /// They can, in this way; they can run, and may take another way.
    Other(String),
    /// This one cannot do what the recorded one could.
    Lacks(String),
}

impl Fit {
    pub(super) fn of(recorded: &Processor, here: &Processor) -> Self {
        let missing: Vec<&str> = without(&recorded.features, &here.features);
        if !missing.is_empty() {
            return Self::Lacks(missing.join(", "));
        }
        if recorded.xsave != here.xsave {
            return Self::Other("it keeps its vector registers in another order".to_owned());
        }
        let more: Vec<&str> = without(&here.features, &recorded.features);
        if !more.is_empty() {
            return Self::Other(format!("it can do more ({})", more.join(", ")));
        }
        let model = |of: &Processor| (of.vendor.clone(), of.family, of.model, of.stepping);
        if model(recorded) != model(here) {
            return Self::Other(format!("it is {} and was {}", name(here), name(recorded)));
        }
        if recorded.answers != here.answers {
            return Self::Other(
                "of the same model, it describes itself otherwise (caches, CPUs)".to_owned(),
            );
        }
        if recorded.number != here.number {
            return Self::Other(format!(
                "its number (APIC id) is {} and was {}, and no other may be used",
                here.number, recorded.number
            ));
        }
        Self::Same
    }
}

fn name(of: &Processor) -> String {
    let Processor {
        vendor,
        family,
        model,
        stepping,
        ..
    } = of;
    format!("{vendor} {family:#x}/{model:#x}/{stepping:#x}")
}

/// Those that are not among the others.
fn without<'a>(all: &'a [String], others: &[String]) -> Vec<&'a str> {
    let rest = all.iter().filter(|one| !others.contains(one));
    rest.map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor;

    fn after(change: impl FnOnce(&mut Processor)) -> Fit {
        let here = processor::here();
        let mut recorded = here.clone();
        change(&mut recorded);
        Fit::of(&recorded, &here)
    }

    #[test]
    fn a_cpu_fits_itself() {
        assert_eq!(after(|_| {}), Fit::Same);
    }

    #[test]
    fn what_is_missing_is_named() {
        let fit = after(|cpu| cpu.features.push("time_travel".to_owned()));
        assert_eq!(fit, Fit::Lacks("time_travel".to_owned()));
    }

    #[test]
    fn anything_else_that_programs_can_tell_is_said() {
        let changes: [fn(&mut Processor); 5] = [
            |cpu| drop(cpu.features.pop()),
            |cpu| cpu.xsave.clear(),
            |cpu| cpu.model ^= 1,
            |cpu| cpu.answers ^= 1,
            |cpu| cpu.number ^= 1,
        ];
        for change in changes {
            assert!(matches!(after(change), Fit::Other(_)));
        }
    }
}
