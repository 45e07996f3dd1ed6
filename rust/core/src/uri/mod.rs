//! Resource URIs: the names by which a user says where an array's data lives.
//!
//! ```text
//! localio:///mnt/data/file.dat?direct=1&offset=4KiB     or gpuio://localio/mnt/data/file.dat?…
//! memio://cpu/dram?numa=0                               or gpuio://memio/cpu/dram?numa=0
//! memio://cxl/pool0?device=0
//! remoteio://192.168.1.100:5555/dataset?transport=rdma  or gpuio://remoteio/192.168.1.100:5555/…
//! ```
//!
//! Paths and values are percent-encoded; bytes that need no encoding may stand raw (spaces and
//! letters of any script too), except `%`, `#`, control characters, and `?` in a path, and `&` in
//! a value. What is encoded must be UTF-8. Each parameter may stand once. Every engine knows
//! `policy`, `page` and `offset`; the rest is listed in each engine's type.

mod engines;
mod format;
mod parameters;
mod parser;

use crate::Result;

/// How the tiers treat the pages of one array: `policy=cached|bypass|pinned`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AccessPolicy {
    /// Pages live in L1 and L2 and are replaced when room is needed.
    #[default]
    Cached,
    /// The device reads the backing in place: best where pages are hardly used again.
    Bypass,
    /// The whole array stays resident.
    Pinned,
}

/// Whether file I/O goes around the kernel's page cache: `direct=auto|1|0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DirectMode {
    /// Direct where the file system and the alignment allow it.
    #[default]
    Auto,
    /// Direct, or an error.
    Required,
    /// Through the page cache.
    Off,
}

/// Which mechanism moves a local file's bytes: `backend=auto|io_uring|threads`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LocalBackend {
    /// io_uring where the kernel allows it, else threads.
    #[default]
    Auto,
    /// io_uring, or an error.
    IoUring,
    /// A pool of threads that call pread and pwrite.
    Threads,
}

/// A file or block device: `localio:///path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalioUri {
    /// Absolute path, decoded, without NUL bytes.
    pub path: String,
    /// `direct=auto|1|0`.
    pub direct: DirectMode,
    /// `offset=SIZE`: where in the file the array begins, in bytes.
    pub offset: u64,
    /// `create=0|1`: make or grow the file to what the array needs.
    pub create: bool,
    /// `grow=0|1`: the file may be shorter than the array now; reads past its end are errors
    /// until it has grown.
    pub grow: bool,
    /// `depth=1..4096`: transfers in flight on this file.
    pub depth: u32,
    /// `backend=auto|io_uring|threads`.
    pub backend: LocalBackend,
    /// `gds=0|1`: GPUDirect Storage.
    pub gds: bool,
}

/// The memory behind a [`MemioUri`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MemioPool {
    /// `memio://cpu/dram`: this host's memory.
    CpuDram,
    /// `memio://cxl/NAME`: a pool of CXL memory.
    Cxl {
        /// The pool's name, decoded.
        pool: String,
    },
}

/// Memory of this host: `memio://cpu/dram` or `memio://cxl/pool0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemioUri {
    /// Which memory.
    pub pool: MemioPool,
    /// `numa=0..1023`: the node to take the memory from.
    pub numa: Option<u32>,
    /// `device=0..1023`: the CXL device; only for `memio://cxl/`.
    pub device: Option<u32>,
    /// `offset=SIZE`: where in the memory the array begins, in bytes; 0 unless given.
    pub offset: u64,
}

/// How a remote host is reached: `transport=auto|rdma|tcp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RemoteTransport {
    /// RDMA where both sides have it, else TCP.
    #[default]
    Auto,
    /// RDMA, or an error.
    Rdma,
    /// TCP.
    Tcp,
}

/// A data set that another host serves: `remoteio://host:port/dataset`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RemoteioUri {
    /// Host name or address; an IPv6 address without its brackets.
    pub host: String,
    /// Port, 1 to 65535.
    pub port: u16,
    /// The data set's name, decoded; may contain `/`.
    pub dataset: String,
    /// `transport=auto|rdma|tcp`.
    pub transport: RemoteTransport,
    /// `gdr=0|1`: GPUDirect RDMA.
    pub gdr: bool,
    /// `offset=SIZE`: where in the data set the array begins, in bytes.
    pub offset: u64,
}

/// Where the data lives, by engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EngineUri {
    /// Memory of this host.
    Memio(MemioUri),
    /// A local file or device.
    Localio(LocalioUri),
    /// Another host.
    Remoteio(RemoteioUri),
}

/// A parsed resource URI. Its `Display` writes the canonical spelling: the short form, with the
/// parameters that differ from their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceUri {
    /// As given.
    pub text: String,
    /// Where the data lives.
    pub engine: EngineUri,
    /// `policy=cached|bypass|pinned`.
    pub policy: AccessPolicy,
    /// `page=SIZE`: this array's page in bytes, a power of two; `None`: the configuration's.
    pub page_bytes: Option<u64>,
}

impl ResourceUri {
    /// Reads a URI. Does no I/O: that the resource exists is not checked.
    ///
    /// # Errors
    /// `InvalidArgument`, with the URI as resource, the byte position in it as offset, and a
    /// message that says what was expected there.
    pub fn parse(text: &str) -> Result<Self> {
        engines::parse(text)
    }

    /// Where in the resource the array begins, in bytes.
    pub fn offset(&self) -> u64 {
        match &self.engine {
            EngineUri::Memio(uri) => uri.offset,
            EngineUri::Localio(uri) => uri.offset,
            EngineUri::Remoteio(uri) => uri.offset,
        }
    }
}

/// `depth` of a [`LocalioUri`] that does not say.
pub const DEFAULT_DEPTH: u32 = 64;
