//! `config`: the effective configuration, and where each value comes from.

mod origin;
mod rows;

use std::io::Write;

use anstyle::{AnsiColor, Effects};
use toml::de::DeTable;

use super::arguments;
use super::setup::Setup;
use super::{Exit, Refusal, printed};
use origin::{Origin, Origins};
use rows::rows;

/// Shows the configuration of a service.
pub(crate) fn run(options: &arguments::Config) -> Result<Exit, Refusal> {
    let setup = Setup::of(&options.service)?;
    let config = setup.config().map_err(|error| error.to_string())?;
    let arguments = setup.arguments().map_err(|error| error.to_string())?;
    let path = arguments.config.as_path();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let origins = Origins {
        document: DeTable::parse(&text)
            .map_err(|error| error.to_string())?
            .into_inner(),
        text: &text,
        service: &setup.service,
        arguments: &arguments,
    };
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
    Ok(Exit::Well)
}
