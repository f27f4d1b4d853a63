//! The running server and how it is started.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use crate::certificate::{self, Authority, Certificate, TlsOffer};
use crate::executor::JudgedAssertion;
use crate::fault::Fault;
use crate::random;
use crate::server::{self, Options, SeenRequest, Shared};
use crate::state::State;
use crate::totp;
use crate::version::Version;
use crate::world::{Device, DeviceKind, World};

/// A running server. It stops when this is dropped.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct Double {
    shared: Arc<Shared>,
    port: u16,
    ca_pem: String,
    server_identity: (String, String),
    client_identity: (String, String),
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The test that has started it.
    test: String,
}

/// How a [`Double`] is to be started.
#[derive(Debug)]
#[must_use = "the server is started by `start`"]
pub struct DoubleBuilder {
    port: u16,
    options: Options,
    version: Version,
    pauses: bool,
    certificate: Certificate,
    asks_clients: bool,
    offer: TlsOffer,
    world: World,
}

/// How long a port that was asked for may be somebody else's, such as one end of a
/// connection that the kernel gave it to while no double was there.
const PORT_IS_TAKEN: Duration = Duration::from_secs(10);

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let begun = Instant::now();
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error)
                if error.kind() == std::io::ErrorKind::AddrInUse
                    && begun.elapsed() < PORT_IS_TAKEN =>
            {
                std::thread::sleep(Duration::from_millis(100));
            }
            result => return result,
        }
    }
}

impl DoubleBuilder {
    /// Listens on this port instead of one that is free.
    pub fn port(mut self, port: u16) -> DoubleBuilder {
        self.port = port;
        self
    }

    /// Closes connections on which nothing has happened for so long.
    pub fn idle_timeout(mut self, timeout: Duration) -> DoubleBuilder {
        self.options.idle_timeout = Some(timeout);
        self
    }

    /// Resembles this authentik.
    pub fn version(mut self, version: Version) -> DoubleBuilder {
        self.version = version;
        self
    }

    /// Lives below a path, such as `/auth`.
    pub fn path_prefix(mut self, prefix: &str) -> DoubleBuilder {
        self.options.prefix = prefix.trim_end_matches('/').to_owned();
        self
    }

    /// Slow policies and slow phones answer at once. [`Phone::Never`](crate::Phone::Never) still
    /// never does.
    pub fn without_pause(mut self) -> DoubleBuilder {
        self.pauses = false;
        self
    }

    /// Shows a certificate of this kind.
    pub fn certificate(mut self, kind: Certificate) -> DoubleBuilder {
        self.certificate = kind;
        self
    }

    /// Asks clients for a certificate of its own authority, as a proxy in front of authentik may:
    /// [`Double::client_identity`] gives one out.
    pub fn ask_for_client_certificates(mut self) -> DoubleBuilder {
        self.asks_clients = true;
        self
    }

    /// Handles this many requests at a time, and lets the others wait, like a server with this
    /// many workers. The delay of a [`Fault`] counts as work.
    pub fn workers(mut self, count: usize) -> DoubleBuilder {
        self.options.workers = Some(Arc::new(Semaphore::new(count)));
        self
    }

    /// Offers no more of TLS than this.
    pub fn tls(mut self, offer: TlsOffer) -> DoubleBuilder {
        self.offer = offer;
        self
    }

    /// Accepts connections and then says nothing: TLS never begins.
    pub fn mute(mut self) -> DoubleBuilder {
        self.options.mute = true;
        self
    }

    /// Changes the world before anybody can look at it.
    pub fn world(mut self, change: impl FnOnce(&mut World)) -> DoubleBuilder {
        change(&mut self.world);
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// If the port is taken or a certificate cannot be made: no test could go on from there.
    pub fn start(self) -> Double {
        let authority = Authority::new("authentik double CA")
            .unwrap_or_else(|error| panic!("the double cannot make a CA: {error}"));
        let (tls, server_identity) =
            certificate::server_config(&authority, self.certificate, self.asks_clients, self.offer)
                .unwrap_or_else(|error| panic!("the double cannot make a certificate: {error}"));
        let client_identity = certificate::client_identity(&authority)
            .unwrap_or_else(|error| panic!("the double cannot make a certificate: {error}"));
        let listener = listen(self.port)
            .unwrap_or_else(|error| panic!("the double cannot have port {}: {error}", self.port));
        let port = listener
            .local_addr()
            .and_then(|address| listener.set_nonblocking(true).map(|()| address.port()))
            .unwrap_or_else(|error| panic!("the double cannot use its socket: {error}"));
        let state = State {
            world: self.world,
            version: self.version,
            pauses: self.pauses,
            ..State::default()
        };
        let shared = Arc::new(Shared::new(state, self.options));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap_or_else(|error| panic!("the double has no runtime: {error}"));
                runtime.block_on(async move {
                    let listener = tokio::net::TcpListener::from_std(listener)
                        .unwrap_or_else(|error| panic!("the double cannot listen: {error}"));
                    tokio::select! {
                        () = server::serve(listener, tls, shared) => {}
                        _ = stopped => {}
                    }
                });
            }
        });
        Double {
            shared,
            port,
            ca_pem: authority.pem,
            server_identity,
            client_identity,
            stop: Some(stop),
            thread: Some(thread),
            test: std::thread::current().name().unwrap_or_default().to_owned(),
        }
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // no receiver: the thread is gone already
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let version = self.shared.state().version;
        self.shared.served.write_down(&self.test, version);
    }
}

impl Double {
    /// A server with the default world, on a free port of 127.0.0.1.
    pub fn start() -> Double {
        Double::builder().start()
    }

    /// A server of the test's choosing.
    pub fn builder() -> DoubleBuilder {
        DoubleBuilder {
            port: 0,
            options: Options::default(),
            version: Version::asked_for(),
            pauses: true,
            certificate: Certificate::default(),
            asks_clients: false,
            offer: TlsOffer::default(),
            world: World::recorded(),
        }
    }

    /// `https://localhost:PORT`, with the prefix if there is one.
    pub fn url(&self) -> String {
        format!(
            "https://localhost:{}{}",
            self.port, self.shared.options.prefix
        )
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority that signed the server's certificate. The server's own
    /// certificate is not the authority.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The server's own certificate, PEM.
    pub fn server_pem(&self) -> &str {
        &self.server_identity.0
    }

    /// The server's own certificate and its key, PEM: for another server on this machine.
    pub fn server_identity(&self) -> (&str, &str) {
        (&self.server_identity.0, &self.server_identity.1)
    }

    /// A client's certificate and its key, PEM, for
    /// [`DoubleBuilder::ask_for_client_certificates`].
    pub fn client_identity(&self) -> (&str, &str) {
        (&self.client_identity.0, &self.client_identity.1)
    }

    /// All requests in the order in which they came.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.shared.log().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        let mut log = self.shared.log();
        log.requests.clear();
        log.cleared += 1;
    }

    /// How many TCP connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// From now on this goes wrong, until [`Double::clear_faults`].
    pub fn inject(&self, fault: Fault) {
        self.shared.faults().push(fault);
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Closes all connections at once, as a server or a proxy does that is restarted. Sessions
    /// survive.
    pub fn close_connections(&self) {
        self.shared.hang_up();
    }

    /// Looks at the world, or changes it. The server answers nobody meanwhile.
    pub fn world<R>(&self, look: impl FnOnce(&mut World) -> R) -> R {
        look(&mut self.shared.state().world)
    }

    /// How many sessions in which this user is logged in are alive now.
    pub fn active_sessions(&self, username: &str) -> usize {
        let state = self.shared.state();
        state.sessions.of_user(username, state.now())
    }

    /// Ends all sessions of a user, as an administrator can.
    pub fn end_sessions(&self, username: &str) {
        self.shared.state().sessions.end_of_user(username);
    }

    /// Moves the server's clock forward: codes expire, the pause after a wrong one is over, sessions
    /// end. What keeps a request waiting, a slow policy or a phone, goes by the real time.
    pub fn advance(&self, by: Duration) {
        self.shared.state().world.clock.advance(by);
    }

    /// The code that the user's authenticator app shows now. The server takes each code once:
    /// for a second login in the same half minute use [`Double::totp_unused`].
    ///
    /// # Panics
    /// If the user has no such app.
    pub fn totp_now(&self, username: &str) -> String {
        let state = self.shared.state();
        let (secret, _) = totp_of(&state.world, username);
        totp::code(secret, totp::step(state.now()))
    }

    /// A code that the server will take: the present one, or the next if that one was used.
    ///
    /// # Panics
    /// If the user has no authenticator app.
    pub fn totp_unused(&self, username: &str) -> String {
        let state = self.shared.state();
        let (secret, last_step) = totp_of(&state.world, username);
        let current = totp::step(state.now());
        totp::code(
            secret,
            last_step.map_or(current, |last| current.max(last + 1)),
        )
    }

    /// The code that an app with this secret (base32, as in an `otpauth` address) shows now.
    ///
    /// # Panics
    /// If it is no base32.
    pub fn totp_of_secret(&self, secret: &str) -> String {
        let secret = random::from_base32(secret)
            .unwrap_or_else(|| panic!("{secret:?} is no secret in base32"));
        totp::code(&secret, totp::step(self.shared.state().now()))
    }

    /// What security keys have signed so far, and the verdicts.
    pub fn assertions(&self) -> Vec<JudgedAssertion> {
        self.shared.state().memory.assertions.clone()
    }

    /// The code sent to the user last, by text message or mail.
    pub fn last_code(&self, username: &str) -> Option<String> {
        self.shared.state().memory.last_code.get(username).cloned()
    }

    /// The `flow_token` in the link mailed to the user last.
    pub fn last_flow_token(&self, username: &str) -> Option<String> {
        self.shared.state().memory.last_link.get(username).cloned()
    }

    /// Tries this many wrong passwords for the user, in a separate session.
    pub fn try_wrong_passwords(&self, username: &str, count: u32) {
        let mut state = self.shared.state();
        let so_far = state.memory.wrong_passwords.entry(username.to_owned());
        let so_far = so_far.or_default();
        *so_far = so_far.saturating_add(count);
    }
}

fn totp_of<'a>(world: &'a World, username: &str) -> (&'a [u8], Option<u64>) {
    let user = world.user(username);
    user.devices
        .iter()
        .find_map(|device: &Device| match &device.kind {
            DeviceKind::Totp { secret, last_step } => Some((secret.as_slice(), *last_step)),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{username} has no authenticator app in the double's world"))
}
