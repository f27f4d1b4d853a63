//! Whole programs: what a person waits for, with the module and with
//! `pam_permit` in its place.

use crate::Result;
use crate::report::Table;
use crate::scenario::Bench;
use crate::server::Server;

/// All that are there.
pub fn run(_: &Bench<'_>, _: &mut Server, _: usize) -> Result<Table> {
    Ok(Table::new("Whole programs", &["program"]))
}
