//! Compares the double with the recordings of a real authentik in `tests/captures`: sends every
//! recorded request to it over TLS, and compares the answer with the recorded one.
//! `tests/captures/replay.toml` has what a recording does not contain.

mod client;
#[path = "replay/compare.rs"]
mod compare;
#[path = "replay/honesty.rs"]
mod honesty;
#[path = "replay/player.rs"]
mod player;
#[path = "replay/sidecar.rs"]
mod sidecar;
#[path = "replay/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use authentik_double::Version;
use compare::Shapes;
use player::Replay;
use serde_json::Value;
use sidecar::Sidecar;
use world::Recordings;

/// The folders of the recordings, with their versions of authentik.
const SETS: [(&str, Version); 2] = [
    ("../captures", Version::V2025_10),
    ("../captures-2026.8", Version::V2026_8),
];

#[test]
fn the_double_answers_as_2025_10_did() {
    let (folder, version) = SETS[0];
    println!("{}", replay(folder, version));
}

#[test]
fn the_double_answers_as_2026_8_did() {
    let (folder, version) = SETS[1];
    println!("{}", replay(folder, version));
}

/// The sidecar of a folder, and its recordings.
fn read(folder: &str) -> (Sidecar, Recordings) {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let sidecar = Sidecar::read(&captures.join("replay.toml"));
    let mut recordings = BTreeMap::new();
    for entry in std::fs::read_dir(&captures).expect("the recordings are there") {
        let path = entry.expect("a directory entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = std::fs::read_to_string(&path).expect("a readable recording");
            let value: Value = serde_json::from_str(&text).expect("a recording in JSON");
            recordings.insert(name, value);
        }
    }
    (sidecar, recordings)
}

/// Replays the recordings of a folder. Returns how many there are.
fn replay(folder: &str, version: Version) -> String {
    let (sidecar, mut recordings) = read(folder);
    // Samples of challenges, which are not a sequence of requests.
    let samples = recordings.remove("components").unwrap_or_default();

    let mut complaints = sidecar.complaints(&recordings.keys().cloned().collect());
    let mut shapes = Shapes::default();
    let mut replayed = 0;
    for (name, recording) in &recordings {
        let Some(setup) = sidecar.setup(name) else {
            continue;
        };
        let steps = recording.as_array().expect("a recording is a list");
        let found = Replay::new(setup, &sidecar, &recordings, version).run(steps, &mut shapes);
        complaints.extend(
            found
                .into_iter()
                .map(|complaint| format!("{name} {complaint}")),
        );
        replayed += 1;
    }
    complaints.extend(shapes.missing(&samples));

    assert!(
        complaints.is_empty(),
        "{} differences from the recordings:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    let exceptions: Vec<String> = sidecar
        .not_replayed
        .iter()
        .map(|(name, why)| format!("{name} ({why})"))
        .collect();
    format!(
        "{}: replayed {replayed} of {} recordings, {} not: {}",
        version.name(),
        recordings.len(),
        exceptions.len(),
        exceptions.join(", ")
    )
}

#[test]
fn every_recording_is_named_once() {
    for (folder, _) in SETS {
        let (sidecar, _) = read(folder);
        let mut names = BTreeSet::new();
        for name in sidecar.names() {
            assert!(names.insert(name.clone()), "{folder} names {name} twice");
        }
    }
}
