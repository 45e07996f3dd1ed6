//! The CUDA device on a simulated driver: the contract, and what a real driver does rarely.

mod fake;

#[path = "../../../tests/contract/mod.rs"]
mod contract;

use super::copies::IN_FLIGHT_LIMIT;
use super::*;
use crate::device::Vendor;

fn open() -> CudaDevice {
    CudaDevice::open_with(&fake::DRIVER, 0).expect("open")
}

#[test]
fn the_contract_holds_and_nothing_is_left_behind() {
    let session = fake::session();
    let device = open();
    for (name, check) in contract::CHECKS {
        check(&device).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    }
    drop(device);
    session.assert_nothing_left();
}

#[test]
fn info_is_read_from_the_driver() {
    let _session = fake::session();
    let info = open().info();
    assert_eq!((info.device_id, info.vendor), (0, Vendor::Nvidia));
    assert_eq!(
        (info.compute_capability_major, info.compute_capability_minor),
        (9, 0)
    );
    assert_eq!(
        (info.name.as_str(), info.total_memory),
        ("Simulated GPU", 8 << 30)
    );
    // The driver does not know the attribute.
    assert!(!info.supports_gdr);
}

#[test]
fn memory_outlives_the_device_and_frees_its_context() {
    let session = fake::session();
    let device = open();
    let memory = device.allocate(4096).expect("device memory");
    let shared = device.allocate_shared(4096).expect("shared memory");
    drop(device);
    assert_eq!(
        shared.device_address(),
        shared.host_address() as u64 + fake::GPU_OFFSET
    );
    drop((memory, shared));
    session.assert_nothing_left();
}

#[test]
fn calls_leave_the_threads_own_context_current() {
    let _session = fake::session();
    fake::set_current(&[0x7000]);
    let device = open();
    device.allocate(4096).expect("device memory");
    device.synchronize(1000).expect("idle");
    drop(device);
    let stack = fake::current_stack();
    fake::set_current(&[]);
    assert_eq!(stack, [0x7000]);
}

#[test]
fn a_full_ring_is_busy_until_the_oldest_copy_is_done() {
    let session = fake::session();
    let device = open();
    let memory = device.allocate(4096).expect("device memory");
    let shared = device.allocate_shared(4096).expect("shared memory");
    let start = || {
        // SAFETY: both allocations live until the end of the test.
        unsafe { device.start_copy_to_host(shared.host_address(), memory.device_address(), 64) }
    };
    session.stall(true);
    let tickets: Vec<_> = (0..IN_FLIGHT_LIMIT)
        .map(|_| start().expect("room"))
        .collect();
    let error = start().expect_err("full");
    assert_eq!((error.code, error.retryable), (ErrorCode::Busy, true));
    assert_eq!(device.copy_done(tickets[0]), Ok(false));
    session.stall(false);
    // Each question moves the stream by one copy.
    let next = start().expect("one is done");
    assert_eq!(device.copy_done(tickets[0]), Ok(true));
    assert_eq!(device.copy_done(next), Ok(false));
    session.stall(true);
    assert_eq!(device.copy_done(tickets[1]), Ok(true));
    assert_eq!(device.copy_done(tickets[2]), Ok(false));
    // The memory must outlive the copies.
    session.stall(false);
    while device.copy_done(next) == Ok(false) {}
    assert_eq!(session.waiting_count(), 0);
}

#[test]
fn tickets_that_were_never_given_are_refused() {
    let _session = fake::session();
    let device = open();
    for number in [0, 5, 1 << 63, u64::MAX] {
        let error = device
            .copy_done(CopyTicket(number))
            .expect_err("never given");
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
}

#[test]
fn a_copy_without_a_ticket_is_waited_for() {
    let session = fake::session();
    let device = open();
    let memory = device.allocate(4096).expect("device memory");
    let shared = device.allocate_shared(4096).expect("shared memory");
    session.fail("cuEventRecord", 700);
    // SAFETY: both allocations live until the end of the test.
    let answer = unsafe {
        device.start_copy_to_device(memory.device_address(), shared.host_address(), 4096)
    };
    assert_eq!(answer.expect_err("no event").code, ErrorCode::General);
    assert_eq!(
        session.waiting_count(),
        0,
        "the copy runs while its memory may be freed"
    );
}

#[test]
fn synchronize_waits_for_launched_work_and_not_for_ever() {
    let session = fake::session();
    let device = open();
    session.launch(device.stream());
    session.launch(device.stream());
    session.stall(true);
    let error = device.synchronize(2000).expect_err("stalled");
    assert_eq!(error.code, ErrorCode::Timeout);
    assert!(
        error.message.contains("device 0 (Simulated GPU)"),
        "{error}"
    );
    assert!(error.message.contains("2000 us"), "{error}");
    session.stall(false);
    device.synchronize(10_000_000).expect("done");
    assert_eq!(session.waiting_count(), 0);
}

#[test]
fn cuda_failures_become_errors_with_cudas_words() {
    let session = fake::session();
    let device = open();
    session.fail("cuMemAlloc_v2", 2);
    let error = device.allocate(12_345).err().expect("out of memory");
    assert_eq!(error.code, ErrorCode::NoMemory);
    let text = error.to_string();
    assert!(
        text.contains("12345 bytes") && text.contains("CUDA_ERROR_OUT_OF_MEMORY"),
        "{text}"
    );

    session.fail("cuStreamQuery", 700);
    let error = device.synchronize(1000).expect_err("illegal address");
    assert_eq!(error.code, ErrorCode::General);
    assert!(
        error
            .message
            .contains("CUDA_ERROR_ILLEGAL_ADDRESS (700), an illegal"),
        "{error}"
    );

    session.fail("cuStreamQuery", 54_321);
    let error = device.synchronize(1000).expect_err("unknown to this build");
    assert!(error.message.contains("54321"), "{error}");
}

#[test]
fn a_device_that_opens_halfway_closes_again() {
    let session = fake::session();
    for function in [
        "cuDeviceGet",
        "cuDevicePrimaryCtxRetain",
        "cuDeviceTotalMem_v2",
        "cuStreamCreate",
        "cuEventCreate",
        "cuCtxPushCurrent_v2",
    ] {
        session.fail(function, 999);
        let error = CudaDevice::open_with(&fake::DRIVER, 0)
            .err()
            .expect(function);
        assert_eq!(error.code, ErrorCode::General, "{function}: {error}");
        session.assert_nothing_left();
    }
}

#[test]
fn allocations_that_fail_halfway_are_given_back() {
    let session = fake::session();
    let device = open();
    for function in [
        "cuMemsetD8Async",
        "cuEventCreate",
        "cuEventRecord",
        "cuEventQuery",
    ] {
        session.fail(function, 719);
        assert!(device.allocate(4096).is_err(), "{function}");
    }
    session.fail("cuMemHostGetDevicePointer_v2", 1);
    assert!(device.allocate_shared(4096).is_err());
    let mapping = crate::mapping::Mapping::new(4096).expect("map");
    session.fail("cuMemHostGetDevicePointer_v2", 1);
    assert!(device.register_host(mapping.address(), 4096).is_err());
    assert_eq!(session.registered_count(), 0);
    drop(device);
    session.assert_nothing_left();
}

#[test]
fn a_range_registered_twice_is_refused() {
    let session = fake::session();
    let device = open();
    let mapping = crate::mapping::Mapping::new(8192).expect("map");
    device
        .register_host(mapping.address(), 8192)
        .expect("register");
    let error = device
        .register_host(mapping.address() + 4096, 4096)
        .expect_err("overlap");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.message.contains("registered already"), "{error}");
    device.unregister_host(mapping.address());
    drop(device);
    session.assert_nothing_left();
}

#[test]
fn drivers_without_devices_and_drivers_that_do_not_start_are_told_apart() {
    let session = fake::session();
    session.fail("cuInit", 100);
    fake::DRIVER
        .initialise()
        .expect("no device is no failure of the driver");
    session.fail("cuDeviceGetCount", 100);
    assert_eq!(count_devices(&fake::DRIVER), Ok(0));
    assert_eq!(count_devices(&fake::DRIVER), Ok(1));
    session.fail("cuInit", 34);
    let error = fake::DRIVER.initialise().expect_err("a stub");
    assert_eq!(error.code, ErrorCode::Unsupported);
    assert!(
        error.message.contains("the toolkit's stub was loaded"),
        "{error}"
    );
    let error = CudaDevice::open_with(&fake::DRIVER, 1)
        .err()
        .expect("only device 0");
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.message.contains("this process sees 1"), "{error}");
}
