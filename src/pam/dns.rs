//! How long the C library waits for name servers.
//!
//! `getaddrinfo` takes no deadline. A thread that could be abandoned must not
//! be left behind in the host process, and `RES_OPTIONS` belongs to the caller.
//! glibc keeps its settings per thread in `_res` and takes changes made there
//! by the program (resolver(3)), so the wait is set for the one call and set
//! back after it. Other C libraries have no such setting; musl waits 5 s.

use std::time::Duration;

/// Runs `look_up`, in which the C library waits for name servers about as long
/// as `limit` in all, at least one second for each.
#[cfg(target_env = "gnu")]
pub fn with_bounded_dns<T>(limit: Duration, look_up: impl FnOnce() -> T) -> T {
    let wait = glibc::Wait::set(limit);
    let found = look_up();
    drop(wait);
    found
}

/// Runs `look_up`; this C library's wait cannot be set.
#[cfg(not(target_env = "gnu"))]
pub fn with_bounded_dns<T>(_limit: Duration, look_up: impl FnOnce() -> T) -> T {
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
    /// Take an answer that was cut short, instead of asking again by TCP:
    /// whoever answers so and then says nothing would hold a login for ever.
    const IGNORE_TRUNCATED: c_ulong = 0x0000_0020;
    /// Look a name with a dot up below the domains of the search list, too: a
    /// dead name server would be waited for once more for each of them.
    const SEARCH: c_ulong = 0x0000_0200;
    /// Tell servers that answers may be longer than 512 bytes, so that they
    /// need not cut them short.
    const EDNS0: c_ulong = 0x0010_0000;

    /// The settings as they were, set back when dropped.
    pub(super) struct Wait {
        retrans: c_int,
        retry: c_int,
        options: c_ulong,
    }

    impl Wait {
        pub(super) fn set(limit: Duration) -> Option<Self> {
            // A locker that runs for weeks must not ask the name servers of a
            // network it has left: glibc reads resolv.conf anew by itself only
            // while nobody has changed the settings, as is done below.
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
            state.retry = if state.nscount > 1 { 1 } else { 2 };
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
        assert_ne!(during, before, "the wait was set for the call");
        assert_eq!(glibc::settings(), before, "and set back after it");
    }
}
