//! Writes the seeds of all fuzzers into a folder: `fuzz-seeds FOLDER`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from("fuzz/seeds"));
    for seed in login_invariant::seeds::all() {
        let of_target = folder.join(seed.target);
        std::fs::create_dir_all(&of_target)?;
        std::fs::write(of_target.join(&seed.name), &seed.bytes)?;
    }
    Ok(())
}
