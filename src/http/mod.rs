//! HTTPS to one server: trust, limits, cookies, and redirects, which are reported and
//! never followed here.

mod answer;
mod body;
mod bounded;
mod bundle;
mod connect;
mod cookies;
mod credentials;
mod fault;
mod headers;
mod https;
mod name_servers;
mod names;
mod provider;
mod queries;
mod request;
mod resolver;
mod tls;
mod token;
mod transport;
mod trust;
mod unavailable;
mod uncached;
mod verifier;

pub use answer::judge_redirect;
pub use cookies::Cookies;
pub use credentials::{Authorization, Session};
pub use https::HttpsTransport;
pub use provider::provider;
pub use transport::{Age, Answer, Redirect, RequestError, Transport};
pub use trust::{TrustedRoots, trusted_roots};
pub use unavailable::Unavailable;
pub use uncached::uncached;
pub use verifier::ServerVerifier;
