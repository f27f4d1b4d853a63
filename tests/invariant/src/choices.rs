//! Turns bytes into decisions, for a fuzzer to change and for proptest to shrink.

/// Decisions, one byte each. When the bytes are used up, and when one is zero, the decision is
/// the first choice: a server and a person who behave correctly. So an empty input is a login
/// that succeeds, and every other byte is a deviation.
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

    /// One of `all`, which is not empty. Without bytes it is the first.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    /// Up to 255 bytes, after a byte with their number.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    /// Up to 255 bytes as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}
