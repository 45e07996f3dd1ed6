//! What the outcome of a request means for its transfer: done, to be continued, or failed.

use gpuio_core::Error;

use super::backend::RequestKind;
use super::failure::{self, FRUITLESS_MAX};
use super::operation::Operation;
use super::resource::Resource;
use crate::engine::EngineStats;

/// What an outcome means for its transfer.
pub(super) enum Verdict {
    Finished,
    GoOn,
    Failed(Error),
}

/// What the outcome of the request in flight means for its transfer.
pub(super) fn judge(
    operation: &mut Operation,
    resource: &Resource,
    result: i32,
    stats: &mut EngineStats,
) -> Verdict {
    match (operation.kind, result) {
        (_, ..0) => judge_error(operation, resource, -result),
        (RequestKind::Sync, _) => Verdict::Finished,
        (RequestKind::Write, 0) => Verdict::Failed(failure::nothing_written()),
        (RequestKind::Read, 0) => judge_end(operation, resource),
        (kind, moved) => {
            let wanted = operation.piece.wanted_bytes;
            let moved = (moved as u64).min(wanted);
            operation.fruitless = 0;
            operation.advance(moved);
            stats.short_transfers += u64::from(moved < wanted);
            match kind {
                RequestKind::Write => stats.written_bytes += moved,
                _ => stats.read_bytes += moved,
            }
            if operation.is_complete() {
                Verdict::Finished
            } else {
                Verdict::GoOn
            }
        }
    }
}

fn judge_error(operation: &mut Operation, resource: &Resource, errno: i32) -> Verdict {
    match errno {
        libc::EINTR | libc::EAGAIN if operation.fruitless < FRUITLESS_MAX => {
            operation.fruitless += 1;
            Verdict::GoOn
        }
        // The file system knows a restriction on direct I/O that it did not tell.
        libc::EINVAL if operation.piece.direct && !resource.file.direct_required => {
            operation.buffered_only = true;
            Verdict::GoOn
        }
        errno => Verdict::Failed(failure::os_error(operation.kind, errno)),
    }
}

/// A read got nothing: the file ends before it. Or it did then, and has grown since.
fn judge_end(operation: &mut Operation, resource: &Resource) -> Verdict {
    match resource.file.length_bytes() {
        Ok(length) if length > operation.position() && operation.fruitless < FRUITLESS_MAX => {
            operation.fruitless += 1;
            Verdict::GoOn
        }
        Ok(length) => Verdict::Failed(failure::end_of_file(length)),
        Err(error) => Verdict::Failed(error),
    }
}
