//! What every device must do. One list of checks, run by the test of each device and by the
//! program that is carried to a machine with a GPU.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use gpuio_core::ErrorCode;
use gpuio_memory::device::{CopyTicket, Device, DeviceMemory, SharedMemory, Vendor};
use gpuio_memory::mapping::{Mapping, PAGE_BYTES};

/// Why a check failed.
pub type Outcome = Result<(), String>;

/// A named check.
pub type Check = (&'static str, fn(&dyn Device) -> Outcome);

/// All checks, each on its own.
pub const CHECKS: &[Check] = &[
    ("info is plausible", info_is_plausible),
    (
        "device memory is aligned and zeroed",
        device_memory_is_aligned_and_zeroed,
    ),
    (
        "shared memory is aligned, zeroed and writable",
        shared_memory_is_usable,
    ),
    (
        "impossible allocations are refused",
        impossible_allocations_are_refused,
    ),
    (
        "copies of every shape arrive whole",
        copies_of_every_shape_arrive_whole,
    ),
    (
        "started copies end in order and arrive",
        started_copies_end_in_order_and_arrive,
    ),
    ("both directions overlap", both_directions_overlap),
    (
        "host memory registers and unregisters",
        host_memory_registers_and_unregisters,
    ),
    (
        "bad registrations are refused",
        bad_registrations_are_refused,
    ),
    (
        "an idle device synchronizes at once",
        an_idle_device_synchronizes_at_once,
    ),
    ("threads share a device", threads_share_a_device),
];

/// How long a check waits for a copy before it says that the copy is lost.
const PATIENCE: Duration = Duration::from_secs(30);

macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return Err(format!($($reason)+));
        }
    };
}

fn text(error: gpuio_core::Error) -> String {
    error.to_string()
}

/// A byte that depends on its position and a seed, with no short period.
fn pattern(seed: usize, index: usize) -> u8 {
    (index.wrapping_mul(167) ^ (index >> 8).wrapping_mul(59) ^ seed.wrapping_mul(31)) as u8
}

fn patterned(seed: usize, length_bytes: usize) -> Vec<u8> {
    (0..length_bytes)
        .map(|index| pattern(seed, index))
        .collect()
}

fn upload(device: &dyn Device, to: u64, bytes: &[u8]) -> Outcome {
    let from = bytes.as_ptr().expose_provenance();
    // SAFETY: the source is a live slice; callers pass a range of their own device memory.
    unsafe { device.copy_to_device(to, from, bytes.len()) }.map_err(text)
}

fn download(device: &dyn Device, from: u64, length_bytes: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0xAA; length_bytes];
    let to = bytes.as_mut_ptr().expose_provenance();
    // SAFETY: the target is a live vector; callers pass a range of their own device memory.
    unsafe { device.copy_to_host(to, from, length_bytes) }.map_err(text)?;
    Ok(bytes)
}

/// The host's view of shared memory. One at a time, and not while a copy into it is under way.
fn host_bytes(memory: &mut dyn SharedMemory) -> &mut [u8] {
    let base = std::ptr::with_exposed_provenance_mut(memory.host_address());
    // SAFETY: the memory is mapped for its length, and the exclusive borrow makes this the only
    // view of it on the host.
    unsafe { std::slice::from_raw_parts_mut(base, memory.length_bytes()) }
}

fn wait(device: &dyn Device, ticket: CopyTicket) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while !device.copy_done(ticket).map_err(text)? {
        ensure!(
            Instant::now() < deadline,
            "ticket {ticket:?} is not done after {PATIENCE:?}"
        );
        thread::yield_now();
    }
    ensure!(
        device.copy_done(ticket).map_err(text)?,
        "ticket {ticket:?} is done no longer"
    );
    Ok(())
}

fn info_is_plausible(device: &dyn Device) -> Outcome {
    let info = device.info();
    ensure!(
        info.total_memory >= 64 << 20,
        "total_memory is {}",
        info.total_memory
    );
    ensure!(!info.name.is_empty(), "the name is empty");
    let is_host = info.vendor == Vendor::Host;
    ensure!(
        is_host == (info.device_id < 0),
        "{:?} is number {}",
        info.vendor,
        info.device_id
    );
    ensure!(
        is_host == (device.stream() == 0),
        "stream {:#x}",
        device.stream()
    );
    Ok(())
}

fn device_memory_is_aligned_and_zeroed(device: &dyn Device) -> Outcome {
    for length in [1, 512, 4095, 4096, 4097, 65536, (2 << 20) + 1, 8 << 20] {
        // Twice, the second time likely on memory that the first has written.
        for _ in 0..2 {
            let memory = device.allocate(length).map_err(text)?;
            let address = memory.device_address();
            ensure!(
                memory.length_bytes() == length,
                "{length} became {}",
                memory.length_bytes()
            );
            ensure!(
                address != 0 && address % PAGE_BYTES as u64 == 0,
                "address {address:#x}"
            );
            let bytes = download(device, address, length)?;
            ensure!(
                bytes.iter().all(|&byte| byte == 0),
                "{length} bytes are not zero at birth"
            );
            upload(device, address, &vec![0xFF; length])?;
        }
    }
    Ok(())
}

fn shared_memory_is_usable(device: &dyn Device) -> Outcome {
    for length in [1, 512, 4096, 4097, 65536, (2 << 20) + 1] {
        for _ in 0..2 {
            let mut memory = device.allocate_shared(length).map_err(text)?;
            ensure!(
                memory.length_bytes() == length,
                "{length} became {}",
                memory.length_bytes()
            );
            let (host, near) = (memory.host_address(), memory.device_address());
            ensure!(
                host != 0 && host % PAGE_BYTES == 0,
                "host address {host:#x}"
            );
            ensure!(
                near != 0 && near % PAGE_BYTES as u64 == 0,
                "device address {near:#x}"
            );
            let bytes = host_bytes(&mut *memory);
            ensure!(
                bytes.iter().all(|&byte| byte == 0),
                "{length} bytes are not zero at birth"
            );
            bytes.fill(0xFF);
        }
    }
    Ok(())
}

fn impossible_allocations_are_refused(device: &dyn Device) -> Outcome {
    for length in [0, usize::MAX, usize::MAX - PAGE_BYTES] {
        let near = device
            .allocate(length)
            .map(|_| ())
            .map_err(|error| error.code);
        let shared = device
            .allocate_shared(length)
            .map(|_| ())
            .map_err(|error| error.code);
        ensure!(
            near.is_err() && shared.is_err(),
            "{length} bytes: {near:?}, {shared:?}"
        );
    }
    let zero = device.allocate(0).map(|_| ()).map_err(|error| error.code);
    ensure!(zero == Err(ErrorCode::InvalidArgument), "0 bytes: {zero:?}");
    let huge = device
        .allocate(1 << 50)
        .map(|_| ())
        .map_err(|error| error.code);
    ensure!(huge == Err(ErrorCode::NoMemory), "1 PiB: {huge:?}");
    Ok(())
}

fn copies_of_every_shape_arrive_whole(device: &dyn Device) -> Outcome {
    const ROOM: usize = 1 << 17;
    let memory = device.allocate(ROOM).map_err(text)?;
    let base = memory.device_address();
    let lengths = [0, 1, 3, 7, 8, 9, 63, 64, 65, 4096, 65536, 65543];
    for (seed, length) in lengths.into_iter().enumerate() {
        for (device_skip, host_skip) in [(0, 0), (1, 0), (0, 3), (5, 5), (4096, 1), (13, 8)] {
            upload(device, base, &vec![0xEE; ROOM])?;
            let source = patterned(seed, host_skip + length);
            upload(device, base + device_skip as u64, &source[host_skip..])?;
            let whole = download(device, base, ROOM)?;
            let case = format!("{length} bytes, skips {device_skip} {host_skip}");
            let end = device_skip + length;
            ensure!(
                whole[device_skip..end] == source[host_skip..],
                "{case}: wrong bytes"
            );
            let beside = whole[..device_skip].iter().chain(&whole[end..]);
            ensure!(
                beside.copied().all(|byte| byte == 0xEE),
                "{case}: wrote beside the range"
            );
            let part = download(device, base + device_skip as u64, length)?;
            ensure!(part == source[host_skip..], "{case}: wrong bytes read back");
        }
    }
    Ok(())
}

/// Many more copies than any device takes at once: those it calls `Busy` are started again.
fn started_copies_end_in_order_and_arrive(device: &dyn Device) -> Outcome {
    const PIECE: usize = 4096 + 64;
    const COUNT: usize = 1000;
    let memory = device.allocate(PIECE * COUNT).map_err(text)?;
    let mut staging = device.allocate_shared(PIECE * COUNT).map_err(text)?;
    for (index, byte) in host_bytes(&mut *staging).iter_mut().enumerate() {
        *byte = pattern(1, index);
    }
    transfer_pieces(device, COUNT, |index| {
        let (to, from) = (memory.device_address(), staging.host_address());
        // SAFETY: piece `index` lies inside both allocations, which outlive the transfer.
        unsafe {
            device.start_copy_to_device(to + (index * PIECE) as u64, from + index * PIECE, PIECE)
        }
    })?;
    let arrived = download(device, memory.device_address(), PIECE * COUNT)?;
    ensure!(
        arrived == patterned(1, PIECE * COUNT),
        "wrong bytes on the device"
    );

    host_bytes(&mut *staging).fill(0);
    transfer_pieces(device, COUNT, |index| {
        let (to, from) = (staging.host_address(), memory.device_address());
        // SAFETY: as above.
        unsafe {
            device.start_copy_to_host(to + index * PIECE, from + (index * PIECE) as u64, PIECE)
        }
    })?;
    ensure!(
        host_bytes(&mut *staging) == patterned(1, PIECE * COUNT),
        "wrong bytes on the host"
    );
    Ok(())
}

/// Starts `count` copies, waits for them, and checks that they end in order.
fn transfer_pieces(
    device: &dyn Device,
    count: usize,
    start: impl Fn(usize) -> gpuio_core::Result<CopyTicket>,
) -> Outcome {
    let mut waiting = VecDeque::new();
    let mut started_count = 0;
    while started_count < count {
        match start(started_count) {
            Ok(ticket) => {
                waiting.push_back(ticket);
                started_count += 1;
            }
            Err(error) if error.code == ErrorCode::Busy => {
                let oldest = waiting.pop_front().ok_or("busy with nothing started")?;
                wait(device, oldest)?;
            }
            Err(error) => return Err(text(error)),
        }
    }
    // The newest first: when it is done, all before it are.
    let newest = waiting.pop_back().ok_or("nothing was started")?;
    wait(device, newest)?;
    for ticket in waiting {
        let done = device.copy_done(ticket).map_err(text)?;
        ensure!(
            done,
            "{ticket:?} is not done and {newest:?}, started later, is"
        );
    }
    Ok(())
}

fn both_directions_overlap(device: &dyn Device) -> Outcome {
    const LENGTH: usize = 1 << 20;
    let (near_a, near_b) = (near(device, LENGTH)?, near(device, LENGTH)?);
    let (mut out, mut back) = (shared(device, LENGTH)?, shared(device, LENGTH)?);
    upload(device, near_b.device_address(), &patterned(2, LENGTH))?;
    host_bytes(&mut *out).copy_from_slice(&patterned(3, LENGTH));
    // SAFETY: four different allocations of this length, alive until both tickets are done.
    let (there, here) = unsafe {
        let (a, b) = (near_a.device_address(), near_b.device_address());
        (
            device
                .start_copy_to_device(a, out.host_address(), LENGTH)
                .map_err(text)?,
            device
                .start_copy_to_host(back.host_address(), b, LENGTH)
                .map_err(text)?,
        )
    };
    wait(device, here)?;
    wait(device, there)?;
    ensure!(
        host_bytes(&mut *back) == patterned(2, LENGTH),
        "wrong bytes on the host"
    );
    let arrived = download(device, near_a.device_address(), LENGTH)?;
    ensure!(arrived == patterned(3, LENGTH), "wrong bytes on the device");
    Ok(())
}

fn near(device: &dyn Device, length_bytes: usize) -> Result<Box<dyn DeviceMemory>, String> {
    device.allocate(length_bytes).map_err(text)
}

fn shared(device: &dyn Device, length_bytes: usize) -> Result<Box<dyn SharedMemory>, String> {
    device.allocate_shared(length_bytes).map_err(text)
}

fn host_memory_registers_and_unregisters(device: &dyn Device) -> Outcome {
    const LENGTH: usize = 64 << 10;
    let mapping = Mapping::new(LENGTH).map_err(text)?;
    let memory = near(device, LENGTH)?;
    upload(device, memory.device_address(), &patterned(4, LENGTH))?;
    // Twice: what was unregistered registers again.
    for _ in 0..2 {
        let address = device
            .register_host(mapping.address(), LENGTH)
            .map_err(text)?;
        ensure!(
            address != 0 && address % PAGE_BYTES as u64 == 0,
            "address {address:#x}"
        );
        // SAFETY: both ranges hold `LENGTH` bytes and live until the ticket is done.
        let ticket = unsafe {
            device.start_copy_to_host(mapping.address(), memory.device_address(), LENGTH)
        };
        wait(device, ticket.map_err(text)?)?;
        device.unregister_host(mapping.address());
    }
    // SAFETY: the mapping holds `LENGTH` bytes and the copies into it are done.
    let bytes = unsafe { std::slice::from_raw_parts(mapping.as_ptr(), LENGTH) };
    ensure!(
        bytes == patterned(4, LENGTH),
        "wrong bytes in registered memory"
    );
    Ok(())
}

fn bad_registrations_are_refused(device: &dyn Device) -> Outcome {
    let mapping = Mapping::new(2 * PAGE_BYTES).map_err(text)?;
    let page = mapping.address();
    let end = usize::MAX - PAGE_BYTES + 1;
    let bad = [
        (page + 1, PAGE_BYTES),
        (page, 0),
        (page, 100),
        (0, PAGE_BYTES),
        (end, 1 << 20),
    ];
    for (address, length) in bad {
        let answer = device
            .register_host(address, length)
            .map_err(|error| error.code);
        let refused = answer == Err(ErrorCode::InvalidArgument);
        ensure!(refused, "{length} bytes at {address:#x}: {answer:?}");
    }
    device.unregister_host(page);
    Ok(())
}

fn an_idle_device_synchronizes_at_once(device: &dyn Device) -> Outcome {
    device.synchronize(10_000_000).map_err(text)?;
    device.synchronize(0).map_err(text)
}

fn threads_share_a_device(device: &dyn Device) -> Outcome {
    const LENGTH: usize = 100_003;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn(move || -> Outcome {
                    for turn in 0..8 {
                        let memory = near(device, LENGTH)?;
                        let source = patterned(seed * 8 + turn, LENGTH);
                        upload(device, memory.device_address(), &source)?;
                        let back = download(device, memory.device_address(), LENGTH)?;
                        ensure!(back == source, "thread {seed} got other bytes back");
                    }
                    Ok(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a thread panicked".to_owned())?)
    })
}
