//! Every value of the configuration, by its key.

use std::time::Duration;

use pam_authentik_flow::config::{
    AbsolutePath, AccessRules, AccountDomain, AccountRules, ClientFiles, Config, FactorClass,
    FactorRules, Fallback, FirstPass, HostRules, KeyPlace, KeyRules, LanguageTag, Prompts, QrStyle,
    Slug, UserRules,
};
use pam_authentik_flow::display::PromptStyle;

/// One value.
pub(super) struct Row {
    /// The tables and the key, as in the file.
    pub(super) key: Vec<&'static str>,
    /// `None` if no value is set and no default is used.
    pub(super) value: Option<String>,
}

/// The values, in the order of the file.
#[derive(Default)]
struct Rows(Vec<Row>);

/// Every value of the configuration. A new field in one of these structures does not
/// compile until it is added here.
pub(super) fn rows(config: Config) -> Vec<Row> {
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
        host,
        password_flow,
        prompt,
        second_factor,
        security_key,
        first_pass,
        use_authtok,
        debug,
    } = config;
    let (client_cert, client_key) = match &client_cert {
        Some(ClientFiles { certificate, key }) => (Some(path(certificate)), Some(path(key))),
        None => (None, None),
    };
    let proxy = proxy.map(|proxy| format!("http://{}:{}", proxy.host(), proxy.port()));
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let mut rows = Rows::default();
    rows.add(&["url"], url);
    rows.add(&["flow"], flow.as_str());
    rows.add(
        &["ca_file"],
        ca_file
            .as_ref()
            .map_or_else(|| "the system's bundle".to_owned(), path),
    );
    rows.add_if(&["client_cert"], client_cert);
    rows.add_if(&["client_key"], client_key);
    rows.add_if(&["proxy"], proxy);
    rows.add_if(&["addresses"], list(&addresses));
    rows.add(&["connect_timeout"], span(connect_timeout));
    rows.add(&["request_timeout"], span(request_timeout));
    rows.add(&["login_timeout"], span(login_timeout));
    rows.add(&["push_timeout"], span(push_timeout));
    rows.add(&["fail_delay"], span(fail_delay));
    rows.add(&["end_session"], end_session);
    rows.add(&["invalidation_flow"], invalidation_flow.as_str());
    rows.user(&user);
    rows.access(&access);
    rows.account(account.as_ref());
    rows.add_if(&["outpost", "token_file"], outpost_token.as_ref().map(path));
    rows.host(host.as_ref());
    rows.add_if(
        &["password", "flow"],
        password_flow.as_ref().map(Slug::as_str),
    );
    rows.prompt(prompt);
    let FactorRules {
        remember,
        remember_for,
    } = second_factor;
    rows.add(&["second_factor", "remember"], remember.as_str());
    rows.add(&["second_factor", "remember_for"], span(remember_for));
    rows.security_key(security_key);
    let first_pass = match first_pass {
        FirstPass::Ask => "the person is asked",
        FirstPass::Try => "try_first_pass",
        FirstPass::Use => "use_first_pass",
    };
    rows.add(&["(first_pass)"], first_pass);
    rows.add(&["(use_authtok)"], use_authtok);
    rows.add(&["(debug)"], debug);
    rows.0
}

impl Rows {
    fn add(&mut self, key: &[&'static str], value: impl ToString) {
        self.add_if(key, Some(value));
    }

    fn add_if(&mut self, key: &[&'static str], value: Option<impl ToString>) {
        self.0.push(Row {
            key: key.to_vec(),
            value: value.map(|value| value.to_string()),
        });
    }

    fn host(&mut self, rules: Option<&HostRules>) {
        let (token_file, identifier) = match rules {
            Some(HostRules {
                token_file,
                identifier,
            }) => (Some(path(token_file)), Some(identifier.as_str())),
            None => (None, None),
        };
        self.add_if(&["host", "token_file"], token_file);
        self.add_if(&["host", "identifier"], identifier);
    }

    fn user(&mut self, rules: &UserRules) {
        let UserRules {
            ignore,
            allow,
            min_uid,
            allow_root,
            require_account,
            domain,
            name,
            lowercase,
            types,
            bind,
        } = rules;
        let types: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
        self.add_if(&["user", "ignore"], list(ignore));
        self.add_if(
            &["user", "allow"],
            allow.as_ref().map(|allow| allow.join(", ")),
        );
        self.add(&["user", "min_uid"], min_uid);
        self.add(&["user", "allow_root"], allow_root);
        self.add(&["user", "require_account"], require_account);
        self.add_if(
            &["user", "domain"],
            domain.as_ref().map(AccountDomain::as_str),
        );
        self.add(&["user", "name"], name.apply("{user}"));
        self.add(&["user", "lowercase"], lowercase);
        self.add(&["user", "types"], types.join(", "));
        self.add(&["user", "bind"], bind.as_str());
    }

    fn access(&mut self, rules: &AccessRules) {
        let any = matches!(rules, AccessRules::AnyUser);
        self.add_if(
            &["access", "groups"],
            rules.groups().map(|groups| groups.join(", ")),
        );
        self.add_if(
            &["access", "application"],
            rules.application().map(Slug::as_str),
        );
        self.add(&["access", "allow_any_user"], any);
    }

    fn account(&mut self, rules: Option<&AccountRules>) {
        let (token_file, on_unavailable, unknown) = match rules {
            Some(AccountRules {
                token_file,
                on_unavailable,
                unknown,
            }) => (
                Some(path(token_file)),
                Some(fallback(*on_unavailable)),
                Some(fallback(*unknown)),
            ),
            None => (None, None, None),
        };
        self.add_if(&["account", "token_file"], token_file);
        self.add_if(&["account", "on_unavailable"], on_unavailable);
        self.add_if(&["account", "unknown"], unknown);
    }

    fn security_key(&mut self, rules: KeyRules) {
        let KeyRules {
            enabled,
            place,
            timeout,
            pin_reserve,
            passkey,
            origin,
            rp_id,
        } = rules;
        let place = match place {
            KeyPlace::Local => "local",
            KeyPlace::Any => "any",
        };
        self.add(&["security_key", "enabled"], enabled);
        self.add(&["security_key", "where"], place);
        self.add(&["security_key", "timeout"], span(timeout));
        self.add(&["security_key", "pin_reserve"], pin_reserve);
        self.add(&["security_key", "passkey"], passkey);
        self.add(&["security_key", "origin"], origin);
        self.add(&["security_key", "rp_id"], rp_id);
    }

    fn prompt(&mut self, prompts: Prompts) {
        let Prompts {
            password,
            code,
            attempts,
            code_pause,
            language,
            words: _,
            style,
            qr,
            second_factor,
            code_separator,
            single,
            skip_redirects,
        } = prompts;
        let factors = second_factor.map_or_else(
            || "all".to_owned(),
            |classes| {
                let names: Vec<&str> = classes.into_iter().map(factor).collect();
                names.join(", ")
            },
        );
        self.add(&["prompt", "password"], password);
        self.add(&["prompt", "code"], code);
        self.add(&["prompt", "attempts"], attempts);
        self.add(&["prompt", "code_pause"], span(code_pause));
        self.add_if(
            &["prompt", "language"],
            language.as_ref().map(LanguageTag::as_str),
        );
        self.add(&["prompt", "style"], prompt_style(style));
        self.add(&["prompt", "qr"], qr_style(qr));
        self.add(&["prompt", "second_factor"], factors);
        self.add_if(&["prompt", "code_separator"], code_separator);
        self.add(&["prompt", "single"], single);
        self.add(&["prompt", "skip_redirects"], skip_redirects);
    }
}

/// The entries of a list; `None` if it is empty.
fn list(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(", "))
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

fn fallback(fallback: Fallback) -> &'static str {
    match fallback {
        Fallback::Deny => "deny",
        Fallback::Ignore => "ignore",
    }
}

fn prompt_style(style: PromptStyle) -> &'static str {
    match style {
        PromptStyle::Auto => "auto",
        PromptStyle::Short => "short",
        PromptStyle::Full => "full",
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
        FactorClass::Webauthn => "webauthn",
    }
}
