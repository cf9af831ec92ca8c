//! A picture as a list of shapes, and the drawing of it on any back end of plotters.
//!
//! Key types: [`Picture`], which the plot files fill in pixels of a page at 100 %, and [`Medium`], which says how a back
//! end differs. One picture is drawn as SVG and PNG by the same code; a test can look at its shapes.

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, RGBAColor, ShapeStyle, TextStyle};

use super::font::{self, BITMAP_SIZE_PER_EM};
use super::ink::{Ink, Theme};
use crate::error::ReportError;

/// A drawn statistic.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What it shows, in words; also its heading.
    pub title: &'static str,
    /// Pixels across.
    pub width: i32,
    /// Pixels down.
    pub height: i32,
    pub(crate) shapes: Vec<Shape>,
}

/// A mark in a picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A filled rectangle.
    Rect {
        x: i32,
        y: i32,
        width: i32,
        height: i32,
        ink: Ink,
        opacity: f64,
    },
    /// A line of text.
    Text {
        x: i32,
        baseline: i32,
        text: String,
        font: Font,
        anchor: Anchor,
        ink: Ink,
    },
}

/// Size in pixels to the em, and weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Font {
    pub(crate) size: i32,
    pub(crate) bold: bool,
}

/// Headings.
pub(crate) const HEADING: Font = Font {
    size: 16,
    bold: true,
};
/// Names of rows and lanes.
pub(crate) const LABEL: Font = Font {
    size: 12,
    bold: false,
};
/// Ticks, legends and axis labels.
pub(crate) const SMALL: Font = Font {
    size: 11,
    bold: false,
};

/// Which point of the text `x` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Picture {
    /// An empty picture with its heading; [`Picture::height`] is set when the rest is drawn.
    pub(crate) fn new(title: &'static str, width: i32) -> Self {
        let mut picture = Self {
            title,
            width,
            height: 0,
            shapes: Vec::new(),
        };
        picture.text(0, 20, title, HEADING, Anchor::Start, Ink::Text);
        picture
    }

    /// A picture that says that there was nothing to draw, and why.
    pub(crate) fn nothing(title: &'static str, width: i32, why: &str) -> Self {
        let mut picture = Self::new(title, width);
        picture.height = 64;
        let why = font::fitted(why, LABEL.size, LABEL.bold, width);
        picture.text(0, 44, &why, LABEL, Anchor::Start, Ink::Muted);
        picture
    }

    /// The picture without its heading, for a place that has one.
    pub(crate) fn without_heading(mut self) -> Self {
        const HEADING_HEIGHT: i32 = 24;
        self.shapes.remove(0);
        for shape in &mut self.shapes {
            match shape {
                Shape::Rect { y, .. } => *y -= HEADING_HEIGHT,
                Shape::Text { baseline, .. } => *baseline -= HEADING_HEIGHT,
            }
        }
        self.height -= HEADING_HEIGHT;
        self
    }

    /// The picture with room on all sides, for a file of its own.
    #[must_use]
    pub fn with_margin(mut self) -> Self {
        const MARGIN: i32 = 16;
        for shape in &mut self.shapes {
            let (x, y) = match shape {
                Shape::Rect { x, y, .. } => (x, y),
                Shape::Text { x, baseline, .. } => (x, baseline),
            };
            *x += MARGIN;
            *y += MARGIN;
        }
        self.width += 2 * MARGIN;
        self.height += 2 * MARGIN;
        self
    }

    pub(crate) fn rect(&mut self, x: i32, y: i32, width: i32, height: i32, ink: Ink) {
        self.faded_rect(x, y, width, height, ink, 1.0);
    }

    pub(crate) fn faded_rect(
        &mut self,
        x: i32,
        y: i32,
        width: i32,
        height: i32,
        ink: Ink,
        opacity: f64,
    ) {
        if width > 0 && height > 0 {
            self.shapes.push(Shape::Rect {
                x,
                y,
                width,
                height,
                ink,
                opacity,
            });
        }
    }

    /// A line of text with nothing of what was drawn before behind it, as grid lines.
    pub(crate) fn text_on_surface(
        &mut self,
        x: i32,
        baseline: i32,
        text: &str,
        font: Font,
        ink: Ink,
    ) {
        let width = font::width(text, font.size, font.bold) * 11 / 10;
        self.rect(
            x,
            baseline - font.size,
            width + 4,
            font.size + 4,
            Ink::Surface,
        );
        self.text(x, baseline, text, font, Anchor::Start, ink);
    }

    pub(crate) fn text(
        &mut self,
        x: i32,
        baseline: i32,
        text: &str,
        font: Font,
        anchor: Anchor,
        ink: Ink,
    ) {
        self.shapes.push(Shape::Text {
            x,
            baseline,
            text: text.to_owned(),
            font,
            anchor,
            ink,
        });
    }

    /// As an SVG document.
    ///
    /// # Errors
    /// [`ReportError::Draw`] when plotters fails.
    pub fn svg(&self, theme: Theme) -> Result<String, ReportError> {
        let mut document = String::new();
        let size = (self.width as u32, self.height as u32);
        let mut backend = SVGBackend::with_string(&mut document, size);
        self.draw(&mut backend, Medium::SVG, theme)?;
        drop(backend);
        Ok(document)
    }

    /// As a PNG file, two pixels to each of the picture so that it is sharp on dense screens and in print.
    ///
    /// # Errors
    /// [`ReportError::Draw`] when plotters or the PNG writer fails.
    pub fn png(&self, theme: Theme) -> Result<Vec<u8>, ReportError> {
        let medium = Medium::BITMAP;
        let size = (
            (self.width * medium.scale) as u32,
            (self.height * medium.scale) as u32,
        );
        let mut pixels = vec![0; size.0 as usize * size.1 as usize * 3];
        let mut backend = BitMapBackend::with_buffer(&mut pixels, size);
        self.draw(&mut backend, medium, theme)?;
        drop(backend);
        encode_png(&pixels, size).map_err(|error| self.failure(error))
    }

    /// Draws the shapes in order on any back end.
    pub(crate) fn draw<B: DrawingBackend>(
        &self,
        backend: &mut B,
        medium: Medium,
        theme: Theme,
    ) -> Result<(), ReportError> {
        font::register();
        backend
            .ensure_prepared()
            .map_err(|error| self.failure(error))?;
        let surface = Shape::Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
            ink: Ink::Surface,
            opacity: 1.0,
        };
        for shape in std::iter::once(&surface).chain(&self.shapes) {
            medium
                .draw(backend, shape, theme)
                .map_err(|error| self.failure(error))?;
        }
        backend.present().map_err(|error| self.failure(error))
    }

    fn failure(&self, error: impl std::fmt::Display) -> ReportError {
        ReportError::Draw {
            picture: self.title,
            detail: error.to_string(),
        }
    }
}

/// How a back end differs from what a picture assumes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Medium {
    /// Pixels of the back end to one of the picture.
    scale: i32,
    /// What the back end takes for the size of a font, in em.
    size_per_em: f64,
    /// From the top anchor of a text to its baseline, in sizes of the font.
    baseline: f64,
}

impl Medium {
    /// plotters' SVG writer: divides sizes by 1.24 and puts the baseline 0.76 em under a top anchor.
    const SVG: Self = Self {
        scale: 1,
        size_per_em: 1.24,
        baseline: 0.76 / 1.24,
    };
    /// plotters' bitmap with ab_glyph: the baseline is half a size under a top anchor.
    const BITMAP: Self = Self {
        scale: 2,
        size_per_em: BITMAP_SIZE_PER_EM,
        baseline: 0.5,
    };

    fn draw<B: DrawingBackend>(
        self,
        backend: &mut B,
        shape: &Shape,
        theme: Theme,
    ) -> Result<(), String> {
        match shape {
            Shape::Rect {
                x,
                y,
                width,
                height,
                ink,
                opacity,
            } => {
                let (red, green, blue) = theme.colour(*ink);
                let style: ShapeStyle = RGBAColor(red, green, blue, *opacity).into();
                let from = (x * self.scale, y * self.scale);
                let to = ((x + width) * self.scale, (y + height) * self.scale);
                backend
                    .draw_rect(from, to, &style.filled(), true)
                    .map_err(|error| error.to_string())
            }
            Shape::Text {
                x,
                baseline,
                text,
                font,
                anchor,
                ink,
            } => {
                let (red, green, blue) = theme.colour(*ink);
                let ink = RGBAColor(red, green, blue, 1.0);
                let size = f64::from(font.size * self.scale) * self.size_per_em;
                let weight = if font.bold {
                    FontStyle::Bold
                } else {
                    FontStyle::Normal
                };
                let h_pos = match anchor {
                    Anchor::Start => HPos::Left,
                    Anchor::Middle => HPos::Center,
                    Anchor::End => HPos::Right,
                };
                let style = TextStyle::from(FontDesc::new(FontFamily::SansSerif, size, weight))
                    .color(&ink)
                    .pos(Pos::new(h_pos, VPos::Top));
                let top = baseline * self.scale - (size * self.baseline).round() as i32;
                backend
                    .draw_text(text, &style, (x * self.scale, top))
                    .map_err(|error| error.to_string())
            }
        }
    }
}

fn encode_png(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Flat areas: rows compress best as they are.
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every text lies inside the picture and on no other text.
    pub(in crate::plots) fn assert_legible(picture: &Picture) {
        let mut boxes: Vec<(i32, i32, i32, i32, &str)> = Vec::new();
        for shape in &picture.shapes {
            let Shape::Text {
                x,
                baseline,
                text,
                font,
                anchor,
                ..
            } = shape
            else {
                continue;
            };
            let width = font::width(text, font.size, font.bold);
            let left = match anchor {
                Anchor::Start => *x,
                Anchor::Middle => x - width / 2,
                Anchor::End => x - width,
            };
            let (top, bottom) = (baseline - font.size * 3 / 4, baseline + font.size / 4);
            assert!(
                left >= -1 && left + width <= picture.width + 1,
                "cut off at the side: {text:?} in {}",
                picture.title
            );
            assert!(
                top >= 0 && bottom <= picture.height,
                "cut off above or below: {text:?} in {}",
                picture.title
            );
            for (l, t, r, b, other) in &boxes {
                let apart = left >= *r || left + width <= *l || top >= *b || bottom <= *t;
                assert!(apart, "{text:?} lies on {other:?} in {}", picture.title);
            }
            boxes.push((left, top, left + width, bottom, text));
        }
    }
}
