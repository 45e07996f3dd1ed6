//! Batches: many reads as one.

use super::support::{complete, context, pattern, Memory, Random, TestFile, LONG};
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{BatchRead, Region, RequestStatus, SubmitOptions};

const LENGTH: usize = 600_000;

fn read(src: &Region, src_offset: u64, memory: &Memory, dst_offset: u64, length: u64) -> BatchRead {
    BatchRead {
        src: src.id(),
        src_offset,
        dst: memory.region.id(),
        dst_offset,
        length_bytes: length,
    }
}

#[test]
fn duplicates_overlaps_and_neighbours_all_get_their_bytes() {
    let context = context();
    let requests = context.requests();
    let files = [0, 1].map(|seed| TestFile::new(&pattern(seed, LENGTH)));
    let open = |file: &TestFile| requests.open_resource(&file.uri(), 0, false).unwrap();
    let resources = [open(&files[0]), open(&files[1])];
    let mut random = Random(7);
    for _ in 0..20 {
        let memory = Memory::new(&requests, vec![0; 8 << 20]);
        let mut expected = vec![0; 8 << 20];
        let (mut parts, mut dst) = (Vec::new(), 0);
        while parts.len() < 200 {
            let file = random.below(2);
            let length = 1 + random.below(20_000);
            // Few places, so that many coincide.
            let src = random.below(20) * 25_000 + random.below(3);
            parts.push(read(&resources[file as usize], src, &memory, dst, length));
            let bytes = &pattern(file, LENGTH)[src as usize..(src + length) as usize];
            expected[dst as usize..(dst + length) as usize].copy_from_slice(bytes);
            dst += length + random.below(2);
        }
        let handle = requests
            .submit_batch(&parts, SubmitOptions::default())
            .unwrap();
        complete(&handle);
        assert_eq!(handle.part_results(), vec![Ok(()); parts.len()]);
        let asked: u64 = parts.iter().map(|it| it.length_bytes).sum();
        assert!(
            handle.bytes_completed() < asked,
            "shared bytes are read once"
        );
        assert!(memory.bytes() == expected);
    }
}

#[test]
fn a_part_past_the_end_fails_and_its_neighbours_do_not() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&pattern(1, 10_000));
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 40_000]);
    let parts = [
        read(&resource, 0, &memory, 0, 4096),
        read(&resource, 8192, &memory, 10_000, 4096),
        read(&resource, 4096, &memory, 20_000, 4096),
        read(&resource, 9000, &memory, 30_000, 1000),
        read(&resource, 50_000, &memory, 35_000, 10),
    ];
    let handle = requests
        .submit_batch(&parts, SubmitOptions::default())
        .unwrap();
    assert_eq!(handle.wait(LONG), Some(RequestStatus::Error));
    let results = handle.part_results();
    let is_good: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(is_good, [true, false, true, true, false]);
    let error = results[1].clone().unwrap_err();
    assert_eq!((error.code, error.offset), (ErrorCode::Io, Some(10_000)));
    let (bytes, all) = (memory.bytes(), pattern(1, 10_000));
    assert_eq!(bytes[..4096], all[..4096]);
    assert_eq!(bytes[20_000..24_096], all[4096..8192]);
    assert_eq!(bytes[30_000..31_000], all[9000..]);
}

#[test]
fn a_cancelled_batch_says_what_became_of_each_part() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&pattern(1, LENGTH));
    let resource = requests.open_resource(&file.uri(), 0, false).unwrap();
    for pause_us in [0u64, 10, 100, 1000] {
        let memory = Memory::new(&requests, vec![0; LENGTH]);
        let part = |k: u64| read(&resource, 1000 * k, &memory, 1000 * k, 999);
        let parts: Vec<_> = (0..600).map(part).collect();
        let handle = requests
            .submit_batch(&parts, SubmitOptions::default())
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(pause_us));
        handle.cancel();
        assert!(handle.wait(LONG).is_some());
        let (bytes, all) = (memory.bytes(), pattern(1, LENGTH));
        for (k, result) in handle.part_results().into_iter().enumerate() {
            let range = 1000 * k..1000 * k + 999;
            match result {
                Ok(()) => assert_eq!(bytes[range.clone()], all[range]),
                Err(error) => assert_eq!(error.code, ErrorCode::Canceled),
            }
        }
    }
}
