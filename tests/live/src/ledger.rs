//! The ledger lists what a run is about to create and what it has created, on disk before
//! anything else happens. Only objects in it are ever removed.
//!
//! One line of JSON for each step. `will` is written and synced before the request, with a name
//! that contains this run's random number. `made` follows with the server's id. `refused` says
//! that the server created nothing. `gone` says that the object was removed.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// An object of this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number in the order of creation.
    pub(crate) number: u64,
    /// The path of its kind.
    pub(crate) path: String,
    /// The field with the name, and the name; bindings have none.
    pub(crate) name: Option<(String, String)>,
    /// The id from the server; `None` if the run ended before it was known.
    pub(crate) id: Option<String>,
}

/// The file.
pub(crate) struct Ledger {
    path: PathBuf,
    file: File,
    last: u64,
}

impl Ledger {
    /// A new one, for a run against one server.
    pub(crate) fn create(directory: &Path, run: &str, url: &str) -> Result<Ledger, String> {
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(directory);
        let path = directory.join(format!("{run}.ledger"));
        let mut options = File::options();
        options.append(true).create_new(true).mode(0o600);
        let file = made.and_then(|()| options.open(&path));
        let mut ledger = Ledger {
            file: file.map_err(|e| format!("{}: {e}", path.display()))?,
            path,
            last: 0,
        };
        ledger.write(&json!({"run": run, "url": url}))?;
        Ok(ledger)
    }

    /// A ledger of an earlier run: the file, its server, and the objects that may still exist,
    /// the newest first.
    pub(crate) fn open(path: &Path) -> Result<(Ledger, String, Vec<Entry>), String> {
        let said = |e: std::io::Error| format!("{}: {e}", path.display());
        let text = fs::read_to_string(path).map_err(said)?;
        let file = File::options().append(true).open(path).map_err(said)?;
        let (url, entries) = read(&text);
        let url = url.ok_or_else(|| format!("{}: it names no server", path.display()))?;
        let ledger = Ledger {
            path: path.to_owned(),
            file,
            last: entries.iter().map(|entry| entry.number).max().unwrap_or(0),
        };
        Ok((ledger, url, entries))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Records that an object is about to be created. Nothing may be created before this has
    /// returned.
    pub(crate) fn will(&mut self, path: &str, name: Option<(&str, &str)>) -> Result<u64, String> {
        self.last += 1;
        let number = self.last;
        let name = name.map(|(field, name)| json!([field, name]));
        self.write(&json!({"will": number, "path": path, "name": name}))?;
        // If the machine itself stops, the rest is found by name.
        self.file
            .sync_data()
            .map_err(|e| format!("{}: {e}", self.path.display()))?;
        Ok(number)
    }

    /// The server has created it.
    pub(crate) fn made(&mut self, number: u64, id: &str) -> Result<(), String> {
        self.write(&json!({"made": number, "id": id}))
    }

    /// The server has created nothing.
    pub(crate) fn refused(&mut self, number: u64) -> Result<(), String> {
        self.write(&json!({"refused": number}))
    }

    /// It was removed.
    pub(crate) fn gone(&mut self, number: u64) -> Result<(), String> {
        self.write(&json!({"gone": number}))
    }

    /// The objects that may still exist, the newest first.
    pub(crate) fn left(&self) -> Result<Vec<Entry>, String> {
        let text = fs::read_to_string(&self.path);
        let text = text.map_err(|e| format!("{}: {e}", self.path.display()))?;
        Ok(read(&text).1)
    }

    /// Everything is removed, so the file is removed too.
    pub(crate) fn close(self) -> Result<(), String> {
        fs::remove_file(&self.path).map_err(|e| format!("{}: {e}", self.path.display()))
    }

    fn write(&mut self, line: &Value) -> Result<(), String> {
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written.map_err(|e| format!("{}: {e}", self.path.display()))
    }
}

/// The server, and the objects that may still exist, the newest first. A truncated last line is
/// ignored: its object was not requested yet.
fn read(text: &str) -> (Option<String>, Vec<Entry>) {
    let mut url = None;
    let mut entries: Vec<Entry> = Vec::new();
    for line in text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        if let Some(found) = line["url"].as_str() {
            url = Some(found.to_owned());
        }
        if let Some(number) = line["will"].as_u64() {
            let part = |index: usize| line["name"][index].as_str().map(str::to_owned);
            entries.push(Entry {
                number,
                path: line["path"].as_str().unwrap_or_default().to_owned(),
                name: part(0).zip(part(1)),
                id: None,
            });
        }
        if let Some(number) = line["made"].as_u64() {
            let mut entries = entries.iter_mut();
            if let Some(entry) = entries.find(|entry| entry.number == number) {
                entry.id = line["id"].as_str().map(str::to_owned);
            }
        }
        if let Some(number) = line["gone"].as_u64().or(line["refused"].as_u64()) {
            entries.retain(|entry| entry.number != number);
        }
    }
    entries.reverse();
    (url, entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_and_removed_objects_are_not_removed_again() {
        let text = r#"{"run":"r","url":"https://a"}
{"will":1,"path":"core/groups","name":["name","g"]}
{"made":1,"id":"u-1"}
{"will":2,"path":"core/users","name":["username","x"]}
{"refused":2}
{"will":3,"path":"core/users","name":["username","y"]}
{"made":3,"id":"7"}
{"gone":3}
{"will":4,"path":"core/users","name":["username","z"]}
{"will":5,"pa"#;
        let (url, entries) = read(text);
        assert_eq!(url.as_deref(), Some("https://a"));
        let left: Vec<_> = entries
            .iter()
            .map(|e| (e.number, e.id.as_deref()))
            .collect();
        assert_eq!(left, [(4, None), (1, Some("u-1"))]);
    }
}
