//! `config`: the effective configuration, and where each value comes from.

mod origin;
mod rows;

use std::io::Write;

use anstyle::{AnsiColor, Effects};
use pam_authentik_flow::config::read_sources;

use super::arguments;
use super::misnamed::{self, misnamed};
use super::remedy::of_config;
use super::report::arrow;
use super::setup::Setup;
use super::{CommandError, Exit, printed};
use origin::{Origin, Origins};
use rows::rows;

/// Shows the configuration of a service.
pub(crate) fn run(options: &arguments::Config) -> Result<Exit, CommandError> {
    let setup = Setup::of(&options.service)?;
    let config = setup.config().map_err(|error| {
        let (found, remedy) = of_config(&error);
        format!("{found}\n{}", arrow(&remedy))
    })?;
    let arguments = setup.arguments().map_err(|error| error.to_string())?;
    let path = arguments.config.as_path();
    let sources = read_sources(path).map_err(|error| error.to_string())?;
    let origins = Origins::of_files(&sources, &setup.service, &arguments)?;
    let rows = rows(config);
    let names: Vec<String> = rows.iter().map(|row| row.key.join(".")).collect();
    let values: Vec<String> = rows
        .iter()
        .map(|row| row.value.clone().unwrap_or_else(|| "-".into()))
        .collect();
    let width = |column: &[String]| column.iter().map(|cell| cell.chars().count()).max();
    let (first, second) = (
        width(&names).unwrap_or(0),
        width(&values).unwrap_or(0).min(48),
    );
    let mut out = anstream::stdout().lock();
    let (dim, bold) = (
        AnsiColor::BrightBlack.on_default(),
        anstyle::Style::new().effects(Effects::BOLD),
    );
    let head = writeln!(
        out,
        "service {}, {}{}\n",
        setup.service,
        path.display(),
        setup
            .place
            .map(|place| format!(", arguments of {place}"))
            .unwrap_or_default()
    );
    printed(head)?;
    let drop_ins = sources.iter().skip(1);
    for source in drop_ins.clone() {
        printed(writeln!(out, "drop-in {}", source.path.display()))?;
    }
    let misnamed = misnamed(path);
    for ignored in &misnamed {
        let remedy = arrow(misnamed::REMEDY);
        printed(writeln!(out, "not read {}\n{remedy}", ignored.display()))?;
    }
    if drop_ins.len() > 0 || !misnamed.is_empty() {
        printed(writeln!(out))?;
    }
    for ((row, name), value) in rows.iter().zip(&names).zip(&values) {
        let origin = origins.of(&row.key);
        let style = match origin {
            Origin::Default => dim,
            _ => bold,
        };
        printed(writeln!(
            out,
            "{style}{name:first$}  {value:second$}{style:#}  {}",
            origin.words(&setup.service)
        ))?;
    }
    Ok(Exit::Success)
}
