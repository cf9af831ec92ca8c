//! The pictures of a trace. One file per picture; each draws a [`Picture`], which renders as SVG and PNG alike.
//!
//! Key types: [`Plot`], [`Picture`], [`Theme`]. A new picture is a new file, a variant of [`Plot`] and a line in
//! [`Plot::draw`]. Empty data gives a picture that says so.

mod axis;
pub(crate) mod font;
mod histogram;
mod ink;
mod legend;
mod memory_maps;
mod picture;
mod quantum_accuracy;
mod switch_cost;
mod syscall_cost;
mod timeline;
mod wall_time_partition;

use trapline_analyzer::summary::{PlotData, Summary};

pub use ink::{Ink, Shade, Theme};
pub use picture::Picture;

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plot {
    /// Where the wall time went.
    WallTimePartition,
    /// Who had the CPU when.
    Timeline,
    /// What system calls cost.
    SyscallCost,
    /// What context switches cost.
    SwitchCost,
    /// Quantum asked against got.
    QuantumAccuracy,
    /// Who could address what.
    MemoryMaps,
}

/// How wide a picture is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// For a page, a slide or a file: 920 pixels.
    #[default]
    Wide,
    /// For a narrow screen: 400 pixels.
    Narrow,
}

impl Width {
    /// The same in pixels.
    #[must_use]
    pub fn pixels(self) -> i32 {
        match self {
            Self::Wide => 920,
            Self::Narrow => 400,
        }
    }
}

impl Plot {
    /// Every picture, in the order of the page.
    pub const ALL: [Self; 6] = [
        Self::WallTimePartition,
        Self::Timeline,
        Self::SyscallCost,
        Self::SwitchCost,
        Self::QuantumAccuracy,
        Self::MemoryMaps,
    ];

    /// Those that say something about this kind of trace, in the order of the page.
    pub fn of(summary: &Summary) -> impl Iterator<Item = Self> {
        let linux = summary.linux.is_some();
        // Linux says neither what a quantum was meant to be nor how memory maps change.
        let mini_alone = |plot: &Self| matches!(plot, Self::QuantumAccuracy | Self::MemoryMaps);
        Self::ALL
            .into_iter()
            .filter(move |plot| !(linux && mini_alone(plot)))
    }

    /// The word for it in file names.
    #[must_use]
    pub fn file_word(self) -> &'static str {
        match self {
            Self::WallTimePartition => "wall-time",
            Self::Timeline => "timeline",
            Self::SyscallCost => "syscall-cost",
            Self::SwitchCost => "switch-cost",
            Self::QuantumAccuracy => "quantum",
            Self::MemoryMaps => "memory",
        }
    }

    /// Draws it.
    #[must_use]
    pub fn draw(self, summary: &Summary, data: &PlotData, width: Width) -> Picture {
        let width = width.pixels();
        match self {
            Self::WallTimePartition => wall_time_partition::draw(summary, width),
            Self::Timeline => timeline::draw(summary, data, width),
            Self::SyscallCost => syscall_cost::draw(summary, data, width),
            Self::SwitchCost => switch_cost::draw(summary, data, width),
            Self::QuantumAccuracy => quantum_accuracy::draw(summary, data, width),
            Self::MemoryMaps => memory_maps::draw(summary, data, width),
        }
    }
}

#[cfg(test)]
#[path = "../../tests/support/mod.rs"]
mod support;

#[cfg(test)]
mod tests {
    use trapline_analyzer::summary::LinuxStat;

    use super::picture::tests::assert_legible;
    use super::*;

    #[test]
    fn no_text_of_a_picture_is_cut_off_or_lies_on_another() {
        let (mut summary, mut data) = support::sample();
        for names in ["a", "a name that nobody would give to a program of theirs"] {
            summary
                .threads
                .iter_mut()
                .for_each(|thread| thread.name = names.to_owned());
            let columns = &mut data.memory.columns;
            columns
                .iter_mut()
                .for_each(|column| column.name = names.to_owned());
            for plot in Plot::ALL {
                for width in [Width::Wide, Width::Narrow] {
                    assert_legible(&plot.draw(&summary, &data, width));
                    assert_legible(&plot.draw(&summary, &PlotData::default(), width));
                    // The words of a Linux trace are longer.
                    let mut of_linux = summary.clone();
                    of_linux.linux = Some(LinuxStat::default());
                    assert_legible(&plot.draw(&of_linux, &data, width));
                }
            }
        }
    }
}
