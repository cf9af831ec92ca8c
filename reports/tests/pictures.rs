//! Promises about the pictures and the page: legible, safe, self-contained, and never an error for want of data.

use std::fs;

use trapline_analyzer::summary::*;
use trapline_reports::page::document;
use trapline_reports::plots::{Plot, Theme, Width};
use trapline_reports::write_report;
use trapline_trace_format::event::{Backing, Cause, Rights, SwitchReason};

mod support;

use support::region;

const EVIL: &str = "</text><script>alert(1)</script>\"'&\u{1b}[31m";

#[test]
fn every_picture_renders_in_both_formats_themes_and_widths() {
    let (summary, data) = support::sample();
    for plot in Plot::ALL {
        for width in [Width::Wide, Width::Narrow] {
            let picture = plot.draw(&summary, &data, width);
            for theme in [Theme::Light, Theme::Dark] {
                let svg = picture.svg(theme).unwrap();
                assert!(
                    svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"),
                    "{plot:?}"
                );
                assert!(
                    picture.png(theme).unwrap().starts_with(b"\x89PNG"),
                    "{plot:?}"
                );
            }
        }
    }
}

#[test]
fn a_trace_without_data_gives_pictures_that_say_so() {
    let (mut summary, _) = support::sample();
    summary.partition.clear();
    summary.quantum = None;
    for plot in Plot::ALL {
        let svg = plot
            .draw(&summary, &PlotData::default(), Width::Wide)
            .svg(Theme::Light)
            .unwrap();
        assert!(
            svg.contains(" in this trace.") || svg.contains("covers no time"),
            "{plot:?}: {svg}"
        );
    }
    assert!(
        document(&[(summary, PlotData::default())])
            .unwrap()
            .contains("No context switch happened")
    );
}

#[test]
fn extreme_values_are_drawn_without_panic() {
    let (mut summary, mut data) = support::sample();
    let far = i64::MAX / 4;
    let bucket = |low_ns, high_ns, count| Bucket {
        low_ns,
        high_ns,
        count,
    };
    data.quanta = vec![bucket(0, 1, 1), bucket(far, far + 1, u64::MAX / 4)];
    data.switch_costs = vec![(SwitchReason::Yield, vec![bucket(5, 5, 1), bucket(9, 3, 1)])];
    data.syscall_costs = vec![("x".to_owned(), vec![bucket(0, 0, 1)])];
    data.shown_ns = far;
    data.slices.push(Slice {
        thread: 9,
        start_ns: -7,
        end_ns: far,
        reason: None,
    });
    data.visits.push(Visit {
        thread: 9,
        cause: Cause::Signal,
        start_ns: 5,
        end_ns: 2,
    });
    data.memory.columns = vec![MemoryColumn {
        process: 1,
        name: String::new(),
        time_ns: far,
        threads: u64::MAX,
        space: 2,
        mappings: vec![
            region(0, 1, Rights::NONE, Backing::File),
            region(1, u64::MAX, Rights::ALL, Backing::Shared),
            region(9, 3, Rights::READ, Backing::Stack),
        ],
    }];
    summary.partition = vec![
        Part {
            activity: Activity::Idle,
            ns: far,
        },
        Part {
            activity: Activity::Switch,
            ns: 1,
        },
    ];
    for plot in Plot::ALL {
        plot.draw(&summary, &data, Width::Narrow)
            .png(Theme::Dark)
            .unwrap();
    }
}

#[test]
fn twenty_thousand_intervals_stay_a_picture_of_a_size_to_send() {
    let (summary, mut data) = support::sample();
    let slice = |n: i64| Slice {
        thread: (n % 5) as u32 + 1,
        start_ns: n * 1_000,
        end_ns: n * 1_000 + 900,
        reason: Some(SwitchReason::Quantum),
    };
    let visit = |n: i64| Visit {
        thread: (n % 5) as u32 + 1,
        cause: Cause::Timer,
        start_ns: n * 1_000,
        end_ns: n * 1_000 + 90,
    };
    data.slices = (0..PlotData::MAX_INTERVALS as i64).map(slice).collect();
    data.visits = (0..PlotData::MAX_INTERVALS as i64).map(visit).collect();
    data.shown_ns = 20_000_000;
    let svg = Plot::Timeline
        .draw(&summary, &data, Width::Wide)
        .svg(Theme::Light)
        .unwrap();
    assert!(svg.len() < 1_000_000, "{} bytes", svg.len());
}

#[test]
fn a_name_from_a_trace_cannot_become_markup() {
    let (mut summary, mut data) = support::sample();
    summary.name = EVIL.to_owned();
    for thread in &mut summary.threads {
        thread.name = EVIL.to_owned();
    }
    for process in &mut summary.processes {
        process.name = EVIL.to_owned();
    }
    for column in &mut data.memory.columns {
        column.name = EVIL.to_owned();
    }
    summary.unknown_calls[0].program = EVIL.to_owned();
    summary.meta.command = vec![EVIL.to_owned()];
    summary.meta.host.cpu = EVIL.to_owned();
    summary.syscalls[0].name = EVIL.to_owned();
    data.syscall_costs[0].0 = EVIL.to_owned();
    let page = document(&[
        (summary.clone(), data.clone()),
        (summary.clone(), data.clone()),
    ])
    .unwrap();
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
    for plot in Plot::ALL {
        let svg = plot
            .draw(&summary, &data, Width::Wide)
            .svg(Theme::Light)
            .unwrap();
        assert!(
            !svg.contains("<script") && !svg.contains('\u{1b}'),
            "{plot:?}"
        );
    }
}

#[test]
fn the_page_fetches_nothing_and_runs_nothing() {
    let (summary, data) = support::sample();
    let page = document(&[(summary, data)]).unwrap();
    for forbidden in [
        "<script", "<link", "<img", "src=", "@import", "url(", "https://",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // The namespace of SVG is a name, not an address.
    assert_eq!(
        page.matches("http://").count(),
        page.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(page.contains("prefers-color-scheme:dark"));
}

#[test]
fn several_traces_stand_beside_each_other() {
    let (summary, data) = support::sample();
    let mut second = summary.clone();
    second.name = "second.trap".to_owned();
    let page = document(&[(summary, data.clone()), (second, data)]).unwrap();
    assert!(page.contains("Traces beside each other") && page.contains("href=\"#trace-2\""));
}

#[test]
fn a_report_is_written_whole_and_again_over_itself() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b");
    let traces = [support::sample()];
    for _ in 0..2 {
        let paths = write_report(&out, &traces).unwrap();
        assert_eq!(paths.pictures.len(), 2 * Plot::ALL.len());
        for path in paths.pictures.iter().chain([&paths.page]) {
            assert!(
                fs::metadata(path).unwrap().len() > 500,
                "{}",
                path.display()
            );
        }
    }
    let left = fs::read_dir(&out).unwrap().count();
    assert_eq!(
        left,
        2 * Plot::ALL.len() + 1,
        "temporary files are left behind"
    );
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = write_report(&file.path().join("report"), &[support::sample()])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&file.path().display().to_string()) && error.contains("-o"),
        "{error}"
    );
}
