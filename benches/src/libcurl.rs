//! The same requests by libcurl, in one process and over one connection.
//!
//! The library is loaded when the first login starts, as libpam loads a module. So the build
//! needs none of its headers.

use crate::job::Job;
use crate::{Result, at};
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::ptr;

type Setopt = unsafe extern "C" fn(*mut c_void, c_int, ...) -> c_int;
type Getinfo = unsafe extern "C" fn(*mut c_void, c_int, ...) -> c_int;
type Append = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;

/// The functions that are used.
pub struct Curl {
    init: unsafe extern "C" fn() -> *mut c_void,
    setopt: Setopt,
    getinfo: Getinfo,
    perform: unsafe extern "C" fn(*mut c_void) -> c_int,
    cleanup: unsafe extern "C" fn(*mut c_void),
    append: Append,
    free_list: unsafe extern "C" fn(*mut c_void),
    text_of: unsafe extern "C" fn(c_int) -> *const c_char,
}

// From curl.h, which never changes them.
const WRITEDATA: c_int = 10001;
const URL: c_int = 10002;
const PROXY: c_int = 10004;
const POSTFIELDS: c_int = 10015;
const HTTPHEADER: c_int = 10023;
const COOKIEFILE: c_int = 10031;
const CAINFO: c_int = 10065;
const WRITEFUNCTION: c_int = 20011;
const HTTPGET: c_int = 80;
const NOSIGNAL: c_int = 99;
const RESPONSE_CODE: c_int = 0x0020_0002;
const GLOBAL_ALL: c_long = 3;

/// Where libcurl is, by the names of its flavours.
const NAMES: [&CStr; 2] = [c"libcurl.so.4", c"libcurl-gnutls.so.4"];

unsafe extern "C" fn swallow(
    _: *const c_char,
    size: usize,
    count: usize,
    total: *mut usize,
) -> usize {
    let length = size.saturating_mul(count);
    // SAFETY: the pointer that `requests` has set, of a variable that outlives
    // the transfer and that nobody else looks at meanwhile.
    let total = unsafe { &mut *total };
    *total = total.saturating_add(length);
    length
}

impl Curl {
    /// Loads and starts the library.
    pub fn load() -> Result<Curl> {
        let handle = NAMES
            .iter()
            // SAFETY: a library made to be loaded, by a name that ends in NUL.
            .map(|name| unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) })
            .find(|handle| !handle.is_null())
            .ok_or("libcurl.so.4 is not there")?;
        let find = |name: &CStr| {
            // SAFETY: a live handle and a name that ends in NUL.
            let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
            if found.is_null() {
                Err(format!("libcurl has no {}", name.to_string_lossy()))
            } else {
                Ok(found)
            }
        };
        // SAFETY: curl.h declares it so.
        let start: unsafe extern "C" fn(c_long) -> c_int =
            unsafe { std::mem::transmute(find(c"curl_global_init")?) };
        // SAFETY: called once, while there is one thread.
        if unsafe { start(GLOBAL_ALL) } != 0 {
            return Err("curl_global_init failed".into());
        }
        Ok(Curl {
            // SAFETY: curl.h declares it so.
            init: unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *mut c_void>(find(
                    c"curl_easy_init",
                )?)
            },
            // SAFETY: curl.h declares it so.
            setopt: unsafe {
                std::mem::transmute::<*mut c_void, Setopt>(find(c"curl_easy_setopt")?)
            },
            // SAFETY: curl.h declares it so.
            getinfo: unsafe {
                std::mem::transmute::<*mut c_void, Getinfo>(find(c"curl_easy_getinfo")?)
            },
            // SAFETY: curl.h declares it so.
            perform: unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> c_int>(
                    find(c"curl_easy_perform")?,
                )
            },
            // SAFETY: curl.h declares it so.
            cleanup: unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(find(
                    c"curl_easy_cleanup",
                )?)
            },
            // SAFETY: curl.h declares it so.
            append: unsafe {
                std::mem::transmute::<*mut c_void, Append>(find(c"curl_slist_append")?)
            },
            // SAFETY: curl.h declares it so.
            free_list: unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(find(
                    c"curl_slist_free_all",
                )?)
            },
            // SAFETY: curl.h declares it so.
            text_of: unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int) -> *const c_char>(
                    find(c"curl_easy_strerror")?,
                )
            },
        })
    }

    /// One login, with a handle of its own.
    pub fn log_in(&self, job: &Job, login: usize) -> Result<()> {
        // SAFETY: the library is started.
        let easy = unsafe { (self.init)() };
        if easy.is_null() {
            return Err("curl_easy_init failed".into());
        }
        let result = self.requests(easy, job, login);
        // SAFETY: a live handle that nobody uses from here on.
        unsafe { (self.cleanup)(easy) };
        result
    }

    fn requests(&self, easy: *mut c_void, job: &Job, login: usize) -> Result<()> {
        let ca = c_string(&job.ca_file.to_string_lossy())?;
        let mut total = 0_usize;
        self.set_text(easy, CAINFO, &ca)?;
        // An empty name: cookies, and no file of them.
        self.set_text(easy, COOKIEFILE, c"")?;
        self.set_text(easy, PROXY, c"")?;
        self.set_number(easy, NOSIGNAL, 1)?;
        // SAFETY: the function has the type that curl.h wants.
        let set = unsafe { (self.setopt)(easy, WRITEFUNCTION, swallow as *const c_void) };
        self.check(set)?;
        // SAFETY: `total` lives as long as the transfers below.
        let set = unsafe { (self.setopt)(easy, WRITEDATA, ptr::from_mut(&mut total)) };
        self.check(set)?;
        for exchange in &job.exchanges {
            let url = c_string(&format!(
                "https://localhost:{}{}",
                job.port, exchange.target
            ))?;
            self.set_text(easy, URL, &url)?;
            let body = c_string(&job.body(exchange, login))?;
            if exchange.method == "POST" {
                self.set_text(easy, POSTFIELDS, &body)?;
            } else {
                self.set_number(easy, HTTPGET, 1)?;
            }
            let list = self.headers(job, &exchange.headers)?;
            // SAFETY: a list that lives until it is freed below.
            let set = unsafe { (self.setopt)(easy, HTTPHEADER, list) };
            // SAFETY: a live handle whose options have just been set.
            let done = self
                .check(set)
                .and_then(|()| self.check(unsafe { (self.perform)(easy) }));
            // SAFETY: the transfer is over; the next sets a list of its own.
            unsafe { (self.free_list)(list) };
            done?;
            let mut status: c_long = 0;
            // SAFETY: what RESPONSE_CODE writes is a long.
            let got = unsafe { (self.getinfo)(easy, RESPONSE_CODE, ptr::from_mut(&mut status)) };
            self.check(got)?;
            if status != c_long::from(exchange.status) {
                return Err(format!(
                    "{}: {status}, not {}",
                    exchange.target, exchange.status
                ));
            }
        }
        Ok(())
    }

    /// The headers that libcurl does not add itself.
    fn headers(&self, job: &Job, headers: &[(String, String)]) -> Result<*mut c_void> {
        let mut list = ptr::null_mut();
        for (name, value) in headers {
            if ["cookie", "host", "content-length"].contains(&name.as_str()) {
                continue;
            }
            let line = c_string(&format!("{name}: {}", job.header(value)))?;
            // SAFETY: a list, or null for a new one; the text is copied.
            list = unsafe { (self.append)(list, line.as_ptr()) };
        }
        Ok(list)
    }

    fn set_text(&self, easy: *mut c_void, option: c_int, text: &CStr) -> Result<()> {
        // SAFETY: the option takes a text; libcurl copies it, but for the
        // body's, which outlives the transfer.
        let code = unsafe { (self.setopt)(easy, option, text.as_ptr()) };
        self.check(code)
    }

    fn set_number(&self, easy: *mut c_void, option: c_int, number: c_long) -> Result<()> {
        // SAFETY: the option takes a long.
        let code = unsafe { (self.setopt)(easy, option, number) };
        self.check(code)
    }

    fn check(&self, code: c_int) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: gives a constant text for any number.
        let text = unsafe { (self.text_of)(code) };
        // SAFETY: it ends in NUL.
        let text = unsafe { CStr::from_ptr(text) };
        Err(format!("libcurl: {}", text.to_string_lossy()))
    }
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(at("a text for libcurl"))
}
