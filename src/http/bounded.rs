//! A bound on every wait, whatever counts its own time.
//!
//! ureq measures each of its phases, but asks a proxy for its answer to CONNECT
//! with the whole limit again for every byte: one byte now and then would hold
//! a login for ever. Here every wait of a connection ends at the deadline of
//! the request that is under way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::Timeout;
use ureq::unversioned::transport::time::Duration as WaitDuration;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// When the request that is under way must have ended.
#[derive(Debug, Clone)]
pub(super) struct RequestDeadline(Arc<Mutex<Instant>>);

impl RequestDeadline {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// A request begins that may take `limit`.
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

/// Puts a [`BoundedTransport`] around the connection that was made before it in the chain.
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

/// A connection whose waits end at the request's deadline.
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
