//! The versions of authentik that the double imitates, and their differences.
//!
//! The fields are those of the API's own models, which authentik's authors generate for each
//! release (the crate `authentik-client`, 2025.10.0, 2025.12.0, 2026.2.0, 2026.2.5, 2026.5.0,
//! 2026.5.5, 2026.8.5), and those of the recordings of 2025.10.0 and 2026.8.0.

use serde_json::{Map, Value};

use crate::session::USER_SWITCHING;

/// A version of authentik.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    /// 2025.10, the version of the recordings in `tests/captures`.
    #[default]
    V2025_10,
    /// 2025.12.0.
    V2025_12,
    /// 2026.2.0 to 2026.2.4.
    V2026_2,
    /// 2026.2.5 and later of that series: redirects say whether they are final.
    V2026_2_5,
    /// 2026.5.0 to 2026.5.4: redirects do not say so.
    V2026_5,
    /// 2026.8, the version of the recordings in `tests/captures-2026.8`.
    V2026_8,
}

/// How a version differs from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// An object has a new field.
    New(&'static str, &'static str),
    /// An object no longer has a field.
    Gone(&'static str, &'static str),
    /// It behaves differently.
    Does(Behaviour),
    /// It does not behave so, or not yet, because the series was branched off earlier.
    DoesNot(Behaviour),
}

/// The behaviour of a version, apart from its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// The password stage counts tries by the reputation of the name, over all sessions, since
    /// the stage was first shown.
    CountsByReputation,
    /// A message that cannot be sent is an error of the answer that asked for it.
    TellsOfTheGateway,
    /// An unknown `flow_token` restarts the flow.
    RestartsOverUnknownLinks,
    /// Only superusers see the messages of an application's policies.
    KeepsMessagesBack,
    /// The session of a deactivated account gets status 400.
    RefusesInactiveSessions,
    /// The API's JSON has no charset in its Content-Type.
    SendsNoCharset,
    /// An identification without a name and a passkey reports that both are missing.
    TakesNoName,
    /// A mailed link leads to a consent first.
    ConfirmsLinks,
    /// A client cannot pass a stage that redirects to a source by claiming that it is done.
    KeepsToSources,
    /// A phone number that was already confirmed is refused.
    RefusesTakenNumbers,
    /// A code from a text message need not be a number.
    TakesCodesAsText,
    /// A choice is an object, with a value and a label.
    ShowsChoicesAsObjects,
    /// The address that cancels a flow contains the next page from `query`.
    CancelsTowardsNext,
    /// While it starts, its front answers with 503. This is from its source.
    StartsWith503,
    /// A wrong code also blocks devices that get codes by text message or mail.
    ThrottlesMessages,
    /// A flow may require a link's token.
    KnowsRequiredTokens,
    /// Users with the permission can list flows.
    GuardsFlows,
    /// Hosts are enrolled through the API, and the endpoint stage asks which one it is. The
    /// fields of both are the same in all versions since.
    EnrolsHosts,
}

use Behaviour::{
    CancelsTowardsNext, ConfirmsLinks, CountsByReputation, EnrolsHosts, GuardsFlows,
    KeepsMessagesBack, KeepsToSources, KnowsRequiredTokens, RefusesInactiveSessions,
    RefusesTakenNumbers, RestartsOverUnknownLinks, SendsNoCharset, ShowsChoicesAsObjects,
    StartsWith503, TakesCodesAsText, TakesNoName, TellsOfTheGateway, ThrottlesMessages,
};
use Change::{Does, DoesNot, Gone, New};

/// All differences, version by version.
const CHANGES: [(Version, &[Change]); 6] = [
    (Version::V2025_10, &[]),
    (
        Version::V2025_12,
        &[
            New("ak-stage-identification", "passkey_challenge"),
            New("users/me", "roles"),
            New("user", "roles"),
            New("user", "roles_obj"),
            New("group", "inherited_roles_obj"),
            New("group", "parents"),
            New("group", "parents_obj"),
            Gone("group", "parent"),
            Gone("group", "parent_name"),
            Gone("groups_obj", "parent"),
            Gone("groups_obj", "parent_name"),
            Does(CountsByReputation),
            Does(TakesNoName),
            Does(EnrolsHosts),
        ],
    ),
    (
        Version::V2026_2,
        &[
            New("ak-stage-identification", "pending_user_identifier"),
            New("flow_info", "background_themed_urls"),
        ],
    ),
    (
        Version::V2026_2_5,
        &[
            New("xak-flow-redirect", "final_redirect"),
            // CVE-2026-49448, fixed in 2026.2.4 and 2026.5.1
            Does(KeepsToSources),
        ],
    ),
    (
        Version::V2026_5,
        &[
            Gone("xak-flow-redirect", "final_redirect"),
            DoesNot(KeepsToSources),
            Does(ThrottlesMessages),
            Does(KnowsRequiredTokens),
        ],
    ),
    (
        // Measured with 2026.8.0-rc1. It is not known which earlier version first had this
        // behaviour, so the double uses what was seen.
        Version::V2026_8,
        &[
            New("xak-flow-redirect", "final_redirect"),
            New("users/me", "is_current"),
            New("session", "users"),
            New("cookies", USER_SWITCHING),
            Does(TellsOfTheGateway),
            Does(RestartsOverUnknownLinks),
            Does(KeepsMessagesBack),
            Does(RefusesInactiveSessions),
            Does(SendsNoCharset),
            Does(ConfirmsLinks),
            Does(KeepsToSources),
            Does(RefusesTakenNumbers),
            Does(GuardsFlows),
            Does(TakesCodesAsText),
            Does(ShowsChoicesAsObjects),
            Does(CancelsTowardsNext),
            Does(StartsWith503),
        ],
    ),
];

impl Version {
    /// All versions that the double knows, the oldest first.
    pub const ALL: [Version; 6] = [
        Version::V2025_10,
        Version::V2025_12,
        Version::V2026_2,
        Version::V2026_2_5,
        Version::V2026_5,
        Version::V2026_8,
    ];
    /// The oldest and the newest. What holds for both is not tested with the versions between.
    pub const ENDS: [Version; 2] = [Version::V2025_10, Version::V2026_8];

    /// Its number, as authentik writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Version::V2025_10 => "2025.10.0",
            Version::V2025_12 => "2025.12.0",
            Version::V2026_2 => "2026.2.0",
            Version::V2026_2_5 => "2026.2.5",
            Version::V2026_5 => "2026.5.0",
            Version::V2026_8 => "2026.8.0",
        }
    }

    /// The version of this number.
    #[must_use]
    pub fn named(name: &str) -> Option<Version> {
        Version::ALL
            .into_iter()
            .find(|version| version.name() == name || version.name().trim_end_matches(".0") == name)
    }

    /// The version that tests choose with `AUTHENTIK_DOUBLE_VERSION`. The default is the
    /// oldest.
    ///
    /// # Panics
    /// As [`Version::asked_for_or`].
    #[must_use]
    pub fn asked_for() -> Version {
        Version::asked_for_or(Version::default())
    }

    /// The version that tests choose with `AUTHENTIK_DOUBLE_VERSION`. The default is this one.
    ///
    /// # Panics
    /// If there is no such version. A test run with the wrong version would prove nothing.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "the environment of a test is its caller's"
    )]
    pub fn asked_for_or(default: Version) -> Version {
        match std::env::var("AUTHENTIK_DOUBLE_VERSION") {
            Ok(name) => Version::named(&name)
                .unwrap_or_else(|| panic!("AUTHENTIK_DOUBLE_VERSION: no version {name:?}")),
            Err(_) => default,
        }
    }

    /// Whether redirects say if they are final. Then a flow that was denied with *continue*
    /// differs from one that has ended.
    #[must_use]
    pub fn tells_final_redirects(self) -> bool {
        self.has("xak-flow-redirect", "final_redirect")
    }

    /// The status of its front while it starts.
    pub(crate) fn status_while_starting(self) -> u16 {
        if self.does(StartsWith503) { 503 } else { 200 }
    }

    /// Whether a mailed link leads to a question first.
    #[must_use]
    pub fn confirms_links(self) -> bool {
        self.does(ConfirmsLinks)
    }

    /// Whether users/me shows the user a second time, among those that the session can switch to.
    #[must_use]
    pub fn shows_the_user_twice(self) -> bool {
        self.has("session", "users")
    }

    /// Whether lists of groups name their parents. Then a nested group needs no further
    /// request.
    #[must_use]
    pub fn lists_parents(self) -> bool {
        self.has("groups_obj", "parent")
    }

    fn changes(self) -> impl DoubleEndedIterator<Item = Change> {
        CHANGES
            .into_iter()
            .filter(move |(version, _)| *version <= self)
            .flat_map(|(_, changes)| changes.iter().copied())
    }

    /// Whether it behaves so.
    pub(crate) fn does(self, behaviour: Behaviour) -> bool {
        let last = self.changes().rev().find_map(|change| match change {
            Does(this) if this == behaviour => Some(true),
            DoesNot(this) if this == behaviour => Some(false),
            _ => None,
        });
        last.unwrap_or_default()
    }

    /// Whether its `object` has this field. A field without a difference is in all versions.
    pub(crate) fn has(self, object: &str, field: &str) -> bool {
        let last = self.changes().rev().find_map(|change| match change {
            New(of, name) if (of, name) == (object, field) => Some(true),
            Gone(of, name) if (of, name) == (object, field) => Some(false),
            _ => None,
        });
        let newest = Version::V2026_8.changes();
        let mut additions = newest.filter_map(|change| match change {
            New(of, name) => Some((of, name)),
            _ => None,
        });
        last.unwrap_or_else(|| !additions.any(|added| added == (object, field)))
    }

    /// Removes the fields of an `object` that this version does not have.
    pub(crate) fn shape(self, object: &str, fields: &mut Map<String, Value>) {
        fields.retain(|field, _| self.has(object, field));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_there_from_its_version_on() {
        let has = |object, field| Version::ALL.map(|version| version.has(object, field));
        assert_eq!(has("ak-stage-identification", "sources"), [true; 6]);
        assert_eq!(
            has("ak-stage-identification", "passkey_challenge"),
            [false, true, true, true, true, true]
        );
        assert_eq!(
            has("xak-flow-redirect", "final_redirect"),
            [false, false, false, true, false, true]
        );
        assert_eq!(
            has("group", "parent"),
            [true, false, false, false, false, false]
        );
    }

    #[test]
    fn every_version_is_found_by_its_number() {
        for version in Version::ALL {
            assert_eq!(Version::named(version.name()), Some(version));
        }
        assert_eq!(Version::named("2026.8"), Some(Version::V2026_8));
        assert_eq!(Version::named("2024.2"), None);
    }
}
