//! QR codes as text, for a terminal of 80 columns and 24 lines.

use qrcode::{Color, EcLevel, QrCode};

use crate::config::QrStyle;

/// The quiet zone that ISO/IEC 18004 requires, in modules. Readers accept a smaller one.
const QUIET: usize = 4;
/// The smallest quiet zone that is drawn. It separates the code from the terminal's
/// background.
const LEAST_QUIET: usize = 1;
/// The lines of a terminal without the heading, the secret and the prompt.
const LINES: usize = 21;
/// A dark module in ASCII. A character is about twice as high as it is wide. `#` is too
/// thin on a light background, where readers see it as white.
const ASCII_MODULE: &str = "@@";
/// The columns of a terminal.
const COLUMNS: usize = 80;

/// A QR code, and the ways to draw it.
///
/// The colours of a terminal are unknown. On a dark background the light modules must be
/// drawn, on a light background the dark ones. Many readers do not accept the reverse.
pub(super) struct QrDrawings {
    width: usize,
    colors: Vec<Color>,
    ascii_first: bool,
}

/// One way to draw it.
#[derive(Clone, Copy)]
struct Way {
    ascii: bool,
    on_light: bool,
}

impl QrDrawings {
    /// How often a person may ask for another drawing: each way twice.
    pub(super) const MOST: usize = 8;

    /// The drawings of `content`. `None` if the configuration says so, or if it does not fit
    /// into a QR code. `unicode` decides what [`QrStyle::Auto`] means.
    pub(super) fn of(content: &str, style: QrStyle, unicode: bool) -> Option<Self> {
        let ascii_first = match style {
            QrStyle::Never => return None,
            QrStyle::Auto => !unicode,
            QrStyle::Utf8 => false,
            QrStyle::Ascii => true,
        };
        let code = QrCode::with_error_correction_level(content, EcLevel::L).ok()?;
        Some(Self {
            width: code.width(),
            colors: code.to_colors(),
            ascii_first,
        })
    }

    /// Whether the first drawing leaves room for its text on a screen.
    pub(super) fn fits(&self) -> bool {
        let full = self.width.saturating_add(LEAST_QUIET.saturating_mul(2));
        if self.ascii_first {
            full.saturating_mul(2) <= COLUMNS
        } else {
            full.div_ceil(2) <= LINES
        }
    }

    /// The drawing after `before` others: first for a dark background, then for a light one,
    /// and then with the other characters.
    pub(super) fn draw(&self, before: usize) -> String {
        let (other, on_light) = match before % 4 {
            0 => (false, false),
            1 => (false, true),
            2 => (true, false),
            _ => (true, true),
        };
        self.drawn(Way {
            ascii: self.ascii_first != other,
            on_light,
        })
    }

    /// The widest quiet zone with which it fits.
    fn quiet(&self, ascii: bool) -> usize {
        let fits = |quiet: &usize| {
            let full = self.width.saturating_add(quiet.saturating_mul(2));
            if ascii {
                full.saturating_mul(2) <= COLUMNS
            } else {
                full.div_ceil(2) <= LINES
            }
        };
        (LEAST_QUIET..=QUIET)
            .rev()
            .find(fits)
            .unwrap_or(LEAST_QUIET)
    }

    fn drawn(&self, way: Way) -> String {
        let quiet = self.quiet(way.ascii);
        let full = self.width.saturating_add(quiet.saturating_mul(2));
        // A module outside the code is light, also below the last line.
        let is_drawn = |x: usize, y: usize| {
            let inside = x
                .checked_sub(quiet)
                .zip(y.checked_sub(quiet))
                .filter(|&(x, y)| x < self.width && y < self.width);
            let color = inside.and_then(|(x, y)| {
                let index = y.saturating_mul(self.width).saturating_add(x);
                self.colors.get(index)
            });
            (color == Some(&Color::Dark)) == way.on_light
        };
        let mut lines: Vec<String> = Vec::with_capacity(full);
        if way.ascii {
            for y in 0..full {
                let line = (0..full).map(|x| if is_drawn(x, y) { ASCII_MODULE } else { "  " });
                lines.push(line.collect());
            }
        } else {
            for y in (0..full).step_by(2) {
                let line =
                    (0..full).map(
                        |x| match (is_drawn(x, y), is_drawn(x, y.saturating_add(1))) {
                            (true, true) => '\u{2588}',
                            (true, false) => '\u{2580}',
                            (false, true) => '\u{2584}',
                            (false, false) => ' ',
                        },
                    );
                lines.push(line.collect());
            }
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What authentik hands out, as [`super::super::totp`] shortens it.
    const ADDRESS: &str =
        "otpauth://totp/authentik%3Aalice?secret=7H6EH5RTSN5CL2BDB7OK2KL55HST5SUJ&issuer=authentik";

    fn drawings(style: QrStyle) -> QrDrawings {
        QrDrawings::of(ADDRESS, style, true).unwrap()
    }

    #[test]
    fn it_fits_a_terminal_with_its_text() {
        let drawn = drawings(QrStyle::Utf8).draw(0);
        assert!(drawings(QrStyle::Utf8).fits());
        let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        assert!(lines.len() <= LINES, "{} lines", lines.len());
        let width = lines[0].len();
        assert!(lines.iter().all(|line| line.len() == width));
        // Blanks at the end of a line would be cut off, so the quiet zone is drawn.
        for line in &lines {
            assert!(line[0] == '\u{2588}' && line[width - 1] == '\u{2588}');
        }
        for line in [&lines[0], &lines[lines.len() - 1]] {
            assert!(line.iter().all(|&c| c == '\u{2588}'));
        }
        let ascii = drawings(QrStyle::Ascii).draw(0);
        assert!(drawings(QrStyle::Ascii).fits());
        assert!(ascii.is_ascii());
        assert!(ascii.lines().all(|line| line.len() <= COLUMNS));
    }

    #[test]
    fn each_way_to_draw_it_differs_and_comes_again() {
        let drawings = drawings(QrStyle::Utf8);
        let drawn: Vec<String> = (0..4).map(|before| drawings.draw(before)).collect();
        for (index, one) in drawn.iter().enumerate() {
            assert!(drawn[..index].iter().all(|other| other != one), "{index}");
        }
        assert_eq!(drawings.draw(4), drawn[0]);
        // What one draws, the other leaves blank.
        let reverse = |c| match c {
            '\u{2588}' => ' ',
            '\u{2580}' => '\u{2584}',
            '\u{2584}' => '\u{2580}',
            ' ' => '\u{2588}',
            other => other,
        };
        assert_eq!(drawn[0].chars().map(reverse).collect::<String>(), drawn[1]);
        assert!(drawn[2].is_ascii() && drawn[3].is_ascii());
    }

    #[test]
    fn auto_is_ascii_where_nothing_else_is_shown() {
        let auto = |unicode| QrDrawings::of(ADDRESS, QrStyle::Auto, unicode).unwrap();
        assert!(auto(false).draw(0).is_ascii());
        assert!(!auto(true).draw(0).is_ascii());
        assert!(QrDrawings::of("x", QrStyle::Never, true).is_none());
        assert!(QrDrawings::of(&"x".repeat(5000), QrStyle::Utf8, true).is_none());
    }
}
