//! Memory for a process that has none left.
//!
//! Rust aborts the process if an allocation fails, and writes that to the host's
//! stderr. sshd or sudo must never end like that. So each call of the module first
//! reserves all the memory that it may need, and fails with `PAM_SYSTEM_ERR` if it
//! cannot. If the system's allocator refuses memory later, the module takes it from
//! that reserve. The memory is touched only then, so an ordinary login costs only two
//! more system calls.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use linked_list_allocator::Heap;

/// What a call is given, in bytes. The heaviest login that a test makes
/// (`tests/harness/tests/hostile/memory.rs`) also goes through with 2 MiB.
const RESERVE: usize = 8 << 20;
/// What must be free besides when the reserve is made, for the C library, which has
/// none: its resolver and its name services.
const HEADROOM: usize = 1 << 20;
/// For allocations before the reserve is made, and if it cannot be made: the arguments,
/// an error, a line in the log.
const SMALL: usize = 64 << 10;

/// The system's allocator, which falls back to the reserve.
#[derive(Debug)]
pub struct ReservedMemory;

static RESERVES: Lock = Lock {
    taken: AtomicBool::new(false),
    reserves: UnsafeCell::new(Reserves {
        calls: 0,
        large: Heap::empty(),
        small: Heap::empty(),
    }),
};

/// The memory of the small reserve, part of the library's own data.
static SMALL_MEMORY: SmallMemory = SmallMemory(UnsafeCell::new([0; SMALL]));

#[repr(align(16))]
struct SmallMemory(UnsafeCell<[u8; SMALL]>);

// SAFETY: only the small heap refers to it, under the lock of RESERVES.
unsafe impl Sync for SmallMemory {}

struct Reserves {
    /// How many calls of the module are in progress, in all threads.
    calls: usize,
    /// Empty, without any memory, while no call is in progress.
    large: Heap,
    small: Heap,
}

/// How many blocks of the reserves are in use. If there are none, a freed block cannot be one
/// of them, and the lock is not taken.
static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// A lock that needs no memory. It is held for the few instructions of one allocation,
/// and taken only if the system's allocator has failed, or while memory from the
/// reserves is in use.
struct Lock {
    taken: AtomicBool,
    reserves: UnsafeCell<Reserves>,
}

// SAFETY: what is inside is reached through `with` alone, by one thread at a time.
unsafe impl Sync for Lock {}

impl Lock {
    fn with<T>(&self, work: impl FnOnce(&mut Reserves) -> T) -> T {
        while self
            .taken
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            std::hint::spin_loop();
        }
        // SAFETY: the flag was false and is true now, so no other reference exists
        // until it is set back below; `work` does not call `with`.
        let reserves = unsafe { &mut *self.reserves.get() };
        let result = work(reserves);
        self.taken.store(false, Ordering::Release);
        result
    }
}

impl Reserves {
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        if let Ok(found) = self.large.allocate_first_fit(layout) {
            IN_USE.fetch_add(1, Ordering::Relaxed);
            return found.as_ptr();
        }
        if self.small.size() == 0 {
            let start = SMALL_MEMORY.0.get().cast::<u8>();
            // SAFETY: the memory is aligned, lives as long as the library, belongs
            // to this heap alone, and is given to it once: its size is not 0 then.
            unsafe { self.small.init(start, SMALL) };
        }
        match self.small.allocate_first_fit(layout) {
            Ok(found) => {
                IN_USE.fetch_add(1, Ordering::Relaxed);
                found.as_ptr()
            }
            Err(()) => ptr::null_mut(),
        }
    }

    /// Frees memory if it comes from a reserve.
    fn free(&mut self, pointer: *mut u8, layout: Layout) -> bool {
        let heap = if holds(&self.large, pointer) {
            &mut self.large
        } else if holds(&self.small, pointer) {
            &mut self.small
        } else {
            return false;
        };
        if let Some(pointer) = NonNull::new(pointer) {
            // SAFETY: the address is this heap's, and the caller of the allocator
            // vouches for the layout and for freeing it once.
            unsafe { heap.deallocate(pointer, layout) };
        }
        IN_USE.fetch_sub(1, Ordering::Relaxed);
        true
    }
}

fn holds(heap: &Heap, pointer: *mut u8) -> bool {
    heap.size() > 0 && (heap.bottom()..heap.top()).contains(&pointer)
}

// SAFETY: memory comes from the system's allocator, or from a heap that has it to
// itself, and goes back to where it came from, by its address. Nothing here
// unwinds: no allocation, no format, and a heap that is used as it must be used
// has nothing to complain about.
unsafe impl GlobalAlloc for ReservedMemory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        let found = unsafe { System.alloc(layout) };
        if !found.is_null() {
            return found;
        }
        RESERVES.with(|reserves| reserves.allocate(layout))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        let found = unsafe { System.alloc_zeroed(layout) };
        if !found.is_null() {
            return found;
        }
        let found = RESERVES.with(|reserves| reserves.allocate(layout));
        if !found.is_null() {
            // SAFETY: the heap gave this many bytes.
            unsafe { found.write_bytes(0, layout.size()) };
        }
        found
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let may_be_ours = IN_USE.load(Ordering::Relaxed) > 0;
        if !(may_be_ours && RESERVES.with(|reserves| reserves.free(pointer, layout))) {
            // SAFETY: it is of no reserve, so it is the system's; the caller keeps
            // the contract of `dealloc`.
            unsafe { System.dealloc(pointer, layout) };
        }
    }
}

/// The reserve of one call of the module, until this is dropped.
#[derive(Debug)]
#[must_use = "the reserve is given back when this is dropped"]
pub struct MemoryReserve(());

impl MemoryReserve {
    /// Reserves the memory of one call.
    ///
    /// Calls in other threads share it: what they need at the same time is small
    /// compared with the reserve.
    ///
    /// # Errors
    /// The system's error if the process may not have that much.
    pub fn hold() -> std::io::Result<Self> {
        RESERVES.with(|reserves| {
            if reserves.large.size() == 0 {
                let start = map()?;
                // SAFETY: the mapping is new, writable, this long, and known to
                // nobody else; the heap is empty.
                unsafe { reserves.large.init(start, RESERVE) };
            }
            reserves.calls = reserves.calls.saturating_add(1);
            Ok(Self(()))
        })
    }
}

impl Drop for MemoryReserve {
    fn drop(&mut self) {
        RESERVES.with(|reserves| {
            reserves.calls = reserves.calls.saturating_sub(1);
            // Data kept on the handle may be in it, and stays until it is freed.
            if reserves.calls == 0 && reserves.large.size() > 0 && reserves.large.used() == 0 {
                let start = reserves.large.bottom();
                reserves.large = Heap::empty();
                // SAFETY: the mapping is `map`'s, and nothing in it is in use.
                unsafe { libc::munmap(start.cast(), RESERVE) };
            }
        });
    }
}

/// New memory for the reserve. Some more must be free besides; it is released at once.
fn map() -> std::io::Result<*mut u8> {
    let length = RESERVE.saturating_add(HEADROOM);
    // SAFETY: a new mapping, at an address that the kernel chooses.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error());
    }
    let start = start.cast::<u8>();
    let headroom = start.wrapping_add(RESERVE);
    // SAFETY: the end of the mapping that was just made, on a page's border.
    unsafe { libc::munmap(headroom.cast(), HEADROOM) };
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another user of the reserve may be under way in another test: what is
    /// checked here holds all the same.
    #[test]
    fn the_reserve_gives_what_the_system_does_not_have() {
        let reserve = MemoryReserve::hold().unwrap();
        let layout = Layout::from_size_align(1 << 20, 64).unwrap();
        let mut taken = Vec::new();
        for _ in 0..4 {
            let found = RESERVES.with(|reserves| reserves.allocate(layout));
            assert!(!found.is_null());
            assert_eq!(found.addr() % 64, 0);
            taken.push(found);
        }
        let too_much = Layout::from_size_align(RESERVE, 1).unwrap();
        assert!(
            RESERVES
                .with(|reserves| reserves.allocate(too_much))
                .is_null()
        );
        for pointer in taken {
            assert!(RESERVES.with(|reserves| reserves.free(pointer, layout)));
        }
        let foreign = Box::into_raw(Box::new(0_u8));
        assert!(!RESERVES.with(|reserves| reserves.free(foreign, Layout::new::<u8>())));
        // SAFETY: from the Box above, and no reserve has taken it.
        drop(unsafe { Box::from_raw(foreign) });
        drop(reserve);
    }

    #[test]
    fn a_small_reserve_is_there_without_a_call() {
        let layout = Layout::from_size_align(4096, 16).unwrap();
        let found = RESERVES.with(|reserves| reserves.allocate(layout));
        assert!(!found.is_null());
        assert!(RESERVES.with(|reserves| reserves.free(found, layout)));
    }
}
