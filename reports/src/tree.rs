//! The process tree as rows to show: each process under the one that asked for it, its threads folded under it.
//!
//! Key type: [`Tree`]. Neighbour: `tables.rs` makes cells of the rows. When there are more processes than a reader takes
//! in, those with most CPU time stay, with the processes above them; how many do not is said.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use trapline_analyzer::summary::{ProcessStat, Summary, ThreadStat};

/// Processes that are shown for their own sake.
const MAX_PROCESSES: usize = 60;
/// Processes that are shown, those above them included.
const MAX_ROWS: usize = 120;
/// Threads that are shown of one process.
const MAX_THREADS: usize = 16;
/// Deeper processes are not indented any further.
const MAX_DEPTH: usize = 12;

/// Rows from top to bottom.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    /// How many processes are not shown.
    pub(crate) left_out: usize,
}

/// One row and how far it is indented.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) depth: usize,
    pub(crate) of: Of<'a>,
}

/// What a row is of.
#[derive(Debug)]
pub(crate) enum Of<'a> {
    Process(&'a ProcessStat),
    /// One of the several threads of the process above.
    Thread(&'a ThreadStat),
    /// So many more threads of it.
    MoreThreads(usize),
}

/// The tree of a trace.
pub(crate) fn tree(summary: &Summary) -> Tree<'_> {
    let by_id: ById<'_> = summary
        .processes
        .iter()
        .enumerate()
        .map(|(place, process)| (process.process, (place, process)))
        .collect();
    let shown = shown(summary, &by_id);
    let mut children: HashMap<u32, Vec<&ProcessStat>> = HashMap::new();
    for process in summary
        .processes
        .iter()
        .filter(|p| shown.contains(&p.process))
    {
        let parent = above(process.process, &by_id)
            .find(|parent| shown.contains(&parent.process))
            .map_or(0, |parent| parent.process);
        children.entry(parent).or_default().push(process);
    }
    let mut threads: HashMap<u32, Vec<&ThreadStat>> = HashMap::new();
    for thread in &summary.threads {
        threads.entry(thread.process).or_default().push(thread);
    }
    let mut tree = Tree {
        left_out: summary.processes.len() - shown.len(),
        ..Tree::default()
    };
    // A fork may go thousands of processes deep: no recursion.
    let mut next: Vec<(usize, &ProcessStat)> = Vec::new();
    let push = |next: &mut Vec<_>, depth, parent| {
        let children = children.get(&parent).into_iter().flatten().rev();
        next.extend(children.map(|child| (depth, *child)));
    };
    push(&mut next, 0, 0);
    while let Some((depth, process)) = next.pop() {
        let row = |of| Row {
            depth: depth.min(MAX_DEPTH),
            of,
        };
        tree.rows.push(row(Of::Process(process)));
        let threads = threads.get(&process.process).map_or(&[][..], Vec::as_slice);
        if threads.len() > 1 {
            let deeper = |of| Row {
                depth: depth.min(MAX_DEPTH) + 1,
                of,
            };
            let shown = threads.iter().take(MAX_THREADS);
            tree.rows
                .extend(shown.map(|thread| deeper(Of::Thread(thread))));
            if threads.len() > MAX_THREADS {
                let more = threads.len() - MAX_THREADS;
                tree.rows.push(deeper(Of::MoreThreads(more)));
            }
        }
        push(&mut next, depth + 1, process.process);
    }
    tree
}

/// Each process by its id, with its place by arrival.
type ById<'a> = HashMap<u32, (usize, &'a ProcessStat)>;

/// The processes above one, nearest first. A parent arrives before its child; a trace that says otherwise gets a root.
fn above<'a>(process: u32, by_id: &'a ById<'a>) -> impl Iterator<Item = &'a ProcessStat> {
    let parent = |(place, child): &(usize, &'a ProcessStat)| {
        let parent = by_id.get(&child.parent).copied();
        parent.filter(|(above, _)| above < place)
    };
    let process = by_id.get(&process).copied();
    std::iter::successors(process, parent)
        .skip(1)
        .map(|(_, process)| process)
}

/// The ids of the processes to show.
fn shown(summary: &Summary, by_id: &ById<'_>) -> HashSet<u32> {
    if summary.processes.len() <= MAX_PROCESSES {
        return by_id.keys().copied().collect();
    }
    let mut busiest: Vec<&ProcessStat> = summary.processes.iter().collect();
    busiest.sort_by_key(|p| (Reverse(p.user_ns.saturating_add(p.kernel_ns)), p.process));
    busiest.truncate(MAX_PROCESSES);
    let mut shown: HashSet<u32> = busiest.iter().map(|process| process.process).collect();
    for process in busiest {
        for parent in above(process.process, by_id) {
            if shown.len() >= MAX_ROWS || !shown.insert(parent.process) {
                break;
            }
        }
    }
    shown
}
