//! Removes the objects in the ledger, and nothing else.

use crate::api::{Api, ApiError};
use crate::ledger::{Entry, Ledger};

/// The result.
#[derive(Debug, Default)]
pub(crate) struct Cleaned {
    /// How many objects were removed.
    pub(crate) removed: usize,
    /// The objects that still exist, and why.
    pub(crate) left: Vec<String>,
}

/// Removes everything that this run has created, the newest first. The ledger is removed when
/// nothing is left.
pub(crate) fn clean(api: &Api, ledger: Ledger, is_old: bool) -> Result<Cleaned, String> {
    let mut ledger = ledger;
    let mut cleaned = Cleaned::default();
    for entry in ledger.left()? {
        match remove(api, &entry, is_old) {
            Ok(found) => {
                cleaned.removed += usize::from(found);
                ledger.gone(entry.number)?;
            }
            Err(why) => cleaned.left.push(why),
        }
    }
    if cleaned.left.is_empty() {
        ledger.close()?;
    }
    Ok(cleaned)
}

/// Removes one object. Returns whether it existed.
fn remove(api: &Api, entry: &Entry, is_old: bool) -> Result<bool, String> {
    let id = match &entry.id {
        Some(id) if is_old && !is_ours(api, entry, id)? => return Ok(false),
        Some(id) => id.clone(),
        None => match named(api, entry)? {
            Some(id) => id,
            None => return Ok(false),
        },
    };
    let path = format!("{}/{id}/", entry.path);
    api.delete(&path).map(|()| true).map_err(|e| e.to_string())
}

/// Whether the object with this id still has the name in the ledger. This is checked for
/// ledgers of earlier runs, because the server may have been set up again since.
fn is_ours(api: &Api, entry: &Entry, id: &str) -> Result<bool, String> {
    let Some((field, name)) = &entry.name else {
        // A binding: it is removed with its target, which has a name.
        return Ok(false);
    };
    match api.get(&format!("{}/{id}/", entry.path)) {
        Ok(found) if found[field] == name.as_str() => Ok(true),
        Ok(_) => Err(format!("{} {id} is not {name} any more", entry.path)),
        Err(ApiError::Refused { status: 404, .. }) => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

/// The id of the object with exactly this name, which contains the random number of the run.
fn named(api: &Api, entry: &Entry) -> Result<Option<String>, String> {
    let Some((field, name)) = &entry.name else {
        return Ok(None);
    };
    let parameter = match entry.path.as_str() {
        "providers/ldap" | "outposts/instances" => "name__iexact",
        _ => field,
    };
    let list = format!("{}/?{parameter}={}", entry.path, in_query(name));
    let found = api.get(&list).map_err(|e| e.to_string())?;
    let results = found["results"].as_array().cloned().unwrap_or_default();
    let ours = results.iter().find(|object| object[field] == name.as_str());
    Ok(ours.map(|object| id_of(&entry.path, object)))
}

/// A name in a query. The only special character in names is the plus sign.
pub(crate) fn in_query(name: &str) -> String {
    name.replace('+', "%2B")
}

/// The value that identifies an object in its path.
pub(crate) fn id_of(path: &str, object: &serde_json::Value) -> String {
    let id = match path {
        "flows/instances" | "core/applications" => &object["slug"],
        "core/tokens" => &object["identifier"],
        "endpoints/agents/connectors" => &object["connector_uuid"],
        "endpoints/agents/enrollment_tokens" => &object["token_uuid"],
        "endpoints/devices" => &object["device_uuid"],
        _ => &object["pk"],
    };
    match id.as_str() {
        Some(text) => text.to_owned(),
        None => id.to_string(),
    }
}
