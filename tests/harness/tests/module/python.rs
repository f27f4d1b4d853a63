//! Programs in Python that verify what the module sends, with other code than the module's.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Lets a script of `tests/harness/python` judge these cases: a line of JSON for each, and a
/// line for each verdict. `None` if this Python cannot be started.
#[track_caller]
pub(crate) fn verdicts(python: &Path, script: &str, cases: &[Value]) -> Option<Vec<Value>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/python"));
    let mut child = Command::new(python)
        .arg(folder.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let text: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let mut input = child.stdin.take().expect("the script has no input");
    input
        .write_all(text.as_bytes())
        .expect("the script does not read its input");
    drop(input);
    let output = child
        .wait_with_output()
        .expect("the script's end is not seen");
    assert!(output.status.success(), "{output:?}");
    let verdicts = String::from_utf8_lossy(&output.stdout);
    let parse = |line| serde_json::from_str(line).expect("a verdict is not JSON");
    Some(verdicts.lines().map(parse).collect())
}
