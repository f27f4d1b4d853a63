//! A bound on every wait for the network.
//!
//! ureq has a limit for each phase of a request. But while it reads a proxy's answer to
//! CONNECT, it starts this limit again with every byte, so a proxy that sends a byte now
//! and then could hold a login for ever. Here every wait on a connection ends at the
//! deadline of the current request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::Timeout;
use ureq::unversioned::transport::time::Duration as WaitDuration;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// The deadline of the current request.
#[derive(Debug, Clone)]
pub(super) struct RequestDeadline(Arc<Mutex<Instant>>);

impl RequestDeadline {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// Starts the time of a request that may take `limit`.
    pub(super) fn begin(&self, limit: Duration) {
        let now = Instant::now();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            now.checked_add(limit).unwrap_or(now);
    }

    fn bound(&self, timeout: NextTimeout) -> Result<NextTimeout, Error> {
        let deadline = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::Timeout(Timeout::Global));
        }
        Ok(NextTimeout {
            after: WaitDuration::Exact(left.min(*timeout.after)),
            ..timeout
        })
    }
}

/// Wraps the connection of the connector before it in a [`BoundedTransport`].
#[derive(Debug)]
pub(super) struct BoundedConnector(pub(super) RequestDeadline);

impl<In: Transport> Connector<In> for BoundedConnector {
    type Out = BoundedTransport<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| BoundedTransport {
            inner,
            deadline: self.0.clone(),
        }))
    }
}

/// A connection on which every wait ends at the request's deadline.
#[derive(Debug)]
pub(super) struct BoundedTransport<T> {
    inner: T,
    deadline: RequestDeadline,
}

impl<T: Transport> Transport for BoundedTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = self.deadline.bound(timeout)?;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = self.deadline.bound(timeout)?;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
