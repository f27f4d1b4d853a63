//! Bytes made into decisions: what a fuzzer changes, and proptest shrinks.

/// Decisions, one byte each. Where the bytes are used up, and where one is
/// zero, it is the first choice: that of a server and a person who do as they
/// should. So no bytes at all are a login that succeeds, and every other byte is
/// a step away from it.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Makes decisions of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    /// One of `all`, which is not empty; the first unless bytes say otherwise.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    /// Up to 255 bytes as they are: their number stands in front.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    /// Up to 255 bytes as text; what is no UTF-8 is replaced.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}
