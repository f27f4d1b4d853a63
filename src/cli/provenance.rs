//! `config`: the effective configuration, and where each value comes from.

use std::io::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Effects};
use pam_authentik_flow::config::{
    AbsolutePath, AccessRules, AccountRules, Arguments, ClientFiles, Config, FactorClass, Fallback,
    FirstPass, Prompts, QrStyle, UserRules,
};
use toml::de::{DeTable, DeValue};

use super::arguments;
use super::setup::Setup;
use super::{Exit, Refusal, printed};

/// One value.
struct Row {
    /// The tables and the key, as in the file.
    key: Vec<&'static str>,
    /// `None`: nothing is set, and nothing is used.
    value: Option<String>,
}

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

/// Every value of the configuration. A field that is added to one of these
/// structures and forgotten here does not compile.
fn rows(config: Config) -> Vec<Row> {
    let Config {
        url,
        flow,
        ca_file,
        client_cert,
        proxy,
        addresses,
        connect_timeout,
        request_timeout,
        login_timeout,
        push_timeout,
        fail_delay,
        user,
        end_session,
        invalidation_flow,
        access,
        account,
        outpost_token,
        password_flow,
        prompt,
        first_pass,
        use_authtok,
        debug,
    } = config;
    let (client_cert, client_key) = match client_cert {
        Some(ClientFiles { certificate, key }) => (Some(path(&certificate)), Some(path(&key))),
        None => (None, None),
    };
    let default_bundle = || "the system's bundle".to_owned();
    let mut rows = Vec::new();
    let mut add = |key: &[&'static str], value: Option<String>| {
        rows.push(Row {
            key: key.to_vec(),
            value,
        });
    };
    add(&["url"], Some(url.to_string()));
    add(&["flow"], Some(flow.as_str().into()));
    add(
        &["ca_file"],
        Some(ca_file.as_ref().map_or_else(default_bundle, path)),
    );
    add(&["client_cert"], client_cert);
    add(&["client_key"], client_key);
    add(
        &["proxy"],
        proxy.map(|proxy| format!("http://{}:{}", proxy.host(), proxy.port())),
    );
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    add(
        &["addresses"],
        (!addresses.is_empty()).then(|| addresses.join(", ")),
    );
    add(&["connect_timeout"], Some(span(connect_timeout)));
    add(&["request_timeout"], Some(span(request_timeout)));
    add(&["login_timeout"], Some(span(login_timeout)));
    add(&["push_timeout"], Some(span(push_timeout)));
    add(&["fail_delay"], Some(span(fail_delay)));
    add(&["end_session"], Some(end_session.to_string()));
    add(
        &["invalidation_flow"],
        Some(invalidation_flow.as_str().into()),
    );
    let UserRules {
        ignore,
        allow,
        min_uid,
        allow_root,
        require_account,
        name,
        lowercase,
        types,
    } = user;
    add(
        &["user", "ignore"],
        (!ignore.is_empty()).then(|| ignore.join(", ")),
    );
    add(&["user", "allow"], allow.map(|allow| allow.join(", ")));
    add(&["user", "min_uid"], Some(min_uid.to_string()));
    add(&["user", "allow_root"], Some(allow_root.to_string()));
    add(
        &["user", "require_account"],
        Some(require_account.to_string()),
    );
    add(&["user", "name"], Some(name.apply("{user}")));
    add(&["user", "lowercase"], Some(lowercase.to_string()));
    let types: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
    add(&["user", "types"], Some(types.join(", ")));
    add(
        &["access", "groups"],
        access.groups().map(|groups| groups.join(", ")),
    );
    add(
        &["access", "application"],
        access.application().map(|slug| slug.as_str().into()),
    );
    let any = matches!(access, AccessRules::AnyUser);
    add(&["access", "allow_any_user"], Some(any.to_string()));
    let (token_file, on_unavailable, unknown) = match account {
        Some(AccountRules {
            token_file,
            on_unavailable,
            unknown,
        }) => (
            Some(path(&token_file)),
            Some(fallback(on_unavailable)),
            Some(fallback(unknown)),
        ),
        None => (None, None, None),
    };
    add(&["account", "token_file"], token_file);
    add(&["account", "on_unavailable"], on_unavailable);
    add(&["account", "unknown"], unknown);
    add(&["outpost", "token_file"], outpost_token.as_ref().map(path));
    add(
        &["password", "flow"],
        password_flow.map(|slug| slug.as_str().into()),
    );
    let Prompts {
        password,
        code,
        attempts,
        language,
        words: _,
        qr,
        second_factor,
        code_separator,
        single,
        skip_redirects,
    } = prompt;
    add(&["prompt", "password"], Some(password));
    add(&["prompt", "code"], Some(code));
    add(&["prompt", "attempts"], Some(attempts.to_string()));
    add(
        &["prompt", "language"],
        language.map(|tag| tag.as_str().into()),
    );
    add(&["prompt", "qr"], Some(qr_style(qr).into()));
    let factors = second_factor.map(|classes| {
        let names: Vec<&str> = classes.into_iter().map(factor).collect();
        names.join(", ")
    });
    add(
        &["prompt", "second_factor"],
        Some(factors.unwrap_or_else(|| "all".into())),
    );
    add(&["prompt", "code_separator"], code_separator);
    add(&["prompt", "single"], Some(single.to_string()));
    add(
        &["prompt", "skip_redirects"],
        Some(skip_redirects.to_string()),
    );
    let first_pass = match first_pass {
        FirstPass::Ask => "the person is asked",
        FirstPass::Try => "try_first_pass",
        FirstPass::Use => "use_first_pass",
    };
    add(&["(first_pass)"], Some(first_pass.into()));
    add(&["(use_authtok)"], Some(use_authtok.to_string()));
    add(&["(debug)"], Some(debug.to_string()));
    rows
}

fn path(path: &AbsolutePath) -> String {
    path.as_path().display().to_string()
}

fn span(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

fn fallback(fallback: Fallback) -> String {
    match fallback {
        Fallback::Deny => "deny".into(),
        Fallback::Ignore => "ignore".into(),
    }
}

fn qr_style(style: QrStyle) -> &'static str {
    match style {
        QrStyle::Auto => "auto",
        QrStyle::Utf8 => "utf8",
        QrStyle::Ascii => "ascii",
        QrStyle::Never => "never",
    }
}

fn factor(class: FactorClass) -> &'static str {
    match class {
        FactorClass::Totp => "totp",
        FactorClass::Static => "static",
        FactorClass::Sms => "sms",
        FactorClass::Email => "email",
        FactorClass::Duo => "duo",
    }
}

/// Where a value comes from.
enum Origin {
    Default,
    /// A line of the file, at the top.
    Line(usize),
    /// A line of the file, in the section of this service.
    Section(String, usize),
    Argument,
}

impl Origin {
    fn words(&self, service: &str) -> String {
        match self {
            Self::Default => "default".into(),
            Self::Line(line) => format!("line {line}"),
            Self::Section(name, line) if name == service => {
                format!("line {line}, [services.{name}]")
            }
            Self::Section(name, line) => {
                format!("line {line}, [services.{name}], which {service} follows")
            }
            Self::Argument => "argument of the module in the PAM stack".into(),
        }
    }
}

struct Origins<'a> {
    document: DeTable<'a>,
    text: &'a str,
    service: &'a str,
    arguments: &'a Arguments,
}

impl Origins<'_> {
    fn of(&self, key: &[&str]) -> Origin {
        let arguments = self.arguments;
        let argued = match key {
            ["url"] => arguments.url.is_some(),
            ["flow"] => arguments.flow.is_some(),
            ["ca_file"] => arguments.ca_file.is_some(),
            ["fail_delay"] => arguments.nodelay,
            ["(first_pass)"] => arguments.first_pass != FirstPass::Ask,
            ["(use_authtok)"] => arguments.use_authtok,
            ["(debug)"] => arguments.debug,
            _ => false,
        };
        if argued {
            return Origin::Argument;
        }
        let section = self.section();
        if let Some((name, table)) = section {
            if let Some(line) = self.line(table, key) {
                return Origin::Section(name.into(), line);
            }
            // [access] is one decision: a service's own replaces it whole.
            let own_access = ["groups", "application", "allow_any_user"]
                .iter()
                .any(|own| self.line(table, &["access", own]).is_some());
            if key.first() == Some(&"access") && own_access {
                return Origin::Default;
            }
        }
        self.line(&self.document, key)
            .map_or(Origin::Default, Origin::Line)
    }

    /// The section that the service goes by: its own, or that of `sudo` for `sudo-i`.
    fn section(&self) -> Option<(&str, &DeTable<'_>)> {
        let services = table(&self.document, "services")?;
        let family = self
            .service
            .rsplit_once('-')
            .filter(|(_, kind)| matches!(*kind, "i" | "l"))
            .map(|(family, _)| family);
        [Some(self.service), family]
            .into_iter()
            .flatten()
            .find_map(|name| Some((name, table(services, name)?)))
    }

    /// The line of a key below `within`.
    fn line(&self, within: &DeTable<'_>, key: &[&str]) -> Option<usize> {
        let (last, tables) = key.split_last()?;
        let mut within = within;
        for name in tables {
            within = table(within, name)?;
        }
        let (found, _) = within.iter().find(|(name, _)| name.get_ref() == last)?;
        let before = self.text.as_bytes().iter().take(found.span().start);
        let ends = before.filter(|&&byte| byte == b'\n').count();
        Some(ends.saturating_add(1))
    }
}

fn table<'a, 'b>(within: &'a DeTable<'b>, name: &str) -> Option<&'a DeTable<'b>> {
    match within.get(name)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}
