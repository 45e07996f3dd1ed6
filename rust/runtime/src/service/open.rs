//! Opening an array.

use super::core::Core;
use crate::array::{Array, Mapped, Placement};
use crate::geometry::Geometry;
use gpuio_core::prefetch::SequenceDetector;
use gpuio_core::uri::{AccessPolicy, EngineUri, ResourceUri};
use gpuio_core::{Error, ErrorCode, Result};
use gpuio_engines::engine::{OpenOptions, ResourceId, ResourceInfo};
use gpuio_memory::device::DeviceMemory;
use gpuio_memory::layout::{ArrayDescriptor, ArrayView, MAX_ARRAYS};

/// Devices register host memory in multiples of this.
const REGISTERED_BYTES: u64 = 4096;

/// What is to be opened.
pub struct OpenArray {
    /// The resource.
    pub uri: ResourceUri,
    /// Elements.
    pub element_count: u64,
    /// Bytes of one.
    pub element_bytes: u64,
    /// Kernels and the host will write.
    pub writable: bool,
    /// Pages the read-ahead may run ahead; 0 switches it off.
    pub prefetch_pages: u32,
    /// Hits are counted.
    pub counts_hits: bool,
}

/// What was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The array's id.
    pub id: u32,
    /// What kernels need.
    pub view: ArrayView,
    /// Its shape.
    pub geometry: Geometry,
    /// Which path is active, for people.
    pub path: String,
    /// Device address of a pinned array's page 0, else 0. Such an array is filled before it is used
    /// (`Command::Fill`), and the host reads it directly.
    pub pinned: u64,
}

/// Opens an array; what was opened on the way is closed again if a later step fails.
pub fn open_array(core: &mut Core, request: &OpenArray) -> Result<Opened> {
    check_page(core, &request.uri)?;
    let geometry = Geometry::new(
        request.element_count,
        request.element_bytes,
        request.uri.offset(),
        core.page_bytes,
    )
    .map_err(|error| error.with_resource(request.uri.text.clone()))?;
    let id = vacant_id(core)?;
    // Memory is opened in whole pages, because kernels copy whole pages from it; and in the units
    // that devices register.
    let needed_bytes = match request.uri.engine {
        EngineUri::Memio(_) => (geometry.base + geometry.page_count * geometry.page_bytes)
            .next_multiple_of(REGISTERED_BYTES),
        _ => geometry.resource_end(),
    };
    let options = OpenOptions {
        writable: request.writable,
        needed_bytes,
    };
    let (resource, info) = core.traffic.open(&request.uri, options)?;
    let opened = place(core, request, geometry, id, resource, &info);
    if opened.is_err() {
        core.traffic.close(resource);
    }
    opened
}

fn check_page(core: &Core, uri: &ResourceUri) -> Result<()> {
    match uri.page_bytes {
        Some(bytes) if bytes != core.page_bytes => Err(Error::new(
            ErrorCode::InvalidArgument,
            "open",
            format!(
                "page={bytes} differs from the context's page_bytes={}; arrays of one context \
                 share their frames, so use a context of its own",
                core.page_bytes
            ),
        )
        .with_resource(uri.text.clone())),
        _ => Ok(()),
    }
}

fn vacant_id(core: &mut Core) -> Result<u32> {
    if let Some(id) = core.arrays.iter().position(Option::is_none) {
        return Ok(id as u32);
    }
    if core.arrays.len() as u32 == MAX_ARRAYS {
        let message = format!("a context holds at most {MAX_ARRAYS} arrays; close some");
        return Err(Error::new(ErrorCode::NoMemory, "open", message));
    }
    core.arrays.push(None);
    Ok(core.arrays.len() as u32 - 1)
}

fn place(
    core: &mut Core,
    request: &OpenArray,
    geometry: Geometry,
    id: u32,
    resource: ResourceId,
    info: &ResourceInfo,
) -> Result<Opened> {
    let mapped = match info.mapped {
        Some(memory) => Some(Mapped {
            host: memory.address + geometry.base as usize,
            device: core
                .device
                .register_host(memory.address, memory.length_bytes)?
                + geometry.base,
        }),
        None => None,
    };
    let placement = match choose_placement(core, request, geometry, mapped) {
        Ok(placement) => placement,
        Err(error) => {
            if let Some(memory) = info.mapped {
                core.device.unregister_host(memory.address);
            }
            return Err(error);
        }
    };
    let view = view_of(core, request, geometry, id, &placement);
    let directory = open_directory(core, id, geometry, &placement)?;
    if let Some(table) = placement.table() {
        core.l1.set_descriptor(
            id,
            ArrayDescriptor {
                table,
                mapped: mapped.map_or(0, |mapped| mapped.device),
                page_count: geometry.page_count,
                length_bytes: geometry.origin + geometry.array_bytes(),
                directory,
            },
        )?;
    }
    let pinned = match &placement {
        Placement::Pinned { memory } => memory.device_address(),
        _ => 0,
    };
    let detector = (request.prefetch_pages > 0 && mapped.is_none())
        .then(|| SequenceDetector::new(geometry.page_count, request.prefetch_pages));
    core.arrays[id as usize] = Some(Array {
        uri: request.uri.text.clone(),
        geometry,
        resource,
        writable: request.writable,
        placement,
        filled: pinned == 0,
        detector,
        write_error: None,
        flushes: 0,
        read_bytes: 0,
        written_bytes: 0,
    });
    Ok(Opened {
        id,
        view,
        geometry,
        path: info.path.clone(),
        pinned,
    })
}

/// The device address of the words by which kernels find the array's pages in L2; 0 for none. Pages
/// that the copy engine brings have none: lanes would take milliseconds for one (decision 5).
fn open_directory(
    core: &mut Core,
    id: u32,
    geometry: Geometry,
    placement: &Placement,
) -> Result<u64> {
    let by_lanes = core.page_bytes < core.copy_engine_bytes;
    match placement {
        Placement::Cached { .. } if by_lanes => {
            core.l2
                .open_directory(&*core.device, id, geometry.page_count)
        }
        _ => Ok(0),
    }
}

fn choose_placement(
    core: &Core,
    request: &OpenArray,
    geometry: Geometry,
    mapped: Option<Mapped>,
) -> Result<Placement> {
    let table = || -> Result<Box<dyn DeviceMemory>> {
        core.device.allocate(geometry.page_count as usize * 8)
    };
    match (request.uri.policy, mapped) {
        (AccessPolicy::Cached, None) => Ok(Placement::Cached { table: table()? }),
        (AccessPolicy::Cached, Some(mapped)) => Ok(Placement::CachedMapped {
            table: table()?,
            mapped,
        }),
        (AccessPolicy::Bypass, Some(mapped)) => Ok(Placement::Bypass { mapped }),
        // Memory of the host device is as near as it gets.
        (AccessPolicy::Pinned, Some(mapped)) if core.device.stream() == 0 => {
            Ok(Placement::Bypass { mapped })
        }
        (AccessPolicy::Pinned, None) => Ok(Placement::Pinned {
            memory: core
                .device
                .allocate((geometry.page_count * geometry.page_bytes) as usize)?,
        }),
        (AccessPolicy::Pinned, Some(_)) => Err(unsupported(
            request,
            "policy=pinned is for files; host memory is reached in place by policy=bypass",
        )),
        (AccessPolicy::Bypass, None) => Err(unsupported(
            request,
            "policy=bypass needs bytes that a kernel can address (memio); use policy=cached",
        )),
    }
}

fn unsupported(request: &OpenArray, message: &str) -> Error {
    Error::new(ErrorCode::Unsupported, "open", message).with_resource(request.uri.text.clone())
}

fn view_of(
    core: &Core,
    request: &OpenArray,
    geometry: Geometry,
    id: u32,
    placement: &Placement,
) -> ArrayView {
    let page_zero = match placement {
        Placement::Bypass { mapped } => mapped.device,
        Placement::Pinned { memory } => memory.device_address(),
        _ => 0,
    };
    let direct = if page_zero == 0 {
        0
    } else {
        page_zero + geometry.origin
    };
    // The largest power of two, up to 8, that divides the element's size: what it is moved by.
    let word = 1u64 << geometry.element_bytes.trailing_zeros().min(3);
    let aligned = geometry.origin % word == 0;
    let whole = geometry.page_bytes % geometry.element_bytes == 0
        && geometry.origin % geometry.element_bytes == 0;
    let quick = aligned && whole && direct == 0 && !request.counts_hits;
    let count_if = |holds| if holds { geometry.element_count } else { 0 };
    ArrayView {
        cache: core.l1.cache_address(),
        table: placement.table().unwrap_or(0),
        frames: core.l1.frames_address(),
        direct,
        origin: geometry.origin,
        element_count: geometry.element_count,
        quick_count: count_if(quick),
        direct_count: count_if(aligned && direct != 0),
        page_shift: geometry.page_bytes.trailing_zeros(),
        array: id as u16, // less than MAX_ARRAYS
        counts_hits: u16::from(request.counts_hits),
    }
}
