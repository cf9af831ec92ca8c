//! Work of a test shared out to the CPUs: as many threads, each with a CPU of its own for what it starts.

use std::cell::Cell;
use std::sync::Mutex;

thread_local! {
    static CPU: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The CPU that the calling thread's commands are to run on, if it has one of its own.
pub(crate) fn own_cpu() -> Option<usize> {
    CPU.get()
}

/// Does `work` on every item, on all CPUs; what it gave, in no order.
pub(crate) fn on_all_cpus<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let (left, done) = (Mutex::new(items), Mutex::new(Vec::new()));
    let next = || left.lock().expect("a list").pop();
    std::thread::scope(|scope| {
        for cpu in allowed_cpus() {
            let (next, done, work) = (&next, &done, &work);
            scope.spawn(move || {
                CPU.set(Some(cpu));
                while let Some(item) = next() {
                    let result = work(item);
                    done.lock().expect("a list").push(result);
                }
            });
        }
    });
    done.into_inner().expect("a list")
}

/// CPUs that this process may use (proc(5)).
pub(crate) fn allowed_cpus() -> Vec<usize> {
    let status = std::fs::read_to_string("/proc/self/status").expect("an own status");
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .expect("a list of CPUs");
    let number = |text: &str| text.trim().parse::<usize>().expect("a number");
    list.split(',')
        .flat_map(|range| match range.split_once('-') {
            Some((first, last)) => number(first)..=number(last),
            None => number(range)..=number(range),
        })
        .collect()
}
