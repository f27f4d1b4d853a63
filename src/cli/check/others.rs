//! The flow, application and groups of the other services in the configuration.

use pam_authentik_flow::config::{Binding, Config};

use super::leftovers::sections;
use super::{Asked, Way, bindings, named_files, questions, reach};
use crate::cli::CommandError;
use crate::cli::arguments::Check;
use crate::cli::remedy::of_config;
use crate::cli::report::Report;
use crate::cli::setup::Setup;
use crate::cli::stack::Stacks;

/// Checks each service whose stack names the module, and each that has its own section
/// in the configuration. Repeats no request that was made for another service.
pub(super) fn look(
    report: &mut Report,
    options: &Check,
    setup: &Setup,
    config: &Config,
    asked: &mut Asked,
) -> Result<(), CommandError> {
    let stacks = Stacks::at(&options.service.folders.pam_dir);
    let naming = stacks.naming_module();
    let mut services = naming.clone();
    let known = stacks.services();
    for (name, _) in sections(setup) {
        if known.contains(&name) && !services.contains(&name) {
            services.push(name);
        }
    }
    services.retain(|service| *service != setup.service);
    for service in services {
        // Without its own section, its configuration is the one of this service.
        let path = setup.path();
        let path = (!naming.contains(&service)).then_some(path.as_path());
        let own = Setup::for_service(&service, path, &stacks)?;
        report.is_about(Some(&service));
        match own.config() {
            Ok(own_config) => {
                // What is bound is the host's, and was looked at if this service does so.
                if config.user.bind == Binding::Never && asked.is_new(&own_config, "stored", "") {
                    bindings::stored(report, &own_config, &options.state.state_dir);
                }
                one(report, options, (&own, &own_config), config, asked);
            }
            // The check of the stacks reports services that name the module.
            Err(error) if !naming.contains(&service) => {
                let (found, remedy) = of_config(&error);
                report.wrong("configuration.wrong", found, remedy);
            }
            Err(_) => {}
        }
        report.is_about(None);
    }
    Ok(())
}

fn one(
    report: &mut Report,
    options: &Check,
    (setup, config): (&Setup, &Config),
    main: &Config,
    asked: &mut Asked,
) {
    if !asked.has(config, "server") {
        if !options.offline {
            reach(report, options, setup, config, asked);
        }
        return;
    }
    if !asked.has(config, "answers") {
        return;
    }
    let mut way = Way::of(options, setup, config);
    let token = main.account.as_ref().map(|rules| rules.token_file.clone());
    way.token = way.token.or(token);
    if let Some(mut transport) = named_files(report, &way) {
        questions(report, &way, &mut transport, asked);
    }
}
