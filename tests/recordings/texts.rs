//! Passes every text of the recordings through the reader of HTML.
//!
//! `texts.json` contains each text with markup that a real authentik has sent, and the text
//! that a person reads. `UPDATE_TRANSCRIPTS=1` adds new ones and writes the file again: read
//! the difference before you commit it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pam_authentik_flow::text::{from_html, one_line};
use serde_json::Value;

/// Longer than every text that the module shows.
const ROOM: usize = 4096;

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "whoever runs the test may update its file"
)]
fn every_recorded_text_is_read_as_it_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/texts.json");
    let kept = fs::read_to_string(&path).expect("the texts");
    let kept: BTreeMap<String, String> = serde_json::from_str(&kept).expect("texts in pairs");
    let (marked_up, plain) = recorded();
    let all: BTreeSet<&String> = marked_up.iter().chain(kept.keys()).collect();
    let now: BTreeMap<String, String> = all
        .into_iter()
        .map(|html| (html.clone(), from_html(html, ROOM)))
        .collect();
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        let text = serde_json::to_string_pretty(&now).expect("JSON") + "\n";
        fs::write(&path, text).expect("a file for the texts");
        return;
    }
    println!(
        "{} recorded texts, {} of them with markup; {} are kept",
        plain.len() + marked_up.len(),
        marked_up.len(),
        kept.len()
    );
    assert!(plain.len() > 500, "{}", plain.len());
    for (html, text) in &now {
        assert_eq!(Some(text), kept.get(html), "of {html:?}");
    }
    for text in plain {
        let lines = text.lines().map(|line| one_line(line, ROOM));
        let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
        assert_eq!(from_html(&text, ROOM), lines.join("\n"), "of {text:?}");
    }
}

/// All texts in the bodies of all recordings: those with possible markup, and those without.
fn recorded() -> (BTreeSet<String>, BTreeSet<String>) {
    let mut texts = BTreeSet::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for folder in fs::read_dir(tests).expect("the tests") {
        let folder = folder.expect("a folder");
        if !folder.file_name().to_string_lossy().starts_with("captures") {
            continue;
        }
        for file in fs::read_dir(folder.path()).expect("the recordings") {
            let path = file.expect("a file").path();
            if path.extension().is_some_and(|kind| kind == "json") {
                let text = fs::read_to_string(&path).expect("a readable recording");
                collect(&serde_json::from_str(&text).expect("JSON"), &mut texts);
            }
        }
    }
    texts
        .into_iter()
        .partition(|text| text.contains(['<', '&']))
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => {
            // Text that the recorder has replaced in requests and headers does not come from a
            // server: `<32 chars>`.
            let mut texts_of = |(name, value): (&String, &Value)| match name.as_str() {
                "headers" | "request" | "request_headers" | "req_headers" | "set_cookie"
                | "cookie" | "path" => {}
                _ => collect(value, texts),
            };
            fields.iter().for_each(&mut texts_of);
        }
        _ => {}
    }
}
