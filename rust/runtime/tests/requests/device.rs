//! Memory of a GPU. Without one there is nothing to test, and the test says so.

use super::support::{at, complete, context_with, pattern, Memory, TestFile, LONG};
use gpuio_core::config::{ConfigLayer, DeviceChoice};
use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_memory::cuda::{device_count, CudaDevice};
use gpuio_memory::device::Device;
use gpuio_runtime::requests::{BatchPart, RequestSpec, SubmitOptions};

const LENGTH: usize = 5 << 20;

#[test]
fn bytes_go_through_the_memory_of_a_gpu() {
    if device_count().unwrap_or(0) == 0 {
        println!("skipped: there is no GPU here");
        return;
    }
    let context = context_with(ConfigLayer {
        device: Some(DeviceChoice::Cuda(0)),
        ..ConfigLayer::default()
    });
    let requests = context.requests();
    let device = CudaDevice::open(0).unwrap();
    let blocks = [0, 1].map(|_| device.allocate(LENGTH).unwrap());
    // SAFETY: the blocks are freed after the regions were released.
    let regions = blocks.each_ref().map(|block| unsafe {
        requests
            .register_device_memory(block.device_address(), LENGTH as u64)
            .unwrap()
    });
    let files = [0, 1].map(|seed| TestFile::new(&pattern(seed, LENGTH)));
    let open = |file: &TestFile| requests.open_resource(&file.uri(), 0, true).unwrap();
    let resources = [open(&files[0]), open(&files[1])];
    let array_file = TestFile::new(&vec![0; LENGTH]);
    let array = context
        .open(&array_file.uri(), LENGTH as u64, 1, true)
        .unwrap();
    let elements = requests.register_array(&array).unwrap();
    let memory = Memory::new(&requests, vec![0; LENGTH]);
    let length = LENGTH as u64 - 100_000;
    let steps = [
        RequestSpec::read(at(&resources[0], 10), at(&regions[0], 20), length),
        RequestSpec::copy(at(&regions[0], 20), at(&regions[1], 30), length),
        RequestSpec::write(at(&regions[1], 30), at(&elements, 40), length),
        RequestSpec::read(at(&elements, 40), at(&regions[0], 50), length),
        RequestSpec::copy(at(&regions[0], 50), memory.at(60), length),
        RequestSpec::copy(memory.at(60), at(&regions[1], 70), length),
        RequestSpec::write(at(&regions[1], 70), at(&resources[1], 80), length),
    ];
    for step in &steps {
        complete(&requests.submit(step).unwrap());
    }
    let expected = &pattern(0, LENGTH)[10..10 + length as usize];
    assert!(memory.bytes()[60..60 + length as usize] == *expected);
    assert!(files[1].bytes()[80..80 + length as usize] == *expected);
    for region in regions.iter().chain([&elements]) {
        assert!(region.release(LONG));
    }
    context.close(&array).unwrap();
}

/// The same in batches, each part over bytes of the one before.
#[test]
fn batches_go_through_the_memory_of_a_gpu() {
    if device_count().unwrap_or(0) == 0 {
        println!("skipped: there is no GPU here");
        return;
    }
    for policy in SchedulerPolicy::ALL {
        batch_through_a_gpu(policy);
    }
}

fn batch_through_a_gpu(policy: SchedulerPolicy) {
    let context = context_with(ConfigLayer {
        device: Some(DeviceChoice::Cuda(0)),
        scheduler_policy: Some(policy),
        ..ConfigLayer::default()
    });
    let requests = context.requests();
    let device = CudaDevice::open(0).unwrap();
    let blocks = [0, 1].map(|_| device.allocate(LENGTH).unwrap());
    // SAFETY: the blocks are freed after the regions were released.
    let regions = blocks.each_ref().map(|block| unsafe {
        requests
            .register_device_memory(block.device_address(), LENGTH as u64)
            .unwrap()
    });
    let file = TestFile::new(&pattern(0, LENGTH));
    let disk = requests.open_resource(&file.uri(), 0, true).unwrap();
    let array_file = TestFile::new(&vec![0; LENGTH]);
    let array = context.open(&array_file.uri(), LENGTH as u64, 1, true);
    let array = array.unwrap();
    let elements = requests.register_array(&array).unwrap();
    let memory = Memory::new(&requests, vec![0; LENGTH]);
    let length = LENGTH as u64 - 100_000;
    let parts = [
        BatchPart::read(at(&disk, 10), at(&regions[0], 20), length),
        BatchPart::copy(at(&regions[0], 20), at(&regions[1], 30), length),
        BatchPart::write(at(&regions[1], 30), at(&elements, 40), length),
        BatchPart::copy(memory.at(0), at(&regions[1], 30), 1000),
        BatchPart::read(at(&elements, 40), at(&regions[0], 50), length),
        BatchPart::copy(at(&regions[0], 50), memory.at(60), length),
        BatchPart::copy(at(&regions[1], 30), memory.at(0), 50),
        BatchPart::write(memory.at(60), at(&disk, 80), length),
    ];
    let batch = requests.submit_batch(&parts, SubmitOptions::default());
    let batch = batch.unwrap();
    complete(&batch);
    assert_eq!(batch.part_results(), vec![Ok(()); parts.len()]);
    let expected = &pattern(0, LENGTH)[10..10 + length as usize];
    assert!(memory.bytes()[60..60 + length as usize] == *expected);
    assert!(memory.bytes()[..60] == [0; 60]);
    assert!(file.bytes()[80..80 + length as usize] == *expected);
    for region in regions.iter().chain([&elements]) {
        assert!(region.release(LONG));
    }
    context.close(&array).unwrap();
}
