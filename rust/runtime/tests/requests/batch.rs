//! Batches: many reads and writes as one.

use super::support::{at, complete, context, pattern, Memory, Random, TestFile, LONG};
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{BatchPart, Region, RequestStatus, SubmitOptions};

const LENGTH: usize = 600_000;

fn read(src: &Region, src_offset: u64, memory: &Memory, dst_offset: u64, length: u64) -> BatchPart {
    BatchPart::read(at(src, src_offset), memory.at(dst_offset), length)
}

#[test]
fn duplicates_overlaps_and_neighbours_all_get_their_bytes() {
    let context = context();
    let requests = context.requests();
    let bytes = [0, 1].map(|seed| pattern(seed, LENGTH));
    let files = bytes.each_ref().map(|it| TestFile::new(it));
    let open = |file: &TestFile| requests.open_resource(&file.uri(), 0, false).unwrap();
    let resources = [open(&files[0]), open(&files[1])];
    let mut random = Random(7);
    for _ in 0..20 {
        let memory = Memory::new(&requests, vec![0; 8 << 20]);
        let mut expected = vec![0; 8 << 20];
        let (mut parts, mut dst) = (Vec::new(), 0);
        while parts.len() < 200 {
            let file = random.below(2) as usize;
            let length = 1 + random.below(20_000);
            // Few places, so that many coincide.
            let src = random.below(20) * 25_000 + random.below(3);
            parts.push(read(&resources[file], src, &memory, dst, length));
            let read = &bytes[file][src as usize..(src + length) as usize];
            expected[dst as usize..(dst + length) as usize].copy_from_slice(read);
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

#[test]
fn it_writes_files_of_several_drives_and_memory_and_reads_them_back() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&vec![0; LENGTH]);
    let disk = requests.open_resource(&file.uri(), 0, true).unwrap();
    let length = LENGTH as u64;
    let dram = requests
        .open_resource("memio://cpu/dram", length, true)
        .unwrap();
    let memory = Memory::new(&requests, pattern(3, 3 * LENGTH));
    let mut parts = Vec::new();
    // Small neighbours, one long, in two devices; then what was written is read.
    for k in 0..300u64 {
        let resource = if k % 2 == 0 { &disk } else { &dram };
        let place = at(resource, 1000 * (k / 2));
        parts.push(BatchPart::write(memory.at(1000 * k), place, 1000));
    }
    for resource in [&disk, &dram] {
        let place = at(resource, 150_000);
        parts.push(BatchPart::write(memory.at(0), place, length - 150_000));
    }
    parts.push(read(&disk, 0, &memory, length, length));
    parts.push(read(&dram, 0, &memory, 2 * length, length));
    let handle = requests
        .submit_batch(&parts, SubmitOptions::default())
        .unwrap();
    complete(&handle);
    assert_eq!(handle.part_results(), vec![Ok(()); parts.len()]);
    let (bytes, source) = (memory.bytes(), pattern(3, 3 * LENGTH));
    for (which, found) in bytes[LENGTH..].chunks(LENGTH).enumerate() {
        let (small, long) = found.split_at(150_000);
        for (k, it) in small.chunks(1000).enumerate() {
            let from = 1000 * (2 * k + which);
            assert_eq!(it, &source[from..from + 1000], "{which} {k}");
        }
        assert_eq!(long, &source[..LENGTH - 150_000]);
    }
    assert_eq!(file.bytes(), bytes[LENGTH..2 * LENGTH]);
}

#[test]
fn a_write_past_the_end_fails_alone() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&[0; 10_000]);
    let disk = requests.open_resource(&file.uri(), 0, true).unwrap();
    let memory = Memory::new(&requests, pattern(1, 20_000));
    let write = |from, to, length| BatchPart::write(memory.at(from), at(&disk, to), length);
    // Neighbours, the last of which lies over the end.
    let parts = [
        write(0, 0, 4000),
        write(4000, 4000, 4000),
        write(8000, 8000, 4000),
    ];
    let handle = requests
        .submit_batch(&parts, SubmitOptions::default())
        .unwrap();
    assert_eq!(handle.wait(LONG), Some(RequestStatus::Error));
    let is_good: Vec<bool> = handle.part_results().iter().map(Result::is_ok).collect();
    assert_eq!(is_good, [true, true, false]);
    assert_eq!(file.bytes()[..8000], pattern(1, 20_000)[..8000]);
    assert_eq!(file.bytes().len(), 10_000);
}

#[test]
fn what_it_cannot_do_is_refused() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&[0; 4096]);
    let fixed = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let refused = |part: BatchPart| {
        let good = read(&fixed, 0, &memory, 0, 16);
        let batch = requests.submit_batch(&[good, part], SubmitOptions::default());
        batch.unwrap_err()
    };
    let write = BatchPart::write(memory.at(0), at(&fixed, 0), 16);
    let error = refused(write);
    assert_eq!(error.code, ErrorCode::Permission);
    assert!(error.message.contains("part 1"), "{error}");
    let turned = BatchPart::read(memory.at(0), at(&fixed, 0), 16);
    let within = BatchPart::write(memory.at(0), memory.at(4096), 16);
    let empty = read(&fixed, 0, &memory, 0, 0);
    let outside = read(&fixed, 0, &memory, 8190, 16);
    for part in [turned, within, empty, outside] {
        assert_eq!(refused(part).code, ErrorCode::InvalidArgument);
    }
}
