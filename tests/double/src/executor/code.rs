//! Codes that are sent, and the check of codes.

use super::plan::Plan;
use super::run::Run;
use crate::random;
use crate::version::Behaviour;
use crate::world::DeviceKind;

/// Tries a code with every device of the person, whichever was selected. Returns the class and
/// the number of the device that accepted it.
pub(super) fn accepted(run: &mut Run<'_>, plan: &Plan, code: &str) -> Option<(&'static str, u32)> {
    let now = run.now;
    let messages_too = run.version.does(Behaviour::ThrottlesMessages);
    let devices = &mut run.pending_mut(plan)?.devices;
    let device = devices
        .iter_mut()
        .find_map(|device| device.accept(code, now, messages_too).then_some(device))?;
    Some((device.class(), device.pk))
}

/// Sends a code to the person's device of a class; `false` if the provider cannot be reached.
pub(super) fn send(run: &mut Run<'_>, plan: &Plan, class: &str) -> bool {
    let reachable = match class {
        "sms" => run.world.providers.sms,
        "email" => run.world.providers.email,
        _ => return true,
    };
    if !reachable {
        return false;
    }
    let fresh = random::digits();
    let Some(user) = run.pending_mut(plan) else {
        return false;
    };
    let name = user.username.clone();
    for device in user.devices.iter_mut().filter(|d| d.class() == class) {
        if let DeviceKind::Sms { code, .. } | DeviceKind::Email { code, .. } = &mut device.kind {
            *code = Some(fresh.clone());
        }
    }
    run.memory.last_code.insert(name, fresh);
    true
}

/// A mail address with most of its letters hidden.
pub(super) fn mask(address: &str) -> String {
    let hide = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(String::from).unwrap_or_default();
        first + &"*".repeat(letters.count())
    };
    let Some((local, domain)) = address.split_once('@') else {
        return hide(address);
    };
    match domain.split_once('.') {
        Some((host, rest)) => format!("{}@{}.{rest}", hide(local), hide(host)),
        None => format!("{}@{}", hide(local), hide(domain)),
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn addresses_are_masked_as_recorded() {
        assert_eq!(mask("gina@example.com"), "g***@e******.com");
        assert_eq!(mask("alice@example.com"), "a****@e******.com");
    }
}
