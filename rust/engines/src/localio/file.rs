//! Opening a file or block device: which kinds are accepted, creating and growing, and the second
//! descriptor for direct I/O.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use gpuio_core::uri::{DirectMode, LocalioUri};
use gpuio_core::{Error, ErrorCode, Result};

use super::alignment::direct_geometry;
use super::plan::Geometry;
use crate::engine::OpenOptions;

/// `_IOR(0x12, 114, size_t)`, the length of a block device.
const BLKGETSIZE64: libc::c_ulong = 0x8008_1272;

/// An open file: one descriptor through the page cache, and one past it where that is possible.
#[derive(Debug)]
pub(super) struct OpenedFile {
    pub(super) buffered: File,
    pub(super) direct: Option<File>,
    pub(super) geometry: Geometry,
    pub(super) writable: bool,
    /// Writes may extend the file.
    pub(super) extendable: bool,
    /// Direct I/O was asked for in so many words.
    pub(super) direct_required: bool,
    /// How the bytes move, for people.
    pub(super) path_note: String,
    block_device: bool,
    /// The block device that it is, or lies on.
    pub(super) storage: u64,
}

impl OpenedFile {
    /// How long the file is now. The system call takes a fraction of a microsecond.
    pub(super) fn length_bytes(&self) -> Result<u64> {
        length_bytes(&self.buffered, self.block_device)
            .map_err(|error| failed(&error, "measure", "the length of the file is unknown"))
    }
}

/// Opens what the URI names. Blocks as `open(2)` does on a regular file.
pub(super) fn open(uri: &LocalioUri, options: OpenOptions) -> Result<OpenedFile> {
    if uri.gds {
        let message =
            "gds=1 needs GPUDirect Storage, which this version does not use; leave it out";
        return Err(Error::new(ErrorCode::Unsupported, "open", message));
    }
    let path = CString::new(uri.path.as_str()).map_err(|_| {
        Error::new(
            ErrorCode::InvalidArgument,
            "open",
            "the path has a NUL byte in it",
        )
    })?;
    refuse_odd_kinds(&uri.path)?;
    let buffered = open_buffered(uri, &path, options)?;
    let metadata = buffered
        .metadata()
        .map_err(|error| failed(&error, "open", "fstat failed"))?;
    accept_kind(metadata.file_type())?;
    let block_device = metadata.file_type().is_block_device();
    let mut opened = OpenedFile {
        buffered,
        direct: None,
        geometry: Geometry::BUFFERED,
        writable: options.writable,
        extendable: uri.create && !block_device,
        direct_required: uri.direct == DirectMode::Required,
        path_note: String::new(),
        block_device,
        storage: if block_device {
            metadata.rdev()
        } else {
            metadata.dev()
        },
    };
    reach_needed_length(&opened, uri, options)?;
    add_direct(&mut opened, uri, &path)?;
    Ok(opened)
}

/// Looks at the kind before opening: to open a device or a pipe can have effects of its own.
fn refuse_odd_kinds(path: &str) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(metadata) => accept_kind(metadata.file_type()),
        // Opening reports it better.
        Err(_) => Ok(()),
    }
}

fn accept_kind(kind: std::fs::FileType) -> Result<()> {
    let name = if kind.is_file() || kind.is_block_device() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() {
        "a character device"
    } else {
        "no file"
    };
    let message = format!("this is {name}; localio needs a regular file or a block device");
    Err(Error::new(ErrorCode::InvalidArgument, "open", message))
}

fn open_buffered(uri: &LocalioUri, path: &CString, options: OpenOptions) -> Result<File> {
    let refused = |error: io::Error| open_refused(&error, uri, options.writable);
    // O_NONBLOCK: should the name have become a pipe meanwhile, opening must not hang.
    match open_raw(path, access(options.writable) | libc::O_NONBLOCK) {
        Ok(file) => make_blocking(file).map_err(refused),
        Err(error) if error.kind() == io::ErrorKind::NotFound && uri.create => {
            create(uri, path, options)
        }
        Err(error) => Err(refused(error)),
    }
}

/// Makes a new file, and makes its name durable: what is synced into it later must be findable.
fn create(uri: &LocalioUri, path: &CString, options: OpenOptions) -> Result<File> {
    if !options.writable {
        let message = "the file does not exist, and a read-only array does not create it";
        return Err(Error::new(ErrorCode::NotFound, "open", message));
    }
    let file = open_raw(path, libc::O_RDWR | libc::O_CREAT)
        .map_err(|error| open_refused(&error, uri, true))?;
    let folder = Path::new(&uri.path).parent().unwrap_or(Path::new("/"));
    // Some file systems cannot sync a folder; the file is usable all the same.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(file)
}

fn access(writable: bool) -> libc::c_int {
    if writable {
        libc::O_RDWR
    } else {
        libc::O_RDONLY
    }
}

fn open_raw(path: &CString, flags: libc::c_int) -> io::Result<File> {
    const OWNER_ONLY: libc::c_uint = 0o600;
    loop {
        // SAFETY: `path` is a C string; the mode is read only together with O_CREAT.
        let fd = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, OWNER_ONLY) };
        if fd >= 0 {
            // SAFETY: the descriptor is new and nobody else's.
            return Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Takes O_NONBLOCK back: io_uring would refuse to wait for the disk on such a file.
fn make_blocking(file: File) -> io::Result<File> {
    let fd = file.as_raw_fd();
    // SAFETY: `fd` is open; F_GETFL and F_SETFL take and return plain flags.
    let status = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, flags & !libc::O_NONBLOCK)
    };
    if status < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(file)
    }
}

fn reach_needed_length(file: &OpenedFile, uri: &LocalioUri, options: OpenOptions) -> Result<()> {
    let length = file.length_bytes()?;
    if length >= options.needed_bytes || (uri.grow && !uri.create) {
        return Ok(());
    }
    let needed = options.needed_bytes;
    if file.extendable && options.writable {
        return grow(&file.buffered, needed);
    }
    let advice = if file.block_device {
        "a device cannot be grown: use a shorter array"
    } else if !options.writable {
        "use a shorter array, or grow=1 if the file is still being written"
    } else {
        "use a shorter array, or create=1 to grow the file"
    };
    let message = format!("the file is {length} bytes long and the array needs {needed}; {advice}");
    Err(Error::new(ErrorCode::Io, "open", message).with_offset(length))
}

/// Makes the file at least `needed` bytes long. What is new is a hole, but for its last block:
/// unlike `ftruncate`, allocating the last byte can never shorten a file that someone else has
/// made longer in the meantime.
fn grow(file: &File, needed: u64) -> Result<()> {
    let too_long =
        || Error::from_errno(libc::EFBIG, "grow", "the array needs more than 2^63 bytes");
    let needed = libc::off_t::try_from(needed).map_err(|_| too_long())?;
    // SAFETY: plain numbers on an open descriptor.
    if unsafe { libc::fallocate(file.as_raw_fd(), 0, needed - 1, 1) } == 0 {
        return Ok(());
    }
    let mut error = io::Error::last_os_error();
    if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) {
        // SAFETY: plain numbers on an open descriptor.
        if unsafe { libc::ftruncate(file.as_raw_fd(), needed) } == 0 {
            return Ok(());
        }
        error = io::Error::last_os_error();
    }
    let advice = match error.raw_os_error() {
        Some(libc::ENOSPC) => "the file system is full",
        Some(libc::EDQUOT) => "the disk quota is used up",
        Some(libc::EFBIG) => "the file system or ulimit -f does not allow files of that length",
        _ => "the file could not be grown to what the array needs",
    };
    Err(failed(&error, "grow", advice))
}

fn add_direct(opened: &mut OpenedFile, uri: &LocalioUri, path: &CString) -> Result<()> {
    if uri.direct == DirectMode::Off {
        opened.path_note = "page cache (direct=0)".into();
        return Ok(());
    }
    let found = open_direct(opened, path)?;
    match found {
        Ok((file, geometry)) => {
            opened.path_note = format!("O_DIRECT at multiples of {} bytes", geometry.granule);
            opened.direct = Some(file);
            opened.geometry = geometry;
            Ok(())
        }
        Err(reason) if opened.direct_required => {
            let message = format!("direct=1 cannot be had: {reason}; leave it out or use direct=0");
            Err(Error::new(ErrorCode::Unsupported, "open", message))
        }
        Err(reason) => {
            opened.path_note = format!("page cache ({reason})");
            Ok(())
        }
    }
}

/// The second descriptor, or why there is none.
fn open_direct(
    opened: &OpenedFile,
    path: &CString,
) -> Result<std::result::Result<(File, Geometry), String>> {
    let file = match open_raw(path, access(opened.writable) | libc::O_DIRECT) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            return Ok(Err("the file system refuses O_DIRECT".into()));
        }
        Err(error) => return Ok(Err(format!("O_DIRECT is refused: {error}"))),
    };
    let identity = |file: &File| file.metadata().map(|found| (found.dev(), found.ino()));
    match (identity(&file), identity(&opened.buffered)) {
        (Ok(one), Ok(other)) if one == other => {}
        _ => {
            let message = "another file took its name while it was being opened; open it again";
            return Err(Error::new(ErrorCode::Busy, "open", message));
        }
    }
    Ok(match direct_geometry(file.as_fd(), opened.block_device) {
        Some(geometry) => Ok((file, geometry)),
        None => Err("the file system does no direct I/O on this file".into()),
    })
}

fn length_bytes(file: &File, block_device: bool) -> io::Result<u64> {
    if !block_device {
        return file.metadata().map(|metadata| metadata.len());
    }
    let mut bytes = 0u64;
    // SAFETY: BLKGETSIZE64 writes one u64 to the given place.
    let status = unsafe { libc::ioctl(file.as_raw_fd(), BLKGETSIZE64 as _, &mut bytes) };
    if status < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(bytes)
    }
}

fn failed(error: &io::Error, operation: &'static str, message: &str) -> Error {
    Error::from_errno(
        error.raw_os_error().unwrap_or(libc::EIO),
        operation,
        message,
    )
}

fn open_refused(error: &io::Error, uri: &LocalioUri, writable: bool) -> Error {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    let message = match errno {
        libc::ENOENT if uri.create => "a folder of the path does not exist; make it first".into(),
        libc::ENOENT => "there is no such file; check the path, or add create=1 to make it".into(),
        libc::ENOTDIR => "a part of the path is a file and no folder; check the path".into(),
        libc::EACCES | libc::EPERM if writable => {
            "no permission to read and write it; check its mode and its folders'".into()
        }
        libc::EACCES | libc::EPERM => {
            "no permission to read it; check its mode and its folders'".into()
        }
        libc::EROFS => "the file system is read-only; use a read-only array".into(),
        libc::ETXTBSY => "the file is a program that is running".into(),
        libc::EMFILE | libc::ENFILE => "too many open files; raise ulimit -n".into(),
        libc::ELOOP => "the path goes through too many symbolic links".into(),
        _ => format!("the system refused: {error}"),
    };
    let mut refused = Error::from_errno(errno, "open", message);
    match errno {
        libc::EMFILE | libc::ENFILE => refused.code = ErrorCode::NoMemory,
        libc::ELOOP => refused.code = ErrorCode::InvalidArgument,
        _ => {}
    }
    refused
}
