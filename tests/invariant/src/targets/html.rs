use pam_authentik_flow::html::to_text;

/// HTML from a server.
///
/// # Panics
/// If the text has an empty line or a blank at the end of a line, is much longer than the HTML,
/// or if words that are written as HTML are not read back.
pub fn html(bytes: &[u8]) {
    let html = String::from_utf8_lossy(bytes);
    let text = to_text(&html);
    // A list item of five bytes becomes a line with a marker.
    assert!(text.len() <= html.len() * 2, "{text:?}");
    for line in text.split('\n').filter(|_| !text.is_empty()) {
        assert!(!line.is_empty() && !line.starts_with(' '), "{text:?}");
    }
    assert!(!text.contains(['\t', '\r', '\u{c}']), "{text:?}");
    // The HTML for these words gives these words and their lines.
    let written = html
        .replace('&', "&amp;")
        .replace('<', "&#60;")
        .replace('>', "&gt;");
    assert_eq!(to_text(&written), words(&html), "{written:?}");
    // So does a paragraph with these lines, but as one line.
    let paragraph = format!("<p class=\"a > b\">{written}</p>");
    assert_eq!(
        to_text(&paragraph),
        words(&html.replace('\n', " ")),
        "{paragraph:?}"
    );
}

/// The lines of a text, with one blank between words.
fn words(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        words.join(" ")
    });
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}
