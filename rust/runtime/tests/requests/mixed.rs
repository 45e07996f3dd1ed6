//! Batches that no engine alone can carry out: arrays, copies, memory.

use super::support::{at, complete, context, context_with, pattern, Memory, TestFile, LONG};
use gpuio_core::config::ConfigLayer;
use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_core::ErrorCode;
use gpuio_runtime::requests::{
    BatchPart, InferenceQos, Region, RequestClass, RequestHandle, RequestKind, RequestSpec,
    RequestStatus, Requests, SubmitOptions,
};
use gpuio_runtime::{ArrayHandle, Context};
use std::sync::Arc;
use std::time::Duration;

const LENGTH: usize = 400_000;

/// An array and its region. The file stays as long.
struct Elements {
    context: Arc<Context>,
    array: ArrayHandle,
    region: Region,
    file: TestFile,
}

impl Elements {
    fn new(context: &Arc<Context>, bytes: &[u8]) -> Self {
        let file = TestFile::new(bytes);
        let array = context.open(&file.uri(), bytes.len() as u64, 1, true);
        let array = array.unwrap();
        Self {
            region: context.requests().register_array(&array).unwrap(),
            context: Arc::clone(context),
            array,
            file,
        }
    }

    fn bytes(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.context.read(&self.array, 0, &mut bytes).unwrap();
        bytes
    }
}

impl Drop for Elements {
    fn drop(&mut self) {
        assert!(self.region.release(LONG), "a request still uses it");
        self.context.close(&self.array).unwrap();
    }
}

fn submit(requests: &Arc<Requests>, parts: &[BatchPart]) -> RequestHandle {
    let batch = requests.submit_batch(parts, SubmitOptions::default());
    batch.unwrap()
}

fn is_good(batch: &RequestHandle) -> Vec<bool> {
    batch.part_results().iter().map(Result::is_ok).collect()
}

#[test]
fn each_part_sees_what_was_written_before_it() {
    let context = context();
    let requests = context.requests();
    let arrays = [1, 2].map(|seed| Elements::new(&context, &pattern(seed, LENGTH)));
    let [one, two] = arrays.each_ref().map(|it| &it.region);
    let file = TestFile::new(&pattern(3, LENGTH));
    let disk = requests.open_resource(&file.uri(), 0, true).unwrap();
    let memory = Memory::new(&requests, pattern(4, LENGTH));
    let again = memory.again(&requests, 1000);
    let length = 300_000;
    let batch = submit(
        &requests,
        &[
            BatchPart::copy(at(&disk, 10), at(one, 20), length),
            BatchPart::copy(at(one, 20), at(two, 30), length),
            BatchPart::read(at(two, 30), memory.at(50_000), length),
            BatchPart::write(at(&again, 49_000), at(&disk, 40), length),
            BatchPart::read(at(&disk, 40), memory.at(0), 1000),
        ],
    );
    complete(&batch);
    assert_eq!(batch.part_results(), vec![Ok(()); 5]);
    assert_eq!(batch.bytes_completed(), 4 * length + 1000);
    let length = length as usize;
    let expected = &pattern(3, LENGTH)[10..10 + length];
    assert!(arrays[0].bytes(LENGTH)[20..20 + length] == *expected);
    assert!(arrays[1].bytes(LENGTH)[30..30 + length] == *expected);
    assert!(file.bytes()[40..40 + length] == *expected);
    assert!(memory.bytes()[50_000..50_000 + length] == *expected);
    assert!(memory.bytes()[..1000] == expected[..1000]);
    assert!(memory.bytes()[1000..50_000] == pattern(4, LENGTH)[1000..50_000]);
}

#[test]
fn a_part_that_fails_takes_no_other_with_it_and_says_where() {
    let context = context();
    let requests = context.requests();
    let good = Elements::new(&context, &vec![0; LENGTH]);
    let lost = Elements::new(&context, &[7; 8 * 4096]);
    // Pages 4 and on cannot be read any more, nor written in part.
    let shortened = std::fs::OpenOptions::new().write(true).open(&lost.file.0);
    shortened.unwrap().set_len(4 * 4096).unwrap();
    let files = [TestFile::new(&[1; 10_000]), TestFile::new(&[2; 100_000])];
    let open = |file: &TestFile| requests.open_resource(&file.uri(), 0, true).unwrap();
    let [short, disk] = files.each_ref().map(open);
    let source = pattern(5, LENGTH);
    let memory = Memory::new(&requests, source.clone());
    let page = 4096;
    let batch = submit(
        &requests,
        &[
            BatchPart::write(memory.at(0), at(&good.region, 100), 5000),
            BatchPart::copy(at(&short, 8000), at(&good.region, 20_000), 4000),
            BatchPart::read(at(&good.region, 100), memory.at(10_000), 5000),
            BatchPart::write(memory.at(300_000), at(&lost.region, 6 * page + 10), 10),
            BatchPart::read(at(&lost.region, 5 * page), memory.at(20_000), 100),
            BatchPart::copy(at(&good.region, 100), at(&disk, 50), 5000),
            BatchPart::read(at(&short, 50_000), memory.at(20_000), 100),
            BatchPart::read(at(&disk, 50), memory.at(30_000), 5000),
        ],
    );
    assert_eq!(batch.wait(LONG), Some(RequestStatus::Error));
    let expected = [true, false, true, false, false, true, false, true];
    assert_eq!(is_good(&batch), expected);
    let errors: Vec<_> = batch
        .part_results()
        .into_iter()
        .filter_map(Result::err)
        .collect();
    let places: Vec<_> = errors.iter().map(|it| (it.code, it.offset)).collect();
    let expected = [8000, 6 * page + 10, 5 * page, 50_000];
    assert_eq!(places, expected.map(|at| (ErrorCode::Io, Some(at))));
    let error = batch.error().unwrap();
    assert_eq!((error.code, error.offset), (ErrorCode::Io, Some(8000)));
    assert_eq!(error.bytes_done, batch.bytes_completed());
    let bytes = memory.bytes();
    for at in [0, 10_000, 30_000] {
        assert!(bytes[at..at + 5000] == source[..5000], "{at}");
    }
    assert_eq!(good.bytes(LENGTH)[20_000..24_000], [0; 4000]);
}

#[test]
fn what_an_engine_can_do_is_still_put_together() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&pattern(1, LENGTH));
    let disk = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![9; LENGTH]);
    let mut parts = Vec::new();
    // Neighbours, by either name, with copies within memory between.
    for k in 0..50 {
        let (from, to) = (at(&disk, 1000 * k), memory.at(1000 * k));
        let read = match k % 2 {
            0 => BatchPart::read(from, to, 1000),
            _ => BatchPart::copy(from, to, 1000),
        };
        let copy = BatchPart::copy(memory.at(100_000), memory.at(200_000 + 10 * k), 10);
        parts.extend([read, copy]);
    }
    let slices = || requests.figures().unwrap().figures.slices;
    let before = slices();
    complete(&submit(&requests, &parts));
    assert_eq!(slices() - before, 1 + 50);
    assert!(memory.bytes()[..50_000] == pattern(1, LENGTH)[..50_000]);
}

/// More parts than there are slots and buffers, of many batches at once: none waits for ever for
/// what another one holds.
#[test]
fn many_at_once_all_end() {
    for policy in SchedulerPolicy::ALL {
        let context = context_with(ConfigLayer {
            scheduler_policy: Some(policy),
            ..ConfigLayer::default()
        });
        let requests = context.requests();
        let length = 40 * 40 * 200;
        let source = pattern(1, length);
        let elements = [(); 2].map(|()| Elements::new(&context, &source));
        let files = [(); 2].map(|()| TestFile::new(&source));
        let open = |file: &TestFile| requests.open_resource(&file.uri(), 0, true).unwrap();
        let disks = files.each_ref().map(open);
        let memory = Memory::new(&requests, vec![0; length]);
        context.pause_service(true);
        let batch = |k: u64| {
            let mut parts = Vec::new();
            for part in 0..40 {
                let at_ = 200 * (40 * k + part);
                let [one, two] = elements.each_ref().map(|it| at(&it.region, at_));
                parts.extend([
                    BatchPart::copy(at(&disks[0], at_), one, 200),
                    BatchPart::copy(one, two, 200),
                    BatchPart::copy(at(&disks[0], at_), at(&disks[1], at_), 200),
                    BatchPart::read(two, memory.at(at_), 200),
                ]);
            }
            submit(&requests, &parts)
        };
        let batches: Vec<_> = (0..40).map(batch).collect();
        context.pause_service(false);
        batches.iter().for_each(complete);
        assert!(memory.bytes() == source, "{policy}");
        assert!(files[1].bytes() == source, "{policy}");
    }
}

/// Writes an array, then reads it into memory: parts `0..COUNT`, then `COUNT..2 * COUNT`.
const COUNT: u64 = 100;

fn there_and_back(source: &Memory, elements: &Elements, target: &Memory) -> Vec<BatchPart> {
    let there = |k| at(&elements.region, 3000 * k);
    let writes = (0..COUNT).map(|k| BatchPart::write(source.at(3000 * k), there(k), 2999));
    let reads = (0..COUNT).map(|k| BatchPart::read(there(k), target.at(3000 * k), 2999));
    writes.chain(reads).collect()
}

#[test]
fn cancelled_half_way_it_says_what_became_of_each_part() {
    let context = context();
    let requests = context.requests();
    let mut cut_short = 0;
    for round in 0..60u64 {
        let new = pattern(round, LENGTH);
        let source = Memory::new(&requests, new.clone());
        let elements = Elements::new(&context, &vec![0; LENGTH]);
        let target = Memory::new(&requests, vec![0; LENGTH]);
        let batch = submit(&requests, &there_and_back(&source, &elements, &target));
        std::thread::sleep(Duration::from_micros(50 * round));
        batch.cancel();
        let status = batch.wait(LONG).unwrap();
        let results = batch.part_results();
        cut_short += usize::from(status == RequestStatus::Cancelled && batch.bytes_completed() > 0);
        if results.is_empty() {
            // Withdrawn before the service had taken it.
            assert_eq!(status, RequestStatus::Cancelled);
            assert_eq!(target.bytes(), vec![0; LENGTH]);
            continue;
        }
        let (found, read) = (elements.bytes(LENGTH), target.bytes());
        for (k, result) in results.iter().enumerate() {
            let first = 3000 * (k % COUNT as usize);
            let range = first..first + 2999;
            let bytes = if k < COUNT as usize { &found } else { &read };
            match result {
                Ok(()) => assert_eq!(bytes[range.clone()], new[range]),
                Err(error) => assert_eq!(error.code, ErrorCode::Canceled),
            }
        }
        if status == RequestStatus::Completed {
            assert_eq!(results, vec![Ok(()); 2 * COUNT as usize]);
        }
    }
    println!("{cut_short} were cut short");
}

#[test]
fn cancelled_in_its_stream_it_touches_nothing() {
    let context = context();
    let requests = context.requests();
    let source = Memory::new(&requests, pattern(1, LENGTH));
    let target = Memory::new(&requests, vec![0; LENGTH]);
    let elements = Elements::new(&context, &vec![0; LENGTH]);
    let stream = requests.create_stream(RequestClass::Checkpoint).unwrap();
    let options = SubmitOptions {
        stream: stream.id(),
        ..SubmitOptions::default()
    };
    let parts = there_and_back(&source, &elements, &target);
    context.pause_service(true);
    let batches = [(); 3].map(|()| requests.submit_batch(&parts, options).unwrap());
    assert!(batches[0].cancel() && batches[1].cancel());
    context.pause_service(false);
    for batch in &batches[..2] {
        assert_eq!(batch.wait(LONG), Some(RequestStatus::Cancelled));
        assert_eq!(batch.error().unwrap().code, ErrorCode::Canceled);
        assert_eq!(batch.bytes_completed(), 0);
    }
    complete(&batches[2]);
    let figures = requests.figures().unwrap();
    let class = figures.figures.class(RequestClass::Checkpoint);
    assert_eq!(figures.requests, 0);
    assert!(class.completed > 0 && class.failed == 0);
    let is_idle =
        |it: &gpuio_core::exposition::DeviceSnapshot| (it.waiting, it.in_flight) == (0, 0);
    assert!(figures.devices.iter().all(is_idle));
}

#[test]
fn its_regions_are_free_when_it_has_ended_and_not_before() {
    let context = context();
    let requests = context.requests();
    let source = Memory::new(&requests, pattern(1, LENGTH));
    let target = Memory::new(&requests, vec![0; LENGTH]);
    let elements = Elements::new(&context, &vec![0; LENGTH]);
    context.pause_service(true);
    let batch = submit(&requests, &there_and_back(&source, &elements, &target));
    for region in [&source.region, &target.region, &elements.region] {
        assert!(!region.release(Duration::ZERO), "the batch uses it");
    }
    context.pause_service(false);
    assert!(target.region.release(LONG));
    let bytes = target.bytes();
    complete(&batch);
    assert!(bytes == target.bytes(), "written to after it was free");
    let part = |at: usize| at % 3000 < 2999 && at < 3000 * COUNT as usize;
    let expected = pattern(1, LENGTH).into_iter().enumerate();
    let expected: Vec<u8> = expected
        .map(|(k, it)| if part(k) { it } else { 0 })
        .collect();
    assert!(bytes == expected);
}

#[test]
fn an_array_that_was_closed_fails_its_parts_alone() {
    let context = context();
    let requests = context.requests();
    let file = TestFile::new(&pattern(1, LENGTH));
    let array = context.open(&file.uri(), LENGTH as u64, 1, true).unwrap();
    let region = requests.register_array(&array).unwrap();
    let memory = Memory::new(&requests, pattern(2, LENGTH));
    context.close(&array).unwrap();
    let batch = submit(
        &requests,
        &[
            BatchPart::copy(memory.at(0), memory.at(1000), 1000),
            BatchPart::write(memory.at(0), at(&region, 500), 1000),
            BatchPart::copy(memory.at(1000), memory.at(2000), 1000),
        ],
    );
    assert_eq!(batch.wait(LONG), Some(RequestStatus::Error));
    assert_eq!(is_good(&batch), [true, false, true]);
    let error = batch.part_results()[1].clone().unwrap_err();
    assert_eq!((error.code, error.offset), (ErrorCode::NotFound, Some(500)));
    assert_eq!(memory.bytes()[2000..3000], pattern(2, LENGTH)[..1000]);
}

#[test]
fn deadlines_count_for_it_as_for_others() {
    let context = context_with(ConfigLayer {
        scheduler_policy: Some(SchedulerPolicy::Deadline),
        ..ConfigLayer::default()
    });
    let requests = context.requests();
    let memories = [0, 1].map(|seed| Memory::new(&requests, pattern(seed, 4 << 20)));
    let elements = Elements::new(&context, &vec![0; LENGTH]);
    let class = RequestClass::Checkpoint;
    let [before, stream] = [(); 2].map(|()| requests.create_stream(class).unwrap());
    // Nothing that is promised begins before these have ended.
    let options = SubmitOptions {
        stream: before.id(),
        ..SubmitOptions::default()
    };
    let copy = RequestSpec::copy(memories[0].at(0), memories[1].at(0), 4 << 20).with(options);
    let copies: Vec<_> = (0..300).map(|_| requests.submit(&copy).unwrap()).collect();
    let event = requests.create_event().unwrap();
    event.record(&before).unwrap();
    stream.wait(&event).unwrap();
    let promise = |estimated_us| SubmitOptions {
        stream: stream.id(),
        class: Some(RequestClass::EngramSync),
        qos: Some(InferenceQos::new(60_000_000, estimated_us, 0.9).unwrap()),
        ..SubmitOptions::default()
    };
    let parts = there_and_back(&memories[0], &elements, &memories[1]);
    let short = requests.submit_batch(&parts, promise(1000)).unwrap();
    // Nearly a minute's work each, until no more fit into a minute: a few.
    let mut long = Vec::new();
    let refused = loop {
        match requests.submit_batch(&parts, promise(59_000_000)) {
            Ok(batch) => long.push(batch),
            Err(error) => break error,
        }
        assert!(long.len() < 1000, "none is refused");
    };
    assert_eq!(refused.code, ErrorCode::Timeout);
    assert!(refused.message.contains("deadline"), "{refused}");
    let figures = requests.figures().unwrap().figures;
    assert_eq!(figures.class(RequestClass::EngramSync).refused, 1);
    for handle in long.iter().chain(&copies) {
        handle.cancel();
    }
    complete(&short);
}

#[test]
fn what_single_requests_cannot_do_is_refused() {
    let context = context();
    let requests = context.requests();
    let elements = Elements::new(&context, &[0; 8192]);
    let file = TestFile::new(&[0; 8192]);
    let fixed = requests.open_resource(&file.uri(), 0, false).unwrap();
    let memory = Memory::new(&requests, vec![0; 8192]);
    let again = memory.again(&requests, 16);
    let array = |offset| at(&elements.region, offset);
    let atomic = |kind| BatchPart {
        kind,
        ..BatchPart::copy(memory.at(0), memory.at(0), 8)
    };
    let copy = BatchPart::copy;
    let invalid = ErrorCode::InvalidArgument;
    let to_array = BatchPart::read(at(&fixed, 0), array(0), 8);
    let own = copy(array(0), array(99), 100);
    let itself = copy(memory.at(0), at(&again, 0), 17);
    let fixed = copy(array(0), at(&fixed, 0), 8);
    let cases = [
        ("an atomic", atomic(RequestKind::AtomicFetchAdd), invalid),
        (
            "another atomic",
            atomic(RequestKind::AtomicCmpSwap),
            invalid,
        ),
        ("a batch", atomic(RequestKind::Batch), invalid),
        ("itself", itself, invalid),
        ("onto its own array", own, invalid),
        ("beyond", copy(memory.at(0), array(8000), 200), invalid),
        ("to an array by READ", to_array, invalid),
        ("read-only", fixed, ErrorCode::Permission),
    ];
    let good = copy(memory.at(0), array(0), 16);
    for (name, part, code) in cases {
        let batch = requests.submit_batch(&[good, part], SubmitOptions::default());
        let error = batch.expect_err(name);
        assert_eq!(error.code, code, "{name}: {error}");
        assert!(error.message.contains("part 1"), "{name}: {error}");
        let says_why = error
            .message
            .contains("an atomic operation is one instruction");
        assert_eq!(says_why, name.starts_with("a"), "{error}");
    }
    assert_eq!(requests.figures().unwrap().requests, 0);
}
