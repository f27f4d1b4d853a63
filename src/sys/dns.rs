//! Host names to addresses, through the C library.
//!
//! `getaddrinfo(3)` is called here and not through the standard library, because its
//! error code matters: a name without an address is an answer, a silent name server is
//! not, and a host without memory is a third case.
//!
//! `getaddrinfo` takes no deadline. The module must not leave a thread in the host
//! process, and `RES_OPTIONS` belongs to the caller. glibc keeps its settings per
//! thread in `_res`, and a program may change them there (resolver(3)). So the module
//! sets the wait for this one call and restores it afterwards. Other C libraries have
//! no such setting; musl waits 5 s.
//!
//! That bounds glibc's own service `dns` alone. Where glibc asks nss-resolve, which waits
//! two minutes, the module asks systemd-resolved first.

use std::ffi::{CStr, CString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr;
use std::time::{Duration, Instant};

use libc::c_int;

use super::nsswitch::{AsksResolve, asks_resolve};
use super::resolved;

/// The most addresses that are used from one answer.
const MAX_ADDRESSES: usize = 64;

/// Which addresses of a name are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// All of them: the A and the AAAA query at once.
    Any,
    /// IPv4: the A query.
    V4,
    /// IPv6: the AAAA query.
    V6,
}

impl Family {
    /// Whether `address` belongs to it.
    pub(super) fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Why a name has no address here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The name does not exist (NXDOMAIN, or in no file).
    #[error("the name does not exist")]
    NoSuchName,
    /// The name exists and has no address of the family.
    #[error("the name has no address")]
    NoAddress,
    /// The name servers failed: no answer in time, SERVFAIL, REFUSED.
    #[error("the name servers gave no answer ({0})")]
    NoAnswer(String),
    /// This host failed, or did something unexpected.
    #[error("{0}")]
    Host(String),
}

/// Looks `name` up, for connections to `port`. It waits for name servers about as long
/// as `limit` in total, and at least one second for each. The addresses have the
/// system's order of preference (gai.conf(5)).
///
/// A name service other than glibc's `files`, `dns` and `resolve` may take longer.
///
/// # Errors
/// Why there is no address. Success means at least one.
pub fn look_up(
    name: &str,
    port: u16,
    family: Family,
    limit: Duration,
) -> Result<Vec<SocketAddr>, LookupError> {
    let Ok(text) = CString::new(name) else {
        return Err(LookupError::NoSuchName);
    };
    let begun = Instant::now();
    if asks_resolve(name, family) == AsksResolve::Yes && resolved::is_silent(name, family, limit) {
        return Err(LookupError::NoAnswer(
            "systemd-resolved does not answer".into(),
        ));
    }
    let limit = limit.saturating_sub(begun.elapsed());
    with_bounded_dns(limit, || get_addresses(&text, port, family))
}

fn get_addresses(name: &CStr, port: u16, family: Family) -> Result<Vec<SocketAddr>, LookupError> {
    let hints = libc::addrinfo {
        ai_flags: 0,
        ai_family: match family {
            Family::Any => libc::AF_UNSPEC,
            Family::V4 => libc::AF_INET,
            Family::V6 => libc::AF_INET6,
        },
        // One entry for each address, and not one for each kind of socket.
        ai_socktype: libc::SOCK_STREAM,
        ai_protocol: 0,
        ai_addrlen: 0,
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: ptr::null_mut(),
    };
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: `name` ends in NUL, the service may be null, `hints` is a valid
    // structure whose pointers are null, and `list` is writable.
    let code =
        unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if code != 0 {
        return Err(error_of(code));
    }
    let mut addresses = Vec::new();
    let mut next = list.cast_const();
    // SAFETY: getaddrinfo has succeeded: each entry is valid until the list is
    // freed below, and the last one's `ai_next` is null.
    while let Some(entry) = unsafe { next.as_ref() } {
        if let Some(address) = address_of(entry, port) {
            if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        next = entry.ai_next;
    }
    // SAFETY: the list comes from getaddrinfo and nothing refers to it any more.
    unsafe { libc::freeaddrinfo(list) };
    if addresses.is_empty() {
        return Err(LookupError::NoAddress);
    }
    Ok(addresses)
}

fn address_of(entry: &libc::addrinfo, port: u16) -> Option<SocketAddr> {
    let length = usize::try_from(entry.ai_addrlen).ok()?;
    match entry.ai_family {
        libc::AF_INET if length >= size_of::<libc::sockaddr_in>() => {
            // SAFETY: the family and the length say that this is a sockaddr_in;
            // it may be unaligned for all that is promised.
            let address = unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in>()) };
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, port).into())
        }
        libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
            // SAFETY: as above, a sockaddr_in6.
            let address =
                unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in6>()) };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            // A link-local address means nothing without its interface.
            Some(SocketAddrV6::new(ip, port, 0, address.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// What a code of `getaddrinfo(3)` means. Some codes are an answer, some say that the
/// name servers gave none; every other one is a failure of this host.
fn error_of(code: c_int) -> LookupError {
    match code {
        libc::EAI_NONAME => LookupError::NoSuchName,
        EAI_NODATA | EAI_ADDRFAMILY => LookupError::NoAddress,
        libc::EAI_AGAIN => LookupError::NoAnswer("temporary failure".into()),
        libc::EAI_FAIL => LookupError::NoAnswer("permanent failure".into()),
        libc::EAI_SYSTEM => {
            LookupError::Host(format!("getaddrinfo: {}", std::io::Error::last_os_error()))
        }
        other => LookupError::Host(format!("getaddrinfo: {}", words_of(other))),
    }
}

fn words_of(code: c_int) -> String {
    // SAFETY: gai_strerror takes any number.
    let words = unsafe { libc::gai_strerror(code) };
    // SAFETY: it gives a string that ends in NUL and lives as long as the process.
    unsafe { CStr::from_ptr(words) }
        .to_string_lossy()
        .into_owned()
}

/// `EAI_NODATA` of `<netdb.h>`, which the libc crate lacks for some targets.
const EAI_NODATA: c_int = -5;
/// `EAI_ADDRFAMILY`, likewise.
const EAI_ADDRFAMILY: c_int = -9;

/// Runs `look_up`, in which the C library waits for name servers about as long as
/// `limit` in total, at least one second for each.
#[cfg(target_env = "gnu")]
fn with_bounded_dns<T>(limit: Duration, look_up: impl FnOnce() -> T) -> T {
    let wait = glibc::Wait::set(limit);
    let found = look_up();
    drop(wait);
    found
}

/// Runs `look_up`; this C library's wait cannot be set.
#[cfg(not(target_env = "gnu"))]
fn with_bounded_dns<T>(_limit: Duration, look_up: impl FnOnce() -> T) -> T {
    look_up()
}

#[cfg(target_env = "gnu")]
mod glibc {
    use std::time::Duration;

    use libc::{c_int, c_ulong};

    /// The beginning of glibc's `struct __res_state` (`<resolv.h>`), which is
    /// part of its ABI.
    #[repr(C)]
    struct State {
        retrans: c_int,
        retry: c_int,
        options: c_ulong,
        nscount: c_int,
    }

    unsafe extern "C" {
        /// The calling thread's `_res`.
        fn __res_state() -> *mut State;
        /// `res_init(3)`.
        fn __res_init() -> c_int;
    }

    /// Ask by TCP, which glibc reads without any limit of time.
    const USEVC: c_ulong = 0x0000_0008;
    /// Use an answer that was cut short, instead of asking again by TCP: a server that
    /// then stays silent would block a login for ever.
    const IGNORE_TRUNCATED: c_ulong = 0x0000_0020;
    /// Also look a name with a dot up below the domains of the search list: the module
    /// would wait for a dead name server once more for each of them.
    const SEARCH: c_ulong = 0x0000_0200;
    /// Tell servers that answers may be longer than 512 bytes, so that they
    /// need not cut them short.
    const EDNS0: c_ulong = 0x0010_0000;

    /// The old settings, restored when dropped.
    pub(super) struct Wait {
        retrans: c_int,
        retry: c_int,
        options: c_ulong,
    }

    impl Wait {
        pub(super) fn set(limit: Duration) -> Option<Self> {
            // A locker that runs for weeks must not ask the name servers of a network
            // that it has left. glibc reads resolv.conf again only if nobody has
            // changed the settings, and the code below changes them.
            // SAFETY: takes nothing, and works on the calling thread's own state.
            if unsafe { __res_init() } != 0 {
                return None;
            }
            let state = Self::state()?;
            let before = Self {
                retrans: state.retrans,
                retry: state.retry,
                options: state.options,
            };
            // The wait for the n-th of k servers is retrans << n, divided by k
            // from the second on: one server waits retrans * retry, three wait
            // three times retrans for one try.
            let third = c_int::try_from(limit.as_secs() / 3).unwrap_or(c_int::MAX);
            state.retrans = third.max(1);
            let has_time_for_one = limit < Duration::from_secs(2);
            state.retry = if state.nscount > 1 || has_time_for_one {
                1
            } else {
                2
            };
            state.options = (state.options | IGNORE_TRUNCATED | EDNS0) & !(USEVC | SEARCH);
            Some(before)
        }

        fn state() -> Option<&'static mut State> {
            // SAFETY: takes nothing; gives the address of thread-local storage.
            let state = unsafe { __res_state() };
            // SAFETY: the storage lives as long as the thread, is aligned, begins
            // with the fields of State, was initialised by __res_init above, and
            // nothing else of this thread holds a reference to it meanwhile.
            unsafe { state.as_mut() }
        }
    }

    /// What is set now: wait, tries, options.
    #[cfg(test)]
    pub(super) fn settings() -> Option<(c_int, c_int, c_ulong)> {
        // SAFETY: as in Wait::set; what the program has set stays.
        unsafe { __res_init() };
        Wait::state().map(|state| (state.retrans, state.retry, state.options))
    }

    impl Drop for Wait {
        fn drop(&mut self) {
            if let Some(state) = Self::state() {
                state.retrans = self.retrans;
                state.retry = self.retry;
                state.options = self.options;
            }
        }
    }
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;
    use std::net::ToSocketAddrs;

    #[test]
    fn names_still_resolve_and_the_settings_come_back() {
        let limit = Duration::from_secs(30);
        let before = glibc::settings();
        let (found, during) = with_bounded_dns(limit, || {
            let found = ("localhost", 443).to_socket_addrs().unwrap().count();
            (found, glibc::settings())
        });
        assert!(found > 0);
        assert_ne!(
            during, before,
            "the call runs with the process's own waiting time"
        );
        assert_eq!(
            glibc::settings(),
            before,
            "the waiting time is not set back after the call"
        );
    }
}
