//! QR codes as text.

use qrcode::{Color, EcLevel, QrCode};

use crate::config::QrStyle;

/// The quiet zone that ISO/IEC 18004 asks for, in modules.
const QUIET: usize = 4;

/// Draws `content`; nothing where the configuration says so, or where it does
/// not fit into a QR code.
///
/// Light modules are drawn and dark ones left blank: most terminals are dark,
/// and readers of QR codes take it the other way round as well. A blank line's
/// end would be cut off, so the quiet zone is drawn, too.
pub(super) fn draw(content: &str, style: QrStyle) -> Option<String> {
    if style == QrStyle::Never {
        return None;
    }
    let code = QrCode::with_error_correction_level(content, EcLevel::L).ok()?;
    let width = code.width();
    let colors = code.to_colors();
    let full = width.saturating_add(QUIET.saturating_mul(2));
    let is_light = |x: usize, y: usize| {
        let inside = x
            .checked_sub(QUIET)
            .zip(y.checked_sub(QUIET))
            .filter(|&(x, y)| x < width && y < width);
        let color = inside.and_then(|(x, y)| colors.get(y.saturating_mul(width).saturating_add(x)));
        color != Some(&Color::Dark)
    };
    let lines: Vec<String> = match style {
        QrStyle::Utf8 => (0..full)
            .step_by(2)
            .map(|y| {
                let below = y.saturating_add(1);
                (0..full)
                    .map(
                        |x| match (is_light(x, y), below < full && is_light(x, below)) {
                            (true, true) => '\u{2588}',
                            (true, false) => '\u{2580}',
                            (false, true) => '\u{2584}',
                            (false, false) => ' ',
                        },
                    )
                    .collect()
            })
            .collect(),
        _ => (0..full)
            .map(|y| {
                (0..full)
                    .map(|x| if is_light(x, y) { "##" } else { "  " })
                    .collect()
            })
            .collect(),
    };
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_begins_and_ends_in_the_quiet_zone() {
        let drawn = draw("otpauth://totp/x?secret=ABC", QrStyle::Utf8).unwrap();
        let lines: Vec<&str> = drawn.lines().collect();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert!(
            lines[..2]
                .iter()
                .all(|line| line.chars().all(|c| c == '\u{2588}'))
        );
        assert!(lines[2..lines.len() - 3].iter().all(|line| {
            let line: Vec<char> = line.chars().collect();
            line[..4]
                .iter()
                .chain(&line[width - 4..])
                .all(|&c| c == '\u{2588}')
        }));
        // The finder pattern's corner is dark.
        assert_ne!(lines[2].chars().nth(4), Some('\u{2588}'));
        let ascii = draw("otpauth://totp/x?secret=ABC", QrStyle::Ascii).unwrap();
        assert_eq!(ascii.lines().count(), width);
        assert!(ascii.lines().all(|line| line.len() == 2 * width));
        assert!(ascii.is_ascii());
        assert_eq!(draw("x", QrStyle::Never), None);
        assert_eq!(draw(&"x".repeat(5000), QrStyle::Utf8), None);
    }
}
