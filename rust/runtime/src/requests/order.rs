//! What is to be done, checked.

use gpuio_core::scheduling::batch::{BatchPlace, Space};
use gpuio_core::scheduling::{InferenceQos, RegionId, RequestClass, RequestKind, StreamId};
use gpuio_core::Error;
use gpuio_engines::engine::ResourceId;

/// Where a byte is.
#[derive(Clone, Copy, Debug)]
pub enum Spot {
    /// An address in this process.
    Host(usize),
    /// A byte of a resource.
    Resource(ResourceId, u64),
    /// A byte of an array.
    Array(u32, u64),
    /// An address of the device.
    Device(u64),
}

impl Spot {
    /// So many bytes further.
    pub fn plus(self, bytes: u64) -> Self {
        match self {
            Self::Host(address) => Self::Host(address + bytes as usize),
            Self::Resource(resource, at) => Self::Resource(resource, at + bytes),
            Self::Array(array, at) => Self::Array(array, at + bytes),
            Self::Device(address) => Self::Device(address + bytes),
        }
    }

    /// How the plan of a batch names it: by this it sees what meets what.
    pub fn place(self) -> BatchPlace {
        let (space, first) = match self {
            Self::Host(address) => (Space::Memory, address as u64),
            Self::Resource(resource, at) => (Space::Resource(RegionId(resource.0)), at),
            Self::Array(array, at) => (Space::Array(array), at),
            Self::Device(address) => (Space::Device, address),
        };
        BatchPlace { space, first }
    }
}

/// One side of a request, or of a part of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    pub region: RegionId,
    /// First byte, counted from the region's first.
    pub offset: u64,
    /// The same byte.
    pub first: Spot,
}

impl Side {
    /// How the scheduler names it, and its first byte there.
    pub fn number(&self) -> (RegionId, u64) {
        match self.first {
            Spot::Resource(resource, at) => (RegionId(resource.0), at),
            _ => (self.region, self.offset),
        }
    }
}

/// One read, write or copy of a batch.
pub struct Part {
    pub kind: RequestKind,
    pub src: Side,
    pub dst: Side,
    pub length_bytes: u64,
}

impl Part {
    /// What it is for the scheduler: what an engine can do is a READ or a WRITE, which are put
    /// together with their neighbours, whatever the user calls it; the rest is a COPY.
    pub fn engine_kind(&self) -> RequestKind {
        match (self.src.first, self.dst.first) {
            (Spot::Resource(..), Spot::Host(_)) => RequestKind::Read,
            (Spot::Host(_), Spot::Resource(..)) => RequestKind::Write,
            _ => RequestKind::Copy,
        }
    }

    /// Lets an error of it say where it was as users count: the scheduler tells it as the plan
    /// counts, and of a copy always at the source.
    pub fn locate(&self, error: &mut Error) {
        let (told, named) = match (self.engine_kind(), self.kind) {
            (RequestKind::Write, _) => (&self.dst, &self.dst),
            (_, RequestKind::Write) => (&self.src, &self.dst),
            _ => (&self.src, &self.src),
        };
        let inside = error
            .offset
            .map(|it| it.saturating_sub(told.first.place().first));
        error.offset = inside.map(|it| named.number().1 + it);
    }
}

/// What few requests have.
#[derive(Default)]
pub struct Extras {
    pub qos: Option<InferenceQos>,
    /// Of a batch.
    pub parts: Vec<Part>,
    /// Of a batch: the regions that it uses, and how often.
    pub uses: Vec<(RegionId, usize)>,
}

/// See the module's comment.
pub struct Order {
    pub kind: RequestKind,
    pub class: RequestClass,
    pub stream: StreamId,
    pub src: Side,
    pub dst: Side,
    pub length_bytes: u64,
    pub operand: u64,
    pub compare: u64,
    /// Apart, because a million requests may wait.
    pub extras: Option<Box<Extras>>,
}

impl Order {
    /// By when it has to be done.
    pub fn qos(&self) -> Option<InferenceQos> {
        self.extras.as_ref()?.qos
    }

    /// Of a batch.
    pub fn parts(&self) -> &[Part] {
        self.extras.as_ref().map_or(&[], |it| &it.parts)
    }

    /// The regions that it uses and how often, some perhaps more than once.
    pub fn uses(&self) -> impl Iterator<Item = (RegionId, usize)> + Clone + '_ {
        let listed = self.extras.as_ref().map_or(&[][..], |it| &it.uses);
        let own = [self.src.region, self.dst.region].map(|region| (region, 1));
        let own = own.into_iter().filter(move |_| listed.is_empty());
        own.chain(listed.iter().copied())
    }
}
