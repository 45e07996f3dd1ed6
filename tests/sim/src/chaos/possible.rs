//! Bytes of which it is known only what they may be: what failed has moved some of its bytes.

use std::collections::BTreeMap;

/// A range of bytes, and what each of them may be.
#[derive(Clone)]
pub(super) struct Possible {
    first: u64,
    /// What each is.
    bytes: Vec<u8>,
    /// What some may be instead.
    instead: BTreeMap<usize, Vec<u8>>,
}

impl Possible {
    /// Known bytes, from this place on.
    pub fn of(first: u64, bytes: Vec<u8>) -> Self {
        Self {
            first,
            bytes,
            instead: BTreeMap::new(),
        }
    }

    /// `length` bytes from `at` on become those of the other from `start` on, or, unless it
    /// `is_done`, perhaps stay what they were.
    pub fn take(&mut self, at: u64, from: &Self, (start, length): (u64, u64), is_done: bool) {
        let (to, start) = ((at - self.first) as usize, (start - from.first) as usize);
        let length = length as usize;
        if is_done && self.instead.is_empty() && from.instead.is_empty() {
            let source = &from.bytes[start..start + length];
            return self.bytes[to..to + length].copy_from_slice(source);
        }
        for k in 0..length {
            self.take_byte(to + k, from, start + k, is_done);
        }
    }

    fn take_byte(&mut self, to: usize, from: &Self, start: usize, is_done: bool) {
        let mut may = from.instead.get(&start).cloned().unwrap_or_default();
        let old = self.instead.remove(&to).unwrap_or_default();
        if !is_done {
            may.extend(old.into_iter().chain([self.bytes[to]]));
        }
        self.bytes[to] = from.bytes[start];
        if !may.is_empty() {
            may.sort_unstable();
            may.dedup();
            self.instead.insert(to, may);
        }
    }

    /// Whether the bytes found are possible.
    pub fn check(&self, found: &[u8]) -> Result<(), String> {
        if found == self.bytes {
            return Ok(());
        }
        let may = |at: usize, byte| self.instead.get(&at).is_some_and(|it| it.contains(&byte));
        let pairs = found.iter().copied().zip(self.bytes.iter().copied());
        let wrong = pairs
            .enumerate()
            .find(|(at, (byte, is))| byte != is && !may(*at, *byte));
        wrong.map_or(Ok(()), |(at, (byte, is))| {
            Err(format!("byte {at} is {byte}, not {is}"))
        })
    }
}
