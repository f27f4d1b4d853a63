//! Challenges that a server may send.

use std::sync::OnceLock;

/// The end of a flow.
pub const END: &str = r#"{"component":"xak-flow-redirect","to":"/"}"#;

pub(crate) const IDENTIFY: &str = r#"{"component":"ak-stage-identification","password_fields":false,"flow_info":{"title":"Log in"}}"#;
pub(crate) const COMBINED: &str = r#"{"component":"ak-stage-identification","password_fields":true,"flow_info":{"title":"Log in"}}"#;
pub(crate) const PASSWORD: &str =
    r#"{"component":"ak-stage-password","pending_user":"alice","flow_info":{"title":"Log in"}}"#;
pub(crate) const TOTP: &str = r#"{"component":"ak-stage-authenticator-validate","device_challenges":[{"device_class":"totp","device_uid":"1","challenge":{},"last_used":null}],"configuration_stages":[]}"#;
pub(crate) const MENU: &str = r#"{"component":"ak-stage-authenticator-validate","device_challenges":[{"device_class":"totp","device_uid":"1","challenge":{}},{"device_class":"sms","device_uid":"2","challenge":{}},{"device_class":"email","device_uid":"3","challenge":{"email":"a***@e***.com"}},{"device_class":"duo","device_uid":"4","challenge":{}}]}"#;
pub(crate) const DUO: &str = r#"{"component":"ak-stage-authenticator-validate","device_challenges":[{"device_class":"duo","device_uid":"4","challenge":{}}]}"#;
pub(crate) const SMS: &str = r#"{"component":"ak-stage-authenticator-validate","device_challenges":[{"device_class":"sms","device_uid":"2","challenge":{}}]}"#;
pub(crate) const LOGIN: &str = r#"{"component":"ak-stage-user-login","pending_user":"alice"}"#;
pub(crate) const DUMMY: &str = r#"{"component":"ak-stage-dummy","name":"one"}"#;
pub(crate) const OTHER_DUMMY: &str = r#"{"component":"ak-stage-dummy","name":"two"}"#;
pub(crate) const CONSENT: &str = r#"{"component":"ak-stage-consent","header_text":"Share?","permissions":[{"name":"Name","id":"n"}],"additional_permissions":[],"token":"t"}"#;
pub(crate) const MAIL: &str = r#"{"component":"ak-stage-email"}"#;
pub(crate) const FORM: &str = r#"{"component":"ak-stage-prompt","fields":[{"field_key":"motto","label":"Motto","type":"text","required":true,"placeholder":"","initial_value":"","order":1,"sub_text":"<b>Say</b> it","choices":null},{"field_key":"new","label":"New","type":"password","required":true,"placeholder":"","initial_value":"","order":2,"sub_text":"","choices":null}]}"#;
pub(crate) const REDIRECT_STAGE: &str =
    r#"{"component":"xak-flow-redirect","to":"/x","flow_info":{"title":"On"}}"#;
pub(crate) const AGENT: &str =
    r#"{"component":"ak-stage-endpoint-agent","challenge":"c","challenge_idle_timeout":5}"#;
pub(crate) const DENIED: &str =
    r#"{"component":"ak-stage-access-denied","error_message":"No.\nAsk."}"#;
pub(crate) const BROKEN: &str = r#"{"component":"ak-stage-flow-error","request_id":"r"}"#;

/// Flows that an administrator may have built. The first is the usual one.
pub(crate) const FLOWS: [&[&str]; 14] = [
    &[IDENTIFY, PASSWORD],
    &[COMBINED],
    &[IDENTIFY, PASSWORD, TOTP],
    &[IDENTIFY, PASSWORD, MENU, LOGIN],
    &[IDENTIFY, TOTP],
    &[IDENTIFY, DUO],
    &[IDENTIFY, PASSWORD, SMS],
    &[IDENTIFY],
    &[],
    &[IDENTIFY, LOGIN],
    &[IDENTIFY, CONSENT, FORM, DUMMY, OTHER_DUMMY],
    &[IDENTIFY, MAIL, PASSWORD, AGENT],
    &[REDIRECT_STAGE, IDENTIFY, PASSWORD],
    &[DUMMY, IDENTIFY, PASSWORD, CONSENT, LOGIN],
];

/// Challenges that look like an end and may not be one.
pub(crate) const ENDS: [&str; 12] = [
    END,
    r#"{"component":"xak-flow-redirect","to":"/","final_redirect":true}"#,
    r#"{"component":"xak-flow-redirect","to":"/","final_redirect":true,"flow_info":{}}"#,
    r#"{"component":"xak-flow-redirect","to":"/","final_redirect":false}"#,
    r#"{"component":"xak-flow-redirect","to":"/","final_redirect":null}"#,
    r#"{"component":"xak-flow-redirect","to":"/","final_redirect":"true"}"#,
    r#"{"component":"xak-flow-redirect","to":"/","final_redirect":true,"final_redirect":false}"#,
    r#"{"component":"xak-flow-redirect","to":"/","flow_info":null}"#,
    r#"{"component":"ak-stage-access-denied","component":"xak-flow-redirect","to":"/"}"#,
    r#"{"component":"xak-flow-redirect","to":"/","response_errors":{"to":[{"string":"No","code":"invalid"}]}}"#,
    r#"["xak-flow-redirect","/"]"#,
    r#"{"component":"xak-flow-redirect\u200b","to":"/"}"#,
];

/// All challenges: those above, and one recorded sample of each.
pub(crate) fn catalogue() -> &'static [String] {
    static CATALOGUE: OnceLock<Vec<String>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let samples = include_str!("../../captures/components.json");
        let samples: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_str(samples).expect("the recorded samples");
        let own = FLOWS.iter().copied().flatten().copied().chain(ENDS);
        let own = own.chain([DENIED, BROKEN]).map(str::to_owned);
        own.chain(samples.into_values().map(|body| body.get().to_owned()))
            .collect()
    })
}

/// `challenge` as the reply to a wrong answer.
pub(crate) fn with_errors(challenge: &str, field: &str, code: &str) -> String {
    let errors =
        format!(r#"{{"response_errors":{{"{field}":[{{"string":"No.","code":"{code}"}}]}},"#);
    challenge.replacen('{', &errors, 1)
}
